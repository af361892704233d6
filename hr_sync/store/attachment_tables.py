"""The table of attachments. Declarations only."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.content import WithdrawalReason
from hr_sync.store.orm import Base
from hr_sync.store.tables import ConfluencePage, one_of


class PageAttachment(Base):
    """A file that is attached to a page, without its bytes. It is shown where its page is shown."""

    __tablename__ = "page_attachments"

    id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's id of the attachment; opaque to us")
    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), comment="The page that it is attached to"
    )
    space_id: Mapped[str | None] = mapped_column(comment="Confluence's id of the space in whose list it was read last")
    name: Mapped[str] = mapped_column(comment="Name of the file, sanitised; empty once it is erased")
    media_type: Mapped[str | None] = mapped_column(comment="Media type, as Confluence says it; null = it says none")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger, comment="Size of the file; null = not said")
    version: Mapped[int] = mapped_column(comment="Confluence's version number of the file")
    last_updated: Mapped[datetime] = mapped_column(comment="When this version was made (Confluence's clock)")
    download_path: Mapped[str] = mapped_column(
        comment="Where the bytes are, below the base address of the site; empty once erased"
    )
    metadata_digest: Mapped[str] = mapped_column(
        comment="SHA-256 over name, page, type and size: what may change without a new version"
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
        one_of("hidden_reason", WithdrawalReason),
        one_of("removed_reason", WithdrawalReason),
        CheckConstraint("(hidden_at IS NULL) = (hidden_reason IS NULL)", name="hidden"),
        CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name="removed"),
        CheckConstraint("download_path <> '' OR hidden_at IS NOT NULL OR removed_at IS NOT NULL", name="erased"),
        Index(None, "page_id", "id"),
        Index(None, "last_updated", "id"),
        {"comment": "Files attached to pages, without their bytes; consumers read live_attachments"},
    )
