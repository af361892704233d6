"""Rows of access sets: how a statement makes them, and by which policy.

A layer is the text of a JSON array of tokens, sorted, and is named by the digest of that text. A set is the array of
the names of its layers, sorted, with the ids of the other spaces whose facts it depends on.

The principals of a layer are stored once, for all sets that have it. A transaction that makes sets holds the row of the
policy FOR SHARE, and one that deletes some FOR UPDATE, so that a layer which is stored when a statement begins is there
when its transaction ends.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, exists, func, select
from sqlalchemy.orm import Session

from hr_sync.domain.access import Audience, Principal, PrincipalKind
from hr_sync.store.access_tables import AccessLayer, AccessPolicyRow, AccessPrincipal, AccessSet
from hr_sync.store.write.changes import Restricted

#: The layers that the audience passes, of rows of a layer and a principal: one that names somebody whom every reader
#: is, or all groups of the licence. No other row is counted, so that a licence without groups lets nobody pass.
PASSED_BY_AUDIENCE = """SELECT layer FROM {named}
    WHERE principal = ANY (CAST(:asker AS text[]) || CAST(:licence AS text[]))
    GROUP BY layer HAVING bool_or(principal = ANY (CAST(:asker AS text[])))
        OR count(*) FILTER (WHERE principal = ANY (CAST(:licence AS text[]))) = cardinality(CAST(:licence AS text[]))"""

#: The name of a layer, given as its text.
LAYER_NAME = "encode(sha256(convert_to({tokens}, 'UTF8')), 'hex')"

#: The own set of a page in SQL: what its own facts say, without the pages that its text shows. Null is not known.
OWN_SET = "nullif(coalesce(page.own_access_set_id, page.access_set_id), 0)"

#: The row of a page that is found by its id is live. In words from which the planner does not see that the index of
#: live pages holds it: that ends with the id, and where few pages differ in what stands before, by statistics of tables
#: that were half filled, it is searched from end to end for each page. It expects half of the rows to be live then; of
#: a coalesce it would expect one in two hundred, and join as if hardly any row were left.
LIVE = "CASE WHEN page.hidden_at IS NULL THEN page.removed_at IS NULL ELSE false END"

#: The digest of a set, given as `whole`, the names of its layers, and `spaces`.
DIGEST = """encode(sha256(convert_to(CAST(to_jsonb(whole) AS text)
    || CASE WHEN spaces = '{}' THEN '' ELSE CAST(to_jsonb(spaces) AS text) END, 'UTF8')), 'hex')"""

#: The end of a statement that has `derived` pages (space_key, kind, id, version, the set before and after): a few rows
#: with arrays, because a row for each of thousands of pages takes longer to read than to make.
BY_REASON = """SELECT space_key, kind, before IS NOT NULL AS was_known, after IS NOT NULL AS is_known,
    array_agg(id) AS ids, array_agg(version) AS versions"""

# Part of a statement that has sets in its `digests` (digest, whole, spaces), and in its `texts` (layer, tokens) each
# layer that may not be stored yet. Gives their `numbers` (id, digest).
_ROWS = """found AS (
    SELECT DISTINCT stored.id, stored.digest FROM digests JOIN {schema}.access_sets stored USING (digest)
), fresh AS (
    -- In a CASE, which is expected to keep half of the rows: an anti join is expected to keep one, and what follows is
    -- then joined by going through all sets for each set.
    SELECT DISTINCT digest, whole, spaces FROM digests
    WHERE CASE WHEN digest IN (SELECT digest FROM found) THEN false ELSE true END
), layers_used AS MATERIALIZED (
    SELECT DISTINCT each.layer FROM fresh, unnest(fresh.whole) AS each (layer)
), named AS MATERIALIZED (
    SELECT layer, who.principal FROM layers_used JOIN texts USING (layer),
        jsonb_array_elements_text(CAST(texts.tokens AS jsonb)) AS who (principal)
    WHERE NOT EXISTS (SELECT FROM {schema}.access_principals stored WHERE stored.layer = layers_used.layer)
), made AS (
    INSERT INTO {schema}.access_sets (digest, layers, audience, spaces)
    SELECT digest, cardinality(whole), whole <@ ARRAY({passed}), spaces FROM fresh ORDER BY digest
    -- Another space may be making the same set: wait for it, and take its number.
    ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
    RETURNING id, digest
), made_layers AS (
    INSERT INTO {schema}.access_layers (set_id, layer)
    SELECT made.id, each.layer FROM made JOIN fresh USING (digest), unnest(fresh.whole) AS each (layer)
    ON CONFLICT DO NOTHING
), made_principals AS (
    INSERT INTO {schema}.access_principals (layer, principal) SELECT layer, principal FROM named
    -- Another space may be making the same layer: wait for it, and insert what is not there then. In one order, and
    -- before the pages are locked that get the sets (`numbers` reads this), so that two which make the same layers
    -- cannot deadlock.
    ORDER BY layer, principal ON CONFLICT DO NOTHING RETURNING 1
), numbers AS (
    SELECT id, digest FROM found
    UNION ALL SELECT id, digest FROM made WHERE (SELECT count(*) FROM made_principals) >= 0
)"""
_NAMED = """(
        SELECT layer, principal FROM named
        UNION ALL SELECT layer, principal FROM layers_used JOIN {schema}.access_principals USING (layer)
    ) AS each"""

#: The `texts` of a statement whose sets have layers of stored sets alone.
NO_TEXTS = "texts AS (SELECT NULL AS layer, NULL AS tokens WHERE false)"


def set_rows(schema: str) -> str:
    """Return the part of a statement that finds or makes the rows of the sets in its `digests`, as `numbers`."""
    return _ROWS.format(schema=schema, passed=PASSED_BY_AUDIENCE.format(named=_NAMED.format(schema=schema)))


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


def delete_sets(session: Session, set_ids: Collection[int]) -> int:
    """Delete sets, and the layers that no other set has. Return how many sets. The policy must be locked for update."""
    gone = delete(AccessLayer).where(AccessLayer.set_id.in_(set_ids)).returning(AccessLayer.layer)
    layers = frozenset(session.scalars(gone.execution_options(synchronize_session=False)))
    is_used = exists().where(AccessLayer.layer == AccessPrincipal.layer)
    unused = delete(AccessPrincipal).where(AccessPrincipal.layer == func.any(sorted(layers)), ~is_used)
    for statement in (unused, delete(AccessSet).where(AccessSet.id.in_(set_ids))):
        session.execute(statement.execution_options(synchronize_session=False))
    return len(set_ids)


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


def restricted_pages(rows: Iterable[Row[Any]]) -> list[Restricted]:
    """Return pages that have another set, from rows of `BY_REASON`."""
    return [
        Restricted(
            space_key=row.space_key,
            page_kind=row.kind,
            reason=_reason(row),
            versions=dict(zip(row.ids, row.versions, strict=True)),
        )
        for row in rows
    ]


def _reason(row: Row[Any]) -> str:
    if not row.is_known:
        return "who may read it is not known any more"
    return "other people may read it" if row.was_known else "who may read it is known now"
