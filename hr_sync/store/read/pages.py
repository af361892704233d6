"""Queries about the mirrored pages, one statement each. Read only.

Answers are `ConfluencePage` objects, read only by agreement: every column has its type there, and a second class with
the same columns would add none. They stay readable after the session has gone. Bodies are not among their columns.

Long answers come in pieces by keyset: ask again with the position of the last row. That costs the same for the last
piece as for the first, and neither skips nor repeats a row because another one changed in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.orm import Session

from hr_sync.domain.content import ContentKind, WithdrawalReason
from hr_sync.store.tables import ConfluencePage, PageBody

LIVE = and_(ConfluencePage.hidden_at.is_(None), ConfluencePage.removed_at.is_(None))
HIDDEN = and_(ConfluencePage.hidden_at.is_not(None), ConfluencePage.removed_at.is_(None))
REMOVED = ConfluencePage.removed_at.is_not(None)
ARCHIVED = and_(HIDDEN, ConfluencePage.hidden_reason == WithdrawalReason.ARCHIVED.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpacePages:
    """How many pages of a space are in the mirror, and how recent they are. Each page counts once."""

    space_key: str
    live: int
    hidden: int
    removed: int
    last_updated: datetime | None  #: newest change of a live page, on Confluence's clock
    synced_at: datetime  #: last write of any of its rows, on the database's clock


def find_page(session: Session, page_id: str) -> ConfluencePage | None:
    """Return one page by its id, hidden and removed ones too; None if the mirror does not have it."""
    return session.scalar(select(ConfluencePage).where(ConfluencePage.id == page_id))


def find_body(session: Session, page_id: str) -> str | None:
    """Return the body of one page in storage format; None if the mirror does not have it."""
    return session.scalar(select(PageBody.storage).where(PageBody.page_id == page_id))


def pages_of_space(
    session: Session, space_key: str, *, after_id: str = "", limit: int = 100
) -> Sequence[ConfluencePage]:
    """Return live pages of a space in the order of their ids. Continue with `after_id` = the last id."""
    page = ConfluencePage
    place = and_(page.space_key == space_key, page.id > after_id)
    return session.scalars(select(page).where(LIVE, place).order_by(page.id).limit(limit)).all()


def pages_changed_since(
    session: Session,
    since: datetime,
    *,
    after_id: str = "",
    space_key: str | None = None,
    limit: int = 100,
    archived: bool = False,
) -> Sequence[ConfluencePage]:
    """Return live pages that changed in Confluence at `since` or later, oldest change first.

    Continue with `since` and `after_id` = time and id of the last page. `since` must be aware. `archived`: pages that
    are hidden as archived, in place of live ones.
    """
    page = ConfluencePage
    query = select(page).where(
        ARCHIVED if archived else LIVE, tuple_(page.last_updated, page.id) > tuple_(since, after_id)
    )
    if space_key is not None:
        query = query.where(page.space_key == space_key)
    return session.scalars(query.order_by(page.last_updated, page.id).limit(limit)).all()


def pages_titled(session: Session, title: str) -> Sequence[ConfluencePage]:
    """Return live pages with exactly this title, in any case. A title is unique within a space only."""
    page = ConfluencePage
    return session.scalars(
        select(page).where(LIVE, func.lower(page.title) == func.lower(title)).order_by(page.space_key, page.id)
    ).all()


def search_titles(session: Session, words: str, *, limit: int = 100) -> Sequence[ConfluencePage]:
    """Return live pages whose title contains every word of `words`, in any case and order, also inside a word."""
    page = ConfluencePage
    contains = (page.title.icontains(word, autoescape=True) for word in words.split())
    return session.scalars(
        select(page).where(LIVE, *contains).order_by(func.lower(page.title), page.id).limit(limit)
    ).all()


def statistics_by_space(session: Session) -> list[SpacePages]:
    """Count what the mirror holds of each space, by key."""
    page = ConfluencePage
    rows = session.execute(
        select(
            page.space_key,
            func.count().filter(LIVE),
            func.count().filter(HIDDEN),
            func.count().filter(REMOVED),
            func.max(page.last_updated).filter(LIVE),
            func.max(page.synced_at),
        )
        .group_by(page.space_key)
        .order_by(page.space_key)
    )
    return [
        SpacePages(
            space_key=key, live=live, hidden=hidden, removed=removed, last_updated=last_updated, synced_at=synced_at
        )
        for key, live, hidden, removed, last_updated, synced_at in rows
    ]


def find_address(session: Session, title: str, space_key: str) -> tuple[str, str] | None:
    """Return title and address of the live page with this title in a space; None if there is none."""
    titled = pages_titled(session, title)  # links name pages by title; a blog post may have the same
    found = (each for each in titled if each.space_key == space_key and each.kind == ContentKind.PAGE)
    return next(((each.title, each.url) for each in found), None)
