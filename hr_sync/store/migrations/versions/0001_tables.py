"""The tables of 0.1.

Revision texts never change once released; that is why nothing here refers to `tables.py`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hr_sync.store.orm import SCHEMA_TOKEN, Xid8

revision = "0001"
down_revision = None

TEXT = sa.Text()
TIME = sa.DateTime(timezone=True)
REASONS = (
    "not_visible",
    "trashed",
    "archived",
    "deleted",
    "draft",
    "moved",
    "space_archived",
    "out_of_scope",
    "scope_unknown",
)
ACTIONS = ("insert", "update", "move", "restore", "relabel", "restrict", "hide", "remove", "purge")
FIELDS = (
    "text",
    "title",
    "location",
    "url",
    "version",
    "labels",
    "restrictions",
    "hidden",
    "restored",
    "erased",
)
OUTCOMES = ("complete", "partial", "held", "stopped", "failed")


def upgrade() -> None:
    """Create every table, referenced ones first."""
    _confluence_pages()
    _page_bodies()
    _page_failures()
    _content_changes()
    _sync_spaces()
    _sync_runs()
    _sync_run_spaces()


def _column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    comment: str,
    *constraint: sa.schema.SchemaItem,
    null: bool = False,
    default: str | None = None,
) -> sa.Column[Any]:
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, kind, *constraint, nullable=null, server_default=server_default, comment=comment)


def _one_of(table: str, name: str, words: Sequence[str]) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{name} IN ({_quoted(words)})", name=op.f(f"ck_{table}_{name}"))


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _counts() -> Iterator[sa.Column[Any]]:
    for name, comment in (
        ("listed", "Pages that the listings showed"),
        ("inserted", "Pages that are new"),
        ("updated", "Pages whose row was written again"),
        ("moved", "Pages of which title, place or url changed"),
        ("restored", "Hidden or removed pages that are back"),
        ("relabelled", "Pages with other labels than before"),
        ("restricted", "Pages with other readers than before, fewer or more"),
        ("unchanged", "Pages that needed nothing"),
        ("failed", "Pages that failed"),
        ("hidden", "Pages newly hidden and not removed"),
        ("removed", "Pages newly removed"),
        ("bodies", "Page bodies fetched"),
    ):
        yield _column(name, sa.Integer(), comment, default="0")


def _confluence_pages() -> None:
    op.create_table(
        "confluence_pages",
        _column("id", TEXT, "Confluence's page id; numeric today, opaque to us"),
        _column("title", TEXT, "Title, sanitised"),
        _column("space_key", TEXT, "Key of the space the page is in; a move changes it"),
        _column("space_id", TEXT, "Confluence's id of the space, which never changes", null=True),
        _column("content_hash", TEXT, "SHA-256 of the sanitised storage body, 64 hex digits"),
        _column("last_updated", TIME, "When the page last changed in Confluence (its clock)"),
        _column("version", sa.Integer(), "Confluence's version number of the stored body; may go down"),
        _column("url", TEXT, "Address of the page in a browser"),
        _column("synced_at", TIME, "When this row was last written (the database's clock)", default="now()"),
        _column("parent_id", TEXT, "Id of the parent; null at the top of a space", null=True),
        _column("parent_type", TEXT, "What the parent is: page, folder, whiteboard, ...", null=True),
        _column("status", TEXT, "Confluence's status; only current is ever live"),
        _column("labels", postgresql.ARRAY(TEXT), "Labels, sorted; null while not known", null=True),
        _column(
            "metadata_digest", TEXT, "SHA-256 over title, place, status and url: what changes without a new version"
        ),
        _column(
            "restriction_digest", TEXT, "SHA-256 over the effective read restrictions; null while not known", null=True
        ),
        _column(
            "readers",
            postgresql.JSONB(),
            "Restrictions on the way to the top, [{users, groups}, ...]: a reader must be in each of them; [] = open "
            "to whoever may view the space, null = not known, which is never open. A new version, a move of the page "
            "or of a page above it makes them unknown",
            null=True,
        ),
        _column("first_seen_at", TIME, "When this row was made (the database's clock)", default="now()"),
        _column(
            "last_written_run_id",
            sa.BigInteger(),
            "Run that last wrote this row; a run that finds nothing changed writes no row",
            null=True,
        ),
        _column(
            "missing_since_run_id",
            sa.BigInteger(),
            "Run that hid the page for its present reason; null while it is shown",
            null=True,
        ),
        _column("hidden_at", TIME, "Since when the page is kept but not shown", null=True),
        _column("hidden_reason", TEXT, "Why it is hidden; a removed page keeps it", null=True),
        _column("removed_at", TIME, "Since when the page is gone for a known reason", null=True),
        _column("removed_reason", TEXT, "Why it is gone: trashed, archived, out_of_scope, ...", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confluence_pages")),
        _one_of("confluence_pages", "hidden_reason", REASONS),
        _one_of("confluence_pages", "removed_reason", REASONS),
        sa.CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name=op.f("ck_confluence_pages_hidden")),
        sa.CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name=op.f("ck_confluence_pages_removed")),
        schema=SCHEMA_TOKEN,
        comment="Confluence pages as last synchronised; live = neither hidden nor removed",
        postgresql_with={"fillfactor": 90},
    )
    op.create_index(
        "ix_confluence_pages_last_updated_id", "confluence_pages", ["last_updated", "id"], schema=SCHEMA_TOKEN
    )
    op.create_index("ix_confluence_pages_synced_at_id", "confluence_pages", ["synced_at", "id"], schema=SCHEMA_TOKEN)
    op.create_index("ix_confluence_pages_parent_id_id", "confluence_pages", ["parent_id", "id"], schema=SCHEMA_TOKEN)
    op.create_index(
        "ix_confluence_pages_live",
        "confluence_pages",
        ["space_key", "last_updated", "id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("hidden_at IS NULL AND removed_at IS NULL"),
    )
    op.create_index(
        "ix_confluence_pages_hidden",
        "confluence_pages",
        ["space_key", "hidden_at", "id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("hidden_at IS NOT NULL AND removed_at IS NULL"),
    )
    op.create_index(
        "ix_confluence_pages_removed",
        "confluence_pages",
        ["removed_at", "id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("removed_at IS NOT NULL"),
    )
    op.create_index("ix_confluence_pages_space_key_id", "confluence_pages", ["space_key", "id"], schema=SCHEMA_TOKEN)
    op.create_index(
        "ix_confluence_pages_title",
        "confluence_pages",
        [sa.text("lower(title) text_pattern_ops"), "id"],
        schema=SCHEMA_TOKEN,
    )


def _page_bodies() -> None:
    op.create_table(
        "page_bodies",
        _column("page_id", TEXT, "The page"),
        _column("storage", TEXT, "Body in Confluence's storage format, sanitised; content_hash is over this"),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_page_bodies")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_bodies_page_id"),
            ondelete="CASCADE",
        ),
        schema=SCHEMA_TOKEN,
        comment="Bodies of the pages, in the version that confluence_pages names",
    )


def _page_failures() -> None:
    op.create_table(
        "page_failures",
        _column("page_id", TEXT, "Confluence's page id"),
        _column("space_key", TEXT, "Space in whose run it failed"),
        _column("stage", TEXT, "Where it failed: fetch, read, store or scope"),
        _column("error_class", TEXT, "Class of the error"),
        _column("message", TEXT, "What went wrong, without any content of the page"),
        _column("version", sa.Integer(), "Version that failed, as far as known", null=True),
        _column("attempts", sa.Integer(), "Failures in a row, at least 1"),
        _column("first_failed_at", TIME, "When it failed first", default="now()"),
        _column("last_failed_at", TIME, "When it failed last", default="now()"),
        _column("next_attempt_at", TIME, "Not tried again before this"),
        _column("run_id", sa.BigInteger(), "Run in which it failed last"),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_page_failures")),
        _one_of("page_failures", "stage", ("fetch", "read", "store", "scope")),
        schema=SCHEMA_TOKEN,
        comment="Pages that failed and are tried again; a row is deleted when its page succeeds",
    )
    op.create_index(
        "ix_page_failures_space_key_next_attempt_at",
        "page_failures",
        ["space_key", "next_attempt_at"],
        schema=SCHEMA_TOKEN,
    )


def _content_changes() -> None:
    op.create_table(
        "content_changes",
        _column(
            "id",
            sa.BigInteger(),
            "Order of the changes; those of one page are numbered in the order in which they were applied",
            sa.Identity(always=True),
        ),
        _column("page_id", TEXT, "The page; it may have been purged since"),
        _column("space_key", TEXT, "Its space after the change"),
        _column("run_id", sa.BigInteger(), "Run that applied the change"),
        _column(
            "action",
            TEXT,
            "What was done: insert, update, move, restore, relabel, restrict, hide, remove or purge",
        ),
        _column(
            "changed_fields",
            postgresql.ARRAY(TEXT),
            "What differs now, never empty: text, title, location, url, version, labels, restrictions, hidden, "
            "restored, erased",
        ),
        _column("version", sa.Integer(), "Version of the page after the change", null=True),
        _column("reason", TEXT, "Why, in words for an operator", null=True),
        _column(
            "transaction_id",
            Xid8(),
            "Transaction that wrote this row; safe to read once below pg_snapshot_xmin(pg_current_snapshot())",
            default="pg_current_xact_id()",
        ),
        _column("changed_at", TIME, "When it was applied", default="now()"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_changes")),
        _one_of("content_changes", "action", ACTIONS),
        sa.CheckConstraint(
            f"changed_fields <@ ARRAY[{_quoted(FIELDS)}]", name=op.f("ck_content_changes_changed_fields")
        ),
        sa.CheckConstraint("cardinality(changed_fields) > 0", name=op.f("ck_content_changes_changed_fields_not_empty")),
        schema=SCHEMA_TOKEN,
        comment="Every change that consumers can see, once. Read rows whose transaction_id is below the horizon "
        "pg_snapshot_xmin(pg_current_snapshot()) and not below the horizon of the last reading, ordered by id",
    )
    op.create_index("ix_content_changes_changed_at_id", "content_changes", ["changed_at", "id"], schema=SCHEMA_TOKEN)
    op.create_index("ix_content_changes_page_id_id", "content_changes", ["page_id", "id"], schema=SCHEMA_TOKEN)
    op.create_index(
        "ix_content_changes_transaction_id_id", "content_changes", ["transaction_id", "id"], schema=SCHEMA_TOKEN
    )


def _sync_spaces() -> None:
    op.create_table(
        "sync_spaces",
        _column("space_key", TEXT, "Key of the space"),
        _column("space_id", TEXT, "Confluence's id of the space, which never changes", null=True),
        _column("name", TEXT, "Name of the space", null=True),
        _column("former_keys", postgresql.ARRAY(TEXT), "Keys that it had before, and its aliases", default="'{}'"),
        _column(
            "lease_holder",
            TEXT,
            "Worker that may write this space, host:pid, for people; null = nobody",
            null=True,
        ),
        _column("lease_worker", TEXT, "Random id of that worker's process", null=True),
        _column("lease_token", TEXT, "Random id of this one lease", null=True),
        _column("lease_expires_at", TIME, "Until when (the database's clock)", null=True),
        _column("epoch", sa.BigInteger(), "Grows with each lease; a writer with an older one is refused", default="0"),
        _column(
            "watermark",
            TIME,
            "Changes up to here are stored (Confluence's clock); null = the space needs a full pass",
            null=True,
        ),
        _column("scope_fingerprint", TEXT, "Digest of the configured scope of the last run", null=True),
        _column("held", sa.Integer(), "Removals that wait for a decision", default="0"),
        _column("held_since", TIME, "Since when removals wait; null = none does", null=True),
        _column("held_reason", TEXT, "Why they wait", null=True),
        _column(
            "mass_delete_allowed_run_id",
            sa.BigInteger(),
            "Last run in which somebody allowed a mass removal",
            null=True,
        ),
        _column(
            "full_pass_due",
            sa.Boolean(),
            "A scheduled full pass did not get the lease and is due",
            default="false",
        ),
        _column("gone_at", TIME, "When nothing of the space was left; null = it is there", null=True),
        _column("last_run_id", sa.BigInteger(), "Last run of this space", null=True),
        _column("last_outcome", TEXT, "How that run ended here", null=True),
        _column("last_error", TEXT, "Why it is not complete, with the remedy", null=True),
        _column("last_full_outcome", TEXT, "How the last full pass ended here", null=True),
        _column("last_full_error", TEXT, "Why it is not complete, with the remedy", null=True),
        _column(
            "last_complete_run_id",
            sa.BigInteger(),
            "Last run that looked at everything that may have changed",
            null=True,
        ),
        _column("last_complete_at", TIME, "When it ended: freshness is its age", null=True),
        _column("last_full_at", TIME, "When the last complete full listing ended", null=True),
        _column("access_synced_at", TIME, "When labels and readers of its pages were compared last", null=True),
        sa.PrimaryKeyConstraint("space_key", name=op.f("pk_sync_spaces")),
        _one_of("sync_spaces", "last_outcome", OUTCOMES),
        _one_of("sync_spaces", "last_full_outcome", OUTCOMES),
        schema=SCHEMA_TOKEN,
        comment="Mirrored spaces: identity, lease, position, hold and freshness",
    )


def _sync_runs() -> None:
    op.create_table(
        "sync_runs",
        _column("id", sa.BigInteger(), "Number of the run", sa.Identity(always=True)),
        _column("mode", TEXT, "full, incremental, access, resync or purge"),
        _column("started_at", TIME, "When it began", default="now()"),
        _column("finished_at", TIME, "When it ended; null while running or after a crash", null=True),
        _column(
            "outcome",
            TEXT,
            "complete, partial, held, stopped or failed; null while running or after a crash",
            null=True,
        ),
        _column("exit_code", sa.Integer(), "Exit code that the outcome means", null=True),
        _column("worker", TEXT, "host:pid of the process"),
        _column("version", TEXT, "Version of hr_sync"),
        _column("error", TEXT, "What ended it, without any content of a page", null=True),
        _column("requests", sa.Integer(), "HTTP requests made", default="0"),
        *_counts(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
        _one_of("sync_runs", "mode", ("full", "incremental", "access", "resync", "purge")),
        _one_of("sync_runs", "outcome", OUTCOMES),
        schema=SCHEMA_TOKEN,
        comment="Runs of hr_sync, however they ended",
    )
    op.create_index("ix_sync_runs_started_at", "sync_runs", ["started_at"], schema=SCHEMA_TOKEN)


def _sync_run_spaces() -> None:
    op.create_table(
        "sync_run_spaces",
        _column("run_id", sa.BigInteger(), "The run"),
        _column("space_key", TEXT, "The space"),
        _column("outcome", TEXT, "As in sync_runs, for this space"),
        _column("requests", sa.Integer(), "HTTP requests made for this space", default="0"),
        _column("held", sa.Integer(), "Removals that waited at its end", default="0"),
        _column(
            "listing_digest",
            TEXT,
            "Digest over the complete listing: equal digests prove equal listings; null when not complete",
            null=True,
        ),
        _column("error", TEXT, "Why it is not complete, without any content of a page", null=True),
        _column("started_at", TIME, "When the lease of the space was taken"),
        _column("finished_at", TIME, "When its work ended", default="now()"),
        *_counts(),
        sa.PrimaryKeyConstraint("run_id", "space_key", name=op.f("pk_sync_run_spaces")),
        sa.ForeignKeyConstraint(
            ["run_id"], [f"{SCHEMA_TOKEN}.sync_runs.id"], name=op.f("fk_sync_run_spaces_run_id"), ondelete="CASCADE"
        ),
        _one_of("sync_run_spaces", "outcome", OUTCOMES),
        schema=SCHEMA_TOKEN,
        comment="What each run did in each space, unless it was an incremental run that changed nothing",
    )
    op.create_index(
        "ix_sync_run_spaces_space_key_run_id", "sync_run_spaces", ["space_key", "run_id"], schema=SCHEMA_TOKEN
    )
