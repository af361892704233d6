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
KINDS = ("page", "blog_post")
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
ACTIONS = ("insert", "update", "move", "restore", "relabel", "restrict", "derive", "hide", "remove", "purge")
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
    "resolution",
    "sections",
)
OUTCOMES = ("complete", "partial", "held", "stopped", "failed")


def upgrade() -> None:
    """Create every table, referenced ones first."""
    _confluence_pages()
    _page_bodies()
    _page_attachments()
    _page_comments()
    _page_failures()
    _content_changes()
    _feed_state()
    _feed_consumers()
    _sync_spaces()
    _content_not_mirrored()
    _sync_runs()
    _sync_run_spaces()
    _facts_of_access()
    _groups()
    _access_sets()
    _access_policy()
    _access_audits()
    _page_texts()
    _page_includes()
    _attachment_texts()
    _page_mentions()
    _mentioned_users()
    _page_renderings()
    _page_sections()
    _text_policy()
    _site_budget()


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
        ("failed", "Pages, attachments and comments that failed"),
        ("hidden", "Pages newly hidden and not removed"),
        ("removed", "Pages newly removed"),
        ("withdrawn", "Pages that were live and are not any more: hidden, and perhaps removed as well"),
        ("bodies", "Page bodies fetched"),
        ("posts_listed", "Blog posts among the pages that the listings showed"),
        ("posts_written", "Blog posts among the pages that are new, back, moved or written again"),
        ("posts_withdrawn", "Blog posts among the pages that were live and are not any more"),
        ("attachments_listed", "Attachments that the listings showed"),
        ("attachments_added", "Attachments that are new or back"),
        ("attachments_updated", "Attachments whose row was written again"),
        ("attachments_hidden", "Attachments newly hidden and not removed"),
        ("attachments_removed", "Attachments newly removed"),
        ("comments_listed", "Comments that the listings showed"),
        ("comments_added", "Comments that are new or back"),
        ("comments_updated", "Comments whose row was written again"),
        ("comments_hidden", "Comments newly hidden and not removed"),
        ("comments_removed", "Comments newly removed"),
    ):
        yield _column(name, sa.Integer(), comment, default="0")


def _confluence_pages() -> None:
    op.create_table(
        "confluence_pages",
        _column("id", TEXT, "Confluence's page id; numeric today, opaque to us"),
        _column("kind", TEXT, "page or blog_post", default="'page'"),
        _column("title", TEXT, "Title, sanitised"),
        _column("space_key", TEXT, "Key of the space the page is in; a move changes it"),
        _column("space_id", TEXT, "Confluence's id of the space, which never changes", null=True),
        _column("content_hash", TEXT, "SHA-256 of the sanitised storage body, 64 hex digits"),
        _column("last_updated", TIME, "When the page last changed in Confluence (its clock)"),
        _column("version", sa.Integer(), "Confluence's version number of the stored body; may go down"),
        _column("url", TEXT, "Address of the page in a browser"),
        _column(
            "synced_at",
            TIME,
            "When the row was last written (the database's clock), but for its access set",
            default="now()",
        ),
        _column("parent_id", TEXT, "Id of the parent; null at the top of a space", null=True),
        _column("parent_type", TEXT, "What the parent is: page, folder, whiteboard, ...", null=True),
        _column("status", TEXT, "Confluence's status; only current is ever live"),
        _column("labels", postgresql.ARRAY(TEXT), "Labels, sorted; null while not known", null=True),
        _column(
            "metadata_digest",
            TEXT,
            "SHA-256 over title, place, status, url and kind: what changes without a new version",
        ),
        _column(
            "sections",
            sa.Integer(),
            "How many sections its text has, as page_texts says; null = no text was made of the stored body",
            null=True,
        ),
        _column(
            "access_set_id",
            sa.BigInteger(),
            "Its access set; null = nobody may read it",
            null=True,
        ),
        _column(
            "own_access_set_id",
            sa.BigInteger(),
            "That of its own facts, while its text shows other pages; 0 = not known; null = shows none",
            null=True,
        ),
        _column("first_seen_at", TIME, "When this row was made (the database's clock)", default="now()"),
        _column(
            "last_written_run_id",
            sa.BigInteger(),
            "Run that last wrote this row, but for its access set; a run that finds nothing changed writes no row",
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
        _one_of("confluence_pages", "kind", KINDS),
        _one_of("confluence_pages", "hidden_reason", REASONS),
        _one_of("confluence_pages", "removed_reason", REASONS),
        sa.CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name=op.f("ck_confluence_pages_hidden")),
        sa.CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name=op.f("ck_confluence_pages_removed")),
        schema=SCHEMA_TOKEN,
        comment="Confluence's pages and blog posts as last synchronised; live = neither hidden nor removed",
        postgresql_with={"fillfactor": 50},
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


def _page_attachments() -> None:
    op.create_table(
        "page_attachments",
        _column("id", TEXT, "Confluence's id of the attachment; opaque to us"),
        _column("page_id", TEXT, "The page that it is attached to"),
        _column("space_id", TEXT, "Confluence's id of the space in whose list it was read last", null=True),
        _column("name", TEXT, "Name of the file, sanitised; empty once it is erased"),
        _column("media_type", TEXT, "Media type, as Confluence says it; null = it says none", null=True),
        _column("size_bytes", sa.BigInteger(), "Size of the file; null = not said", null=True),
        _column("version", sa.Integer(), "Confluence's version number of the file"),
        _column("last_updated", TIME, "When this version was made (Confluence's clock)"),
        _column("download_path", TEXT, "Where the bytes are, below the base address of the site; empty once erased"),
        _column(
            "metadata_digest", TEXT, "SHA-256 over name, page, type and size: what may change without a new version"
        ),
        _column(
            "known_since",
            TIME,
            "Since when it is known in this version, with this name on this page in this space (the database's "
            "clock); shown under access that was read later",
            default="now()",
        ),
        _column("first_seen_at", TIME, "When this row was made (the database's clock)", default="now()"),
        _column("synced_at", TIME, "When this row was last written (the database's clock)", default="now()"),
        _column("last_written_run_id", sa.BigInteger(), "Run that last wrote this row", null=True),
        _column(
            "missing_since_run_id",
            sa.BigInteger(),
            "Run that hid it for its present reason; null while it is not hidden",
            null=True,
        ),
        _column("hidden_at", TIME, "Since when it is kept but not shown, whatever its page is", null=True),
        _column("hidden_reason", TEXT, "Why it is hidden; a removed one keeps it", null=True),
        _column("removed_at", TIME, "Since when it is gone for a known reason", null=True),
        _column("removed_reason", TEXT, "Why it is gone: trashed, deleted, moved, ...", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_attachments")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_attachments_page_id"),
            ondelete="CASCADE",
        ),
        _one_of("page_attachments", "hidden_reason", REASONS),
        _one_of("page_attachments", "removed_reason", REASONS),
        sa.CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name=op.f("ck_page_attachments_hidden")),
        sa.CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name=op.f("ck_page_attachments_removed")),
        sa.CheckConstraint(
            "download_path <> '' OR hidden_at IS NOT NULL OR removed_at IS NOT NULL",
            name=op.f("ck_page_attachments_erased"),
        ),
        schema=SCHEMA_TOKEN,
        comment="Files attached to pages, without their bytes; consumers read live_attachments",
    )
    op.create_index("ix_page_attachments_page_id_id", "page_attachments", ["page_id", "id"], schema=SCHEMA_TOKEN)
    op.create_index(
        "ix_page_attachments_last_updated_id", "page_attachments", ["last_updated", "id"], schema=SCHEMA_TOKEN
    )
    op.create_index("ix_page_attachments_known_since", "page_attachments", ["known_since"], schema=SCHEMA_TOKEN)


def _page_comments() -> None:
    op.create_table(
        "page_comments",
        _column("id", TEXT, "Confluence's id of the comment; opaque to us"),
        _column("page_id", TEXT, "The page that it is about"),
        _column("space_id", TEXT, "Confluence's id of the space in whose list it was read last", null=True),
        _column("kind", TEXT, "footer: below the page; inline: about words of the page"),
        _column("parent_id", TEXT, "The comment that it answers; null = it begins a thread", null=True),
        _column("version", sa.Integer(), "Confluence's version number of the comment"),
        _column(
            "author_id",
            TEXT,
            "Who wrote it: account id, or user key on Data Center; null = not said, or erased",
            null=True,
        ),
        _column("created_at", TIME, "When it was written (Confluence's clock)", null=True),
        _column("last_updated", TIME, "When this version was made (Confluence's clock)"),
        _column(
            "resolution",
            TEXT,
            "open, reopened, resolved, dangling or unknown; null = it has no such state",
            null=True,
        ),
        _column("quoted_text", TEXT, "Words of the page that it was written about, sanitised", null=True),
        _column("storage", TEXT, "Text in storage format, sanitised; empty once it is erased"),
        _column("content_hash", TEXT, "SHA-256 of storage, 64 hex digits; empty once it is erased"),
        _column(
            "in_open_thread",
            sa.Boolean(),
            "Whether its thread is text of its page: the first comment is open, and none above it is withdrawn",
            default="false",
        ),
        _column(
            "known_since",
            TIME,
            "Since when it is known with this text, on this page in this space (the database's clock); shown under "
            "access that was read later",
            default="now()",
        ),
        _column(
            "metadata_digest",
            TEXT,
            "SHA-256 over page, parent, state and quoted text: what may change without a new version",
        ),
        _column("first_seen_at", TIME, "When this row was made (the database's clock)", default="now()"),
        _column("synced_at", TIME, "When this row was last written (the database's clock)", default="now()"),
        _column("last_written_run_id", sa.BigInteger(), "Run that last wrote this row", null=True),
        _column(
            "missing_since_run_id",
            sa.BigInteger(),
            "Run that hid it for its present reason; null while it is not hidden",
            null=True,
        ),
        _column("hidden_at", TIME, "Since when it is kept but not shown, whatever its page is", null=True),
        _column("hidden_reason", TEXT, "Why it is hidden; a removed one keeps it", null=True),
        _column("removed_at", TIME, "Since when it is gone for a known reason", null=True),
        _column("removed_reason", TEXT, "Why it is gone: trashed, deleted, moved, ...", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_comments")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_comments_page_id"),
            ondelete="CASCADE",
        ),
        _one_of("page_comments", "kind", ("footer", "inline")),
        _one_of("page_comments", "resolution", ("open", "reopened", "resolved", "dangling", "unknown")),
        _one_of("page_comments", "hidden_reason", REASONS),
        _one_of("page_comments", "removed_reason", REASONS),
        sa.CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name=op.f("ck_page_comments_hidden")),
        sa.CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name=op.f("ck_page_comments_removed")),
        sa.CheckConstraint(
            "content_hash <> '' OR hidden_at IS NOT NULL OR removed_at IS NOT NULL",
            name=op.f("ck_page_comments_erased"),
        ),
        schema=SCHEMA_TOKEN,
        comment="Comments about pages; consumers read live_comments",
    )
    op.create_index("ix_page_comments_page_id_id", "page_comments", ["page_id", "id"], schema=SCHEMA_TOKEN)
    op.create_index("ix_page_comments_author_id", "page_comments", ["author_id"], schema=SCHEMA_TOKEN)
    op.create_index("ix_page_comments_known_since", "page_comments", ["known_since"], schema=SCHEMA_TOKEN)


def _page_failures() -> None:
    op.create_table(
        "page_failures",
        _column("page_id", TEXT, "Confluence's page id, or that of an attachment or comment"),
        _column("space_key", TEXT, "Space in whose run it failed"),
        _column(
            "stage",
            TEXT,
            "Where it failed: fetch, read, store or scope; attachment, attachment_text or comment = it is one",
        ),
        _column("error_class", TEXT, "Class of the error"),
        _column("message", TEXT, "What went wrong, without any content of the page"),
        _column("version", sa.Integer(), "Version that failed, as far as known", null=True),
        _column("attempts", sa.Integer(), "Failures in a row, at least 1"),
        _column("first_failed_at", TIME, "When it failed first", default="now()"),
        _column("last_failed_at", TIME, "When it failed last", default="now()"),
        _column("next_attempt_at", TIME, "Not tried again before this"),
        _column("run_id", sa.BigInteger(), "Run in which it failed last"),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_page_failures")),
        _one_of(
            "page_failures", "stage", ("fetch", "read", "store", "scope", "attachment", "attachment_text", "comment")
        ),
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
    arrays = postgresql.ARRAY(TEXT)
    op.create_table(
        "content_changes",
        _column(
            "seq",
            sa.BigInteger(),
            "Order of the changes, which is the order of the commits; numbers may be missing",
            sa.Identity(always=True),
        ),
        _column("page_id", TEXT, "The page; it may have been purged since"),
        _column(
            "attachment_id",
            TEXT,
            "The attachment of the page that changed; null = the page itself or a comment did",
            null=True,
        ),
        _column(
            "comment_id",
            TEXT,
            "The comment of the page that changed; null = the page itself or an attachment did",
            null=True,
        ),
        _column(
            "page_kind",
            TEXT,
            "What the page is: page or blog_post; null = not known, as it never was stored",
            null=True,
        ),
        _column("space_key", TEXT, "Its space after the change"),
        _column(
            "run_id",
            sa.BigInteger(),
            "Run that applied the change; 0 = no run did: other settings, new text, or the clock",
        ),
        _column(
            "action",
            TEXT,
            "What was done: insert, update, move, restore, relabel, restrict, derive, hide, remove or purge",
        ),
        _column(
            "changed_fields",
            arrays,
            "What differs now, never empty: text, title, location, url, version, labels, restrictions, hidden, "
            "restored, erased, resolution, sections",
        ),
        _column("sections_added", arrays, "Sections that the text before did not have (derive)", default="'{}'"),
        _column(
            "sections_changed",
            arrays,
            "Sections that differ from those of the text before (derive)",
            default="'{}'",
        ),
        _column("sections_removed", arrays, "Sections that the text no longer has (derive)", default="'{}'"),
        _column("version", sa.Integer(), "Version of the page after the change", null=True),
        _column("reason", TEXT, "Why, in words for an operator", null=True),
        _column(
            "transaction_id",
            Xid8(),
            "Transaction that wrote this row, for diagnosis",
            default="pg_current_xact_id()",
        ),
        _column("changed_at", TIME, "When it was applied", default="clock_timestamp()"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_content_changes")),
        _one_of("content_changes", "page_kind", KINDS),
        _one_of("content_changes", "action", ACTIONS),
        sa.CheckConstraint(
            f"changed_fields <@ ARRAY[{_quoted(FIELDS)}]", name=op.f("ck_content_changes_changed_fields")
        ),
        sa.CheckConstraint("cardinality(changed_fields) > 0", name=op.f("ck_content_changes_changed_fields_not_empty")),
        schema=SCHEMA_TOKEN,
        comment="Every change that consumers can see, once. Rows are numbered under a lock that is held until "
        "the commit: read those with a greater seq than the last one, ordered by seq, as docs/feed.md says",
    )
    op.create_index("ix_content_changes_page_id", "content_changes", ["page_id"], schema=SCHEMA_TOKEN)


def _feed_state() -> None:
    table = op.create_table(
        "feed_state",
        _column("id", sa.SmallInteger(), "Always 1", default="1"),
        _column(
            "seed",
            sa.Uuid(),
            "Made with the tables; feed_epoch() is made from it and from where the tables are",
            default="gen_random_uuid()",
        ),
        _column(
            "pruned_seq",
            sa.BigInteger(),
            "Greatest seq that was deleted as old; a consumer that has not acknowledged it has missed changes",
            default="0",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_state")),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_state_one_row")),
        schema=SCHEMA_TOKEN,
        comment="State of the feed. Without the row nobody can read the feed",
    )
    op.execute(table.insert().values(id=1))


def _feed_consumers() -> None:
    op.create_table(
        "feed_consumers",
        _column("name", TEXT, "Name that the consumer gives itself"),
        _column("epoch", sa.Uuid(), "feed_epoch() when it took its snapshot"),
        _column("acked_seq", sa.BigInteger(), "Greatest seq that it has acknowledged"),
        _column("created_at", TIME, "When it took its first snapshot", default="now()"),
        _column("snapshot_at", TIME, "When it took its last snapshot", default="now()"),
        _column("acked_at", TIME, "When it last acknowledged; null = never", null=True),
        _column(
            "seen_at",
            TIME,
            "When it last acknowledged, took a snapshot, or had nothing to read; old rows are kept for it then",
            default="now()",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_consumers")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_feed_consumers_name")),
        schema=SCHEMA_TOKEN,
        comment="Consumers of content_changes and their positions (hr-sync changes)",
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
        _column("held_attachments", sa.Integer(), "Those of attachments among them", default="0"),
        _column("held_comments", sa.Integer(), "Those of comments among them", default="0"),
        _column("held_since", TIME, "Since when removals wait; null = none does", null=True),
        _column("held_reason", TEXT, "Why they wait", null=True),
        _column(
            "mass_delete_allowed_run_id",
            sa.BigInteger(),
            "Last run in which somebody allowed a mass removal",
            null=True,
        ),
        _column(
            "attachments_not_mirrored",
            sa.Integer(),
            "Attachments of what is not mirrored, as the last full listing showed them",
            default="0",
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
        _column(
            "looked_from",
            TIME,
            "When the last look at everything that may have changed began (Confluence's clock)",
            null=True,
        ),
        _column(
            "attachments_checked_at",
            TIME,
            "When one last read the attachments too",
            null=True,
        ),
        _column("comments_checked_at", TIME, "When one last read the comments too", null=True),
        _column("access_checked_at", TIME, "When the last access pass that ended began", null=True),
        _column(
            "viewers_known",
            sa.Boolean(),
            "Whether space_permissions holds everybody who may view the space",
            default="false",
        ),
        _column("viewers_source", TEXT, "Where they are from: permissions, roles, open_spaces", null=True),
        _column("viewers_doubt", TEXT, "Why they are not known, with the remedy", null=True),
        _column(
            "told_as_recent",
            sa.Boolean(),
            "Whether the feed last told that what is known of the space is recent enough to show its pages",
            default="true",
        ),
        *_when_due(),
        sa.PrimaryKeyConstraint("space_key", name=op.f("pk_sync_spaces")),
        _one_of("sync_spaces", "last_outcome", OUTCOMES),
        _one_of("sync_spaces", "last_full_outcome", OUTCOMES),
        schema=SCHEMA_TOKEN,
        comment="Mirrored spaces: identity, lease, position, hold and freshness",
    )
    op.create_index("ix_sync_spaces_space_id", "sync_spaces", ["space_id"], schema=SCHEMA_TOKEN)
    for mode in ("full", "incremental", "access"):
        op.create_index(
            f"ix_sync_spaces_priority_{mode}_due_at_space_key",
            "sync_spaces",
            ["priority", f"{mode}_due_at", "space_key"],
            schema=SCHEMA_TOKEN,
        )


def _when_due() -> Iterator[sa.Column[Any]]:
    for name, what in (
        ("full_due_at", "When its next full pass of serve is due"),
        ("incremental_due_at", "When serve looks for changed pages next"),
        ("access_due_at", "When serve reads who may read its pages next"),
    ):
        yield _column(name, TIME, f"{what}; null = with the next round", null=True)
    yield _column(
        "priority",
        sa.SmallInteger(),
        "Order among spaces that are due: 0 never complete, 1 as a rule, 2 its last pass failed",
        default="0",
    )
    yield _column(
        "reserved_until", TIME, "Until when serve leaves the space to a request that waits for its lease", null=True
    )
    yield _column("decided_at", TIME, "When the last full pass decided what leaves the space", null=True)
    yield _column("decided_run_id", sa.BigInteger(), "Run whose pass that was", null=True)
    for prefix, what in (
        ("pages", "Pages"),
        ("posts", "Blog posts among them"),
        ("attachments", "Attachments"),
        ("comments", "Comments"),
    ):
        for name, comment in (
            ("decided", f"{what} that were not removed then"),
            ("leaving", "Those of them that began to leave, and nobody had allowed"),
            ("leaving_before", "Those that an earlier run had hidden, and this one removes"),
        ):
            yield _column(f"{prefix}_{name}", sa.Integer(), comment, default="0")


def _content_not_mirrored() -> None:
    op.create_table(
        "content_not_mirrored",
        _column("kind", TEXT, "attachment, blog_post, comment or archived_page"),
        _column("count", sa.Integer(), "How many; null = it could not be counted, which is not none", null=True),
        _column("precision", TEXT, "about (by the search index), at_least (the list goes on), exact"),
        _column("counted_at", TIME, "When it was counted", default="now()"),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_content_not_mirrored")),
        _one_of("content_not_mirrored", "kind", ("attachment", "blog_post", "comment", "archived_page")),
        _one_of("content_not_mirrored", "precision", ("about", "at_least", "exact")),
        schema=SCHEMA_TOKEN,
        comment="What is not mirrored of the mirrored spaces, as the last full run counted it",
    )


def _sync_runs() -> None:
    op.create_table(
        "sync_runs",
        _column("id", sa.BigInteger(), "Number of the run", sa.Identity(always=True)),
        _column("mode", TEXT, "full, incremental, access, resync, notified or purge"),
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
        _column(
            "not_shown",
            sa.Integer(),
            "Live pages of all spaces that consumers were not shown at its end; null if it was not about all spaces",
            null=True,
        ),
        *_counts(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
        _one_of("sync_runs", "mode", ("full", "incremental", "access", "resync", "notified", "purge")),
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


def _facts_of_access() -> None:
    op.create_table(
        "content_nodes",
        _column("id", TEXT, "Confluence's id"),
        _column("kind", TEXT, "page, blog_post, folder, whiteboard, ...; null = not given", null=True),
        _column("parent_id", TEXT, "Id of the parent; null at the top of a space", null=True),
        _column(
            "parent_known",
            sa.Boolean(),
            "False: the parent could not be read, so no way up is known from here",
            default="true",
        ),
        _column("space_id", TEXT, "Confluence's id of its space"),
        _column(
            "restriction",
            postgresql.JSONB(),
            "Own read restriction, {users, groups}, both sorted; both empty = restricts nobody, null = not known",
            null=True,
        ),
        _column(
            "outdated",
            sa.Boolean(),
            "The page has newer text than its restriction: its own access is not known; pages below keep theirs",
            default="false",
        ),
        _column("read_at", TIME, "When this row was last written (the database's clock)", default="now()"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_nodes")),
        schema=SCHEMA_TOKEN,
        comment="Nodes of the tree of a space, also those that are not mirrored: facts, as Confluence has them",
    )
    op.create_index("ix_content_nodes_parent_id", "content_nodes", ["parent_id"], schema=SCHEMA_TOKEN)
    op.create_index("ix_content_nodes_space_id", "content_nodes", ["space_id"], schema=SCHEMA_TOKEN)
    op.create_table(
        "space_permissions",
        _column("space_id", TEXT, "Confluence's id of the space"),
        _column("principal", TEXT, "u:<user>, g:<group>, c:<access class> or ?:<kind>:<id>, whom nobody matches"),
        sa.PrimaryKeyConstraint("space_id", "principal", name=op.f("pk_space_permissions")),
        schema=SCHEMA_TOKEN,
        comment="Who may view a space; complete where sync_spaces.viewers_known",
    )


def _groups() -> None:
    op.create_table(
        "groups",
        _column("id", TEXT, "Id of the group on Cloud, name on Data Center"),
        _column("name", TEXT, "Name of the group", null=True),
        _column(
            "members_known",
            sa.Boolean(),
            "False: its members could not be read, and nobody counts as one",
            default="false",
        ),
        _column(
            "checked_at",
            TIME,
            "When its members were last read completely; older than access_policy.max_age_hours = not known",
            null=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        schema=SCHEMA_TOKEN,
        comment="Groups whose members are mirrored",
    )
    op.create_table(
        "group_members",
        _column("group_id", TEXT, "The group"),
        _column("user_id", TEXT, "Account id on Cloud, user key on Data Center"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_members")),
        sa.ForeignKeyConstraint(
            ["group_id"], [f"{SCHEMA_TOKEN}.groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        schema=SCHEMA_TOKEN,
        comment="Members of groups, those of nested groups included",
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"], schema=SCHEMA_TOKEN)
    op.create_table(
        "identities",
        _column("user_id", TEXT, "Account id on Cloud, user key on Data Center"),
        _column("display_name", TEXT, "Name that Confluence shows", null=True),
        _column("email", TEXT, "E-mail address; null = not known, as most are on Cloud", null=True),
        _column("email_source", TEXT, "Where the address is from: api, scim, admin, manual", null=True),
        _column("active", sa.Boolean(), "Whether the account may log in; null = not known", null=True),
        _column("seen_at", TIME, "When Confluence last showed it", default="now()"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_identities")),
        schema=SCHEMA_TOKEN,
        comment="Users of Confluence, for consumers that know people by their e-mail address",
    )
    op.create_index("ix_identities_email", "identities", [sa.text("lower(email)")], schema=SCHEMA_TOKEN)


def _access_sets() -> None:
    op.create_table(
        "access_sets",
        _column("id", sa.BigInteger(), "Number of the set", sa.Identity(always=True)),
        _column("digest", TEXT, "SHA-256 over the ids of its layers, sorted, and its spaces, as JSON texts"),
        _column("layers", sa.Integer(), "How many layers it has, at least 1: the space's"),
        _column("audience", sa.Boolean(), "Whether every reader of the audience passes it, by access_policy"),
        _column(
            "spaces",
            postgresql.ARRAY(TEXT),
            "Ids of the other spaces that its layers are from; old facts of one of them are not known",
            default="'{}'",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_sets")),
        sa.CheckConstraint("layers > 0", name=op.f("ck_access_sets_layers")),
        schema=SCHEMA_TOKEN,
        comment="Who may read a page: each distinct AND of layers, of the space and of restrictions on the way up",
    )
    op.create_index("uq_access_sets_digest", "access_sets", ["digest"], unique=True, schema=SCHEMA_TOKEN)
    op.create_table(
        "access_layers",
        _column("set_id", sa.BigInteger(), "The set"),
        _column("layer", TEXT, "SHA-256 over the principals of the layer, sorted, as a JSON text"),
        sa.PrimaryKeyConstraint("set_id", "layer", name=op.f("pk_access_layers")),
        schema=SCHEMA_TOKEN,
        comment="Layers of access sets: a reader must be one of the principals of each",
    )
    op.create_index("ix_access_layers_layer_set_id", "access_layers", ["layer", "set_id"], schema=SCHEMA_TOKEN)
    op.create_table(
        "access_principals",
        _column("layer", TEXT, "The layer, as in access_layers"),
        _column("principal", TEXT, "As in space_permissions"),
        sa.PrimaryKeyConstraint("layer", "principal", name=op.f("pk_access_principals")),
        schema=SCHEMA_TOKEN,
        comment="Principals of each distinct layer; a layer without any lets nobody pass",
    )
    op.create_index(
        "ix_access_principals_principal_layer", "access_principals", ["principal", "layer"], schema=SCHEMA_TOKEN
    )


def _access_policy() -> None:
    table = op.create_table(
        "access_policy",
        _column("id", sa.SmallInteger(), "Always 1", default="1"),
        _column(
            "mode",
            TEXT,
            "enforce: pages that the audience may read by recent facts; account: all that the account sees",
            default="'enforce'",
        ),
        _column(
            "max_age_hours", sa.Integer(), "Access facts of a space that are older count as not known", default="24"
        ),
        _column(
            "hide_after_hours",
            sa.Integer(),
            "A space without a complete look for so long is not shown; null = however long",
            null=True,
        ),
        _column("audience_groups", postgresql.ARRAY(TEXT), "Groups that every reader is in, sorted", default="'{}'"),
        _column(
            "licence_groups",
            postgresql.ARRAY(TEXT),
            "Groups that grant use of Confluence, sorted; none = not known",
            default="'{}'",
        ),
        _column(
            "licence_checked_at",
            TIME,
            "When licence_groups were last read; older than max_age_hours = not known; null = never",
            null=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_policy")),
        sa.CheckConstraint("id = 1", name=op.f("ck_access_policy_one_row")),
        _one_of("access_policy", "mode", ("enforce", "account")),
        sa.CheckConstraint("max_age_hours > 0", name=op.f("ck_access_policy_max_age_hours")),
        sa.CheckConstraint("hide_after_hours > 0", name=op.f("ck_access_policy_hide_after_hours")),
        schema=SCHEMA_TOKEN,
        comment="What consumers are shown; a worker writes its settings here. Without the row they see nothing",
    )
    op.execute(table.insert().values(id=1))


def _access_audits() -> None:
    op.create_table(
        "access_audits",
        _column("id", sa.BigInteger(), "Number of the audit", sa.Identity(always=True)),
        _column("made_at", TIME, "When it ended", default="now()"),
        _column("pairs", sa.Integer(), "Pairs that Confluence answered"),
        _column("unanswered", sa.Integer(), "Pairs that it did not answer"),
        _column("over_grants", sa.Integer(), "Pairs of which the mirror shows more than Confluence"),
        _column("under_grants", sa.Integer(), "Pairs of which the mirror shows less"),
        _column("upper_bound", sa.Float(), "Most that the share of over-grants may be, with a confidence of 95 %"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_audits")),
        schema=SCHEMA_TOKEN,
        comment="Audits of access against Confluence itself (hr-sync verify --access)",
    )
    op.create_index("ix_access_audits_made_at", "access_audits", ["made_at"], schema=SCHEMA_TOKEN)


def _page_texts() -> None:
    op.create_table(
        "page_texts",
        _column("page_id", TEXT, "The page"),
        _column(
            "content_hash",
            TEXT,
            "content_hash of the body that it is the text of; empty = an included page is another one now",
        ),
        _column("title", TEXT, "Title of the page in embed_text of its sections"),
        _column("space_key", TEXT, "Key of the space in embed_text of its sections"),
        _column("renderer_version", sa.Integer(), "Version of the rendering; a higher one renders again"),
        _column("section_size", sa.Integer(), "Largest section that was allowed, in characters"),
        _column("sections", sa.Integer(), "How many sections it has, without those of items"),
        _column("markdown", TEXT, "The whole page"),
        _column("parsed_as", TEXT, "strict, repaired or text: how the body was read"),
        _column(
            "has_computed_content",
            sa.Boolean(),
            "Whether Confluence shows something on this page that is not in its body",
        ),
        _column("hidden_characters", sa.Integer(), "Characters that no reader sees, and that were left out"),
        _column(
            "unknown_macros",
            postgresql.JSONB(),
            "Macros that were kept as placeholders: name → how often",
            default="'{}'",
        ),
        _column(
            "search_languages",
            postgresql.ARRAY(TEXT),
            "Languages of search_vector of its sections, as in text_policy; others make the text again",
            default="'{}'",
        ),
        _column(
            "comments_digest",
            TEXT,
            "MD5 over the comments that it was made with; empty = there were none",
            default="''",
        ),
        _column(
            "outputs_hash",
            TEXT,
            "outputs_hash of the rendering that it was made with; empty = of stored bodies alone",
            default="''",
        ),
        _column(
            "kept_since",
            TIME,
            "Since when the stored body has no text, so that this older one is kept; null = it is of that body",
            null=True,
        ),
        _column("rendered_at", TIME, "When this row was last written", default="now()"),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_page_texts")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_texts_page_id"),
            ondelete="CASCADE",
        ),
        schema=SCHEMA_TOKEN,
        comment="Pages as Markdown, made from the stored bodies without asking Confluence",
    )
    op.create_index(
        "ix_page_texts_sections",
        "page_texts",
        ["page_id"],
        schema=SCHEMA_TOKEN,
        postgresql_include=["content_hash", "sections"],
    )
    op.create_index(
        "ix_page_texts_outdated",
        "page_texts",
        ["page_id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("content_hash = ''"),
    )
    op.create_index(
        "ix_page_texts_kept_since",
        "page_texts",
        ["kept_since"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("kept_since IS NOT NULL"),
    )
    op.create_index(
        "ix_page_texts_computed",
        "page_texts",
        ["page_id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("has_computed_content"),
    )


def _page_includes() -> None:
    op.create_table(
        "page_includes",
        _column("page_id", TEXT, "The page whose text it is"),
        _column("position", sa.Integer(), "Order in the text, from 0; also within others"),
        _column("level", sa.SmallInteger(), "1 = in the page's own body, 2 = in that of a page that it includes, ..."),
        _column(
            "kind",
            TEXT,
            "include: a whole page; excerpt: a part of it; rendered: what macros show, of pages that nobody names",
        ),
        _column("title", TEXT, "Title by which the macro names the page"),
        _column("source_space_key", TEXT, "Key of its space"),
        _column(
            "source_id",
            TEXT,
            "The included page; null = not mirrored, not live, or its readers are not known",
            null=True,
        ),
        _column("source_hash", TEXT, "content_hash of its body when the text was made", null=True),
        _column(
            "state",
            TEXT,
            "shown: its text stands there; else why a placeholder does: unavailable, no_excerpt, cycle, too_deep, "
            "too_many",
        ),
        sa.PrimaryKeyConstraint("page_id", "position", name=op.f("pk_page_includes")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_includes_page_id"),
            ondelete="CASCADE",
        ),
        _one_of("page_includes", "kind", ("include", "excerpt", "rendered")),
        _one_of("page_includes", "state", ("shown", "unavailable", "no_excerpt", "cycle", "too_deep", "too_many")),
        sa.CheckConstraint("state <> 'shown' OR source_id IS NOT NULL", name=op.f("ck_page_includes_shown")),
        schema=SCHEMA_TOKEN,
        comment="Includes in the texts of pages; a page is read by whoever may read each page that its text shows",
    )
    op.create_index(
        "ix_page_includes_source_id",
        "page_includes",
        ["source_id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("state = 'shown'"),
    )


OUTCOMES_OF_READING = (
    "complete",
    "partial",
    "encrypted",
    "no_text_layer",
    "no_text",
    "too_large",
    "too_many_pages",
    "too_slow",
    "too_much_memory",
    "damaged",
    "unsupported_type",
    "type_mismatch",
    "expands_too_much",
    "reader_failed",
    "type_not_selected",
)


def _attachment_texts() -> None:
    op.create_table(
        "attachment_texts",
        _column("attachment_id", TEXT, "The attachment"),
        _column(
            "version", sa.Integer(), "Version that was read; its sections are shown while the attachment has this one"
        ),
        _column("metadata_digest", TEXT, "metadata_digest of the attachment when it was read"),
        _column(
            "content_sha256",
            TEXT,
            "SHA-256 of the bytes, 64 hex digits; null = not downloaded, as type or size decide",
            null=True,
        ),
        _column("reader_version", sa.Integer(), "Version of the reading; a higher one reads again"),
        _column("section_size", sa.Integer(), "Largest section that was allowed, in characters"),
        _column("title", TEXT, "Title of the page in embed_text of its sections"),
        _column("space_key", TEXT, "Key of the space in embed_text of its sections"),
        _column(
            "search_languages", postgresql.ARRAY(TEXT), "Languages of search_vector of its sections", default="'{}'"
        ),
        _column("kind", TEXT, "Type of the document, as pdf or docx; null = not known", null=True),
        _column("outcome", TEXT, "complete, partial, or why it has no text"),
        _column("sections", sa.Integer(), "How many sections it has"),
        _column(
            "missing",
            postgresql.JSONB(),
            "Parts that are not in the text, the first hundred: part and reason",
            default="'[]'",
        ),
        _column("missing_parts", sa.Integer(), "How many such parts there are", default="0"),
        _column(
            "limits_reached", postgresql.ARRAY(TEXT), "Limits of the reader at which the text ends", default="'{}'"
        ),
        _column(
            "hidden_characters",
            sa.Integer(),
            "Characters that no reader of the document sees, and that were left out",
            default="0",
        ),
        _column("read_at", TIME, "When this row was last written", default="now()"),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachment_texts")),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            [f"{SCHEMA_TOKEN}.page_attachments.id"],
            name=op.f("fk_attachment_texts_attachment_id"),
            ondelete="CASCADE",
        ),
        _one_of("attachment_texts", "outcome", OUTCOMES_OF_READING),
        schema=SCHEMA_TOKEN,
        comment="What was read of attached files; the text is in page_sections",
    )
    op.create_index(
        "ix_attachment_texts_content_sha256",
        "attachment_texts",
        ["content_sha256"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("content_sha256 IS NOT NULL"),
    )


def _page_mentions() -> None:
    op.create_table(
        "page_mentions",
        _column("page_id", TEXT, "The page whose text it is"),
        _column("user_id", TEXT, "Account id on Cloud, user key on Data Center"),
        _column(
            "name",
            TEXT,
            "Name that the text shows; null = the placeholder. Another one in mentioned_users makes the text again",
            null=True,
        ),
        sa.PrimaryKeyConstraint("page_id", "user_id", name=op.f("pk_page_mentions")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_mentions_page_id"),
            ondelete="CASCADE",
        ),
        schema=SCHEMA_TOKEN,
        comment="People whom the texts of pages mention",
    )
    op.create_index("ix_page_mentions_user_id", "page_mentions", ["user_id"], schema=SCHEMA_TOKEN)


def _mentioned_users() -> None:
    op.create_table(
        "mentioned_users",
        _column("user_id", TEXT, "Account id on Cloud, user key on Data Center"),
        _column(
            "name",
            TEXT,
            "Name as texts show it: the public one, or former user; null = the placeholder stands there",
            null=True,
        ),
        _column(
            "state",
            TEXT,
            "named, former: the account was deleted, nameless: it shows none, absent: there is no such account, "
            "unread: the last request had no answer, so that the name is that of an earlier one",
        ),
        _column("asked_at", TIME, "When Confluence was last asked", default="now()"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_mentioned_users")),
        _one_of("mentioned_users", "state", ("named", "former", "nameless", "absent", "unread")),
        schema=SCHEMA_TOKEN,
        comment="Names of people whom texts mention, as Confluence shows them to everybody; no addresses",
    )


def _page_renderings() -> None:
    op.create_table(
        "page_renderings",
        _column("page_id", TEXT, "The page"),
        _column(
            "outputs",
            TEXT,
            "Outputs of its macros, as XHTML; empty = none was found, null = the last request had no answer",
            null=True,
        ),
        _column("outputs_hash", TEXT, "SHA-256 over outputs; empty without any"),
        _column("version", sa.Integer(), "Version of the page in the answer; it is used for that one alone"),
        _column("asked_version", sa.Integer(), "Version that the mirror had; another one is asked for at once"),
        _column("error", TEXT, "Why there was no answer", null=True),
        _column("asked_at", TIME, "When Confluence was last asked", default="now()"),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_page_renderings")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_renderings_page_id"),
            ondelete="CASCADE",
        ),
        schema=SCHEMA_TOKEN,
        comment="What macros show of other pages and systems; only with access.mode = account, else it is empty",
    )


def _page_sections() -> None:
    op.create_table(
        "page_sections",
        _column(
            "section_id",
            TEXT,
            "32 hex digits over page, attachment or comment, and headings; edits elsewhere on it do not change it",
        ),
        _column("page_id", TEXT, "The page"),
        _column(
            "ordinal",
            sa.Integer(),
            "Position within the page, from 0; comments stand behind its text, attachments behind these",
        ),
        _column("level", sa.SmallInteger(), "1 to 6; 0 for what stands before the first heading"),
        _column(
            "parent_section_id",
            TEXT,
            "Section of the heading above; the first part for a continuation",
            null=True,
        ),
        _column(
            "heading_path",
            postgresql.ARRAY(TEXT),
            "Headings from the top to this section; of an attachment, below the name of the file",
        ),
        _column("text", TEXT, "Markdown, with the heading"),
        _column("embed_text", TEXT, "A line of space, page and headings, then the text"),
        _column("text_hash", TEXT, "SHA-256 over the text alone, 64 hex digits"),
        _column(
            "search_vector",
            postgresql.TSVECTOR(),
            "Words of title (A), headings (B) and text (D), in each language of the page's search_languages",
            default="''",
        ),
        _column("attachment_id", TEXT, "The attachment whose text it is; null = the page's own text", null=True),
        _column("comment_id", TEXT, "The comment whose text it is; null = of none", null=True),
        _column(
            "comment_hash",
            TEXT,
            "content_hash of the comment that it is the text of; shown while the comment has it",
            null=True,
        ),
        sa.PrimaryKeyConstraint("section_id", name=op.f("pk_page_sections")),
        sa.ForeignKeyConstraint(
            ["page_id"],
            [f"{SCHEMA_TOKEN}.confluence_pages.id"],
            name=op.f("fk_page_sections_page_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            [f"{SCHEMA_TOKEN}.page_attachments.id"],
            name=op.f("fk_page_sections_attachment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            [f"{SCHEMA_TOKEN}.page_comments.id"],
            name=op.f("fk_page_sections_comment_id"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("attachment_id IS NULL OR comment_id IS NULL", name=op.f("ck_page_sections_one_item")),
        sa.CheckConstraint("(comment_id IS NULL) = (comment_hash IS NULL)", name=op.f("ck_page_sections_comment_hash")),
        sa.UniqueConstraint(
            "page_id",
            "ordinal",
            name=op.f("uq_page_sections_page_id_ordinal"),
            deferrable=True,
            initially="DEFERRED",
        ),
        schema=SCHEMA_TOKEN,
        comment="Sections of pages, of files attached to them, and of comments, for search and embeddings",
    )
    op.create_index("ix_page_sections_text_hash", "page_sections", ["text_hash"], schema=SCHEMA_TOKEN)
    op.create_index(
        "ix_page_sections_attachment_id",
        "page_sections",
        ["attachment_id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("attachment_id IS NOT NULL"),
    )
    op.create_index(
        "ix_page_sections_comment_id",
        "page_sections",
        ["comment_id"],
        schema=SCHEMA_TOKEN,
        postgresql_where=sa.text("comment_id IS NOT NULL"),
    )
    op.create_index(
        "ix_page_sections_search_vector",
        "page_sections",
        ["search_vector"],
        schema=SCHEMA_TOKEN,
        postgresql_using="gin",
    )


def _text_policy() -> None:
    op.create_table(
        "text_policy",
        _column("id", sa.SmallInteger(), "Always 1", default="1"),
        _column(
            "search_languages",
            postgresql.ARRAY(TEXT),
            "Names of the text search configurations of pg_catalog, in the order of the setting",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_policy")),
        sa.CheckConstraint("id = 1", name=op.f("ck_text_policy_one_row")),
        schema=SCHEMA_TOKEN,
        comment="How sections are searched; a worker writes its settings here. Without the row nothing is found",
    )


def _site_budget() -> None:
    op.create_table(
        "site_budget",
        _column("id", sa.SmallInteger(), "Always 1", default="1"),
        _column(
            "blocked_until",
            TIME,
            "No worker sends a request before this; null = the site never asked for that",
            null=True,
        ),
        _column("blocked_by", TEXT, "Worker that the site asked, host:pid", null=True),
        _column(
            "requests_left",
            sa.Integer(),
            "Requests that the site still answers now, as it said; null = it does not say",
            null=True,
        ),
        _column("requests_limit", sa.Integer(), "Of how many", null=True),
        _column("told_at", TIME, "When it said so", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_budget")),
        sa.CheckConstraint("id = 1", name=op.f("ck_site_budget_one_row")),
        schema=SCHEMA_TOKEN,
        comment="What the site has said about the rate of requests, for all workers together",
    )
