"""The tables. Declarations only.

Words such as `action` or `outcome` are text columns; the enums of `hr_sync.domain` hold their values, and a CHECK
constraint repeats them. The counts of runs are declared once, in `hr_sync.domain.outcome.Counts`.
"""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.content import ContentKind, WithdrawalReason
from hr_sync.domain.not_mirrored import OtherKind, Precision
from hr_sync.domain.outcome import Counts, Mode, Outcome
from hr_sync.store.due_columns import DUE_INDEXES, DueColumns
from hr_sync.store.orm import Base
from hr_sync.store.values import FailureStage


def one_of(column: str, words: Iterable[StrEnum]) -> CheckConstraint:
    """Allow these words, and null where the column may be null."""
    return CheckConstraint(f"{column} IN ({quoted_words(words)})", name=column)


def quoted_words(words: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class ConfluencePage(Base):
    """One page or blog post. Rows are marked (`hidden_at`, `removed_at`); only a purge deletes them."""

    __tablename__ = "confluence_pages"

    id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's page id; numeric today, opaque to us")
    kind: Mapped[str] = mapped_column(server_default=text("'page'"), comment="page or blog_post")
    title: Mapped[str] = mapped_column(comment="Title, sanitised")
    space_key: Mapped[str] = mapped_column(comment="Key of the space the page is in; a move changes it")
    space_id: Mapped[str | None] = mapped_column(comment="Confluence's id of the space, which never changes")
    content_hash: Mapped[str] = mapped_column(comment="SHA-256 of the sanitised storage body, 64 hex digits")
    last_updated: Mapped[datetime] = mapped_column(comment="When the page last changed in Confluence (its clock)")
    version: Mapped[int] = mapped_column(comment="Confluence's version number of the stored body; may go down")
    url: Mapped[str] = mapped_column(comment="Address of the page in a browser")
    synced_at: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        comment="When the row was last written (the database's clock), but for its access set",
    )
    parent_id: Mapped[str | None] = mapped_column(comment="Id of the parent; null at the top of a space")
    parent_type: Mapped[str | None] = mapped_column(comment="What the parent is: page, folder, whiteboard, ...")
    status: Mapped[str] = mapped_column(comment="Confluence's status; only current is ever live")
    labels: Mapped[list[str] | None] = mapped_column(ARRAY(Text), comment="Labels, sorted; null while not known")
    metadata_digest: Mapped[str] = mapped_column(
        comment="SHA-256 over title, place, status, url and kind: what changes without a new version"
    )
    sections: Mapped[int | None] = mapped_column(
        comment="How many sections its text has, as page_texts says; null = no text was made of the stored body"
    )
    access_set_id: Mapped[int | None] = mapped_column(BigInteger, comment="Its access set; null = nobody may read it")
    own_access_set_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="That of its own facts, while its text shows other pages; 0 = not known; null = shows none"
    )
    first_seen_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When this row was made (the database's clock)"
    )
    last_written_run_id: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="Run that last wrote this row, but for its access set; a run that finds nothing changed writes no row",
    )
    missing_since_run_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="Run that hid the page for its present reason; null while it is shown"
    )
    hidden_at: Mapped[datetime | None] = mapped_column(comment="Since when the page is kept but not shown")
    hidden_reason: Mapped[str | None] = mapped_column(comment="Why it is hidden; a removed page keeps it")
    removed_at: Mapped[datetime | None] = mapped_column(comment="Since when the page is gone for a known reason")
    removed_reason: Mapped[str | None] = mapped_column(comment="Why it is gone: trashed, archived, out_of_scope, ...")

    __table_args__ = (
        one_of("kind", ContentKind),
        one_of("hidden_reason", WithdrawalReason),
        one_of("removed_reason", WithdrawalReason),
        CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name="hidden"),
        CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name="removed"),
        # Last column: the page id, so that keyset pagination walks the index and ties have an order.
        Index(None, "space_key", "id"),
        Index(None, "last_updated", "id"),
        Index(None, "synced_at", "id"),
        Index(None, "parent_id", "id"),
        Index(
            "ix_confluence_pages_live",
            "space_key",
            "last_updated",
            "id",
            postgresql_where=text("hidden_at IS NULL AND removed_at IS NULL"),
        ),
        Index(
            "ix_confluence_pages_hidden",
            "space_key",
            "hidden_at",
            "id",
            postgresql_where=text("hidden_at IS NOT NULL AND removed_at IS NULL"),
        ),
        Index("ix_confluence_pages_removed", "removed_at", "id", postgresql_where=text("removed_at IS NOT NULL")),
        # Exact titles and beginnings of titles, whatever the collation. A search for a part of a title reads the whole
        # table: 60 ms for 100,000 pages, since bodies are elsewhere. Trigrams would need an extension that many users
        # may not create.
        Index("ix_confluence_pages_title", text("lower(title) text_pattern_ops"), "id"),
        {
            "comment": "Confluence's pages and blog posts as last synchronised; live = neither hidden nor removed",
            # Room in each block for another version of each row: one that gets another access set stays where it is,
            # and no index is written. A subtree is restricted in half the time; bodies are elsewhere.
            "postgresql_with": {"fillfactor": 50},
        },
    )


class PageBody(Base):
    """The body of a page, apart from its row, so that questions about pages never read bodies."""

    __tablename__ = "page_bodies"

    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), primary_key=True, comment="The page"
    )
    storage: Mapped[str] = mapped_column(
        comment="Body in Confluence's storage format, sanitised; content_hash is over this"
    )

    __table_args__ = ({"comment": "Bodies of the pages, in the version that confluence_pages names"},)


class PageFailure(Base):
    """A page that could not be fetched, read or stored. Its last good row, if any, stays as it is."""

    __tablename__ = "page_failures"

    # No foreign key: a page that was never stored has no row to point to.
    page_id: Mapped[str] = mapped_column(
        primary_key=True, comment="Confluence's page id, or that of an attachment or comment"
    )
    space_key: Mapped[str] = mapped_column(comment="Space in whose run it failed")
    stage: Mapped[str] = mapped_column(
        comment="Where it failed: fetch, read, store or scope; attachment, attachment_text or comment = it is one"
    )
    error_class: Mapped[str] = mapped_column(comment="Class of the error")
    message: Mapped[str] = mapped_column(comment="What went wrong, without any content of the page")
    version: Mapped[int | None] = mapped_column(comment="Version that failed, as far as known")
    attempts: Mapped[int] = mapped_column(comment="Failures in a row, at least 1")
    first_failed_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it failed first")
    last_failed_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it failed last")
    next_attempt_at: Mapped[datetime] = mapped_column(comment="Not tried again before this")
    run_id: Mapped[int] = mapped_column(BigInteger, comment="Run in which it failed last")

    __table_args__ = (
        one_of("stage", FailureStage),
        Index(None, "space_key", "next_attempt_at"),
        {"comment": "Pages that failed and are tried again; a row is deleted when its page succeeds"},
    )


class SyncSpace(DueColumns, Base):
    """One space that is mirrored: its identity, lease, position, hold, last runs, and when it is due."""

    __tablename__ = "sync_spaces"

    space_key: Mapped[str] = mapped_column(primary_key=True, comment="Key of the space")
    space_id: Mapped[str | None] = mapped_column(comment="Confluence's id of the space, which never changes")
    name: Mapped[str | None] = mapped_column(comment="Name of the space")
    former_keys: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Keys that it had before, and its aliases"
    )
    lease_holder: Mapped[str | None] = mapped_column(
        comment="Worker that may write this space, host:pid, for people; null = nobody"
    )
    lease_worker: Mapped[str | None] = mapped_column(comment="Random id of that worker's process")
    lease_token: Mapped[str | None] = mapped_column(comment="Random id of this one lease")
    lease_expires_at: Mapped[datetime | None] = mapped_column(comment="Until when (the database's clock)")
    epoch: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), comment="Grows with each lease; a writer with an older one is refused"
    )
    watermark: Mapped[datetime | None] = mapped_column(
        comment="Changes up to here are stored (Confluence's clock); null = the space needs a full pass"
    )
    scope_fingerprint: Mapped[str | None] = mapped_column(comment="Digest of the configured scope of the last run")
    held: Mapped[int] = mapped_column(server_default=text("0"), comment="Removals that wait for a decision")
    held_attachments: Mapped[int] = mapped_column(server_default=text("0"), comment="Those of attachments among them")
    held_comments: Mapped[int] = mapped_column(server_default=text("0"), comment="Those of comments among them")
    held_since: Mapped[datetime | None] = mapped_column(comment="Since when removals wait; null = none does")
    held_reason: Mapped[str | None] = mapped_column(comment="Why they wait")
    mass_delete_allowed_run_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="Last run in which somebody allowed a mass removal"
    )
    attachments_not_mirrored: Mapped[int] = mapped_column(
        server_default=text("0"), comment="Attachments of what is not mirrored, as the last full listing showed them"
    )
    full_pass_due: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="A scheduled full pass did not get the lease and is due"
    )
    gone_at: Mapped[datetime | None] = mapped_column(comment="When nothing of the space was left; null = it is there")
    last_run_id: Mapped[int | None] = mapped_column(BigInteger, comment="Last run of this space")
    last_outcome: Mapped[str | None] = mapped_column(comment="How that run ended here")
    last_error: Mapped[str | None] = mapped_column(comment="Why it is not complete, with the remedy")
    last_full_outcome: Mapped[str | None] = mapped_column(comment="How the last full pass ended here")
    last_full_error: Mapped[str | None] = mapped_column(comment="Why it is not complete, with the remedy")
    last_complete_run_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="Last run that looked at everything that may have changed"
    )
    last_complete_at: Mapped[datetime | None] = mapped_column(comment="When it ended: freshness is its age")
    last_full_at: Mapped[datetime | None] = mapped_column(comment="When the last complete full listing ended")
    looked_from: Mapped[datetime | None] = mapped_column(
        comment="When the last look at everything that may have changed began (Confluence's clock)"
    )
    attachments_checked_at: Mapped[datetime | None] = mapped_column(comment="When one last read the attachments too")
    comments_checked_at: Mapped[datetime | None] = mapped_column(comment="When one last read the comments too")
    access_checked_at: Mapped[datetime | None] = mapped_column(comment="When the last access pass that ended began")
    viewers_known: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whether space_permissions holds everybody who may view the space"
    )
    viewers_source: Mapped[str | None] = mapped_column(comment="Where they are from: permissions, roles, open_spaces")
    viewers_doubt: Mapped[str | None] = mapped_column(comment="Why they are not known, with the remedy")
    told_as_recent: Mapped[bool] = mapped_column(
        server_default=text("true"),
        comment="Whether the feed last told that what is known of the space is recent enough to show its pages",
    )

    __table_args__ = (
        one_of("last_outcome", Outcome),
        one_of("last_full_outcome", Outcome),
        Index(None, "space_id"),  # read for each item that is shown under the access to its space
        *DUE_INDEXES,
        {"comment": "Mirrored spaces: identity, lease, position, hold and freshness"},
    )


class ContentNotMirrored(Base):
    """How much of one kind of content the mirrored spaces have that is not mirrored."""

    __tablename__ = "content_not_mirrored"

    kind: Mapped[str] = mapped_column(primary_key=True, comment="attachment, blog_post, comment or archived_page")
    count: Mapped[int | None] = mapped_column(comment="How many; null = it could not be counted, which is not none")
    precision: Mapped[str] = mapped_column(comment="about (by the search index), at_least (the list goes on), exact")
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was counted")

    __table_args__ = (
        one_of("kind", OtherKind),
        one_of("precision", Precision),
        {"comment": "What is not mirrored of the mirrored spaces, as the last full run counted it"},
    )


class CountColumns:
    """One column for each field of `Counts`."""


for _count in fields(Counts):
    setattr(
        CountColumns,
        _count.name,
        mapped_column(Integer, nullable=False, server_default=text("0"), comment=_count.metadata["comment"]),
    )


class SyncRun(CountColumns, Base):
    """One run, over one or more spaces. A report: nothing waits for a row that says "running"."""

    __tablename__ = "sync_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="Number of the run")
    mode: Mapped[str] = mapped_column(comment="full, incremental, access, resync, notified or purge")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it began")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it ended; null while running or after a crash")
    outcome: Mapped[str | None] = mapped_column(
        comment="complete, partial, held, stopped or failed; null while running or after a crash"
    )
    exit_code: Mapped[int | None] = mapped_column(comment="Exit code that the outcome means")
    worker: Mapped[str] = mapped_column(comment="host:pid of the process")
    version: Mapped[str] = mapped_column(comment="Version of hr_sync")
    error: Mapped[str | None] = mapped_column(comment="What ended it, without any content of a page")
    requests: Mapped[int] = mapped_column(server_default=text("0"), comment="HTTP requests made")
    not_shown: Mapped[int | None] = mapped_column(
        comment="Live pages of all spaces that consumers were not shown at its end; null if it was not about all spaces"
    )

    __table_args__ = (
        one_of("mode", Mode),
        one_of("outcome", Outcome),
        Index(None, "started_at"),
        {"comment": "Runs of hr_sync, however they ended"},
    )


class SyncRunSpace(CountColumns, Base):
    """What one run did in one space. An incremental run that changed nothing writes no row."""

    __tablename__ = "sync_run_spaces"

    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(SyncRun.id, ondelete="CASCADE"), primary_key=True, comment="The run"
    )
    space_key: Mapped[str] = mapped_column(primary_key=True, comment="The space")
    outcome: Mapped[str] = mapped_column(comment="As in sync_runs, for this space")
    requests: Mapped[int] = mapped_column(server_default=text("0"), comment="HTTP requests made for this space")
    held: Mapped[int] = mapped_column(server_default=text("0"), comment="Removals that waited at its end")
    listing_digest: Mapped[str | None] = mapped_column(
        comment="Digest over the complete listing: equal digests prove equal listings; null when not complete"
    )
    error: Mapped[str | None] = mapped_column(comment="Why it is not complete, without any content of a page")
    started_at: Mapped[datetime] = mapped_column(comment="When the lease of the space was taken")
    finished_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When its work ended")

    __table_args__ = (
        one_of("outcome", Outcome),
        Index(None, "space_key", "run_id"),
        {"comment": "What each run did in each space, unless it was an incremental run that changed nothing"},
    )
