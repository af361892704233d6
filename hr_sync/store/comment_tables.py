"""The table of comments. Declarations only."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, false, func
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.comments import CommentKind, Resolution
from hr_sync.domain.content import WithdrawalReason
from hr_sync.store.orm import Base
from hr_sync.store.tables import ConfluencePage, one_of


class PageComment(Base):
    """A comment about a page, with its text. It is shown where its page is shown."""

    __tablename__ = "page_comments"

    id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's id of the comment; opaque to us")
    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), comment="The page that it is about"
    )
    space_id: Mapped[str | None] = mapped_column(comment="Confluence's id of the space in whose list it was read last")
    kind: Mapped[str] = mapped_column(comment="footer: below the page; inline: about words of the page")
    # No foreign key: a list may show an answer before what it answers.
    parent_id: Mapped[str | None] = mapped_column(comment="The comment that it answers; null = it begins a thread")
    version: Mapped[int] = mapped_column(comment="Confluence's version number of the comment")
    author_id: Mapped[str | None] = mapped_column(
        comment="Who wrote it: account id, or user key on Data Center; null = not said, or erased"
    )
    created_at: Mapped[datetime | None] = mapped_column(comment="When it was written (Confluence's clock)")
    last_updated: Mapped[datetime] = mapped_column(comment="When this version was made (Confluence's clock)")
    resolution: Mapped[str | None] = mapped_column(
        comment="open, reopened, resolved, dangling or unknown; null = it has no such state"
    )
    quoted_text: Mapped[str | None] = mapped_column(comment="Words of the page that it was written about, sanitised")
    storage: Mapped[str] = mapped_column(comment="Text in storage format, sanitised; empty once it is erased")
    content_hash: Mapped[str] = mapped_column(comment="SHA-256 of storage, 64 hex digits; empty once it is erased")
    in_open_thread: Mapped[bool] = mapped_column(
        server_default=false(),
        comment="Whether its thread is text of its page: the first comment is open, and none above it is withdrawn",
    )
    known_since: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        comment="Since when it is known with this text, on this page in this space (the database's clock); shown under "
        "access that was read later",
    )
    metadata_digest: Mapped[str] = mapped_column(
        comment="SHA-256 over page, parent, state and quoted text: what may change without a new version"
    )
    first_seen_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When this row was made (the database's clock)"
    )
    synced_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When this row was last written (the database's clock)"
    )
    last_written_run_id: Mapped[int | None] = mapped_column(BigInteger, comment="Run that last wrote this row")
    missing_since_run_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="Run that hid it for its present reason; null while it is not hidden"
    )
    hidden_at: Mapped[datetime | None] = mapped_column(
        comment="Since when it is kept but not shown, whatever its page is"
    )
    hidden_reason: Mapped[str | None] = mapped_column(comment="Why it is hidden; a removed one keeps it")
    removed_at: Mapped[datetime | None] = mapped_column(comment="Since when it is gone for a known reason")
    removed_reason: Mapped[str | None] = mapped_column(comment="Why it is gone: trashed, deleted, moved, ...")

    __table_args__ = (
        one_of("kind", CommentKind),
        one_of("resolution", Resolution),
        one_of("hidden_reason", WithdrawalReason),
        one_of("removed_reason", WithdrawalReason),
        CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name="hidden"),
        CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name="removed"),
        CheckConstraint("content_hash <> '' OR hidden_at IS NOT NULL OR removed_at IS NOT NULL", name="erased"),
        Index(None, "page_id", "id"),
        Index(None, "author_id"),
        Index(None, "known_since"),
        {"comment": "Comments about pages; consumers read live_comments"},
    )
