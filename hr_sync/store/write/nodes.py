"""Writes the nodes of pages that are being written: part of the statement that writes the pages."""

from typing import Any, cast

from sqlalchemy import CTE, Boolean, Table, Text, case, column, false, func, or_, select, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.dml import ReturningInsert

from hr_sync.store.access_tables import ContentNode
from hr_sync.store.write.arrays import unnested

_NODES = cast("Table", ContentNode.__table__)
_COLUMNS = ("id", "kind", "parent_id", "space_id", "restriction", "outdated", "read_at")


def write_nodes(written: CTE) -> ReturningInsert[tuple[str]]:
    """Return the statement that writes the nodes of pages: those whose restriction is given, and those that are there.

    Without a restriction the stored one stays; it is outdated unless text and space are the same as before: the facts
    of another space may be older than this one's last pass.
    """
    given = unnested(
        {name: _NODES.c[name] for name in ("id", "kind", "parent_id", "space_id")}
        | {"restriction": column("restriction", Text), "same_text": column("same_text", Boolean)}
    )
    is_given = given.c.restriction.is_not(None)
    same_space = _NODES.c.space_id == given.c.space_id
    facts = (
        select(
            given.c.id,
            given.c.kind,
            given.c.parent_id,
            given.c.space_id,
            func.coalesce(sql_cast(given.c.restriction, JSONB), _NODES.c.restriction),
            case((is_given, false()), (given.c.same_text & same_space, _NODES.c.outdated), else_=true()),
            func.now(),
        )
        .join_from(given, written, written.c.id == given.c.id)
        .outerjoin(_NODES, _NODES.c.id == given.c.id)
        .where(or_(is_given, _NODES.c.id.is_not(None)))
        .order_by(given.c.id)
    )
    nodes = upsert(_NODES).from_select(_COLUMNS, facts)
    fresh: dict[str, Any] = {name: nodes.excluded[name] for name in _COLUMNS[1:]} | {"parent_known": true()}
    differs = [_NODES.c[name].is_distinct_from(nodes.excluded[name]) for name in _COLUMNS[1:-1]]
    nodes = nodes.on_conflict_do_update(
        index_elements=["id"], set_=fresh, where=or_(*differs, _NODES.c.parent_known.is_(False))
    )
    return nodes.returning(_NODES.c.id)
