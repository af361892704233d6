"""Writes the policy, and which access sets every reader of its audience passes, in one transaction."""

from collections.abc import Collection
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, Text, TextClause, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessMode, AccessPolicy, Audience
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.engine import quoted_schema
from hr_sync.store.tables import SyncSpace
from hr_sync.store.write.changes import Restricted, record_restricted
from hr_sync.store.write.recency import tell_recency
from hr_sync.store.write.renderings import withdraw_renderings
from hr_sync.store.write.set_rows import PASSED_BY_AUDIENCE, AudienceTokens
from hr_sync.store.write.shown_items import ItemsBesideModes

_APPLY = """
WITH counted AS (
    SELECT set_id, count(*) AS passed FROM {schema}.access_layers JOIN ({passed}) AS passed USING (layer)
    GROUP BY set_id
), sets AS (
    SELECT stored.id, stored.audience AS before, coalesce(counted.passed = stored.layers, false) AS after
    FROM {schema}.access_sets stored LEFT JOIN counted ON counted.set_id = stored.id
), changed AS (
    UPDATE {schema}.access_sets stored SET audience = sets.after
    FROM sets WHERE sets.id = stored.id AND sets.before <> sets.after
), pages AS (
    SELECT page.id, page.space_key, page.kind, page.version,
        :was_account OR coalesce(sets.before, false) AS before, :is_account OR coalesce(sets.after, false) AS after
    FROM {schema}.confluence_pages page LEFT JOIN sets ON sets.id = page.access_set_id
    WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
)
SELECT space_key, kind, after, array_agg(id) AS ids, array_agg(version) AS versions
FROM pages WHERE before <> after GROUP BY space_key, kind, after"""


def apply_policy(session: Session, policy: AccessPolicy, licence_groups: Collection[str] | None) -> bool:
    """Write the policy if it differs from the stored one. Return True if it does.

    `licence_groups` None keeps the stored ones until they are older than facts may be. Transactions that derive sets
    hold the policy, so this waits for them, and those that follow use the new one. The spaces are locked first, as they
    are everywhere. What macros show goes from the texts unless consumers see what the account sees.
    """
    tell_recency(session, 0)  # also where the policy stays: this is done when a run begins
    was_read = {} if licence_groups is None else {"licence_checked_at": func.now()}
    if _differing(session, policy, licence_groups, lock=False) is None:
        if was_read:
            session.execute(update(AccessPolicyRow).values(was_read))
        return False
    session.execute(select(SyncSpace.space_key).order_by(SyncSpace.space_key).with_for_update(key_share=True))
    tell_recency(session, 0)
    if policy.mode is not AccessMode.ACCOUNT:
        withdraw_renderings(session, 0)  # locks pages, and so comes before the policy is locked
    differing = _differing(session, policy, licence_groups, lock=True)
    if differing is None:
        return False
    values, was_account = differing
    is_account = policy.mode is AccessMode.ACCOUNT
    items = ItemsBesideModes(session) if was_account is not is_account else None
    session.execute(update(AccessPolicyRow).values(values | was_read))
    audience = AudienceTokens.of(
        Audience(groups=policy.audience_groups, licence_groups=frozenset(values["licence_groups"]))
    )
    pages = session.execute(
        _apply(quoted_schema(session.connection())),
        {
            "asker": audience.asker,
            "licence": audience.licence,
            "was_account": was_account,
            "is_account": is_account,
        },
    )
    record_restricted(session, 0, [_restricted(row) for row in pages])
    if items is not None:
        items.tell()
    tell_recency(session, 0)
    return True


def _differing(
    session: Session, policy: AccessPolicy, licence_groups: Collection[str] | None, *, lock: bool
) -> tuple[dict[str, Any], bool] | None:
    """Return the row that the policy makes, and whether the stored mode is `account`; None if nothing differs."""
    query = select(AccessPolicyRow).execution_options(populate_existing=True)
    stored = session.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    known = _recent_licence_groups(session, policy) if licence_groups is None else licence_groups
    values: dict[str, Any] = {
        "mode": policy.mode.value,
        "max_age_hours": policy.max_age_hours,
        "hide_after_hours": policy.hide_after_hours,
        "audience_groups": sorted(policy.audience_groups),
        "licence_groups": sorted(known),
    }
    if stored is None:
        if lock:
            session.execute(insert(AccessPolicyRow).values(id=1))
        return values, False
    if values == {name: getattr(stored, name) for name in values}:
        return None
    return values, stored.mode == AccessMode.ACCOUNT


def _recent_licence_groups(session: Session, policy: AccessPolicy) -> Collection[str]:
    oldest = func.now() - timedelta(hours=policy.max_age_hours)
    recent = select(AccessPolicyRow.licence_groups).where(AccessPolicyRow.licence_checked_at > oldest)
    return session.scalar(recent) or ()


def _restricted(row: Row[Any]) -> Restricted:
    may = "may" if row.after else "may not"
    return Restricted(
        space_key=row.space_key,
        page_kind=row.kind,
        reason=f"by the settings the audience {may} read it",
        versions=dict(zip(row.ids, row.versions, strict=True)),
    )


@cache
def _apply(schema: str) -> TextClause:
    passed = PASSED_BY_AUDIENCE.format(named=f"{schema}.access_principals")
    statement = _APPLY.format(schema=schema, passed=passed)
    return text(statement).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("asker", "licence")))
