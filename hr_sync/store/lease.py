"""One writer per space: a lease with a fencing epoch, on the database's clock.

Each new lease raises the epoch of its space. Every write transaction reads the epoch `FOR SHARE` first, so that a
worker which slept past its lease is refused by the database, whatever it believes. Session advisory locks would not do:
behind PgBouncer two workers both held one (30 of 30 tries).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.errors import LeaseLost
from hr_sync.store.engine import session_scope
from hr_sync.store.run_tables import SyncSpace

_SPACES = cast("Table", SyncSpace.__table__)  # statements over classes pass through the ORM, at twice the cost
LEASE_SECONDS = 60  #: renewed every third of it; another worker waits this long after a crash


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to write one space, as long as nobody holds a higher epoch."""

    space_key: str
    holder: str  #: host:pid:run
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """Another worker holds the lease."""

    space_key: str
    holder: str


def take_lease(
    sessions: sessionmaker[Session],
    space_key: str,
    holder: str,
    *,
    over: str | None = None,
    seconds: float = LEASE_SECONDS,
) -> Lease | Busy:
    """Take the lease of a space when it is free, has expired, or is held by `over`, which is known to be dead."""
    expires_at = _in(seconds)
    statement = insert(SyncSpace).values(space_key=space_key, lease_holder=holder, lease_expires_at=expires_at, epoch=1)
    statement = statement.on_conflict_do_update(
        index_elements=[SyncSpace.space_key],
        set_={
            SyncSpace.lease_holder: statement.excluded.lease_holder,
            SyncSpace.lease_expires_at: expires_at,
            SyncSpace.epoch: SyncSpace.epoch + 1,
        },
        where=or_(
            SyncSpace.lease_expires_at.is_(None),
            SyncSpace.lease_expires_at < func.clock_timestamp(),
            SyncSpace.lease_holder == over,
        ),
    )
    with session_scope(sessions) as session:
        epoch = session.scalar(statement.returning(SyncSpace.epoch))
        if epoch is not None:
            return Lease(space_key=space_key, holder=holder, epoch=epoch)
        other = session.scalar(select(SyncSpace.lease_holder).where(SyncSpace.space_key == space_key))
    return Busy(space_key=space_key, holder=other or "another worker")


def renew_lease(sessions: sessionmaker[Session], lease: Lease, *, seconds: float = LEASE_SECONDS) -> None:
    """Hold the lease for another full term. Raises LeaseLost when somebody else has it."""
    _change_own(sessions, lease, {SyncSpace.lease_expires_at.key: _in(seconds)})


def release_lease(sessions: sessionmaker[Session], lease: Lease) -> None:
    """Let the next worker in at once. Raises LeaseLost when it already was."""
    _change_own(sessions, lease, {SyncSpace.lease_expires_at.key: None, SyncSpace.lease_holder.key: None})


def release_leases_of(sessions: sessionmaker[Session], worker: str) -> None:
    """Let others in at once where this worker holds leases. For a process that ends with its work in the middle."""
    mine = SyncSpace.lease_holder.startswith(f"{worker}:", autoescape=True)
    with session_scope(sessions) as session:
        session.execute(update(SyncSpace).where(mine).values(lease_expires_at=None, lease_holder=None))


def check_lease(session: Session, lease: Lease) -> None:
    """Hold the epoch still until the transaction ends. Raises LeaseLost when it is no longer ours."""
    space = _SPACES.c
    epoch = session.scalar(select(space.epoch).where(space.space_key == lease.space_key).with_for_update(read=True))
    if epoch != lease.epoch:
        raise _lost(lease)


def _in(seconds: float) -> ColumnElement[datetime]:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _change_own(sessions: sessionmaker[Session], lease: Lease, values: dict[str, object]) -> None:
    own = (SyncSpace.space_key == lease.space_key, SyncSpace.epoch == lease.epoch)
    with session_scope(sessions) as session:
        if session.scalar(update(SyncSpace).where(*own).values(values).returning(SyncSpace.epoch)) is None:
            raise _lost(lease)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"Another worker took over space {lease.space_key} while this one was paused; nothing more was written. "
        "It carries on there; nothing to do."
    )
