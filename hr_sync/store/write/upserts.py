"""The statements that write pages, bodies and changes, and the rows that go into them. Executes nothing.

A chunk of pages goes in by one statement: its parts are the upsert of the pages, that of the bodies, the feed and the
failures that are over. Each part unnests one array for each column, so that PostgreSQL parses and plans once for all
pages, and the arrays go over in binary, so that nothing of a body is quoted.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnClause,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.dml import Delete, Update

from hr_sync.domain.changes import Before, changed_fields
from hr_sync.domain.content import Head, metadata_digest
from hr_sync.store.tables import ConfluencePage, ContentChange, PageBody, PageFailure

# The tables behind the classes: statements over classes pass through the ORM, which finds nothing to do here.
PAGES = cast("Table", ConfluencePage.__table__)
_BODIES = cast("Table", PageBody.__table__)
_CHANGES = cast("Table", ContentChange.__table__)
_FAILURES = cast("Table", PageFailure.__table__)

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
    "last_written_run_id",
)
_BETWEEN_FACETS = ","  # arrays of arrays cannot be unnested by one level
# A page that is written is listed, so it is live again, whatever it was.
_SHOWN: dict[str, Any] = {"missing_since_run_id": None, "hidden_at": None, "removed_at": None, "removed_reason": None}


@cache
def put_pages() -> Delete:
    """Insert pages with their bodies, or overwrite what is there. Takes the columns of `row_of`."""
    names = ("id", *_HEAD_COLUMNS, "content_hash")
    pages = upsert(PAGES).from_select(names, select(_unnested({name: PAGES.c[name] for name in names})))
    fresh = {name: pages.excluded[name] for name in names[1:]}
    pages = pages.on_conflict_do_update(index_elements=["id"], set_=fresh | _SHOWN | {"synced_at": func.now()})
    given = _unnested({"id": PAGES.c.id, "storage": _BODIES.c.storage})
    bodies = upsert(_BODIES).from_select(["page_id", "storage"], select(given))
    bodies = bodies.on_conflict_do_update(index_elements=["page_id"], set_={"storage": bodies.excluded.storage})
    return _told(pages.cte("written_pages"), bodies.cte("written_bodies"))


@cache
def put_heads() -> Delete:
    """Overwrite the heads of pages whose bodies stay. Takes the columns of `row_of`."""
    given = _unnested({name: PAGES.c[name] for name in ("id", *_HEAD_COLUMNS)})
    fresh: dict[str, Any] = {name: given.c[name] for name in _HEAD_COLUMNS}
    heads: Update = update(PAGES).where(PAGES.c.id == given.c.id).values(fresh | _SHOWN | {"synced_at": func.now()})
    return _told(heads.cte("written_pages"))


def _told(*writes: CTE) -> Delete:
    """Do these, tell the feed of each page, and forget that it failed."""
    given = _unnested(
        {"id": PAGES.c.id, "last_written_run_id": PAGES.c.last_written_run_id}
        | {name: _CHANGES.c[name] for name in ("space_key", "version", "action", "reason")}
        | {"changed_fields": column("changed_fields", Text)}
    )
    change = {
        "page_id": given.c.id,
        "run_id": given.c.last_written_run_id,
        "changed_fields": func.string_to_array(given.c.changed_fields, _BETWEEN_FACETS),
    } | {name: given.c[name] for name in ("space_key", "version", "action", "reason")}
    feed = insert(_CHANGES).from_select(list(change), select(*change.values()))
    over = _FAILURES.c.page_id == func.any(_array("id", Text))
    return delete(_FAILURES).where(over).add_cte(*writes, feed.cte("told"))


def _unnested(columns: Mapping[str, ColumnClause[Any]]) -> TableValuedAlias:
    """Return rows from one array parameter for each column, named and typed like it."""
    arrays = (_array(name, like.type) for name, like in columns.items())
    return (
        func.unnest(*arrays).table_valued(*(column(name, like.type) for name, like in columns.items())).render_derived()
    )


def _array(name: str, kind: Any) -> BindParameter[Any]:
    return bindparam(_parameter(name), type_=ARRAY(kind))


def _parameter(name: str) -> str:
    # Not the bare name: SQLAlchemy would take it for a column that an update is to set.
    return f"given_{name}"


def as_arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into the parameters of these statements, one list for each column."""
    return {_parameter(name): [row[name] for row in rows] for name in rows[0]}


def row_of(
    head: Head,
    run_id: int,
    *,
    action: str,
    reason: str,
    content_hash: str | None,
    storage: str | None,
    before: Before | None,
) -> dict[str, Any]:
    """Return what a head and its change fill in."""
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
        "last_written_run_id": run_id,
        "content_hash": content_hash,
        "storage": storage,
        "action": action,
        "changed_fields": _BETWEEN_FACETS.join(changed_fields(before, head, content_hash)),
        "reason": reason,
    }
