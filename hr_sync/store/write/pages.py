"""Writes pages: at most 50 in a transaction, fenced by the lease; a page that PostgreSQL refuses does not block others.

The rows are locked and read first; a page whose row another space has taken over meanwhile is dropped. What is left is
written by one statement inside one savepoint: its parts are the upsert of the pages, that of the bodies, the feed and
the failures that are over. When PostgreSQL refuses the data, the chunk is replayed with a savepoint around each page,
and what still fails goes to `page_failures`. That is eleven times faster over a network than a savepoint for each page
from the start, and stays below the 64 subtransactions that PostgreSQL keeps in memory.

A new version or another place makes the readers of a page unknown; another place those of all pages below it, too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import CTE, Select, Table, Text, and_, bindparam, case, delete, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField, changed_fields
from hr_sync.domain.content import metadata_digest
from hr_sync.store.db_errors import MISSING_RIGHT, describe_error, is_temporary, sqlstate
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import PageBody, PageFailure
from hr_sync.store.values import MAX_PAGES, Failure, FailureStage, PageWrite, WriteResult
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.changes import CHANGE_COLUMNS, Change, change_row, insert_changes, record_changes
from hr_sync.store.write.failures import record_failures
from hr_sync.store.write.locks import PAGES, LockedPage, lock_pages

_BODIES = cast("Table", PageBody.__table__)
_FAILURES = cast("Table", PageFailure.__table__)

_HEAD_COLUMNS = (
    "title",
    "space_key",
    "space_id",
    "last_updated",
    "version",
    "url",
    "parent_id",
    "parent_type",
    "status",
    "metadata_digest",
    "last_written_run_id",
)
# A page that is written is listed, so it is live, whatever its state was.
_SHOWN: dict[str, Any] = {
    "missing_since_run_id": None,
    "hidden_at": None,
    "hidden_reason": None,
    "removed_at": None,
    "removed_reason": None,
}
_READERS = ("readers", "restriction_digest")


def write_pages(session: Session, lease: Lease, run_id: int, writes: Sequence[PageWrite]) -> WriteResult:
    """Write at most 50 pages and their changes. Return what was not written.

    Raises LeaseLost, and what SQLAlchemy raises when the server or the connection failed: nothing is written then.
    """
    if len(writes) > MAX_PAGES:
        raise ValueError(f"{len(writes)} pages in one transaction; at most {MAX_PAGES}")
    check_lease(session, lease)
    locked = lock_pages(session, [write.head.id for write in writes])
    current = [write for write in writes if _is_as_seen(write, locked.get(write.head.id))]
    written, failures = _put(session, run_id, current, locked)
    _forget_readers_below(session, run_id, [write for write in current if write.head.id in written], locked)
    record_failures(session, lease.space_key, run_id, failures)
    failed = frozenset(failure.page_id for failure in failures)
    return WriteResult(
        failed=failed, superseded=frozenset(write.head.id for write in writes if write.head.id not in written | failed)
    )


def _is_as_seen(write: PageWrite, locked: LockedPage | None) -> bool:
    """Return True if the row is in the space that the plan read, or already in the space that it is written to.

    A head alone goes with the stored body, so that must still be of its version.
    """
    if locked is None:
        return write.seen_in_space is None
    if write.storage is None and write.head.version != locked.before.version:
        return False
    return locked.before.space_key in {write.seen_in_space, write.head.space_key}


def _put(
    session: Session, run_id: int, writes: Sequence[PageWrite], locked: Mapping[str, LockedPage]
) -> tuple[set[str], list[Failure]]:
    """Write the pages together, or one by one if PostgreSQL refuses that. Return the ids written, and what failed."""
    if not writes:
        return set(), []
    try:
        with session.begin_nested():
            return _put_together(session, run_id, writes, locked), []
    except (DBAPIError, UnicodeEncodeError) as error:
        if not _is_refusal(error):
            raise
    written: set[str] = set()
    failures: list[Failure] = []
    for write in writes:
        try:
            with session.begin_nested():
                written |= _put_together(session, run_id, [write], locked)
        except (DBAPIError, UnicodeEncodeError) as error:
            if not _is_refusal(error):
                raise
            failures.append(_failure(write, error))
    return written, failures


def _is_refusal(error: DBAPIError | UnicodeEncodeError) -> bool:
    """Return True if the error is about one row. A missing right would refuse every row."""
    if isinstance(error, UnicodeEncodeError):
        return True
    return not is_temporary(error) and sqlstate(error) != MISSING_RIGHT


def _failure(write: PageWrite, error: DBAPIError | UnicodeEncodeError) -> Failure:
    original = error.orig if isinstance(error, DBAPIError) else error
    return Failure(
        page_id=write.head.id,
        stage=FailureStage.STORE,
        error_class=type(original).__name__,
        message=f"PostgreSQL refused the page: {describe_error(error)}",
        version=write.head.version,
    )


def _put_together(
    session: Session, run_id: int, writes: Sequence[PageWrite], locked: Mapping[str, LockedPage]
) -> set[str]:
    written: set[str] = set()
    rows = [(write.storage is not None, _row(write, run_id, locked.get(write.head.id))) for write in writes]
    whole = [row for has_body, row in rows if has_body]
    heads = [row for has_body, row in rows if not has_body]
    if whole:
        moving = {"locked_ids": list(locked)}
        written |= set(session.scalars(_put_with_bodies(), as_arrays(whole) | moving))
    if heads:
        written |= set(session.scalars(_put_heads(), as_arrays(heads)))
    return written


def _row(write: PageWrite, run_id: int, locked: LockedPage | None) -> dict[str, Any]:
    """Return what a write fills in: a row of the page, of its body and of the feed."""
    head = write.head
    change = Change(
        page_id=head.id,
        space_key=head.space_key,
        action=write.action,
        changed_fields=_changed_fields(write, locked),
        version=head.version,
        reason=write.reason,
    )
    return change_row(change, run_id) | {
        "id": head.id,
        "title": head.title,
        "space_id": head.space_id,
        "last_updated": head.last_updated,
        "url": head.url,
        "parent_id": head.parent_id,
        "parent_type": head.parent_type,
        "status": head.status,
        "metadata_digest": metadata_digest(head),
        "last_written_run_id": run_id,
        "content_hash": write.content_hash,
        "storage": write.storage,
    }


def _changed_fields(write: PageWrite, locked: LockedPage | None) -> Sequence[ChangedField]:
    before = locked.before if locked else None
    fields = changed_fields(before, write.head, write.content_hash)
    if before is not None and locked is not None and locked.readers_known:
        place = (before.parent_id, before.space_key, before.version)
        if place != (write.head.parent_id, write.head.space_key, write.head.version):
            return (*fields, ChangedField.RESTRICTIONS)
    return fields


@cache
def _put_with_bodies() -> Select[tuple[str]]:
    """Return the statement that inserts pages with their bodies, or overwrites what is there."""
    names = ("id", *_HEAD_COLUMNS, "content_hash")
    pages = upsert(PAGES).from_select(names, select(unnested({name: PAGES.c[name] for name in names})))
    fresh = {name: pages.excluded[name] for name in names[1:]}
    pages = pages.on_conflict_do_update(
        index_elements=["id"],
        set_=fresh | _SHOWN | _readers(pages.excluded) | {"synced_at": func.now()},
        # A row that was locked may be taken over from another space. One that appeared since was written by that space.
        where=or_(
            PAGES.c.space_key == pages.excluded.space_key,
            PAGES.c.id == func.any(bindparam("locked_ids", type_=ARRAY(Text))),
        ),
    )
    written = pages.returning(PAGES.c.id).cte("written_pages")
    given = unnested({"id": PAGES.c.id, "storage": _BODIES.c.storage})
    storage = select(given).join_from(given, written, written.c.id == given.c.id)
    bodies = upsert(_BODIES).from_select(["page_id", "storage"], storage)
    bodies = bodies.on_conflict_do_update(
        index_elements=["page_id"],
        set_={"storage": bodies.excluded.storage},
        where=_BODIES.c.storage != bodies.excluded.storage,
    )
    return _with_feed(written, bodies.cte("written_bodies"))


@cache
def _put_heads() -> Select[tuple[str]]:
    """Return the statement that overwrites the heads of pages whose bodies stay."""
    given = unnested({name: PAGES.c[name] for name in ("id", *_HEAD_COLUMNS)})
    fresh: dict[str, Any] = {name: given.c[name] for name in _HEAD_COLUMNS}
    heads = (
        update(PAGES)
        .where(PAGES.c.id == given.c.id)
        .values(fresh | _SHOWN | _readers(given.c) | {"synced_at": func.now()})
        .returning(PAGES.c.id)
    )
    return _with_feed(heads.cte("written_pages"))


def _readers(new: Any) -> dict[str, Any]:
    """Keep the readers only where version and place stay."""
    stays = and_(
        PAGES.c.version == new.version,
        PAGES.c.space_key == new.space_key,
        PAGES.c.parent_id.is_not_distinct_from(new.parent_id),
    )
    return {name: case((stays, PAGES.c[name]), else_=null()) for name in _READERS}


def _with_feed(written: CTE, *others: CTE) -> Select[tuple[str]]:
    """Write these, their feed rows, and forget that the pages failed. Return the ids that were written."""
    feed = insert_changes(unnested(CHANGE_COLUMNS), written).cte("written_changes")
    over = delete(_FAILURES).where(_FAILURES.c.page_id.in_(select(written.c.id))).cte("forgotten_failures")
    return select(written.c.id).add_cte(*others, feed, over)


def _forget_readers_below(
    session: Session, run_id: int, written: Iterable[PageWrite], locked: Mapping[str, LockedPage]
) -> None:
    """Make the readers of every page below a moved one unknown.

    What stands below a folder, whiteboard, database or embed may stand below the moved page: these have no rows, so the
    way up from there is not known.
    """
    moved = list(_moved(written, locked))
    if not moved:
        return
    spaces = {locked[page_id].before.space_key for page_id in moved}
    below_no_page = and_(PAGES.c.space_key.in_(spaces), PAGES.c.parent_type != "page")
    below = select(PAGES.c.id).where(or_(PAGES.c.parent_id.in_(moved), below_no_page)).cte("below", recursive=True)
    below = below.union(select(PAGES.c.id).join_from(PAGES, below, PAGES.c.parent_id == below.c.id))
    known = select(PAGES.c.id).where(PAGES.c.id.in_(select(below.c.id)), PAGES.c.restriction_digest.is_not(None))
    ids = list(session.scalars(known.order_by(PAGES.c.id).with_for_update()))
    if not ids:
        return
    unknown: dict[str, Any] = dict.fromkeys(_READERS, null())
    rows = session.execute(
        update(PAGES)
        .where(PAGES.c.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .values(unknown | {"synced_at": func.now(), "last_written_run_id": run_id})
        .returning(PAGES.c.id, PAGES.c.space_key, PAGES.c.version),
        {"ids": ids},
    )
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=page_id,
                space_key=space_key,
                action=ChangeAction.RESTRICT,
                changed_fields=(ChangedField.RESTRICTIONS,),
                version=version,
                reason="a page above it moved, so who may read it is not known",
            )
            for page_id, space_key, version in rows
        ],
    )


def _moved(written: Iterable[PageWrite], locked: Mapping[str, LockedPage]) -> Iterator[str]:
    for write in written:
        row = locked.get(write.head.id)
        if row is not None:
            place = (row.before.parent_id, row.before.space_key)
            if place != (write.head.parent_id, write.head.space_key):
                yield write.head.id
