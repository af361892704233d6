"""One writer per space: a lease with a fencing epoch and a token, on the database's clock.

Each new lease raises the epoch of its space and writes a random token. Every write transaction reads both `FOR SHARE`
first, so that a worker which slept past its lease is refused by the database, whatever its own clock says; the token
distinguishes two leases with the same epoch, as after a failover that lost a commit. Session advisory locks would not
do: behind PgBouncer two workers both held one (30 of 30 tries).

Taking the lease also writes the identity of the space. A space that was given another key keeps its row, under the new
key; a key that was given to another space keeps only its hold.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import structlog
from sqlalchemy import ColumnElement, Row, Table, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.content import Space
from hr_sync.errors import DatabaseConflict, HrSyncError, LeaseLost
from hr_sync.store.engine import set_local
from hr_sync.store.tables import PageFailure, SyncSpace
from hr_sync.store.transaction import Transactions
from hr_sync.store.values import Busy, Worker

log = structlog.get_logger(__name__)

_SPACES = cast("Table", SyncSpace.__table__)  # statements over classes pass through the ORM, at twice the cost
_FREE: dict[str, Any] = {"lease_holder": None, "lease_worker": None, "lease_token": None, "lease_expires_at": None}
#: When what is known of a space was looked at: nothing of it is, once it is another space or is forgotten.
CLOCKS = ("last_complete_at", "attachments_checked_at", "comments_checked_at", "access_checked_at")
_TAKE_LOCK_TIMEOUT = "2s"  # whoever holds the row longer is writing the space


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to write one space, as long as its row holds this epoch and this token."""

    space_key: str
    epoch: int
    token: str
    began_at: datetime  #: the database's clock
    renamed_from: str | None = None  #: the key that the space had until now


def take_lease(transactions: Transactions, space: Space, worker: Worker, *, seconds: float) -> Lease | Busy:
    """Take the lease of a space if nobody holds it, and write its identity."""
    try:
        return transactions.run(lambda session: take_locked(session, space, worker, seconds, is_locked=False))
    except DatabaseConflict:
        return Busy(space_key=space.key, worker="another worker")


def renew_lease(transactions: Transactions, lease: Lease, *, seconds: float) -> None:
    """Hold the lease for another full term. Raises LeaseLost if somebody else has it."""
    transactions.run(lambda session: _change_own(session, lease, {"lease_expires_at": _in(seconds)}))


def release_lease(transactions: Transactions, lease: Lease) -> None:
    """Let the next worker take the lease at once. Raises LeaseLost if one did already."""
    transactions.run(lambda session: _change_own(session, lease, _FREE))


def release_leases_of(transactions: Transactions, worker: Worker) -> None:
    """Release all leases of a worker, for a process that ends in the middle of its work."""
    own = _SPACES.c.lease_worker == worker.instance
    transactions.run(lambda session: session.execute(update(_SPACES).where(own).values(_FREE)))


def check_lease(session: Session, lease: Lease, *, for_update: bool = False) -> None:
    """Keep the lease as it is until the transaction ends. Raises LeaseLost if it is no longer ours.

    `for_update`: the transaction writes the row of the space.
    """
    row = _SPACES.c
    query = select(row.epoch, row.lease_token).where(row.space_key == lease.space_key)
    query = query.with_for_update(key_share=True) if for_update else query.with_for_update(read=True)
    if session.execute(query).one_or_none() != (lease.epoch, lease.token):
        raise _lost(lease)


@contextmanager
def renewed(transactions: Transactions, lease: Lease, *, seconds: float) -> Iterator[None]:
    """Renew a lease in the background within the block, and release it at the end.

    The renewal is a convenience: what keeps a second writer out is the check in every write transaction.
    """
    done = threading.Event()
    thread = threading.Thread(
        target=_keep_renewing, args=(transactions, lease, done, seconds), name=f"lease-{lease.space_key}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        try:
            release_lease(transactions, lease)
        except HrSyncError as error:  # it expires by itself
            log.info("lease.not_released", space=lease.space_key, error=type(error).__name__)


def _keep_renewing(transactions: Transactions, lease: Lease, done: threading.Event, seconds: float) -> None:
    while not done.wait(seconds / 3):
        try:
            renew_lease(transactions, lease, seconds=seconds)
        except LeaseLost:
            log.warning("lease.lost", space=lease.space_key)
            return
        except HrSyncError as error:
            log.warning("lease.not_renewed", space=lease.space_key, error=type(error).__name__)


def take_locked(
    session: Session, space: Space, worker: Worker, seconds: float, *, is_locked: bool = True
) -> Lease | Busy:
    """Take the lease as `take_lease` does, in a transaction that is open and has locked the row: it looked free."""
    rows = [] if is_locked else _rows(session, space)
    if not any(row.is_leased for row in rows):
        # Only rows that look free are locked: a worker must not wait behind the holder's writes.
        set_local(session.connection(), lock_timeout=_TAKE_LOCK_TIMEOUT)
        rows = _rows(session, space, lock=True)
    leased = next((row for row in rows if row.is_leased), None)
    if leased is not None:
        return Busy(space_key=space.key, worker=leased.lease_holder or "another worker")
    token = uuid.uuid4().hex
    identity = {"space_id": space.id or None, "name": space.name or None}
    values = {name: value for name, value in identity.items() if value is not None} | {
        "lease_holder": worker.display,
        "lease_worker": worker.instance,
        "lease_token": token,
        "lease_expires_at": _in(seconds),
    }
    old_key = _prepare(session, space, rows)
    taken = insert(_SPACES).values(space_key=space.key, epoch=1, former_keys=_aliases(space), **values)
    taken = taken.on_conflict_do_update(
        index_elements=[_SPACES.c.space_key],
        set_=values | {"epoch": _SPACES.c.epoch + 1, "former_keys": _with_aliases(space)},
        where=or_(_SPACES.c.lease_token.is_(None), _SPACES.c.lease_expires_at < func.clock_timestamp()),
    )
    written = session.execute(taken.returning(_SPACES.c.epoch, func.clock_timestamp())).one_or_none()
    if written is None:  # it was inserted by another worker a moment ago
        return Busy(space_key=space.key, worker="another worker")
    epoch, began_at = written
    return Lease(space_key=space.key, epoch=epoch, token=token, began_at=began_at, renamed_from=old_key)


def _aliases(space: Space) -> list[str]:
    """Return the names of the space beside its key. Settings may use one of them, and later answers may lack it."""
    return [] if space.alias in {None, space.key} else [str(space.alias)]


def _with_aliases(space: Space) -> ColumnElement[Any]:
    names: ColumnElement[Any] = _SPACES.c.former_keys
    for alias in _aliases(space):
        names = func.array_append(func.array_remove(names, alias), alias)
    return names


def _rows(session: Session, space: Space, *, lock: bool = False) -> list[Row[Any]]:
    """Return the rows of the space's key and of its id: at most two that matter."""
    row = _SPACES.c
    is_leased = row.lease_token.is_not(None) & (row.lease_expires_at >= func.clock_timestamp())
    same = row.space_key == space.key
    query = (
        select(row.space_key, row.space_id, row.lease_holder, is_leased.label("is_leased"))
        .where(or_(same, row.space_id == space.id) if space.id else same)
        .order_by(row.space_key)
    )
    return list(session.execute(query.with_for_update() if lock else query))


def _prepare(session: Session, space: Space, rows: list[Row[Any]]) -> str | None:
    """Bring the row of this space under its key. Return the key that it had, if that was another one."""
    by_key = {row.space_key: row for row in rows}
    under_key = by_key.pop(space.key, None)
    if by_key:
        old_key: str = min(by_key)
        _rename(session, old_key, space.key)
        return old_key
    if under_key is not None and space.id and under_key.space_id not in {None, space.id}:
        # The key is another space's now, so the position is invalid. The pages and the hold are kept.
        position = dict.fromkeys(("watermark", "scope_fingerprint", "last_full_at", *CLOCKS))
        values = position | {"viewers_known": False}
        session.execute(update(_SPACES).where(_SPACES.c.space_key == space.key).values(values))
    return None


def _rename(session: Session, old_key: str, new_key: str) -> None:
    stale = _SPACES.c.space_key == new_key  # of a space that had the key before
    epoch = session.scalar(_SPACES.delete().where(stale).returning(_SPACES.c.epoch)) or 0
    session.execute(
        update(_SPACES)
        .where(_SPACES.c.space_key == old_key)
        .values(
            space_key=new_key,
            epoch=func.greatest(_SPACES.c.epoch, epoch),
            former_keys=func.array_append(func.array_remove(_SPACES.c.former_keys, new_key), old_key),
        )
    )
    session.execute(update(PageFailure).where(PageFailure.space_key == old_key).values(space_key=new_key))
    log.info("space.renamed", old=old_key, new=new_key)


def _in(seconds: float) -> ColumnElement[datetime]:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _change_own(session: Session, lease: Lease, values: dict[str, Any]) -> None:
    row = _SPACES.c
    own = (row.space_key == lease.space_key, row.epoch == lease.epoch, row.lease_token == lease.token)
    if session.scalar(update(_SPACES).where(*own).values(values).returning(row.epoch)) is None:
        raise _lost(lease)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"Another worker took over space {lease.space_key} while this one was paused; nothing more was written. "
        "It carries on there; nothing to do."
    )
