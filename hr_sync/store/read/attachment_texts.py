"""Which files are to be read, from what, and what became of the others. Read only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.attachment_texts import FINAL, OF_BYTES_ALONE, AttachmentFile, AttachmentTextCounts, TextOutcome
from hr_sync.store.attachment_tables import AttachmentText, PageAttachment
from hr_sync.store.item_conditions import is_known
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage, PageFailure
from hr_sync.store.text_tables import PageSection
from hr_sync.store.values import FailureStage


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingRules:
    """What decides which files are to be read. Others than before make files due again."""

    reader_version: int
    section_size: int
    kinds: Sequence[str]  #: types that are read
    max_bytes: int  #: of one file
    search_languages: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class OldFileText:
    """What was read of an earlier version of an attachment, by the present reader and in sections of the same size."""

    content_sha256: str
    kind: str | None
    outcome: TextOutcome


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingFile:
    """A live attachment on a live page whose file was not read in its present version."""

    file: AttachmentFile
    name: str
    metadata_digest: str
    last_updated: datetime
    title: str  #: of its page
    space_key: str
    old: OldFileText | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFileText:
    """What was read of an attachment, with its sections: they can be written again without reading it."""

    row: AttachmentText
    page_id: str
    name: str
    metadata_digest: str
    version: int
    title: str  #: of its page, as it is now
    space_key: str
    sections: Sequence[PageSection]  #: in their order


def pending_files(
    session: Session, rules: ReadingRules, *, failed: bool, before: tuple[datetime, str] | None, limit: int
) -> list[PendingFile]:
    """Return the next files to be read, newest first; with `before` those behind that date and id.

    `failed`: those whose download failed in this version, and that are due again; otherwise those that did not fail.
    """
    file, page, read = PageAttachment, ConfluencePage, AttachmentText
    query = (
        _live_files(file, page, file.page_id, file.name, file.media_type, file.size_bytes, file.download_path)
        .add_columns(page.title, page.space_key)
        .add_columns(read.content_sha256, read.kind, read.outcome, read.reader_version, read.section_size)
        .where(_is_due(rules), is_known(PageAttachment.known_since), _failed(due=True) if failed else ~_failed())
    )
    if before is not None:
        query = query.where(tuple_(file.last_updated, file.id) < tuple_(*before))
    rows = session.execute(query.order_by(file.last_updated.desc(), file.id.desc()).limit(limit))
    return [_pending(row, rules) for row in rows]


def file_texts_to_relabel(session: Session, rules: ReadingRules, *, limit: int) -> list[StoredFileText]:
    """Return what was read of files whose page has another title or space now, or is searched in other languages."""
    file, page, read = PageAttachment, ConfluencePage, AttachmentText
    differs = tuple_(read.title, read.space_key, read.search_languages).is_distinct_from(
        tuple_(page.title, page.space_key, literal(list(rules.search_languages), ARRAY(Text)))
    )
    ids = session.scalars(
        _live_files(file, page)
        .with_only_columns(file.id)
        .where(read.sections > 0, differs, ~_is_due(rules))
        .where(is_known(file.known_since))  # so that what is shown then is told
        .order_by(file.id)
        .limit(limit)
    ).all()
    return [found for attachment_id in ids if (found := stored_file_text(session, attachment_id)) is not None]


def stored_file_text(session: Session, attachment_id: str) -> StoredFileText | None:
    """Return what was read of an attachment, with its sections; None if it was not read."""
    file, page, read = PageAttachment, ConfluencePage, AttachmentText
    found = session.execute(
        select(read, file, page)
        .join(file, file.id == read.attachment_id)
        .join(page, page.id == file.page_id)
        .where(file.id == attachment_id)
    ).one_or_none()
    if found is None:
        return None
    row, attachment, on = found
    section = PageSection
    sections = session.scalars(
        select(section).where(section.attachment_id == attachment_id).order_by(section.ordinal)
    ).all()
    session.expunge_all()
    return StoredFileText(
        row=row,
        page_id=attachment.page_id,
        name=attachment.name,
        metadata_digest=attachment.metadata_digest,
        version=attachment.version,
        title=on.title,
        space_key=on.space_key,
        sections=sections,
    )


def outcome_of_bytes(session: Session, content_sha256: str, reader_version: int) -> TextOutcome | None:
    """Return why bytes have no text, where some file with the same ones was read before; None: not known."""
    read = AttachmentText
    known = session.scalars(
        select(read.outcome)
        .where(read.content_sha256 == content_sha256, read.reader_version == reader_version)
        .where(read.outcome.in_(OF_BYTES_ALONE))
        .limit(1)
    ).first()
    return None if known is None else TextOutcome(known)


def count_file_texts(session: Session, space_keys: Collection[str] | None = None) -> AttachmentTextCounts:
    """Count the live attachments by what became of their text. Without a row each waits, or its download fails."""
    file, page, read, failure = PageAttachment, ConfluencePage, AttachmentText, PageFailure
    is_read = and_(read.attachment_id == file.id, read.version == file.version)
    fails = and_(failure.page_id == file.id, failure.stage == FailureStage.ATTACHMENT_TEXT)
    query = (
        select(read.outcome, failure.page_id.is_not(None), func.count())
        .select_from(file)
        .join(page, page.id == file.page_id)
        .outerjoin(read, is_read)
        .outerjoin(failure, fails)
        .where(LIVE, page.status == "current", file.hidden_at.is_(None), file.removed_at.is_(None))
        .group_by(read.outcome, failure.page_id.is_not(None))
    )
    if space_keys is not None:
        query = query.where(page.space_key.in_(space_keys))
    counts = AttachmentTextCounts()
    for outcome, is_failing, count in session.execute(query):
        if outcome is not None:
            counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + count
        elif is_failing:
            counts.failed += count
        else:
            counts.waiting += count
    return counts


def has_file_texts(session: Session) -> bool:
    """Return whether anything was read of a file, or a download failed."""
    failed = select(PageFailure.page_id).where(PageFailure.stage == FailureStage.ATTACHMENT_TEXT)
    return bool(session.scalar(select(or_(select(AttachmentText.attachment_id).exists(), failed.exists()))))


def _live_files(file: Any, page: Any, *columns: Any) -> Select[Any]:
    """Select live attachments on live pages, with what was read of each."""
    read = AttachmentText
    return (
        select(file.id, file.version, file.metadata_digest, file.last_updated, *columns)
        .select_from(file)
        .join(page, page.id == file.page_id)
        .outerjoin(read, read.attachment_id == file.id)
        .where(LIVE, page.status == "current", file.hidden_at.is_(None), file.removed_at.is_(None))
    )


def _is_due(rules: ReadingRules) -> ColumnElement[bool]:
    """Return whether a file was not read as it is now and by these rules."""
    file, read = PageAttachment, AttachmentText
    is_other = tuple_(read.version, read.metadata_digest).is_distinct_from(tuple_(file.version, file.metadata_digest))
    by_older_reader = and_(read.reader_version != rules.reader_version, read.outcome.not_in(FINAL))
    in_other_sizes = and_(read.section_size != rules.section_size, read.sections > 0)
    was_too_large = and_(
        read.outcome == TextOutcome.TOO_LARGE, read.content_sha256.is_(None), file.size_bytes <= rules.max_bytes
    )
    is_selected = read.kind == func.any(literal(list(rules.kinds), ARRAY(Text)))
    other_choice = and_(read.kind.is_not(None), is_selected == (read.outcome == TextOutcome.TYPE_NOT_SELECTED))
    return or_(read.attachment_id.is_(None), is_other, by_older_reader, in_other_sizes, was_too_large, other_choice)


def _failed(*, due: bool = False) -> ColumnElement[bool]:
    """Return whether the download of this version failed, and with `due` whether it is due again."""
    file, failure = PageAttachment, PageFailure
    query = (
        select(failure.page_id)
        .where(failure.page_id == file.id, failure.stage == FailureStage.ATTACHMENT_TEXT)
        .where(failure.version == file.version)
    )
    return (query.where(failure.next_attempt_at <= func.now()) if due else query).exists()


def _pending(row: Any, rules: ReadingRules) -> PendingFile:
    is_same_reading = (row.reader_version, row.section_size) == (rules.reader_version, rules.section_size)
    old = None
    if row.content_sha256 is not None and is_same_reading:
        old = OldFileText(content_sha256=row.content_sha256, kind=row.kind, outcome=TextOutcome(row.outcome))
    return PendingFile(
        file=AttachmentFile(
            id=row.id,
            page_id=row.page_id,
            version=row.version,
            media_type=row.media_type,
            size_bytes=row.size_bytes,
            download_path=row.download_path,
        ),
        name=row.name,
        metadata_digest=row.metadata_digest,
        last_updated=row.last_updated,
        title=row.title,
        space_key=row.space_key,
        old=old,
    )
