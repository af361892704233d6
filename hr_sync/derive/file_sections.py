"""What was read of a file, as it is written: the sections of a document, below its name, on its page. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from hr_sync.cancellation import Cancellation
from hr_sync.documents.reader import sections_of
from hr_sync.documents.result import Document, Kind
from hr_sync.domain.attachment_texts import TextOutcome
from hr_sync.render.result import RenderLimits
from hr_sync.render.sections import embed_text_of, short_title
from hr_sync.store.read.attachment_texts import PendingFile, ReadingRules, StoredFileText
from hr_sync.store.write.attachment_texts import AttachmentTextWrite
from hr_sync.store.write.text_rows import SectionWrite

_BETWEEN_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenAs:
    """The attachment and the page that a text is written for, and how it was read."""

    attachment_id: str
    page_id: str
    version: int
    metadata_digest: str
    name: str
    title: str  #: of the page
    space_key: str
    search_languages: Sequence[str]
    reader_version: int
    section_size: int
    content_sha256: str | None = None  #: None: not downloaded

    @classmethod
    def of(cls, pending: PendingFile, rules: ReadingRules, *, content_sha256: str | None) -> Self:
        """Return it for a file that is to be read."""
        return cls(
            attachment_id=pending.file.id,
            page_id=pending.file.page_id,
            version=pending.file.version,
            metadata_digest=pending.metadata_digest,
            name=pending.name,
            title=pending.title,
            space_key=pending.space_key,
            search_languages=rules.search_languages,
            reader_version=rules.reader_version,
            section_size=rules.section_size,
            content_sha256=content_sha256,
        )


def text_of_reason(write_as: WrittenAs, reason: TextOutcome, *, kind: Kind | None) -> AttachmentTextWrite:
    """Return that a file has no text, and why."""
    return _write(write_as, reason, kind=kind)


def text_of_document(write_as: WrittenAs, document: Document, cancellation: Cancellation) -> AttachmentTextWrite:
    """Return the text of a document as sections below the name of its file. Raise Stopped on request."""
    sections = sections_of(
        document,
        document_id=write_as.attachment_id,
        title=write_as.title,
        space=write_as.space_key,
        limits=RenderLimits(section_size=write_as.section_size),
        cancellation=cancellation,
    )
    return _write(
        write_as,
        TextOutcome.COMPLETE if document.is_complete else TextOutcome.PARTIAL,
        kind=document.kind,
        missing=[{"part": each.part, "reason": each.reason.value} for each in document.missing],
        missing_parts=document.missing_parts,
        limits_reached=document.limits_reached,
        hidden_characters=document.hidden_characters,
        sections=[
            _section(
                write_as,
                section_id=each.section_id,
                ordinal=each.ordinal,
                level=each.level,
                parent_section_id=each.parent_section_id,
                headings=each.heading_path,
                text=each.text,
                text_hash=each.text_hash,
            )
            for each in sections
        ],
    )


def relabelled(
    stored: StoredFileText, search_languages: Sequence[str], write_as: WrittenAs | None = None
) -> AttachmentTextWrite:
    """Return what was read before as it is written for the present name, page and languages."""
    row = stored.row
    write_as = write_as or WrittenAs(
        attachment_id=row.attachment_id,
        page_id=stored.page_id,
        version=stored.version,
        metadata_digest=stored.metadata_digest,
        name=stored.name,
        title=stored.title,
        space_key=stored.space_key,
        search_languages=search_languages,
        reader_version=row.reader_version,
        section_size=row.section_size,
        content_sha256=row.content_sha256,
    )
    return _write(
        write_as,
        TextOutcome(row.outcome),
        kind=None if row.kind is None else Kind(row.kind),
        missing=row.missing,
        missing_parts=row.missing_parts,
        limits_reached=row.limits_reached,
        hidden_characters=row.hidden_characters,
        sections=[
            _section(
                write_as,
                section_id=each.section_id,
                ordinal=place,
                level=each.level,
                parent_section_id=each.parent_section_id,
                headings=each.heading_path[1:],
                text=each.text,
                text_hash=each.text_hash,
            )
            for place, each in enumerate(stored.sections)
        ],
    )


def _section(
    write_as: WrittenAs,
    *,
    section_id: str,
    ordinal: int,
    level: int,
    parent_section_id: str | None,
    headings: Sequence[str],
    text: str,
    text_hash: str,
) -> SectionWrite:
    path = (short_title(write_as.name), *headings)
    return SectionWrite(
        section_id=section_id,
        ordinal=ordinal,
        level=level,
        parent_section_id=parent_section_id,
        heading_path=path,
        text=text,
        embed_text=embed_text_of(text, space=write_as.space_key, title=write_as.title, path=path),
        text_hash=text_hash,
    )


def _write(write_as: WrittenAs, outcome: TextOutcome, *, kind: Kind | None, **read: object) -> AttachmentTextWrite:
    return AttachmentTextWrite(
        attachment_id=write_as.attachment_id,
        page_id=write_as.page_id,
        version=write_as.version,
        metadata_digest=write_as.metadata_digest,
        content_sha256=write_as.content_sha256,
        reader_version=write_as.reader_version,
        section_size=write_as.section_size,
        title=write_as.title,
        space_key=write_as.space_key,
        search_languages=write_as.search_languages,
        file_words=_BETWEEN_WORDS.sub(" ", write_as.name),
        kind=None if kind is None else kind.value,
        outcome=outcome,
        **read,  # type: ignore[arg-type]
    )
