"""The statements that write pages, bodies and changes, and the rows that go into them. Executes nothing.

Many rows go in by one statement that unnests one array for each column: PostgreSQL parses and plans once for all of
them, and the arrays go over in binary, so that nothing of a body is quoted.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnClause, Table, TableValuedAlias, Text, bindparam, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.dml import Insert, Update

from hr_sync.database.tables import ConfluencePage, PageBody, PageChange
from hr_sync.model.change import Before, facets
from hr_sync.model.page import Head, metadata_digest

_PAGES = cast("Table", ConfluencePage.__table__)
_BODIES = cast("Table", PageBody.__table__)
_CHANGES = cast("Table", PageChange.__table__)

_HEAD_COLUMNS = (
    "title",
    "space_key",
    "space_id",
    "last_updated",
    "version",
    "url",
    "parent_id",
    "parent_type",
    "status",
    "metadata_digest",
    "last_seen_run",
)
_BETWEEN_FACETS = ","  # arrays of arrays cannot be unnested by one level
# A page that is written is listed, so it is live again, whatever it was.
_SHOWN: dict[str, Any] = {"missing_since_run": None, "hidden_at": None, "removed_at": None, "removed_reason": None}


@cache
def upsert_pages() -> Insert:
    """Insert pages, or overwrite the rows that are there; takes the columns of `head_row` and `content_hash`."""
    names = ("id", *_HEAD_COLUMNS, "content_hash")
    statement = upsert(_PAGES).from_select(names, select(_unnested({name: _PAGES.c[name] for name in names})))
    fresh = {name: statement.excluded[name] for name in names[1:]}
    return statement.on_conflict_do_update(index_elements=["id"], set_=fresh | _SHOWN | {"synced_at": func.now()})


@cache
def update_heads() -> Update:
    """Overwrite heads where the body stays; takes rows of `head_row` with `page_id` in place of `id`."""
    fresh: dict[str, Any] = {name: bindparam(name) for name in _HEAD_COLUMNS}
    return update(_PAGES).where(_PAGES.c.id == bindparam("page_id")).values(fresh | _SHOWN | {"synced_at": func.now()})


@cache
def upsert_bodies() -> Insert:
    """Insert or overwrite bodies; takes the columns `page_id` and `storage`."""
    names = ("page_id", "storage")
    statement = upsert(_BODIES).from_select(names, select(_unnested({name: _BODIES.c[name] for name in names})))
    return statement.on_conflict_do_update(index_elements=["page_id"], set_={"storage": statement.excluded.storage})


@cache
def insert_changes() -> Insert:
    """Add to the feed; takes the columns of `change_row`."""
    names = ("page_id", "space_key", "run_id", "action", "version", "reason")
    given = _unnested({name: _CHANGES.c[name] for name in names} | {"facets": column("facets", Text)})
    facets_ = func.string_to_array(given.c.facets, _BETWEEN_FACETS)
    return insert(_CHANGES).from_select([*names, "facets"], select(*(given.c[name] for name in names), facets_))


def _unnested(columns: Mapping[str, ColumnClause[Any]]) -> TableValuedAlias:
    """Give rows from one array parameter for each column, named and typed like it."""
    arrays = (bindparam(name, type_=ARRAY(like.type)) for name, like in columns.items())
    return func.unnest(*arrays).table_valued(*columns).render_derived()


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns, one list for each name."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def head_row(head: Head, run_id: int) -> dict[str, Any]:
    """Give the columns that a head fills."""
    return {
        "id": head.id,
        "title": head.title,
        "space_key": head.space_key,
        "space_id": head.space_id,
        "last_updated": head.last_updated,
        "version": head.version,
        "url": head.url,
        "parent_id": head.parent_id,
        "parent_type": head.parent_type,
        "status": head.status,
        "metadata_digest": metadata_digest(head),
        "last_seen_run": run_id,
    }


def change_row(
    head: Head, run_id: int, *, action: str, reason: str, content_hash: str | None, before: Before | None
) -> dict[str, Any]:
    """Give the feed row of a written page."""
    return {
        "page_id": head.id,
        "space_key": head.space_key,
        "run_id": run_id,
        "action": action,
        "facets": _BETWEEN_FACETS.join(facets(before, head, content_hash)),
        "version": head.version,
        "reason": reason,
    }
