"""Which pages need their text made anew, and from what. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, func, literal, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from hr_sync.domain.access import AccessMode
from hr_sync.domain.changes import IncludeState
from hr_sync.domain.comments import PageComment
from hr_sync.domain.content import ContentKind
from hr_sync.domain.outcome import Mode
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.read.comments import comments_digest, comments_of_pages, has_other_comments
from hr_sync.store.read.mentions import with_other_names
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage, PageBody, SyncRun
from hr_sync.store.text_tables import PageInclude, PageRendering, PageText

#: So long an older text is kept for a body without text; after that, a body that is read again without text counts.
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class OldText:
    """The text that a page had until now."""

    sections: int
    is_kept: bool  #: it already is that of an older body, because the newer one had no text
    is_due: bool  #: kept for longer than `KEPT_FOR`, or somebody asked for the page again
    read_again: bool  #: the body was fetched again since the text is kept
    includes_intact: bool  #: every page that it shows is live, with the body that is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingText:
    """A live page whose text is missing, or was made from other bodies, names, another title, space or rendering."""

    page_id: str
    title: str
    space_key: str
    content_hash: str
    storage: str
    outputs: str = ""  #: what its macros show, where that may be shown
    outputs_hash: str = ""
    old: OldText | None = None
    comments: Sequence[PageComment] = ()  #: those that are shown
    comments_digest: str = ""  #: over them


@dataclass(frozen=True, kw_only=True, slots=True)
class IncludedPage:
    """A page whose text may be shown in others."""

    page_id: str
    space_key: str
    content_hash: str
    storage: str


def pending_texts(
    session: Session,
    *,
    renderer_version: int,
    section_size: int,
    search_languages: Sequence[str],
    after: str,
    limit: int,
) -> Sequence[PendingText]:
    """Return the next pages in the order of their ids, those with an id greater than `after`."""
    page, made, rendering = ConfluencePage, PageText, PageRendering
    outputs_hash = func.coalesce(rendering.outputs_hash, "")
    differs = _is_made_from_others(outputs_hash, renderer_version, section_size, search_languages)
    others = or_(page.id.in_(_with_other_includes()), page.id.in_(with_other_names()))
    rows = session.execute(
        select(page.id, page.title, page.space_key, page.content_hash, PageBody.storage, made.sections)
        .add_columns(
            made.kept_since.is_not(None).label("is_kept"),
            or_(made.kept_since < func.now() - KEPT_FOR, _was_asked_for()).label("is_due"),
            (made.content_hash == "").label("read_again"),
            (~_shows_other_pages()).label("includes_intact"),
            comments_digest().label("comments_digest"),
        )
        .add_columns(rendering.outputs, outputs_hash.label("outputs_hash"))
        .join(PageBody, PageBody.page_id == page.id)
        .outerjoin(made, made.page_id == page.id)
        .outerjoin(rendering, and_(rendering.page_id == page.id, rendering.version == page.version))
        .where(LIVE, page.status == "current", page.id > after)
        .where(or_(made.page_id.is_(None), differs, others, has_other_comments()))
        .order_by(page.id)
        .limit(limit)
    )
    found = [_pending(row) for row in rows]
    comments = comments_of_pages(session, [page.page_id for page in found if page.comments_digest])
    return [replace(page, comments=comments.get(page.page_id, ())) for page in found]


def _is_made_from_others(
    outputs_hash: ColumnElement[str], renderer_version: int, section_size: int, search_languages: Sequence[str]
) -> ColumnElement[bool]:
    """Return whether a text was made of another body, title or space, or in another way than now."""
    page, made = ConfluencePage, PageText
    before = (made.content_hash, made.title, made.space_key, made.outputs_hash)
    now = (page.content_hash, page.title, page.space_key, outputs_hash)
    way = (made.renderer_version, made.section_size, made.search_languages)
    return tuple_(*before, *way).is_distinct_from(
        tuple_(*now, renderer_version, section_size, _array(search_languages))
    )


def _pending(row: Any) -> PendingText:
    old = None
    if row.sections is not None:
        old = OldText(
            sections=row.sections,
            is_kept=row.is_kept,
            is_due=bool(row.is_due),
            read_again=row.read_again,
            includes_intact=row.includes_intact,
        )
    return PendingText(
        page_id=row.id,
        title=row.title,
        space_key=row.space_key,
        content_hash=row.content_hash,
        storage=row.storage,
        outputs=row.outputs or "",
        outputs_hash=row.outputs_hash,
        old=old,
        comments_digest=row.comments_digest,
    )


def count_pending_texts(session: Session, search_languages: Sequence[str]) -> int:
    """Return how many live pages a search misses: without a text of the stored body, or one in other languages."""
    page, made = ConfluencePage, PageText
    differs = tuple_(made.content_hash, made.search_languages).is_distinct_from(
        tuple_(page.content_hash, _array(search_languages))
    )
    query = (
        select(func.count())
        .select_from(page)
        .outerjoin(made, made.page_id == page.id)
        .where(LIVE, page.status == "current", or_(made.page_id.is_(None), differs))
    )
    return session.execute(query).scalar_one()


def _array(languages: Sequence[str]) -> ColumnElement[list[str]]:
    return literal(list(languages), ARRAY(Text))


def _was_asked_for() -> ColumnElement[bool]:
    run = SyncRun
    return select(run.id).where(run.id == ConfluencePage.last_written_run_id, run.mode == Mode.RESYNC).exists()


def _may_be_included(page: Any) -> ColumnElement[bool]:
    """Return whether a page's text may be shown in others: it is live, no blog post, and its own readers are known.

    Macros name pages by their titles; posts may have the same.
    """
    is_account = select(AccessPolicyRow.mode == AccessMode.ACCOUNT).scalar_subquery()
    own = func.nullif(func.coalesce(page.own_access_set_id, page.access_set_id), 0)
    live = and_(page.hidden_at.is_(None), page.removed_at.is_(None), page.status == "current")
    live = and_(live, page.kind == ContentKind.PAGE.value)
    return and_(live, or_(own.is_not(None), is_account))


def _with_other_includes() -> Select[str]:
    """Select the pages one of whose includes leads to another page or body than when their text was made.

    The text of an older body that is kept cannot be made again: of that, only what it shows counts.
    """
    place, page = PageInclude, aliased(ConfluencePage)
    found = (
        select(page.id, page.content_hash)
        .where(func.lower(page.title) == func.lower(place.title), page.space_key == place.source_space_key)
        .where(_may_be_included(page))
        .order_by(page.id)
        .limit(1)
        .lateral("found")
    )
    kept = select(PageText.page_id).where(PageText.page_id == place.page_id, PageText.kept_since.is_not(None)).exists()
    return (
        select(place.page_id)
        .join_from(place, found, true(), isouter=True)
        .where(or_(place.state == IncludeState.SHOWN, ~kept), place.kind != "rendered")
        .where(
            tuple_(place.source_id, place.source_hash).is_distinct_from(tuple_(found.c.id, found.c.content_hash)),
        )
    )


def _shows_other_pages() -> ColumnElement[bool]:
    """Return whether the text of a page shows a page that may not be shown any more, or another body of it."""
    place, page = PageInclude, aliased(ConfluencePage)
    same = and_(page.id == place.source_id, page.content_hash == place.source_hash, _may_be_included(page))
    return (
        select(place.page_id)
        .join_from(place, page, same, isouter=True)
        .where(place.page_id == ConfluencePage.id, place.state == IncludeState.SHOWN, page.id.is_(None))
        .exists()
    )


def find_included(session: Session, title: str, space_key: str) -> IncludedPage | None:
    """Return the page with this title in a space; None if there is none whose text may be shown in others."""
    page = ConfluencePage
    row = session.execute(
        select(page.id, page.space_key, page.content_hash, PageBody.storage)
        .join(PageBody, PageBody.page_id == page.id)
        .where(func.lower(page.title) == func.lower(title), page.space_key == space_key, _may_be_included(page))
        .order_by(page.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return IncludedPage(page_id=row.id, space_key=row.space_key, content_hash=row.content_hash, storage=row.storage)
