"""Writes pages: at most 250 in a transaction, fenced by the lease; one that PostgreSQL refuses does not block others.

The rows are locked and read first; a page whose row another space has taken over meanwhile is dropped. What is left is
written by one statement inside one savepoint: its parts are the upsert of the pages, that of the bodies, and the
failures that are over. When PostgreSQL refuses the data, the chunk is divided until each page that it refuses stands
alone in its savepoint, and those go to `page_failures`. That is eleven times faster over a network than a savepoint for
each page from the start.

Each page is a node of the facts of access as well. Its restriction is written where all facts that decide about its
readers were read with the page; without it a new version makes the access to the page unknown, because its text is
newer than what is known of its readers, and a move can make the access narrower alone.
Another place, another space or another restriction changes the access sets of everything below, in this transaction.
A page without a node has no set, and needs none until somebody reads its facts: that keeps a first run cheap.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, cast

from sqlalchemy import (
    CTE,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hr_sync.domain.access import NodeFact
from hr_sync.domain.changes import ChangedField, changed_fields
from hr_sync.store.db_errors import describe_error
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import PageFailure
from hr_sync.store.text_tables import PageText
from hr_sync.store.values import MAX_PAGES, Failure, FailureStage, PageWrite, WriteResult
from hr_sync.store.write.access import restriction_json, write_above
from hr_sync.store.write.access_sets import derive_sets
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.changes import Change, action_told, record_changes
from hr_sync.store.write.failures import record_failures
from hr_sync.store.write.included_access import hosts_of, outdate_hosts
from hr_sync.store.write.locks import PAGES, LockedPage, lock_pages
from hr_sync.store.write.nodes import write_nodes
from hr_sync.store.write.page_rows import HEAD_COLUMNS, head_row, put_bodies, sections_of_text
from hr_sync.store.write.refused_rows import RefusalError, put_or_divide
from hr_sync.store.write.shown_items import ItemsOfMovingPages

Written: TypeAlias = dict[str, bool]
"""Ids of pages that were written, and whether a fact of the access to each is another one now."""

_FAILURES = cast("Table", PageFailure.__table__)
_TEXTS = cast("Table", PageText.__table__)

# A page that is written is listed, so it is live, whatever its state was.
_SHOWN: dict[str, Any] = {
    "missing_since_run_id": None,
    "hidden_at": None,
    "hidden_reason": None,
    "removed_at": None,
    "removed_reason": None,
}


def write_pages(
    session: Session, lease: Lease, run_id: int, writes: Sequence[PageWrite], above: Collection[NodeFact] = ()
) -> WriteResult:
    """Write at most `MAX_PAGES` pages and their changes. Return what was not written.

    `above`: the nodes above those of the pages whose restriction is given.
    Raises LeaseLost, and what SQLAlchemy raises when the server or the connection failed: nothing is written then.
    """
    if len(writes) > MAX_PAGES:
        raise ValueError(f"{len(writes)} pages in one transaction; at most {MAX_PAGES}")
    check_lease(session, lease)
    locked = lock_pages(session, [write.head.id for write in writes])
    current = [write for write in writes if _is_as_seen(write, locked.get(write.head.id))]
    moving = ItemsOfMovingPages(session, [write.head.id for write in current if _changes_space(write, locked)])
    written, failures = _put(session, run_id, current, locked)
    changes = [_change(write, locked.get(write.head.id)) for write in current if write.head.id in written]
    other_texts = [
        each.page_id for each in changes if each.page_id in locked and ChangedField.TEXT in each.changed_fields
    ]
    outdate_hosts(session, run_id, hosts_of(session, other_texts))
    record_changes(session, run_id, changes)
    fresh = frozenset(write.head.id for write in current if write.head.id in written and write.restriction is not None)
    changed = _with_other_access(current, written, locked) | fresh
    for space_id in {write.head.space_id for write in current if write.head.id in fresh}:
        changed |= write_above(session, space_id, above)
    derive_sets(session, run_id, changed, fresh=fresh)
    moving.wait_for_access(run_id, written.keys())
    record_failures(session, lease.space_key, run_id, failures)
    failed = frozenset(failure.page_id for failure in failures)
    done = written.keys() | failed
    return WriteResult(
        failed=failed, superseded=frozenset(write.head.id for write in writes if write.head.id not in done)
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


def _changes_space(write: PageWrite, locked: Mapping[str, LockedPage]) -> bool:
    """Return True if a page is in another space than its row says. A space that has another key is the same one."""
    row = locked.get(write.head.id)
    return row is not None and row.space_id != write.head.space_id


def _put(
    session: Session, run_id: int, writes: Sequence[PageWrite], locked: Mapping[str, LockedPage]
) -> tuple[Written, list[Failure]]:
    """Write the pages, without those that PostgreSQL refuses. Return what was written, and what failed."""
    written: Written = {}
    refused = put_or_divide(session, writes, lambda some: written.update(_put_together(session, run_id, some, locked)))
    # What one call wrote may have been rolled back, and refused by a later one.
    accepted = {write.head.id for write in writes if all(write is not each for each, _ in refused)}
    return {page_id: written[page_id] for page_id in written.keys() & accepted}, [
        _failure(write, error) for write, error in refused
    ]


def _failure(write: PageWrite, error: RefusalError) -> Failure:
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
) -> Written:
    written: Written = {}
    rows = [(write.storage is not None, _row(write, run_id, locked.get(write.head.id))) for write in writes]
    whole = [row for has_body, row in rows if has_body]
    heads = [row for has_body, row in rows if not has_body]
    if whole:
        moving = {"locked_ids": list(locked)}
        written |= _by_page(session.execute(_put_with_bodies(), as_arrays(whole) | moving))
    if heads:
        written |= _by_page(session.execute(_put_heads(), as_arrays(heads)))
    return written


def _row(write: PageWrite, run_id: int, locked: LockedPage | None) -> dict[str, Any]:
    """Return what a write fills in: a row of the page and of its body."""
    return head_row(write, run_id) | {
        "content_hash": write.content_hash,
        "storage": write.storage,
        "restriction": restriction_json(write.restriction),
        "same_text": locked is not None and locked.before.live and locked.before.version == write.head.version,
    }


def _change(write: PageWrite, locked: LockedPage | None) -> Change:
    return Change(
        page_id=write.head.id,
        space_key=write.head.space_key,
        action=action_told(write.action, is_live=locked.before.live if locked else None),
        changed_fields=changed_fields(locked.before if locked else None, write.head, write.content_hash),
        version=write.head.version,
        reason=write.reason,
    )


@cache
def _put_with_bodies() -> Select[tuple[str, bool]]:
    """Return the statement that inserts pages with their bodies, or overwrites what is there."""
    names = ("id", *HEAD_COLUMNS, "content_hash")
    given = unnested({name: PAGES.c[name] for name in names})
    pages = upsert(PAGES).from_select([*names, "sections"], select(given, sections_of_text(given)))
    fresh = {name: pages.excluded[name] for name in (*names[1:], "sections")}
    pages = pages.on_conflict_do_update(
        index_elements=["id"],
        set_=fresh | _SHOWN | {"synced_at": func.now()},
        # A row that was locked may be taken over from another space. One that appeared since was written by that space.
        where=or_(
            PAGES.c.space_key == pages.excluded.space_key,
            PAGES.c.id == func.any(bindparam("locked_ids", type_=ARRAY(Text))),
        ),
    )
    written = pages.returning(PAGES.c.id).cte("written_pages")
    bodies = put_bodies(written)
    # A text that is kept for a body without any is looked at again whenever its body was read again.
    kept = (
        update(_TEXTS)
        .values(content_hash="")
        .where(_TEXTS.c.page_id == written.c.id, _TEXTS.c.kept_since.is_not(None))
        .returning(_TEXTS.c.page_id)
    )
    return _with_nodes(written, bodies.cte("written_bodies"), kept.cte("read_again"))


@cache
def _put_heads() -> Select[tuple[str, bool]]:
    """Return the statement that overwrites the heads of pages whose bodies stay."""
    given = unnested({name: PAGES.c[name] for name in ("id", *HEAD_COLUMNS)})
    fresh: dict[str, Any] = {name: given.c[name] for name in HEAD_COLUMNS}
    heads = (
        update(PAGES)
        .where(PAGES.c.id == given.c.id)
        .values(fresh | _SHOWN | {"synced_at": func.now()})
        .returning(PAGES.c.id)
    )
    return _with_nodes(heads.cte("written_pages"))


def _with_nodes(written: CTE, *others: CTE) -> Select[tuple[str, bool]]:
    """Write these and their nodes, and forget that the pages failed.

    Return the ids that were written, and whether a fact of the access to each is another one now.
    """
    nodes = write_nodes(written).cte("written_nodes")
    over = delete(_FAILURES).where(_FAILURES.c.page_id.in_(select(written.c.id))).cte("forgotten_failures")
    query = select(written.c.id, nodes.c.id.is_not(None).label("has_other_facts")).join_from(
        written, nodes, nodes.c.id == written.c.id, isouter=True
    )
    return query.add_cte(*others, over)


def _by_page(rows: Iterable[Row[Any]]) -> Written:
    return {row.id: row.has_other_facts for row in rows}


def _with_other_access(
    writes: Iterable[PageWrite], written: Written, locked: Mapping[str, LockedPage]
) -> frozenset[str]:
    """Return the written pages whose access set may differ from the one in their row.

    Those of which a fact changed; those that are new, were not live, or were in another space, which have none that
    fits; and those whose set is out of date although no node of theirs is stored.
    """
    return frozenset(
        write.head.id
        for write in writes
        if write.head.id in written and (written[write.head.id] or _has_other_access(write, locked.get(write.head.id)))
    )


def _has_other_access(write: PageWrite, locked: LockedPage | None) -> bool:
    if locked is None:
        return write.restriction is not None  # its node may be there with the same facts: an access pass saw it first
    before, head = locked.before, write.head
    if not before.live or before.space_key != head.space_key:
        return True
    return locked.access_known and (before.version, before.parent_id) != (head.version, head.parent_id)
