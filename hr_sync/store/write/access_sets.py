"""Derives the access sets of pages from the stored facts: for whole subtrees, in one statement.

It is `hr_sync.domain.access.access_set_of` in SQL; a property test holds the two equal. It runs in the transaction that
changes a fact, a parent or a space, and writes only pages whose set differs, each with its feed row.

A layer is the text of a JSON array of tokens, sorted; a set is a JSON array of layers, sorted. Walking down from the
top of a space, a node adds its own layer to those of its parent; where something is not known the walk ends, so that
everything below has no set. A cycle of parents is never reached from a top.

Only a pass over the whole space, or the write of a page whose facts were all read with it, gives a page the set that
follows from the facts. Everything else below has facts of two moments: new ones from above, older ones of its own. Such
a page keeps the layers that it has and gets the new ones as well, so that nobody may read it who could not before.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Row, TextClause, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from hr_sync.domain.access import Audience, Principal, PrincipalKind
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.scope import MAX_LEVELS
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.engine import quoted_schema, set_local
from hr_sync.store.write.changes import Change, record_changes

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
        CASE WHEN NOT nodes.outdated AND nodes.space_id = page.space_id THEN known.layers END AS layers,
        CASE WHEN {fresh} THEN 0 ELSE stored.id END AS within
    FROM concerned JOIN {schema}.confluence_pages page USING (id)
        LEFT JOIN nodes USING (id)
        LEFT JOIN known USING (id)
        LEFT JOIN {schema}.access_sets stored ON stored.id = page.access_set_id
    WHERE concerned.affected AND page.hidden_at IS NULL AND page.removed_at IS NULL
), viewers AS MATERIALIZED (
    SELECT space_id, CAST(coalesce((
        SELECT jsonb_agg(principal ORDER BY principal COLLATE "C")
        FROM {schema}.space_permissions permission WHERE permission.space_id = spaces.space_id
    ), '[]') AS text) AS layer
    FROM (SELECT DISTINCT space_id FROM pages WHERE layers IS NOT NULL AND within IS NOT NULL) AS spaces
    WHERE EXISTS (SELECT FROM {schema}.sync_spaces space WHERE space.space_id = spaces.space_id AND space.viewers_known)
), kinds AS MATERIALIZED (
    SELECT space_id, layers, within, (
        SELECT jsonb_agg(CAST(each AS jsonb) ORDER BY each COLLATE "C")
        FROM (
            SELECT unnest(kind.layers) UNION SELECT viewers.layer
            UNION SELECT CAST(coalesce(
                jsonb_agg(principal ORDER BY principal COLLATE "C") FILTER (WHERE principal IS NOT NULL), '[]'
            ) AS text)
            FROM {schema}.access_layers LEFT JOIN {schema}.access_principals USING (set_id, layer_no)
            WHERE set_id = kind.within GROUP BY layer_no
        ) AS every (each)
    ) AS whole
    FROM (
        SELECT DISTINCT space_id, layers, within FROM pages WHERE layers IS NOT NULL AND within IS NOT NULL
    ) AS kind JOIN viewers USING (space_id)
), digests AS (
    SELECT space_id, layers, within, whole, encode(sha256(convert_to(CAST(whole AS text), 'UTF8')), 'hex') AS digest
    FROM kinds
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
    FROM pages LEFT JOIN digests USING (space_id, layers, within) LEFT JOIN numbers USING (digest)
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
)
SELECT id, space_key, version, before, after FROM restricted"""

# A page below that is in another space has facts of another pass.
_FRESH = "page.id = ANY (CAST(:fresh AS text[])) OR nodes.space_id = CAST(:fresh_space AS text)"
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
    concerned = session.execute(_concerned(schema, of_space=space_id is not None), roots).all()
    if not concerned:
        return frozenset()
    # Of a large table a few thousand rows are found by an index in a tenth of the time that the planner expects.
    set_local(session.connection(), enable_seqscan="off" if len(concerned) <= _LOOKED_UP else "on")
    values: dict[str, Any] = {
        "ids": [row.id for row in concerned],
        "affected": [row.affected for row in concerned],
        "nobody": '{"users": [], "groups": []}',
        "asker": audience.asker,
        "licence": audience.licence,
        "fresh": sorted(fresh),
        "fresh_space": space_id,
    }
    restricted = session.execute(_derive(schema), values).all()
    record_changes(session, run_id, [_change(row) for row in restricted])
    return frozenset(row.id for row in restricted)


def _change(row: Row[Any]) -> Change:
    if row.after is None:
        reason = "who may read it is not known any more"
    elif row.before is None:
        reason = "who may read it is known now"
    else:
        reason = "other people may read it"
    return Change(
        page_id=row.id,
        space_key=row.space_key,
        action=ChangeAction.RESTRICT,
        changed_fields=(ChangedField.RESTRICTIONS,),
        version=row.version,
        reason=reason,
    )


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
        audience=AUDIENCE_PASSES.format(layers="whole"),
    )
    arrays = (bindparam(name, type_=ARRAY(Text)) for name in ("ids", "asker", "licence", "fresh"))
    return text(statement).bindparams(*arrays, bindparam("affected", type_=ARRAY(Boolean)))
