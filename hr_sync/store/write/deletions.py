"""Hides and removes pages: rows are marked, never deleted; changes that consumers can see go into the feed.

    row                  hide                                    remove
    -----------------    ------------------------------------    ------------------------------------------------------
    live                 marked; feed: hide                      marked; feed: remove
    hidden               another reason is written; no feed      marked; no feed: consumers saw it go when it was hidden
    removed              left alone                              left alone
    in another space     left alone: it is not the row that was decided on

The lease may be of another space than the page: one that moved out of scope is decided on where it is listed now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, null, update
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.included_access import withdraw_from_hosts
from hr_sync.store.write.locks import PAGES, LockedPage, lock_pages

MAX_DECISIONS = 500  #: in one transaction
# Its facts are not read meanwhile.
_ACCESS_UNKNOWN: dict[str, Any] = {"access_set_id": null()}
_OWN_UNKNOWN: dict[str, Any] = {"own_access_set_id": case((PAGES.c.own_access_set_id.is_not(None), 0))}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Marked:
    """One decision and the row that it is about."""

    decision: DeletionDecision
    row: LockedPage


def hide_pages(session: Session, lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]) -> frozenset[str]:
    """Hide pages. Return the ids of live pages that were hidden. Raises LeaseLost."""
    given = unnested({"id": PAGES.c.id, "reason": PAGES.c.hidden_reason})
    statement = update(PAGES).where(PAGES.c.id == given.c.id, PAGES.c.hidden_reason.is_distinct_from(given.c.reason))
    values = {
        "hidden_at": func.coalesce(PAGES.c.hidden_at, func.now()),
        "hidden_reason": given.c.reason,
        "missing_since_run_id": run_id,
        "synced_at": func.now(),
        "last_written_run_id": run_id,
    }
    marked = _lock(session, lease, decisions)
    if not marked:
        return frozenset()
    session.execute(statement.values(values | _ACCESS_UNKNOWN | _OWN_UNKNOWN), _arrays(marked))
    withdraw_from_hosts(session, run_id, [each.decision.page_id for each in marked])
    live = [each for each in marked if each.row.before.live]
    _record(session, run_id, ChangeAction.HIDE, live)
    return frozenset(each.decision.page_id for each in live)


def remove_pages(session: Session, lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]) -> frozenset[str]:
    """Mark pages as removed. Return the ids of those that were. Raises LeaseLost."""
    given = unnested({"id": PAGES.c.id, "reason": PAGES.c.removed_reason})
    values = {
        "removed_at": func.now(),
        "removed_reason": given.c.reason,
        "synced_at": func.now(),
        "last_written_run_id": run_id,
    }
    marked = _lock(session, lease, decisions)
    if not marked:
        return frozenset()
    statement = update(PAGES).where(PAGES.c.id == given.c.id).values(values | _ACCESS_UNKNOWN | _OWN_UNKNOWN)
    session.execute(statement, _arrays(marked))
    withdraw_from_hosts(session, run_id, [each.decision.page_id for each in marked])
    _record(session, run_id, ChangeAction.REMOVE, [each for each in marked if each.row.before.live])
    return frozenset(each.decision.page_id for each in marked)


def _lock(session: Session, lease: Lease, decisions: Sequence[DeletionDecision]) -> list[_Marked]:
    """Lock the rows, and return the decisions that still are about their row, in the order of the ids."""
    check_lease(session, lease)
    rows = lock_pages(session, [decision.page_id for decision in decisions])
    by_page = {decision.page_id: decision for decision in decisions if decision.reason is not None}
    return [
        _Marked(decision=by_page[page_id], row=row)
        for page_id, row in sorted(rows.items())
        if page_id in by_page and not row.removed and row.before.space_key == by_page[page_id].space_key
    ]


def _arrays(marked: Sequence[_Marked]) -> dict[str, list[Any]]:
    return as_arrays([{"id": each.decision.page_id, "reason": str(each.decision.reason)} for each in marked])


def _record(session: Session, run_id: int, action: ChangeAction, marked: Sequence[_Marked]) -> None:
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=each.decision.page_id,
                space_key=each.decision.space_key,
                action=action,
                changed_fields=(ChangedField.HIDDEN,),
                version=each.row.before.version,
                reason=f"{each.decision.reason}: {each.decision.evidence}",
            )
            for each in marked
        ],
    )
