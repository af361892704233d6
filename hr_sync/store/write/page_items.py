"""Writes the items of pages, at most 250 in a transaction, fenced by the lease; one that is refused fails alone.

The rows of the pages are locked first, then those of the items, each in the order of their ids. What is on a page that
is not in the space any more, or that is gone, is dropped: the pass over its space writes it.

What is withdrawn, or gets another version, shows its sections no more in the same transaction, and its page has a row
in the feed for them; what comes back shows them again.

The feed tells of an item while its page is neither hidden nor removed. What hides or restores the page tells of the
page alone.
"""

from collections.abc import Mapping, Sequence
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
    pages = lock_pages_of_items(session, [write.item.page_id or "" for write in writes])
    current = [write for write in writes if _page_of(write, pages, lease) is not None]
    ids = [write.item.id for write in current]
    locked = lock_items(session, kind, ids)
    shown = kind.shown_sections(session, ids)
    written, failures = _put(session, kind, run_id, space_id, current)
    done = [write for write in current if write.item.id in written]
    changes = (_change(kind, write, locked.get(write.item.id), _page_of(write, pages, lease)) for write in done)
    record_changes(session, run_id, [change for change in changes if change is not None])
    after = kind.shown_sections(session, ids)
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
    shown = kind.shown_sections(session, _ids(marked))
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
    live = [each for each in marked if each[1].live]
    _record(session, kind, run_id, ChangeAction.HIDE, live)
    record_section_changes(session, run_id, shown, {}, reason=f"{kind.of_page} {_WITHDRAWN}")
    return frozenset(decision.page_id for decision, _ in live)


def remove_items(
    session: Session, kind: ItemTable[Any], lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]
) -> frozenset[str]:
    """Mark items as removed. Return the ids of those that were. Raises LeaseLost."""
    row = kind.table.c
    marked = _lock_decided(session, kind, lease, decisions)
    shown = kind.shown_sections(session, _ids(marked))
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
    _record(session, kind, run_id, ChangeAction.REMOVE, [each for each in marked if each[1].live])
    record_section_changes(session, run_id, shown, {}, reason=f"{kind.of_page} {_WITHDRAWN}")
    return frozenset(decision.page_id for decision, _ in marked)


_Marked = tuple[DeletionDecision, LockedItem]


def _page_of(write: ItemWrite[Any], pages: Mapping[str, LockedItemPage], lease: Lease) -> LockedItemPage | None:
    page = pages.get(write.item.page_id or "")
    return page if page is not None and page.space_key == lease.space_key else None


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
    kind: ItemTable[Any], write: ItemWrite[Any], locked: LockedItem | None, page: LockedItemPage | None
) -> Change | None:
    """Return the change that consumers see; None where they see none, as the page is not shown."""
    if page is None:
        return None
    if not page.live:
        return _change_of_left(kind, write, locked)
    is_live = locked.live if locked else None
    return Change(
        page_id=write.item.page_id or "",
        space_key=page.space_key,
        action=action_told(write.action, is_live=is_live),
        changed_fields=kind.changed(locked.row if locked else None, bool(is_live), write.item),
        version=write.item.version,
        reason=write.reason,
        **_about(kind, write.item.id),
    )


def _change_of_left(kind: ItemTable[Any], write: ItemWrite[Any], locked: LockedItem | None) -> Change | None:
    """Return the change of an item that was moved from a page that is shown to one that is not."""
    if locked is None or not (locked.live and locked.page.live):
        return None
    return Change(
        page_id=locked.page_id,
        space_key=locked.page.space_key,
        action=ChangeAction.HIDE,
        changed_fields=(ChangedField.HIDDEN, ChangedField.LOCATION),
        version=write.item.version,
        reason=write.reason,
        **_about(kind, write.item.id),
    )


def _about(kind: ItemTable[Any], item_id: str) -> dict[str, Any]:
    """Return the part of a change that names the item."""
    return {kind.subject: item_id}


def _lock_decided(
    session: Session, kind: ItemTable[Any], lease: Lease, decisions: Sequence[DeletionDecision]
) -> list[_Marked]:
    """Lock the rows, and return the decisions that still are about their row, in the order of the ids."""
    check_lease(session, lease)
    by_id = {decision.page_id: decision for decision in decisions if decision.reason is not None}
    rows = lock_items(session, kind, sorted(by_id))
    return [
        (by_id[item_id], row)
        for item_id, row in sorted(rows.items())
        if not row.removed and row.page.space_key == by_id[item_id].space_key
    ]


def _ids(marked: Sequence[_Marked]) -> list[str]:
    return [decision.page_id for decision, _ in marked]


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
            **_about(kind, decision.page_id),
        )
        for decision, row in marked
        if row.page.live
    ]
    record_changes(session, run_id, changes)
