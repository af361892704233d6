"""The tables of attachments and of what was read of their files. Declarations only."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.attachment_texts import TextOutcome
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
    known_since: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        comment="Since when it is known in this version, with this name on this page in this space (the database's "
        "clock); shown under access that was read later",
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
        Index(None, "known_since"),
        {"comment": "Files attached to pages, without their bytes; consumers read live_attachments"},
    )


class AttachmentText(Base):
    """What was read of the file of an attachment. The text itself is in its sections."""

    __tablename__ = "attachment_texts"

    attachment_id: Mapped[str] = mapped_column(
        ForeignKey(PageAttachment.id, ondelete="CASCADE"), primary_key=True, comment="The attachment"
    )
    version: Mapped[int] = mapped_column(
        comment="Version that was read; its sections are shown while the attachment has this one"
    )
    metadata_digest: Mapped[str] = mapped_column(comment="metadata_digest of the attachment when it was read")
    content_sha256: Mapped[str | None] = mapped_column(
        comment="SHA-256 of the bytes, 64 hex digits; null = not downloaded, as type or size decide"
    )
    reader_version: Mapped[int] = mapped_column(comment="Version of the reading; a higher one reads again")
    section_size: Mapped[int] = mapped_column(comment="Largest section that was allowed, in characters")
    title: Mapped[str] = mapped_column(comment="Title of the page in embed_text of its sections")
    space_key: Mapped[str] = mapped_column(comment="Key of the space in embed_text of its sections")
    search_languages: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Languages of search_vector of its sections"
    )
    kind: Mapped[str | None] = mapped_column(comment="Type of the document, as pdf or docx; null = not known")
    outcome: Mapped[str] = mapped_column(comment="complete, partial, or why it has no text")
    sections: Mapped[int] = mapped_column(comment="How many sections it has")
    missing: Mapped[list[dict[str, str]]] = mapped_column(
        JSONB, server_default=text("'[]'"), comment="Parts that are not in the text, the first hundred: part and reason"
    )
    missing_parts: Mapped[int] = mapped_column(server_default=text("0"), comment="How many such parts there are")
    limits_reached: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Limits of the reader at which the text ends"
    )
    hidden_characters: Mapped[int] = mapped_column(
        server_default=text("0"), comment="Characters that no reader of the document sees, and that were left out"
    )
    read_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When this row was last written")

    __table_args__ = (
        one_of("outcome", TextOutcome),
        Index(None, "content_sha256", postgresql_where=text("content_sha256 IS NOT NULL")),
        {"comment": "What was read of attached files; the text is in page_sections"},
    )
