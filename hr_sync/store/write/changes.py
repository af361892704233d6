"""Writes the change feed: every change that consumers can see, in the transaction that makes it.

The row of a page is locked before its feed row is made, so that the ids of one page's rows follow the order in which
its changes were applied.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnClause, FromClause, Insert, Table, Text, column, func, insert, select
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.tables import ContentChange
from hr_sync.store.write.arrays import as_arrays, unnested

_CHANGES = cast("Table", ContentChange.__table__)
_SEPARATOR = ","  # arrays of arrays cannot be unnested by one level

#: The columns of the rows that the feed is made from.
CHANGE_COLUMNS: Mapping[str, ColumnClause[Any]] = {
    **{name: _CHANGES.c[name] for name in ("page_id", "space_key", "run_id", "action", "version", "reason")},
    "changed_fields": column("changed_fields", Text),
}

#: Part of a statement that has given pages other access sets, in its `restricted` (id, space_key, version, before,
#: after). A page that this transaction has written already has a feed row, and gets the changed field there; who may
#: read a new page is no change.
RESTRICTED_PAGES = """own AS (
    SELECT change.id, change.page_id, change.action
    FROM {schema}.content_changes change JOIN restricted ON restricted.id = change.page_id
    WHERE change.transaction_id = pg_current_xact_id()
), widened AS (
    UPDATE {schema}.content_changes change SET changed_fields = change.changed_fields || CAST('restrictions' AS text)
    FROM own WHERE change.id = own.id AND own.action <> 'insert' AND NOT 'restrictions' = ANY (change.changed_fields)
), told AS (
    INSERT INTO {schema}.content_changes (page_id, space_key, run_id, action, changed_fields, version, reason)
    SELECT id, space_key, :run_id, 'restrict', ARRAY['restrictions'], version, CASE
        WHEN after IS NULL THEN 'who may read it is not known any more'
        WHEN before IS NULL THEN 'who may read it is known now'
        ELSE 'other people may read it' END
    FROM restricted WHERE id NOT IN (SELECT page_id FROM own) ORDER BY id
)"""


#: How often a run has written another place of `page`. A count, because EXISTS may be planned as a walk over the feed.
MOVES_BY_RUN = """
    SELECT count(*) FROM {schema}.content_changes change
    WHERE change.page_id = page.id AND change.run_id = :run_id AND 'location' = ANY (change.changed_fields)"""

#: End of a statement that has changed what consumers are shown, by its `pages` (id, space_key, version, before, after).
#: No run has applied this change.
OF_POLICY = """
INSERT INTO {schema}.content_changes (page_id, space_key, run_id, action, changed_fields, version, reason)
SELECT id, space_key, 0, 'restrict', ARRAY['restrictions'], version,
    CASE WHEN after THEN 'by the settings the audience may read it' ELSE 'by the settings the audience may not read it'
    END
FROM pages WHERE before <> after ORDER BY id"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change of one page. Without changed fields it is none for consumers, and makes no feed row."""

    page_id: str
    space_key: str
    action: ChangeAction
    changed_fields: Sequence[ChangedField]
    version: int | None
    reason: str


def change_row(change: Change, run_id: int) -> dict[str, Any]:
    """Return a change as a row of `CHANGE_COLUMNS`."""
    return {
        "page_id": change.page_id,
        "space_key": change.space_key,
        "run_id": run_id,
        "action": change.action.value,
        "version": change.version,
        "reason": change.reason,
        "changed_fields": _SEPARATOR.join(change.changed_fields),
    }


def insert_changes(rows: FromClause, written: FromClause | None = None) -> Insert:
    """Return the statement that makes the feed rows of `rows`, which have the `CHANGE_COLUMNS`.

    `written`: only for pages whose `id` is in this one.
    """
    fields = func.string_to_array(rows.c.changed_fields, _SEPARATOR)
    names = [name for name in CHANGE_COLUMNS if name != "changed_fields"]
    # In the order of the page ids: a feed that is the same whatever plan PostgreSQL chose is easier to read and test.
    query = (
        select(*(rows.c[name] for name in names), fields).where(rows.c.changed_fields != "").order_by(rows.c.page_id)
    )
    if written is not None:
        query = query.join_from(rows, written, written.c.id == rows.c.page_id)
    return insert(_CHANGES).from_select([*names, "changed_fields"], query)


def record_changes(session: Session, run_id: int, changes: Iterable[Change]) -> None:
    """Write the feed rows of pages that were changed in this transaction."""
    rows = [change_row(change, run_id) for change in changes]
    if rows:
        session.execute(_insert_given_changes(), as_arrays(rows))


@cache
def _insert_given_changes() -> Insert:
    return insert_changes(unnested(CHANGE_COLUMNS))
