"""The tables of pages: the pages themselves, their bodies, what failed about them and what changed.

Declarations only. Runs and spaces are in `run_tables.py`, the questions asked of these tables in `pages.py`. Words such
as `status` or `action` are text columns: their values are the enums of `hr_sync.domain`.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.store.orm import Base, Xid8


class ConfluencePage(Base):
    """One page of Confluence. Rows are marked (`hidden_at`, `removed_at`), never dropped except by a purge."""

    __tablename__ = "confluence_pages"

    id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's page id; numeric today, opaque to us")
    title: Mapped[str] = mapped_column(comment="Title, cleaned of control characters")
    space_key: Mapped[str] = mapped_column(comment="Key of the space the page lives in; a move changes it")
    space_id: Mapped[str | None] = mapped_column(comment="Confluence's id of the space, which never changes")
    content_hash: Mapped[str] = mapped_column(comment="SHA-256 of the cleaned storage body, 64 hex digits")
    last_updated: Mapped[datetime] = mapped_column(comment="When the page last changed in Confluence (its clock)")
    version: Mapped[int] = mapped_column(comment="Confluence's version number of the stored body; may go down")
    url: Mapped[str] = mapped_column(comment="Where people open the page")
    synced_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When this row was last written (the database's clock)"
    )
    parent_id: Mapped[str | None] = mapped_column(comment="Id of the parent; null at the top of a space")
    parent_type: Mapped[str | None] = mapped_column(comment="What the parent is: page, folder, whiteboard, ...")
    status: Mapped[str] = mapped_column(comment="Confluence's status; only current is ever live")
    labels: Mapped[list[str] | None] = mapped_column(ARRAY(Text), comment="Labels, sorted; null while not known")
    metadata_digest: Mapped[str] = mapped_column(
        comment="SHA-256 over title, place, status and url: what changes without a new version"
    )
    restriction_digest: Mapped[str | None] = mapped_column(
        comment="SHA-256 over the effective read restrictions; null while not known"
    )
    readers: Mapped[list[dict[str, list[str]]] | None] = mapped_column(
        JSONB(none_as_null=True),
        comment="Restrictions on the way to the top, [{users, groups}, ...]: a reader must be in each of them; [] = "
        "open to whoever may view the space, null = not known, which is never open",
    )
    first_seen_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When this row was made (the database's clock)"
    )
    last_written_run_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="Run that last wrote this row; a run that finds nothing changed writes no row"
    )
    missing_since_run_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="First run whose complete listing did not show the page; null when it was shown last"
    )
    hidden_at: Mapped[datetime | None] = mapped_column(comment="Since when the page is kept but not shown")
    removed_at: Mapped[datetime | None] = mapped_column(comment="Since when the page is gone for a known reason")
    removed_reason: Mapped[str | None] = mapped_column(comment="Why it is gone: trashed, archived, out_of_scope, ...")

    __table_args__ = (
        # Second column everywhere: the page id, so that keyset pagination walks the index and ties have an order.
        Index(None, "space_key", "id"),
        Index(None, "last_updated", "id"),
        Index(
            "ix_confluence_pages_live",
            "space_key",
            "last_updated",
            "id",
            postgresql_where=text("hidden_at IS NULL AND removed_at IS NULL"),
        ),
        Index("ix_confluence_pages_removed", "removed_at", "id", postgresql_where=text("removed_at IS NOT NULL")),
        # Exact titles and beginnings of titles, whatever the collation. A search for a part of a title reads the whole
        # table: 60 ms for 100,000 pages, since bodies are elsewhere. Trigrams would need an extension that many users
        # may not create.
        Index("ix_confluence_pages_title", text("lower(title) text_pattern_ops"), "id"),
        {"comment": "Confluence pages as last synchronised; live = neither hidden nor removed"},
    )


class PageBody(Base):
    """The body of a page, apart from its row, so that questions about pages never read bodies."""

    __tablename__ = "page_bodies"

    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), primary_key=True, comment="The page"
    )
    storage: Mapped[str] = mapped_column(
        comment="Body in Confluence's storage format, cleaned; content_hash is over this"
    )

    __table_args__ = ({"comment": "Bodies of the pages, in the version that confluence_pages names"},)


class PageFailure(Base):
    """A page that could not be fetched, read or stored. Its last good row, if any, stays as it is."""

    __tablename__ = "page_failures"

    # No foreign key: a page that never arrived has no row to point to.
    page_id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's page id")
    space_key: Mapped[str] = mapped_column(comment="Space in whose run it failed")
    stage: Mapped[str] = mapped_column(comment="Where it failed: fetch, read or store")
    error_class: Mapped[str] = mapped_column(comment="Class of the error")
    message: Mapped[str] = mapped_column(comment="What went wrong, without any content of the page")
    version: Mapped[int | None] = mapped_column(comment="Version that failed, as far as known")
    attempts: Mapped[int] = mapped_column(comment="Failures in a row, at least 1")
    first_failed_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it failed first")
    last_failed_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it failed last")
    next_attempt_at: Mapped[datetime] = mapped_column(comment="Not tried again before this")
    run_id: Mapped[int] = mapped_column(BigInteger, comment="Run in which it failed last")

    __table_args__ = (
        Index(None, "space_key", "next_attempt_at"),
        {"comment": "Pages that failed and are tried again; a row goes when its page succeeds"},
    )


class ContentChange(Base):
    """One change that was applied, written in the transaction that applied it: the feed of consumers."""

    __tablename__ = "content_changes"

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Order within a transaction"
    )
    page_id: Mapped[str] = mapped_column(comment="The page; it may have been purged since")
    space_key: Mapped[str] = mapped_column(comment="Its space after the change")
    run_id: Mapped[int] = mapped_column(BigInteger, comment="Run that applied the change")
    action: Mapped[str] = mapped_column(
        comment="What was done: insert, update, move, restore, relabel, restrict, hide, remove, ..."
    )
    changed_fields: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="What differs now: text, title, location, labels, restrictions, removed, restored"
    )
    version: Mapped[int | None] = mapped_column(comment="Version of the page after the change")
    reason: Mapped[str | None] = mapped_column(comment="Why, in words for an operator")
    transaction_id: Mapped[int] = mapped_column(
        Xid8,
        server_default=func.pg_current_xact_id(),
        comment="Transaction that wrote this row; safe to read once below pg_snapshot_xmin(pg_current_snapshot())",
    )
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was applied")

    __table_args__ = (
        Index(None, "page_id", "id"),
        Index(None, "transaction_id", "id"),
        {"comment": "Every applied change, told once; consumers read it in the order (transaction_id, id)"},
    )
