"""Searches sections by the functions that consumers call, and tells what such a search misses. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Text, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.engine import quoted_schema
from hr_sync.store.read.texts import count_pending_texts


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchAsker:
    """Somebody who searches."""

    user: str | None  #: account id or user key; None: somebody of these groups
    groups: Sequence[str] | None = None  #: ids; None: those in which the mirror has the user


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSection:
    """One section that a search found. Texts are plain: escape them before they become HTML."""

    section_id: str
    page_id: str
    ordinal: int
    title: str  #: of the page
    heading_path: Sequence[str]
    url: str  #: of the page
    space_key: str
    snippet: str
    rank: float
    version: int
    last_updated: datetime  #: when the page changed in Confluence
    checked_at: datetime | None  #: when its space was last looked at completely
    access_checked_at: datetime | None  #: when access to its space was last read completely
    attachment_id: str | None = None  #: the file whose text it is; None: of none
    comment_id: str | None = None  #: the comment whose text it is; None: of none


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchState:
    """Whether words can be searched for."""

    texts: int  #: pages that have a text
    pages_without_text: int  #: live pages without a text of their stored body in the languages of the search
    is_searchable: bool  #: a word is left of those that are given


_COLUMNS = ", ".join(field.name for field in fields(FoundSection))


def search_sections(session: Session, words: str, asker: SearchAsker | None, limit: int) -> list[FoundSection]:
    """Return the sections that fit words best, among those that an asker may read; None: of `live_sections`."""
    schema = quoted_schema(session.connection())
    if asker is None:
        call = text(f"SELECT {_COLUMNS} FROM {schema}.search_live_sections(:words, :limit)")  # noqa: S608 -- quoted
        found = session.execute(call, {"words": words, "limit": limit})
    else:
        call = text(f"SELECT {_COLUMNS} FROM {schema}.search_sections(:words, :user_id, :groups, :limit)")  # noqa: S608
        found = session.execute(_for(call, asker), {"words": words, "limit": limit})
    return [FoundSection(**row) for row in found.mappings()]


def count_readable_sections(session: Session, asker: SearchAsker | None) -> int:
    """Return how many sections an asker may read; None: how many `live_sections` has."""
    schema = quoted_schema(session.connection())
    if asker is None:
        return _number(session, text(f"SELECT count(*) FROM {schema}.live_sections"))  # noqa: S608 -- quoted
    call = text(f"SELECT {schema}.count_sections_readable_by(:user_id, :groups)")
    return _number(session, _for(call, asker))


def read_search_state(session: Session, words: str, search_languages: Sequence[str]) -> SearchState:
    """Return whether words can be searched for, and how much a search misses."""
    schema = quoted_schema(session.connection())
    query = text(f"SELECT {schema}.search_query(:words) IS NOT NULL")
    return SearchState(
        texts=_number(session, text(f"SELECT count(*) FROM {schema}.page_texts")),  # noqa: S608 -- quoted
        pages_without_text=count_pending_texts(session, search_languages),
        is_searchable=bool(session.execute(query, {"words": words}).scalar_one()),
    )


def _for(call: TextClause, asker: SearchAsker) -> TextClause:
    groups = None if asker.groups is None else list(asker.groups)
    return call.bindparams(bindparam("user_id", asker.user, Text), bindparam("groups", groups, ARRAY(Text)))


def _number(session: Session, query: Any) -> int:
    return int(session.execute(query).scalar_one())
