"""Which pages need their text made anew, and from what. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage, PageBody
from hr_sync.store.text_tables import PageText


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingText:
    """A live page whose text is missing, or was made from another body, title, space or rendering."""

    page_id: str
    title: str
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
    page, made = ConfluencePage, PageText
    differs = tuple_(
        made.content_hash,
        made.title,
        made.space_key,
        made.renderer_version,
        made.section_size,
        made.search_languages,
    ).is_distinct_from(
        tuple_(page.content_hash, page.title, page.space_key, renderer_version, section_size, _array(search_languages))
    )
    rows = session.execute(
        select(page.id, page.title, page.space_key, page.content_hash, PageBody.storage)
        .join(PageBody, PageBody.page_id == page.id)
        .outerjoin(made, made.page_id == page.id)
        .where(LIVE, page.status == "current", page.id > after, or_(made.page_id.is_(None), differs))
        .order_by(page.id)
        .limit(limit)
    )
    return [
        PendingText(
            page_id=row.id,
            title=row.title,
            space_key=row.space_key,
            content_hash=row.content_hash,
            storage=row.storage,
        )
        for row in rows
    ]


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
