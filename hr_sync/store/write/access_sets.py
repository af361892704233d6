"""Derives the access sets of pages from the stored facts: for whole subtrees, in one statement.

It is `hr_sync.domain.access.access_set_of` in SQL; a property test holds the two equal. It runs in the transaction that
changes a fact, a parent or a space, and writes only pages whose set differs, each with its feed row.

Walking down from the top of a space, a node adds the name of its own layer to those of its parent; where something is
not known the walk ends, so that everything below has no set. A cycle of parents is never reached from a top.

Only a pass over the whole space, or the write of a page whose facts were all read with it, gives a page the set that
follows from the facts. Everything else below has facts of two moments: new ones from above, older ones of its own. Such
a page keeps the layers that it has and gets the new ones as well, so that nobody may read it who could not before.

All of that is the own set of a page. `included_access.py` adds the layers of the pages that its text shows.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType, Text

from hr_sync.domain.scope import MAX_LEVELS
from hr_sync.store.engine import quoted_schema, set_local
from hr_sync.store.write.changes import record_restricted
from hr_sync.store.write.included_access import derive_of_hosts, hosts_of
from hr_sync.store.write.set_rows import (
    BY_REASON,
    DIGEST,
    LAYER_NAME,
    LIVE,
    OWN_SET,
    lock_policy,
    restricted_pages,
    set_rows,
)

# Which nodes are concerned, apart from the derivation: how many rows a recursion gives is not known beforehand, and
# with an estimate that is wrong by a thousand times the derivation is planned badly. Arrays in text: they go back as
# they came, and thousands of ids are neither read nor written here. They go back without a type, so that PostgreSQL
# reads them as constant arrays, and hashes them. A cast from text would be read again for each row that is compared.
_CONCERNED = """
WITH RECURSIVE roots (id) AS (
    {roots}
), below (id) AS (
    SELECT id FROM roots
    UNION SELECT node.id FROM below JOIN {schema}.content_nodes node ON node.parent_id = below.id
), above (id) AS (
    SELECT node.parent_id FROM roots JOIN {schema}.content_nodes node USING (id) WHERE node.parent_id IS NOT NULL
    UNION SELECT node.parent_id FROM above JOIN {schema}.content_nodes node USING (id) WHERE node.parent_id IS NOT NULL
)
SELECT count(*) AS number, CAST(array_agg(id) AS text) AS ids,
    CAST(ARRAY(SELECT id FROM above EXCEPT SELECT id FROM below) AS text) AS above
FROM below"""

# OFFSET 0 keeps a subquery apart, so that it is computed once where two expressions use it.
_DERIVE = """
WITH RECURSIVE nodes AS MATERIALIZED (
    SELECT node.id, node.parent_id, node.space_id, node.outdated, node.parent_known AND node.restriction IS NOT NULL
        AS is_known, own.tokens, {layer_of_own} AS layer
    FROM {schema}.content_nodes node CROSS JOIN LATERAL (
        SELECT CASE WHEN node.restriction = CAST(:nobody AS jsonb) THEN NULL ELSE (
            SELECT CAST(jsonb_agg(token ORDER BY token COLLATE "C") AS text) FROM (
                SELECT 'u:' || name FROM jsonb_array_elements_text(node.restriction -> 'users') AS who (name)
                UNION ALL SELECT 'g:' || name FROM jsonb_array_elements_text(node.restriction -> 'groups') AS who (name)
            ) AS tokens (token)
        ) END OFFSET 0
    ) AS own (tokens)
    WHERE node.id = ANY (CAST(:ids AS text[]) || CAST(:above AS text[]))
), known (id, space_id, outdated, level, layers) AS (
    SELECT id, space_id, outdated, 1, CASE WHEN layer IS NULL THEN CAST('{{}}' AS text[]) ELSE ARRAY[layer] END
    FROM nodes WHERE parent_id IS NULL AND is_known
    UNION ALL
    SELECT nodes.id, nodes.space_id, nodes.outdated, known.level + 1, CASE
        WHEN nodes.layer IS NULL OR nodes.layer = ANY (known.layers) THEN known.layers
        ELSE ARRAY(SELECT each FROM unnest(known.layers || nodes.layer) AS each ORDER BY each COLLATE "C")
    END
    FROM known JOIN nodes ON nodes.parent_id = known.id
    WHERE nodes.is_known AND known.level < {levels}
), pages AS (
    SELECT page.id, {own} AS before, known.space_id, page.space_id AS stored_in,
        CASE WHEN NOT known.outdated AND known.space_id = page.space_id THEN known.layers END AS layers,
        CASE WHEN {fresh} THEN 0 ELSE {own} END AS within
    FROM {schema}.confluence_pages page LEFT JOIN known USING (id)
    WHERE page.id = ANY (CAST(:ids AS text[])) AND {live}
), kinds AS MATERIALIZED (
    SELECT DISTINCT space_id, layers, within FROM pages WHERE layers IS NOT NULL AND within IS NOT NULL
), viewers AS MATERIALIZED (
    SELECT space_id, tokens, {layer_of_viewers} AS layer
    FROM (SELECT DISTINCT space_id FROM kinds) AS spaces
        CROSS JOIN LATERAL (
            SELECT CAST(coalesce(jsonb_agg(principal ORDER BY principal COLLATE "C"), '[]') AS text)
            FROM {schema}.space_permissions permission WHERE permission.space_id = spaces.space_id
        ) AS named (tokens)
    WHERE EXISTS (SELECT FROM {schema}.sync_spaces space WHERE space.space_id = spaces.space_id AND space.viewers_known)
), texts AS (
    SELECT layer, tokens FROM nodes WHERE layer IS NOT NULL UNION SELECT layer, tokens FROM viewers
), wholes AS MATERIALIZED (
    -- What is within a set that is gone, or has lost a layer, is not known.
    SELECT space_id, kinds.layers, kinds.within, CASE WHEN kinds.within = 0 OR cardinality(stored.within) = (
        SELECT access_set.layers FROM {schema}.access_sets access_set WHERE access_set.id = kinds.within
    ) THEN ARRAY(
        SELECT each FROM (
            SELECT unnest(kinds.layers) UNION SELECT viewers.layer UNION SELECT unnest(stored.within)
        ) AS every (each) ORDER BY each COLLATE "C"
    ) END AS whole
    FROM kinds JOIN viewers USING (space_id) CROSS JOIN LATERAL (
        SELECT ARRAY(SELECT layer FROM {schema}.access_layers WHERE set_id = kinds.within) OFFSET 0
    ) AS stored (within)
), digests AS (
    SELECT *, {digest} AS digest FROM (
        SELECT *, CAST('{{}}' AS text[]) AS spaces FROM wholes WHERE whole IS NOT NULL
    ) AS of_one_space
), {rows}, differing AS (
    SELECT pages.id, pages.stored_in, pages.before, numbers.id AS after
    FROM pages LEFT JOIN digests USING (space_id, layers, within) LEFT JOIN numbers USING (digest)
    WHERE pages.before IS DISTINCT FROM numbers.id
), derived AS (
    UPDATE {schema}.confluence_pages page
    -- Nothing that an index holds: the row of a page changes in its block, which is several times as fast.
    SET access_set_id = CASE WHEN page.own_access_set_id IS NULL THEN differing.after ELSE page.access_set_id END,
        own_access_set_id = CASE WHEN page.own_access_set_id IS NOT NULL THEN coalesce(differing.after, 0) END
    -- Row by row in the order of the ids, which is the order in which rows are locked: an array of one is compared by
    -- no hash and no merge join, so that each row is found by the index (scans are off), in the order of what is given.
    FROM (SELECT * FROM differing ORDER BY id) AS differing
    -- The set of a page that has been moved to another space meanwhile is the matter of who moved it.
    WHERE page.id = ANY (ARRAY[differing.id]) AND page.space_id IS NOT DISTINCT FROM differing.stored_in AND {live}
    RETURNING page.id, page.space_key, page.kind, page.version, differing.before, differing.after,
        page.own_access_set_id IS NOT NULL AS shows_others
)
{by_reason}, shows_others
FROM derived GROUP BY space_key, kind, was_known, is_known, shows_others"""

# A page below that is in another space has facts of another pass.
_FRESH = "page.id = ANY (CAST(:fresh AS text[])) OR known.space_id = CAST(:fresh_space AS text)"
_OF_THESE = "SELECT unnest(CAST(:ids AS text[]))"
# Also pages without a node: whatever the set of one is, it is not known.
_OF_SPACE = """SELECT unnest(CAST(:ids AS text[]))
    UNION SELECT id FROM {schema}.content_nodes WHERE space_id = :space_id
    UNION SELECT id FROM {schema}.confluence_pages WHERE space_id = :space_id
        AND (access_set_id IS NOT NULL OR own_access_set_id IS NOT NULL)"""


def derive_sets(
    session: Session,
    run_id: int,
    node_ids: Collection[str],
    *,
    space_id: str | None = None,
    fresh: Collection[str] = (),
) -> frozenset[str]:
    """Derive the sets of these nodes and of everything below them. Return the live pages that have another one now.

    `space_id`: of every node of this space too, all of whose facts have just been read. `fresh`: pages of which the
    same is true. The sets of other pages become narrower, never wider, and one that is not known stays so.
    """
    if not node_ids and space_id is None:
        return frozenset()
    schema = quoted_schema(session.connection())
    audience = lock_policy(session)
    roots: dict[str, Any] = {"ids": sorted(node_ids)} | ({} if space_id is None else {"space_id": space_id})
    concerned = session.execute(_concerned(schema, of_space=space_id is not None), roots).one()
    if not concerned.number:
        return frozenset()
    # Rows are found by an index in a tenth of the time that the planner expects, and those of a whole table as fast as
    # by a scan. A scan of few pages as the outer side of the join would also lock them in the order in which they lie.
    set_local(session.connection(), enable_seqscan="off")
    values: dict[str, Any] = {
        "ids": concerned.ids,
        "above": concerned.above,
        "nobody": '{"users": [], "groups": []}',
        "asker": audience.asker,
        "licence": audience.licence,
        "fresh": sorted(fresh),
        "fresh_space": space_id,
    }
    derived = session.execute(_derive(schema), values).all()
    record_restricted(session, run_id, restricted_pages(row for row in derived if not row.shows_others))
    alone = frozenset(page_id for row in derived if not row.shows_others for page_id in row.ids)
    hosts = frozenset(page_id for row in derived if row.shows_others for page_id in row.ids)
    return alone | derive_of_hosts(session, run_id, hosts | hosts_of(session, alone | hosts))


@cache
def _concerned(schema: str, *, of_space: bool) -> TextClause:
    roots = (_OF_SPACE if of_space else _OF_THESE).format(schema=schema)
    statement = text(_CONCERNED.format(schema=schema, roots=roots))
    return statement.bindparams(bindparam("ids", type_=ARRAY(Text)))


@cache
def _derive(schema: str) -> TextClause:
    statement = _DERIVE.format(
        schema=schema,
        fresh=_FRESH,
        levels=MAX_LEVELS,
        own=OWN_SET,
        digest=DIGEST,
        layer_of_own=LAYER_NAME.format(tokens="own.tokens"),
        layer_of_viewers=LAYER_NAME.format(tokens="named.tokens"),
        rows=set_rows(schema),
        live=LIVE,
        by_reason=BY_REASON,
    )
    arrays = (bindparam(name, type_=ARRAY(Text)) for name in ("asker", "licence", "fresh"))
    return text(statement).bindparams(*arrays, *(bindparam(name, type_=NullType()) for name in ("ids", "above")))
