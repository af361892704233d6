"""Writes the policy, and which access sets every reader of its audience passes, in one transaction."""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Text, TextClause, bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessMode, AccessPolicy, Audience
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.engine import quoted_schema
from hr_sync.store.write.changes import OF_POLICY
from hr_sync.store.write.set_rows import AUDIENCE_PASSES, AudienceTokens

_APPLY = """
WITH layers AS (
    SELECT set_id, coalesce(jsonb_agg(principal) FILTER (WHERE principal IS NOT NULL), '[]') AS layer
    FROM {schema}.access_layers LEFT JOIN {schema}.access_principals USING (set_id, layer_no)
    GROUP BY set_id, layer_no
), wholes AS (
    SELECT set_id, jsonb_agg(layer) AS whole FROM layers GROUP BY set_id
), sets AS (
    SELECT stored.id, stored.audience AS before,
        coalesce(jsonb_array_length(whole) = stored.layers AND {audience}, false) AS after
    FROM {schema}.access_sets stored LEFT JOIN wholes ON wholes.set_id = stored.id
), changed AS (
    UPDATE {schema}.access_sets stored SET audience = sets.after
    FROM sets WHERE sets.id = stored.id AND sets.before <> sets.after
), pages AS (
    SELECT page.id, page.space_key, page.version,
        :was_account OR coalesce(sets.before, false) AS before, :is_account OR coalesce(sets.after, false) AS after
    FROM {schema}.confluence_pages page LEFT JOIN sets ON sets.id = page.access_set_id
    WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
){feed}"""


def apply_policy(session: Session, policy: AccessPolicy, licence_groups: Collection[str] | None) -> bool:
    """Write the policy if it differs from the stored one. Return True if it does.

    `licence_groups` None keeps the stored ones. Transactions that derive sets hold the policy, so this waits for them,
    and those that follow use the new one.
    """
    stored = session.execute(select(AccessPolicyRow).with_for_update()).scalar_one_or_none()
    known = [] if stored is None else stored.licence_groups
    values: dict[str, Any] = {
        "mode": policy.mode.value,
        "max_age_hours": policy.max_age_hours,
        "hide_after_hours": policy.hide_after_hours,
        "audience_groups": sorted(policy.audience_groups),
        "licence_groups": known if licence_groups is None else sorted(licence_groups),
    }
    was_account = stored is not None and stored.mode == AccessMode.ACCOUNT
    if stored is None:
        session.execute(insert(AccessPolicyRow).values(id=1))
    elif values == {name: getattr(stored, name) for name in values}:
        return False
    session.execute(update(AccessPolicyRow).values(values))
    audience = AudienceTokens.of(
        Audience(groups=policy.audience_groups, licence_groups=frozenset(values["licence_groups"]))
    )
    session.execute(
        _apply(quoted_schema(session.connection())),
        {
            "asker": audience.asker,
            "licence": audience.licence,
            "was_account": was_account,
            "is_account": policy.mode is AccessMode.ACCOUNT,
        },
    )
    return True


@cache
def _apply(schema: str) -> TextClause:
    statement = _APPLY.format(
        schema=schema, audience=AUDIENCE_PASSES.format(layers="whole"), feed=OF_POLICY.format(schema=schema)
    )
    return text(statement).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("asker", "licence")))
