"""Everything that the mirror knows about one page. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from hr_sync.domain.changes import IncludeState
from hr_sync.domain.comments import CommentKind, Resolution
from hr_sync.store.attachment_tables import AttachmentText, PageAttachment
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.feed_tables import ContentChange
from hr_sync.store.item_conditions import is_known
from hr_sync.store.read.access import layers_of_sets
from hr_sync.store.read.overview import FailureLine, failure_line
from hr_sync.store.read.pages import find_page
from hr_sync.store.tables import ConfluencePage, PageFailure
from hr_sync.store.text_tables import PageInclude, PageText
from hr_sync.store.values import FailureStage

_PARTS_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFacts:
    """The row of a page, without its text."""

    space_key: str
    version: int
    status: str
    url: str
    content_hash: str
    labels: Sequence[str] | None  #: None is not known
    readers: Sequence[Sequence[str]] | None  #: layers that a reader must pass, by token; None is not known
    last_updated: datetime  #: in Confluence
    first_seen_at: datetime
    synced_at: datetime  #: when the row was written last
    last_written_run_id: int | None  #: the run that wrote it
    missing_since_run_id: int | None
    hidden_at: datetime | None
    hidden_reason: str | None
    removed_at: datetime | None
    removed_reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeLine:
    """One change that was applied."""

    run_id: int
    changed_at: datetime
    action: str
    changed_fields: Sequence[str]
    version: int | None
    reason: str | None
    attachment_id: str | None = None  #: the attachment that changed; None: it is none
    comment_id: str | None = None  #: the comment that changed; None: it is none


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFacts:
    """What is known of the text of a page."""

    sections: int
    hidden_characters: int  #: that no reader sees, and that were left out
    kept_since: datetime | None  #: since when it is an older one, because the stored body has no text
    shows: Sequence[str]  #: ids of the pages whose text it shows
    placeholders: int  #: includes that it does not show


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentLine:
    """One file of a page."""

    id: str
    name: str  #: empty once it is erased
    media_type: str | None
    size_bytes: int | None
    version: int
    last_updated: datetime
    hidden_reason: str | None
    removed_reason: str | None
    waits: bool = False  #: it is shown once access was read after it
    text_outcome: str | None = None  #: complete, partial, or why it has no text; None: this version was not read
    text_sections: int = 0
    text_missing: Sequence[str] = ()  #: the first parts that are not in its text
    download_failure: str | None = None  #: why its file could not be downloaded


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentCounts:
    """The comments about a page."""

    footer: int  #: those of them that are shown with the page, as the next
    inline: int
    closed: int  #: of all shown: resolved, dangling, or in a state that is not known; no text of the page
    waiting: int  #: shown once access was read after their texts
    gone: int  #: hidden or removed


@dataclass(frozen=True, kw_only=True, slots=True)
class PageHistory:
    """What the mirror knows of one page."""

    stored: StoredFacts | None  #: None when no row was ever written
    failure: FailureLine | None  #: None when it does not fail
    changes: Sequence[ChangeLine]  #: newest first
    text: TextFacts | None = None  #: None when no text was made
    attachments: Sequence[AttachmentLine] = ()  #: by name, also those that are gone
    comments: CommentCounts | None = None  #: None when there never was one


def page_history(session: Session, page_id: str, *, changes: int = 50) -> PageHistory:
    """Read the row, the outstanding failure and the last changes of a page."""
    row = find_page(session, page_id)
    failure = session.get(PageFailure, page_id)
    rows = session.scalars(
        select(ContentChange).where(ContentChange.page_id == page_id).order_by(ContentChange.seq.desc()).limit(changes)
    )
    return PageHistory(
        stored=_facts(session, row) if row else None,
        failure=failure_line(failure) if failure else None,
        changes=[_change(change) for change in rows],
        text=_text(session, page_id),
        attachments=_attachments(session, page_id),
        comments=_comments(session, page_id),
    )


def _comments(session: Session, page_id: str) -> CommentCounts | None:
    row = PageComment
    kept = and_(row.hidden_at.is_(None), row.removed_at.is_(None))
    shown = and_(kept, is_known(row.known_since))
    closed = (Resolution.RESOLVED, Resolution.DANGLING, Resolution.UNKNOWN)
    total, *counts = session.execute(
        select(
            func.count(),
            func.count().filter(shown, row.kind == CommentKind.FOOTER),
            func.count().filter(shown, row.kind == CommentKind.INLINE),
            func.count().filter(shown, row.resolution.in_(closed)),
            func.count().filter(kept, ~shown),
            func.count().filter(~kept),
        )
        .select_from(row)
        .join(ConfluencePage, ConfluencePage.id == row.page_id)
        .where(row.page_id == page_id)
    ).one()
    names = CommentCounts.__dataclass_fields__
    return CommentCounts(**dict(zip(names, counts, strict=True))) if total else None


def _attachments(session: Session, page_id: str) -> list[AttachmentLine]:
    file, read, failed = PageAttachment, AttachmentText, PageFailure
    rows = session.execute(
        select(file, read, failed.message, ~is_known(file.known_since))
        .join(ConfluencePage, ConfluencePage.id == file.page_id)
        .outerjoin(read, (read.attachment_id == file.id) & (read.version == file.version))
        .outerjoin(failed, (failed.page_id == file.id) & (failed.stage == FailureStage.ATTACHMENT_TEXT))
        .where(file.page_id == page_id)
        .order_by(file.name, file.id)
    )
    return [_attachment(row, text, failure, waits=waits) for row, text, failure, waits in rows]


def _attachment(
    row: PageAttachment, text: AttachmentText | None, failure: str | None, *, waits: bool
) -> AttachmentLine:
    names = [name for name in AttachmentLine.__dataclass_fields__ if hasattr(row, name)]
    line = AttachmentLine(**{name: getattr(row, name) for name in names}, download_failure=failure, waits=waits)
    if text is None:
        return line
    missing = [each["part"] for each in text.missing][:_PARTS_NAMED]
    return replace(line, text_outcome=text.outcome, text_sections=text.sections, text_missing=missing)


def _text(session: Session, page_id: str) -> TextFacts | None:
    made, place = PageText, PageInclude
    row = session.execute(
        select(made.sections, made.hidden_characters, made.kept_since).where(made.page_id == page_id)
    ).one_or_none()
    if row is None:
        return None
    places = session.execute(select(place.source_id, place.state).where(place.page_id == page_id)).all()
    shown = [source_id for source_id, state in places if state == IncludeState.SHOWN]
    return TextFacts(
        sections=row.sections,
        hidden_characters=row.hidden_characters,
        kept_since=row.kept_since,
        shows=sorted({source_id for source_id in shown if source_id}),
        placeholders=len(places) - len(shown),
    )


def _facts(session: Session, row: ConfluencePage) -> StoredFacts:
    set_id = row.access_set_id
    readers = None if set_id is None else layers_of_sets(session, [set_id]).get(set_id)
    names = StoredFacts.__dataclass_fields__.keys() - {"readers"}
    return StoredFacts(readers=readers, **{name: getattr(row, name) for name in names})


def _change(change: ContentChange) -> ChangeLine:
    return ChangeLine(**{name: getattr(change, name) for name in ChangeLine.__dataclass_fields__})
