"""Questions of consumers about the mirror, one statement each, by the views and functions that consumers may use.

Nothing here reads a table: what a question returns is never wider than the view or function that it asks, and a role
that may use those alone (`scripts/sql/grants.sql`) may ask all of it.

Long answers come in pieces. Whoever shows pages one screen after the other asks by keyset, with the position of the
last row: that neither skips nor repeats a row because another one changed in between. PostgreSQL does not walk an index
in order through a view that is a security barrier, so that every such piece costs what the rest of the view costs.
Whoever needs everything asks for all ids once, and for the rows of a few hundred at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Table, Text, bindparam, func, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.engine import quoted_schema
from hr_sync.store.read.live_items import LiveAttachment, LiveComment
from hr_sync.store.views import VIEWS

_BY_NAME: dict[str, Table] = {view.table.name: view.table for view in VIEWS}
LIVE_PAGES = _BY_NAME["live_pages"]
LIVE_SECTIONS = _BY_NAME["live_sections"]
LIVE_COMMENTS = _BY_NAME["live_comments"]
LIVE_ATTACHMENTS = _BY_NAME["live_attachments"]
MIRROR_FRESHNESS = _BY_NAME["mirror_freshness"]

Line = TypeVar("Line", "LivePage", "LiveSection", LiveAttachment, LiveComment, "SpaceFreshness", "SpaceStatistics")


@dataclass(frozen=True, kw_only=True, slots=True)
class LivePage:
    """A page that consumers are shown. Times are aware, in UTC."""

    id: str
    title: str
    space_key: str
    content_hash: str  #: SHA-256 of the sanitised storage body, 64 hex digits
    last_updated: datetime  #: when it last changed in Confluence, on Confluence's clock
    version: int  #: Confluence's; may go down
    url: str  #: in a browser
    parent_id: str | None  #: None: at the top of its space
    synced_at: datetime  #: when its row was last written, on the database's clock
    checked_at: datetime | None  #: when everything in its space was last looked at; None: not yet
    access_checked_at: datetime | None  #: when the last look at access to its space began; None: not yet
    kind: str = "page"  #: page or blog_post


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveSection:
    """A section of a page that consumers are shown. Times are aware, in UTC."""

    section_id: str  #: 32 hex digits; edits elsewhere on the page do not change it
    page_id: str
    ordinal: int  #: position within the page, from 0
    level: int  #: 1 to 6; 0 for what stands before the first heading
    parent_section_id: str | None
    heading_path: tuple[str, ...]  #: headings from the top to this section
    text: str  #: Markdown, with the heading
    embed_text: str  #: a line of space, page and headings, then the text
    text_hash: str  #: SHA-256 of the text alone, 64 hex digits
    title: str  #: of the page, as are the following
    url: str
    space_key: str
    version: int
    last_updated: datetime
    checked_at: datetime | None
    access_checked_at: datetime | None
    attachment_id: str | None  #: the file whose text it is; None: of none
    comment_id: str | None  #: the comment whose text it is; None: of none
    page_kind: str = "page"  #: page or blog_post


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceFreshness:
    """How old is what consumers see of one space. Times are aware, in UTC."""

    space_key: str
    space_id: str | None
    name: str | None
    checked_at: datetime | None  #: end of the last run that looked at everything that may have changed
    listed_at: datetime | None  #: end of the last complete full listing: since then no deletion was missed
    access_checked_at: datetime | None  #: beginning of the last complete look at who may read what
    access_is_recent: bool  #: False: access counts as not known
    viewers_known: bool  #: whether it is known who may view the space
    is_shown: bool  #: False: hidden, since no run could look at it for too long
    access_mode: str  #: enforce or account, see docs/access.md
    attachments_checked_at: datetime | None = None  #: end of the last such run that read the list of attachments too
    comments_checked_at: datetime | None = None  #: and of the last one that read the list of comments


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceStatistics:
    """How many pages of a space consumers are shown, and how recent they are. Times are aware, in UTC."""

    space_key: str
    pages: int
    last_updated: datetime  #: newest change of a page, on Confluence's clock
    synced_at: datetime  #: last write of a page, on the database's clock


def find_live_page(session: Session, page_id: str) -> LivePage | None:
    """Return one page by its id; None if consumers are not shown it."""
    found = _lines(session, LivePage, _pages().where(LIVE_PAGES.c.id == storable(page_id)))
    return found[0] if found else None


def find_live_body(session: Session, page_id: str) -> str | None:
    """Return the body of one page in storage format; None if consumers are not shown it."""
    return session.scalar(select(LIVE_PAGES.c.storage).where(LIVE_PAGES.c.id == storable(page_id)))


def live_pages(session: Session, *, space_key: str | None, after: str, limit: int) -> list[LivePage]:
    """Return pages in the order of their ids, those with an id greater than `after`."""
    query = _within(_pages().where(LIVE_PAGES.c.id > storable(after)), LIVE_PAGES, space_key)
    return _lines(session, LivePage, query.order_by(LIVE_PAGES.c.id).limit(limit))


def live_pages_changed_since(
    session: Session, since: datetime, *, after: str, space_key: str | None, limit: int
) -> list[LivePage]:
    """Return pages that changed in Confluence at `since` or later, oldest change first; at `since` those `after`."""
    place = (LIVE_PAGES.c.last_updated, LIVE_PAGES.c.id)
    query = _within(_pages().where(tuple_(*place) > tuple_(since, storable(after))), LIVE_PAGES, space_key)
    return _lines(session, LivePage, query.order_by(*place).limit(limit))


def live_pages_titled(session: Session, title: str, *, space_key: str | None) -> list[LivePage]:
    """Return pages with exactly this title, in any case. A title is unique within a space only."""
    query = _pages().where(func.lower(LIVE_PAGES.c.title) == func.lower(storable(title)))
    query = _within(query, LIVE_PAGES, space_key)
    return _lines(session, LivePage, query.order_by(LIVE_PAGES.c.space_key, LIVE_PAGES.c.id))


def search_live_titles(session: Session, words: str, *, space_key: str | None, limit: int) -> list[LivePage]:
    """Return pages whose title contains every word, in any case and order, also inside a word."""
    contains = (LIVE_PAGES.c.title.icontains(word, autoescape=True) for word in storable(words).split())
    query = _within(_pages().where(*contains), LIVE_PAGES, space_key)
    return _lines(session, LivePage, query.order_by(func.lower(LIVE_PAGES.c.title), LIVE_PAGES.c.id).limit(limit))


def count_live_pages(session: Session, *, space_key: str | None) -> int:
    """Count the pages of a space, or of all."""
    counted: int = session.execute(_within(select(func.count(LIVE_PAGES.c.id)), LIVE_PAGES, space_key)).scalar_one()
    return counted


def live_statistics(session: Session) -> list[SpaceStatistics]:
    """Count the pages of each space, by key. A space without a page that consumers are shown is absent."""
    page = LIVE_PAGES.c
    query = select(
        page.space_key,
        func.count(page.id).label("pages"),
        func.max(page.last_updated).label("last_updated"),
        func.max(page.synced_at).label("synced_at"),
    )
    return _lines(session, SpaceStatistics, query.group_by(page.space_key).order_by(page.space_key))


def freshness_by_space(session: Session) -> list[SpaceFreshness]:
    """Return how old is what consumers see, by the keys of the spaces."""
    return _lines(
        session, SpaceFreshness, select(*_columns(MIRROR_FRESHNESS, SpaceFreshness)).order_by("space_key", "space_id")
    )


def find_live_section(session: Session, section_id: str) -> LiveSection | None:
    """Return one section by its id; None if consumers are not shown it."""
    found = _lines(session, LiveSection, _sections().where(LIVE_SECTIONS.c.section_id == storable(section_id)))
    return found[0] if found else None


def live_page_ids(session: Session, *, space_key: str | None, since: datetime | None = None) -> list[str]:
    """Return the ids of the pages of a space, or of all, in their order; with `since` those changed then or later.

    Those come in the order of their changes.
    """
    page = LIVE_PAGES.c
    query = _within(select(page.id), LIVE_PAGES, space_key)
    if since is None:
        query = query.order_by(page.id)
    else:
        query = query.where(page.last_updated >= since).order_by(page.last_updated, page.id)
    return list(session.scalars(query))


def live_pages_by_id(session: Session, page_ids: Sequence[str]) -> list[LivePage]:
    """Return those of these pages that consumers are shown, in the order of `page_ids`."""
    found = {page.id: page for page in _lines(session, LivePage, _pages().where(_is_any(LIVE_PAGES.c.id, page_ids)))}
    return [found[page_id] for page_id in page_ids if page_id in found]


def live_sections_of(session: Session, page_ids: Sequence[str]) -> list[LiveSection]:
    """Return the sections of those of these pages that consumers are shown, by page and in their order."""
    section = LIVE_SECTIONS.c
    query = _sections().where(_is_any(section.page_id, page_ids)).order_by(section.page_id, section.ordinal)
    return _lines(session, LiveSection, query)


def live_attachments_of(session: Session, page_id: str) -> list[LiveAttachment]:
    """Return the files of a page, by name; none if consumers are not shown the page."""
    file = LIVE_ATTACHMENTS.c
    query = select(*_columns(LIVE_ATTACHMENTS, LiveAttachment)).where(file.page_id == storable(page_id))
    return _lines(session, LiveAttachment, query.order_by(file.name, file.id))


def readable_attachment_ids(session: Session, user: str | None, groups: Sequence[str] | None) -> frozenset[str]:
    """Return the ids of the attachments of live pages that somebody may read."""
    return frozenset(_call(session, "attachments_readable_by(:user, :groups)", user, groups))


def live_comments_of(session: Session, page_id: str) -> list[LiveComment]:
    """Return the comments about a page in the order of their creation; none if consumers are not shown the page."""
    comment = LIVE_COMMENTS.c
    query = select(*_columns(LIVE_COMMENTS, LiveComment)).where(comment.page_id == storable(page_id))
    return _lines(session, LiveComment, query.order_by(comment.created_at.nulls_first(), comment.id))


def readable_comment_ids(session: Session, user: str | None, groups: Sequence[str] | None) -> frozenset[str]:
    """Return the ids of the comments about live pages that somebody may read."""
    return frozenset(_call(session, "comments_readable_by(:user, :groups)", user, groups))


def readable_page_ids(session: Session, user: str | None, groups: Sequence[str] | None) -> frozenset[str]:
    """Return the ids of the live pages that somebody may read."""
    return frozenset(_call(session, "pages_readable_by(:user, :groups)", user, groups))


def readable_section_ids(session: Session, user: str | None, groups: Sequence[str] | None) -> frozenset[str]:
    """Return the ids of the sections that somebody may read."""
    return frozenset(_call(session, "sections_readable_by(:user, :groups)", user, groups))


def may_read_page(session: Session, user: str | None, groups: Sequence[str] | None, page_id: str) -> bool:
    """Return True if somebody may read a live page."""
    return _call(session, "may_read(:user, :groups, :page)", user, groups, page=storable(page_id)) == [True]


def storable(given: str) -> str:
    """Return a text without what PostgreSQL cannot hold, so that a question with it finds nothing and does not fail."""
    return given.replace("\0", "\ufffd").encode(errors="replace").decode()


def _call(session: Session, call: str, user: str | None, groups: Sequence[str] | None, **others: str) -> Sequence[Any]:
    # As text: SQLAlchemy does not translate the schema of a function.
    statement = text(f"SELECT {quoted_schema(session.connection())}.{call}").bindparams(
        bindparam("user", None if user is None else storable(user), Text),
        bindparam("groups", None if groups is None else [storable(group) for group in groups], ARRAY(Text)),
    )
    return session.scalars(statement, others).all()


def _is_any(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    # One array: a list of values would be another statement for every length.
    return column == func.any(literal([storable(each) for each in values], ARRAY(Text)))


def _pages() -> Select[Any]:
    return select(*_columns(LIVE_PAGES, LivePage))


def _sections() -> Select[Any]:
    return select(*_columns(LIVE_SECTIONS, LiveSection))


def _columns(view: Table, line: type[Any]) -> list[ColumnElement[Any]]:
    return [view.c[each.name] for each in fields(line)]


def _within(query: Select[Any], view: Table, space_key: str | None) -> Select[Any]:
    return query if space_key is None else query.where(view.c.space_key == storable(space_key))


def _lines(session: Session, line: type[Line], query: Select[Any]) -> list[Line]:
    return [line(**_frozen(row)) for row in session.execute(query).mappings()]


def _frozen(row: Any) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
