"""Derives the access sets of pages from the stored facts: for whole subtrees, in one statement.

It is `hr_sync.domain.access.access_set_of` in SQL; a property test holds the two equal. It runs in the transaction that
changes a fact, a parent or a space, and writes only pages whose set differs, each with its feed row.

A layer is the text of a JSON array of tokens, sorted; a set is a JSON array of layers, sorted. Walking down from the
top of a space, a node adds its own layer to those of its parent; where something is not known the walk ends, so that
everything below has no set. A cycle of parents is never reached from a top.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Boolean, TextClause, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from hr_sync.domain.access import Audience, Principal, PrincipalKind
from hr_sync.domain.scope import MAX_LEVELS
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.engine import quoted_schema, set_local
from hr_sync.store.write.changes import RESTRICTED_PAGES

#: Whether the audience passes a set, given as its JSON array of layers.
AUDIENCE_PASSES = """NOT EXISTS (
    SELECT FROM jsonb_array_elements({layers}) AS each (layer)
    WHERE NOT (
        layer ?| CAST(:asker AS text[])
        OR (layer ?& CAST(:licence AS text[]) AND CAST(:licence AS text[]) <> '{{}}')
    )
)"""

# Which nodes are concerned, apart from the derivation: how many rows a recursion gives is not known beforehand, and
# with an estimate that is wrong by a thousand times the derivation is planned badly.
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
SELECT id, true AS affected FROM below UNION ALL SELECT id, false FROM above WHERE id NOT IN (SELECT id FROM below)"""

_DERIVE = """
WITH RECURSIVE concerned (id, affected) AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:affected AS boolean[]))
), nodes AS MATERIALIZED (
    SELECT node.id, node.parent_id, node.space_id, node.outdated, node.parent_known AND node.restriction IS NOT NULL
        AS is_known, own.layer
    FROM concerned JOIN {schema}.content_nodes node USING (id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN node.restriction = CAST(:nobody AS jsonb) THEN NULL ELSE (
            SELECT CAST(jsonb_agg(token ORDER BY token COLLATE "C") AS text) FROM (
                SELECT 'u:' || name FROM jsonb_array_elements_text(node.restriction -> 'users') AS who (name)
                UNION ALL SELECT 'g:' || name FROM jsonb_array_elements_text(node.restriction -> 'groups') AS who (name)
            ) AS tokens (token)
        ) END
    ) AS own (layer)
), known (id, level, layers) AS (
    SELECT id, 1, CASE WHEN layer IS NULL THEN CAST('{{}}' AS text[]) ELSE ARRAY[layer] END
    FROM nodes WHERE parent_id IS NULL AND is_known
    UNION ALL
    SELECT nodes.id, known.level + 1, CASE
        WHEN nodes.layer IS NULL OR nodes.layer = ANY (known.layers) THEN known.layers
        ELSE ARRAY(SELECT each FROM unnest(known.layers || nodes.layer) AS each ORDER BY each COLLATE "C")
    END
    FROM known JOIN nodes ON nodes.parent_id = known.id
    WHERE nodes.is_known AND known.level < {levels}
), pages AS (
    SELECT page.id, page.access_set_id AS before, nodes.space_id,
        CASE WHEN NOT nodes.outdated AND nodes.space_id = page.space_id THEN known.layers END AS layers
    FROM concerned JOIN {schema}.confluence_pages page USING (id)
        LEFT JOIN nodes USING (id)
        LEFT JOIN known USING (id)
    WHERE concerned.affected AND page.hidden_at IS NULL AND page.removed_at IS NULL
), viewers AS MATERIALIZED (
    SELECT space_id, CAST(coalesce((
        SELECT jsonb_agg(principal ORDER BY principal COLLATE "C")
        FROM {schema}.space_permissions permission WHERE permission.space_id = spaces.space_id
    ), '[]') AS text) AS layer
    FROM (SELECT DISTINCT space_id FROM pages WHERE layers IS NOT NULL) AS spaces
    WHERE EXISTS (SELECT FROM {schema}.sync_spaces space WHERE space.space_id = spaces.space_id AND space.viewers_known)
), kinds AS MATERIALIZED (
    SELECT space_id, layers, (
        SELECT jsonb_agg(CAST(each AS jsonb) ORDER BY each COLLATE "C")
        FROM (SELECT unnest(kind.layers) UNION SELECT viewers.layer) AS every (each)
    ) AS whole
    FROM (SELECT DISTINCT space_id, layers FROM pages WHERE layers IS NOT NULL) AS kind JOIN viewers USING (space_id)
), digests AS (
    SELECT space_id, layers, whole, encode(sha256(convert_to(CAST(whole AS text), 'UTF8')), 'hex') AS digest FROM kinds
), found AS (
    SELECT DISTINCT stored.id, stored.digest FROM digests JOIN {schema}.access_sets stored USING (digest)
), fresh AS (
    SELECT DISTINCT digest, whole FROM digests WHERE digest NOT IN (SELECT digest FROM found)
), made AS (
    INSERT INTO {schema}.access_sets (digest, layers, audience)
    SELECT digest, jsonb_array_length(whole), {audience} FROM fresh ORDER BY digest
    -- Another space may be making the same set: wait for it, and take its number.
    ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
    RETURNING id, digest
), made_layers AS (
    INSERT INTO {schema}.access_layers (set_id, layer_no)
    SELECT made.id, each.no
    FROM made JOIN fresh USING (digest), jsonb_array_elements(fresh.whole) WITH ORDINALITY AS each (layer, no)
    ON CONFLICT DO NOTHING
), made_principals AS (
    INSERT INTO {schema}.access_principals (set_id, layer_no, principal)
    SELECT made.id, each.no, who.principal
    FROM made JOIN fresh USING (digest), jsonb_array_elements(fresh.whole) WITH ORDINALITY AS each (layer, no),
        jsonb_array_elements_text(each.layer) AS who (principal)
    ON CONFLICT DO NOTHING
), numbers AS (
    SELECT id, digest FROM found UNION ALL SELECT id, digest FROM made
), differing AS (
    SELECT pages.id, pages.before, numbers.id AS after
    FROM pages LEFT JOIN digests USING (space_id, layers) LEFT JOIN numbers USING (digest)
    WHERE pages.before IS DISTINCT FROM numbers.id
), locked AS (
    SELECT page.id, differing.before, differing.after
    FROM differing JOIN {schema}.confluence_pages page USING (id)
    WHERE page.hidden_at IS NULL AND page.removed_at IS NULL ORDER BY page.id FOR UPDATE OF page
), restricted AS (
    UPDATE {schema}.confluence_pages page
    -- Nothing that an index holds: the row of a page changes in its block, which is several times as fast.
    SET access_set_id = locked.after
    FROM locked WHERE page.id = locked.id
    RETURNING page.id, page.space_key, page.version, locked.before, locked.after
), {feed}
SELECT id FROM restricted"""

_LOOKED_UP = 20_000  # nodes
_OF_THESE = "SELECT unnest(CAST(:ids AS text[]))"
# Also pages without a node: whatever the set of one is, it is not known.
_OF_SPACE = """SELECT unnest(CAST(:ids AS text[]))
    UNION SELECT id FROM {schema}.content_nodes WHERE space_id = :space_id
    UNION SELECT id FROM {schema}.confluence_pages WHERE space_id = :space_id AND access_set_id IS NOT NULL"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AudienceTokens:
    """The audience of the policy, as the principals that SQL compares."""

    asker: Sequence[str]
    licence: Sequence[str]

    @classmethod
    def of(cls, audience: Audience) -> "AudienceTokens":
        """Return the tokens of an audience."""
        licence = {Principal(PrincipalKind.GROUP, group).token for group in audience.licence_groups}
        return cls(asker=sorted(audience.asker.tokens), licence=sorted(licence))


def lock_policy(session: Session) -> AudienceTokens:
    """Keep the policy as it is until the transaction ends, and return its audience.

    What changes the policy or deletes sets waits for the transaction, so that no set is made by another policy, and
    none disappears that a page is about to get.
    """
    row = session.execute(
        select(AccessPolicyRow.audience_groups, AccessPolicyRow.licence_groups).with_for_update(read=True)
    ).one_or_none()
    if row is None:
        return AudienceTokens.of(Audience())
    return AudienceTokens.of(Audience(groups=frozenset(row[0]), licence_groups=frozenset(row[1])))


def derive_sets(
    session: Session, run_id: int, node_ids: Collection[str], *, space_id: str | None = None
) -> frozenset[str]:
    """Derive the sets of these nodes and of everything below them. Return the live pages that have another one now.

    `space_id`: of every node of this space too.
    """
    if not node_ids and space_id is None:
        return frozenset()
    schema = quoted_schema(session.connection())
    audience = lock_policy(session)
    roots: dict[str, Any] = {"ids": sorted(node_ids)} | ({} if space_id is None else {"space_id": space_id})
    concerned = session.execute(_concerned(schema, of_space=space_id is not None), roots).all()
    if not concerned:
        return frozenset()
    # Of a large table a few thousand rows are found by an index in a tenth of the time that the planner expects.
    set_local(session.connection(), enable_seqscan="off" if len(concerned) <= _LOOKED_UP else "on")
    values: dict[str, Any] = {
        "ids": [row.id for row in concerned],
        "affected": [row.affected for row in concerned],
        "run_id": run_id,
        "nobody": '{"users": [], "groups": []}',
        "asker": audience.asker,
        "licence": audience.licence,
    }
    return frozenset(session.scalars(_derive(schema), values))


@cache
def _concerned(schema: str, *, of_space: bool) -> TextClause:
    roots = (_OF_SPACE if of_space else _OF_THESE).format(schema=schema)
    statement = text(_CONCERNED.format(schema=schema, roots=roots))
    return statement.bindparams(bindparam("ids", type_=ARRAY(Text)))


@cache
def _derive(schema: str) -> TextClause:
    statement = _DERIVE.format(
        schema=schema,
        levels=MAX_LEVELS,
        audience=AUDIENCE_PASSES.format(layers="whole"),
        feed=RESTRICTED_PAGES.format(schema=schema),
    )
    arrays = (bindparam(name, type_=ARRAY(Text)) for name in ("ids", "asker", "licence"))
    return text(statement).bindparams(*arrays, bindparam("affected", type_=ARRAY(Boolean)))
