"""Tells consumers when the pages of a space begin or cease to be shown because of the age of what is known.

Nothing is written when facts become too old, so that no other row of the feed tells it. `sync_spaces.told_as_recent`
says what was told last. What moves a clock tells before and after: before, so that an expiry which nobody has told yet
is not taken for a state that consumers still see.
"""

from functools import cache
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from hr_sync.store.engine import quoted_schema
from hr_sync.store.write.changes import Restricted, record_restricted

# The clocks are those of `live_pages`: by the id of the space. A space that another transaction is writing is left out:
# whatever writes its clocks tells this as well.
_TURN = """
WITH clocks AS (
    SELECT space.space_key, space.told_as_recent AS before,
        (policy.mode = 'account' OR coalesce(
            min(space.access_checked_at) OVER same > now() - make_interval(hours => policy.max_age_hours), false))
        AND (policy.hide_after_hours IS NULL OR coalesce(
            min(space.last_complete_at) OVER same > now() - make_interval(hours => policy.hide_after_hours), false))
        AS after
    FROM {schema}.sync_spaces space CROSS JOIN {schema}.access_policy policy
    WHERE space.space_id IS NOT NULL
    WINDOW same AS (PARTITION BY space.space_id)
), locked AS (
    SELECT space.space_key, clocks.after FROM clocks JOIN {schema}.sync_spaces space USING (space_key)
    WHERE clocks.before <> clocks.after AND {chosen}
    ORDER BY space.space_key FOR NO KEY UPDATE OF space SKIP LOCKED
), turned AS (
    UPDATE {schema}.sync_spaces space SET told_as_recent = locked.after
    FROM locked WHERE locked.space_key = space.space_key AND space.told_as_recent <> locked.after
    RETURNING space.space_id, locked.after
), dependent AS (
    SELECT page.id, turned.after FROM turned JOIN {schema}.confluence_pages page USING (space_id)
    -- The text of a page may show pages of other spaces, whose facts must be recent too.
    UNION SELECT page.id, turned.after FROM turned JOIN {schema}.access_sets sets ON turned.space_id = ANY (sets.spaces)
        JOIN {schema}.confluence_pages page ON page.access_set_id = sets.id
)
SELECT page.space_key, page.kind, dependent.after, array_agg(page.id) AS ids, array_agg(page.version) AS versions
FROM dependent JOIN {schema}.confluence_pages page USING (id) CROSS JOIN {schema}.access_policy policy
WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
    AND (policy.mode = 'account' OR page.access_set_id IS NOT NULL)
GROUP BY page.space_key, page.kind, dependent.after"""


def tell_recency(session: Session, run_id: int, *, space_key: str | None = None) -> int:
    """Record a change of each page that is shown, or not, by the age of what is known, otherwise than was told last.

    `space_key`: of this space alone, whose row is locked. Return how many pages there were.
    """
    statement = _turn(quoted_schema(session.connection()), of_one_space=space_key is not None)
    rows = session.execute(statement, {} if space_key is None else {"space_key": space_key}).all()
    told = [_restricted(row) for row in rows]
    record_restricted(session, run_id, told)
    return sum(len(pages.versions) for pages in told)


def _restricted(row: Row[Any]) -> Restricted:
    return Restricted(
        space_key=row.space_key,
        page_kind=row.kind,
        reason="what is known of its space is recent again" if row.after else "what is known of its space is too old",
        versions=dict(zip(row.ids, row.versions, strict=True)),
    )


@cache
def _turn(schema: str, *, of_one_space: bool) -> TextClause:
    return text(_TURN.format(schema=schema, chosen="space.space_key = :space_key" if of_one_space else "true"))
