"""Writes what is known of the access to a space: who may view it, and place and restriction of each of its nodes.

A fact is written only where it differs: a pass that finds nothing changed writes one row, that of the space.
"""

import json
from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Boolean, DateTime, TextClause, bindparam, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from hr_sync.domain.access import NodeFact, Restriction, SpaceViewers
from hr_sync.domain.content import Space
from hr_sync.store.engine import quoted_schema
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import SyncSpace
from hr_sync.store.write.access_sets import derive_sets
from hr_sync.store.write.changes import MOVES_BY_RUN
from hr_sync.store.write.recency import tell_recency
from hr_sync.store.write.shown_items import access_read_at, tell_items_known_since

# A page that this run has moved to another parent moved again, or after the pass read its place: that is not known.
# What was written since the pass began is left alone: another space has taken the page over.
_WRITE_NODES = """
WITH given AS (
    SELECT * FROM unnest(:ids, :kinds, :parents, :parents_known, :restrictions)
        AS given (id, kind, parent_id, parent_known, restriction)
), facts AS (
    SELECT given.id, coalesce(given.kind, stored.kind) AS kind, given.parent_id,
        given.parent_known AND CASE WHEN page.id IS NULL THEN true ELSE ({moves}) = 0 END AS parent_known,
        CAST(given.restriction AS jsonb) AS restriction
    FROM given LEFT JOIN {schema}.content_nodes stored USING (id)
        LEFT JOIN {schema}.confluence_pages page ON page.id = given.id AND page.removed_at IS NULL
            AND page.parent_id IS DISTINCT FROM given.parent_id
), written AS (
    INSERT INTO {schema}.content_nodes AS stored (id, kind, parent_id, parent_known, space_id, restriction)
    SELECT id, kind, parent_id, parent_known, :space_id, restriction FROM facts
    WHERE NOT EXISTS (
        SELECT FROM {schema}.content_nodes same
        WHERE same.id = facts.id AND same.space_id = :space_id AND NOT same.outdated
            AND (same.kind, same.parent_id, same.parent_known, same.restriction)
                IS NOT DISTINCT FROM (facts.kind, facts.parent_id, facts.parent_known, facts.restriction))
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, parent_id = excluded.parent_id, outdated = false,
        parent_known = excluded.parent_known, space_id = excluded.space_id, restriction = excluded.restriction,
        read_at = now()
    WHERE stored.read_at <= :began_at
    RETURNING id
), gone AS (
    DELETE FROM {schema}.content_nodes stored
    WHERE stored.space_id = :space_id AND stored.read_at <= :began_at
        AND NOT EXISTS (SELECT FROM given WHERE given.id = stored.id)
    RETURNING id
)
SELECT id FROM written UNION ALL SELECT id FROM gone"""

# What is above pages that are written. Whether a text is newer than its restriction, these facts do not say.
_WRITE_ABOVE = """
INSERT INTO {schema}.content_nodes AS stored (id, kind, parent_id, parent_known, space_id, restriction)
SELECT given.id, given.kind, given.parent_id, given.parent_known, :space_id, CAST(given.restriction AS jsonb)
FROM unnest(:ids, :kinds, :parents, :parents_known, :restrictions)
    AS given (id, kind, parent_id, parent_known, restriction)
ORDER BY given.id
ON CONFLICT (id) DO UPDATE SET kind = coalesce(excluded.kind, stored.kind), parent_id = excluded.parent_id,
    parent_known = excluded.parent_known, space_id = excluded.space_id, restriction = excluded.restriction,
    read_at = now()
WHERE (stored.parent_id, stored.parent_known, stored.space_id, stored.restriction)
    IS DISTINCT FROM (excluded.parent_id, excluded.parent_known, excluded.space_id, excluded.restriction)
RETURNING id"""

_WRITE_VIEWERS = """
WITH gone AS (
    DELETE FROM {schema}.space_permissions WHERE space_id = :space_id AND principal <> ALL (:tokens)
)
INSERT INTO {schema}.space_permissions (space_id, principal)
SELECT :space_id, unnest(:tokens) ON CONFLICT DO NOTHING"""


def write_access(
    session: Session,
    lease: Lease,
    run_id: int,
    space: Space,
    *,
    viewers: SpaceViewers,
    nodes: Collection[NodeFact],
    began_at: datetime,
) -> frozenset[str]:
    """Write the facts of a space and derive its sets. Return the live pages that have another set now.

    `nodes` are all nodes of the space: what is not among them is forgotten. Raises LeaseLost.
    """
    if not space.id:
        raise ValueError(f"space {space.key} has no id, so nothing is known of the access to it")
    check_lease(session, lease, for_update=True)
    tell_recency(session, run_id, space_key=lease.space_key)
    read_before = access_read_at(session, space.id)
    _write_viewers(session, lease, space, viewers, began_at)
    written = _write_nodes(session, run_id, space, nodes, began_at)
    restricted = derive_sets(session, run_id, written, space_id=space.id)
    tell_recency(session, run_id, space_key=lease.space_key)
    tell_items_known_since(session, run_id, space.id, read_before)
    return restricted


def write_above(session: Session, space_id: str, nodes: Collection[NodeFact]) -> frozenset[str]:
    """Write nodes that stand above pages of a space. Return the ids of those that differed."""
    if not nodes:
        return frozenset()
    statement = _with_nodes(_WRITE_ABOVE, quoted_schema(session.connection()))
    return frozenset(session.scalars(statement, _node_values(nodes) | {"space_id": space_id}))


def _node_values(nodes: Collection[NodeFact]) -> dict[str, Any]:
    given = sorted(nodes, key=lambda node: node.id)
    return {
        "ids": [node.id for node in given],
        "kinds": [node.kind for node in given],
        "parents": [node.parent_id for node in given],
        "parents_known": [node.parent_known for node in given],
        "restrictions": [restriction_json(node.restriction) for node in given],
    }


def restriction_json(restriction: Restriction | None) -> str | None:
    """Return how a restriction is stored, as JSON text; None if it is not known."""
    if restriction is None:
        return None
    return json.dumps({"users": sorted(restriction.users), "groups": sorted(restriction.groups)})


def _write_viewers(session: Session, lease: Lease, space: Space, viewers: SpaceViewers, began_at: datetime) -> None:
    state = {
        "viewers_known": viewers.layer is not None,
        "viewers_source": viewers.source,
        "viewers_doubt": viewers.doubt,
        "access_checked_at": began_at,
    }
    session.execute(update(SyncSpace).where(SyncSpace.space_key == lease.space_key).values(state))
    tokens = [] if viewers.layer is None else sorted(principal.token for principal in viewers.layer)
    statement = _viewers_statement(quoted_schema(session.connection()))
    session.execute(statement, {"tokens": tokens, "space_id": space.id})


def _write_nodes(
    session: Session, run_id: int, space: Space, nodes: Collection[NodeFact], began_at: datetime
) -> frozenset[str]:
    """Write the nodes that differ, and delete those that are gone. Return the ids of both."""
    values = _node_values(nodes) | {"space_id": space.id, "run_id": run_id, "began_at": began_at}
    began = bindparam("began_at", type_=DateTime(timezone=True))
    statement = _with_nodes(_WRITE_NODES, quoted_schema(session.connection())).bindparams(began)
    return frozenset(session.scalars(statement, values))


@cache
def _viewers_statement(schema: str) -> TextClause:
    return text(_WRITE_VIEWERS.format(schema=schema)).bindparams(
        bindparam("space_id", type_=Text), bindparam("tokens", type_=ARRAY(Text))
    )


@cache
def _with_nodes(statement: str, schema: str) -> TextClause:
    texts = ("ids", "kinds", "parents", "restrictions")
    moves = MOVES_BY_RUN.format(schema=schema)
    return text(statement.format(schema=schema, moves=moves)).bindparams(
        *(bindparam(name, type_=ARRAY(Text)) for name in texts),
        bindparam("parents_known", type_=ARRAY(Boolean)),
        bindparam("space_id", type_=Text),
    )
