"""Writes the items of pages, at most 250 in a transaction, fenced by the lease; one that is refused fails alone.

The rows of the pages are locked first, then those of the items, each in the order of their ids. What is on a page that
is not in the space any more, or that is gone, or was moved meanwhile, is dropped: the pass over its space writes it.

What is withdrawn, or gets another version, shows its sections no more in the same transaction, and its page has a row
in the feed for them; what comes back shows them again.

The feed tells of an item while it is shown, and in the transaction in which it is not any more (`shown_items.py` has
the rest). What hides or restores the page tells of the page alone.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.domain.page_items import ItemWrite
from hr_sync.store.db_errors import describe_error
from hr_sync.store.item_tables import ItemTable
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.values import MAX_PAGES, Failure
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.attachment_texts import record_section_changes
from hr_sync.store.write.changes import Change, action_told, record_changes
from hr_sync.store.write.failures import forget_failures, record_failures
from hr_sync.store.write.item_locks import LockedItem, LockedItemPage, lock_items, lock_pages_of_items
from hr_sync.store.write.refused_rows import RefusalError, put_or_divide
from hr_sync.store.write.shown_items import ShownItem, about, shown_items

_SHARED = ("page_id", "space_id", "version", "metadata_digest", "last_written_run_id")
_REPLACED = "was replaced, moved or restored"
_WITHDRAWN = "was withdrawn"
_SHOWN: dict[str, Any] = dict.fromkeys(
    ("missing_since_run_id", "hidden_at", "hidden_reason", "removed_at", "removed_reason")
)


def write_items(
    session: Session,
    kind: ItemTable[Any],
    lease: Lease,
    writes: Sequence[ItemWrite[Any]],
    *,
    run_id: int,
    space_id: str,
) -> frozenset[str]:
    """Write at most `MAX_PAGES` items and their changes. Return the ids of those written. Raises LeaseLost."""
    if len(writes) > MAX_PAGES:
        raise ValueError(f"{len(writes)} {kind.kind} in one transaction; at most {MAX_PAGES}")
    check_lease(session, lease)
    every = [write.item.id for write in writes]
    pages = lock_pages_of_items(session, kind, every, [write.item.page_id or "" for write in writes])
    rows = lock_items(session, kind, every, pages)
    moved = {item_id for item_id, row in rows.items() if row is None}
    current = [write for write in writes if _is_here(write, pages, lease) and write.item.id not in moved]
    ids = [write.item.id for write in current]
    shown = kind.shown_sections(session, _with_others(session, kind, ids, pages))
    written, failures = _put(session, kind, run_id, space_id, current)
    kind.derive(session, pages)
    now_shown = shown_items(session, kind, written)
    changes = (
        _change(kind, write, rows.get(write.item.id), now_shown.get(write.item.id))
        for write in current
        if write.item.id in written
    )
    record_changes(session, run_id, [change for change in changes if change is not None])
    after = kind.shown_sections(session, _with_others(session, kind, ids, pages))
    record_section_changes(session, run_id, shown, after, reason=f"{kind.of_page} {_REPLACED}")
    forget_failures(session, sorted(written))
    record_failures(session, lease.space_key, run_id, failures)
    return written


def hide_items(
    session: Session, kind: ItemTable[Any], lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]
) -> frozenset[str]:
    """Hide items. Return the ids of those that were shown with their page. Raises LeaseLost."""
    row = kind.table.c
    marked = _lock_decided(session, kind, lease, decisions)
    withdrawal = _Withdrawal(session, kind, marked)
    given = unnested({"id": row.id, "reason": row.hidden_reason})
    statement = update(kind.table).where(row.id == given.c.id, row.hidden_reason.is_distinct_from(given.c.reason))
    values = {
        "hidden_at": func.coalesce(row.hidden_at, func.now()),
        "hidden_reason": given.c.reason,
        "missing_since_run_id": run_id,
        "synced_at": func.now(),
        "last_written_run_id": run_id,
    }
    if marked:
        session.execute(statement.values(values), _reasons(marked))
    withdrawal.tell(run_id, ChangeAction.HIDE)
    return frozenset(decision.page_id for decision, item in marked if item.live)


def remove_items(
    session: Session, kind: ItemTable[Any], lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]
) -> frozenset[str]:
    """Mark items as removed. Return the ids of those that were. Raises LeaseLost."""
    row = kind.table.c
    marked = _lock_decided(session, kind, lease, decisions)
    withdrawal = _Withdrawal(session, kind, marked)
    given = unnested({"id": row.id, "reason": row.removed_reason})
    values = {
        "removed_at": func.now(),
        "removed_reason": given.c.reason,
        "synced_at": func.now(),
        "last_written_run_id": run_id,
    }
    if marked:
        statement = update(kind.table).where(row.id == given.c.id)
        session.execute(statement.values(values), _reasons(marked))
    withdrawal.tell(run_id, ChangeAction.REMOVE)
    return frozenset(decision.page_id for decision, _ in marked)


_Marked = tuple[DeletionDecision, LockedItem]


class _Withdrawal:
    """What consumers see of items before they are withdrawn, to be told afterwards."""

    def __init__(self, session: Session, kind: ItemTable[Any], marked: Sequence[_Marked]) -> None:
        self._session = session
        self._kind = kind
        self._marked = marked
        self._page_ids = {item.page_id for _, item in marked}
        self._ids = _with_others(session, kind, [decision.page_id for decision, _ in marked], self._page_ids)
        self._sections = kind.shown_sections(session, self._ids)

    def tell(self, run_id: int, action: ChangeAction) -> None:
        """Derive what follows from the withdrawal, and record what consumers see no more."""
        self._kind.derive(self._session, self._page_ids)
        _record(self._session, self._kind, run_id, action, [each for each in self._marked if each[1].shown])
        after = self._kind.shown_sections(self._session, self._ids)
        reason = f"{self._kind.of_page} {_WITHDRAWN}"
        record_section_changes(self._session, run_id, self._sections, after, reason=reason)


def _with_others(
    session: Session, kind: ItemTable[Any], ids: Collection[str], page_ids: Collection[str]
) -> frozenset[str]:
    """Return these ids, and those of items whose sections come and go with theirs."""
    return frozenset((*ids, *kind.beside(session, page_ids)))


def _is_here(write: ItemWrite[Any], pages: Mapping[str, LockedItemPage], lease: Lease) -> bool:
    page = pages.get(write.item.page_id or "")
    return page is not None and not page.removed and page.space_key == lease.space_key


def _put(
    session: Session, kind: ItemTable[Any], run_id: int, space_id: str, writes: Sequence[ItemWrite[Any]]
) -> tuple[frozenset[str], list[Failure]]:
    """Write the rows, without those that PostgreSQL refuses. Return what was written, and what failed."""
    rows = [_row(kind, write, run_id, space_id) for write in writes]

    def put(some: Sequence[Mapping[str, Any]]) -> None:
        session.execute(_upsert(kind), as_arrays(some))

    failures = [_failure(kind, row, error) for row, error in put_or_divide(session, rows, put)]
    return frozenset(row["id"] for row in rows) - {failure.page_id for failure in failures}, failures


def _row(kind: ItemTable[Any], write: ItemWrite[Any], run_id: int, space_id: str) -> dict[str, Any]:
    shared = {
        "id": write.item.id,
        "page_id": write.item.page_id,
        "space_id": space_id,
        "version": write.item.version,
        "metadata_digest": write.item.metadata_digest,
        "last_written_run_id": run_id,
    }
    return shared | dict(kind.row(write.item))


@cache
def _upsert(kind: ItemTable[Any]) -> Insert:
    columns = (*_SHARED, *kind.columns)
    names = ("id", *columns)
    given = select(unnested({name: kind.table.c[name] for name in names}))
    statement = upsert(kind.table).from_select(names, given)
    fresh = {name: statement.excluded[name] for name in columns} | dict(kind.overwritten(statement))
    return statement.on_conflict_do_update(index_elements=["id"], set_=fresh | _SHOWN | {"synced_at": func.now()})


def _failure(kind: ItemTable[Any], row: Mapping[str, Any], error: RefusalError) -> Failure:
    original = error.orig if isinstance(error, DBAPIError) else error
    return Failure(
        page_id=row["id"],
        stage=kind.stage,
        error_class=type(original).__name__,
        message=f"PostgreSQL refused the {kind.kind.one}: {describe_error(error)}",
        version=row["version"],
    )


def _change(
    kind: ItemTable[Any], write: ItemWrite[Any], locked: LockedItem | None, shown: ShownItem | None
) -> Change | None:
    """Return the change that consumers see; None where they see none, as before. `shown`: as they see it now."""
    if shown is None:
        return _change_of_hidden(kind, write, locked)
    was_shown = locked.shown if locked else None
    return Change(
        page_id=shown.page_id,
        space_key=shown.space_key,
        action=action_told(write.action, is_live=was_shown),
        changed_fields=kind.changed(locked.row if locked else None, bool(was_shown), write.item),
        version=write.item.version,
        reason=write.reason,
        **about(kind, write.item.id),
    )


def _change_of_hidden(kind: ItemTable[Any], write: ItemWrite[Any], locked: LockedItem | None) -> Change | None:
    """Return the change of an item that was shown, and is not now.

    It waits for the next look at access, or was moved to a page that is not shown.
    """
    if locked is None or not locked.shown:
        return None
    is_moved = write.item.page_id != locked.page_id
    return Change(
        page_id=locked.page_id,
        space_key=locked.page.space_key,
        action=ChangeAction.HIDE,
        changed_fields=(ChangedField.HIDDEN, ChangedField.LOCATION) if is_moved else (ChangedField.HIDDEN,),
        version=write.item.version,
        reason=f"{write.reason}; it is shown once access was read after it",
        **about(kind, write.item.id),
    )


def _lock_decided(
    session: Session, kind: ItemTable[Any], lease: Lease, decisions: Sequence[DeletionDecision]
) -> list[_Marked]:
    """Lock pages and rows. Return the decisions that still are about their row, in the order of the ids."""
    check_lease(session, lease)
    by_id = {decision.page_id: decision for decision in decisions if decision.reason is not None}
    rows = lock_items(session, kind, sorted(by_id), lock_pages_of_items(session, kind, by_id))
    return [
        (by_id[item_id], row)
        for item_id, row in sorted(rows.items())
        if row is not None and not row.removed and row.page.space_key == by_id[item_id].space_key
    ]


def _reasons(marked: Sequence[_Marked]) -> dict[str, list[Any]]:
    return as_arrays([{"id": decision.page_id, "reason": str(decision.reason)} for decision, _ in marked])


def _record(
    session: Session, kind: ItemTable[Any], run_id: int, action: ChangeAction, marked: Sequence[_Marked]
) -> None:
    changes = [
        Change(
            page_id=row.page_id,
            space_key=row.page.space_key,
            action=action,
            changed_fields=(ChangedField.HIDDEN,),
            version=row.version,
            reason=f"{decision.reason}: {decision.evidence}",
            **about(kind, decision.page_id),
        )
        for decision, row in marked
    ]
    record_changes(session, run_id, changes)
