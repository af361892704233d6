"""Holds a space's lease for as long as the work on it takes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.errors import LeaseLost
from hr_sync.store.lease import LEASE_SECONDS, Busy, Lease, release_lease, renew_lease, take_lease
from hr_sync.sync.workers import is_dead

log = structlog.get_logger(__name__)


@contextmanager
def leased(
    sessions: sessionmaker[Session], space_key: str, holder: str, *, seconds: float = LEASE_SECONDS
) -> Iterator[Lease | Busy]:
    """Hold the lease of a space within the block, renewed in the background; Busy when another worker has it.

    The renewal is a convenience: what keeps a second writer out is the epoch in every write transaction.
    """
    lease = take_lease(sessions, space_key, holder, seconds=seconds)
    if isinstance(lease, Busy) and is_dead(lease.holder):
        log.warning("lease.taken_over", space=space_key, holder=lease.holder)
        lease = take_lease(sessions, space_key, holder, over=lease.holder, seconds=seconds)
    if isinstance(lease, Busy):
        yield lease
        return
    done = threading.Event()
    keeper = threading.Thread(
        target=_renew, args=(sessions, lease, done, seconds), name=f"lease-{space_key}", daemon=True
    )
    keeper.start()
    try:
        yield lease
    finally:
        done.set()
        keeper.join()
        # It runs out by itself when the database cannot be reached now.
        with suppress(LeaseLost, SQLAlchemyError):
            release_lease(sessions, lease)


def _renew(sessions: sessionmaker[Session], lease: Lease, done: threading.Event, seconds: float) -> None:
    while not done.wait(seconds / 3):
        try:
            renew_lease(sessions, lease, seconds=seconds)
        except LeaseLost:
            log.warning("lease.lost", space=lease.space_key)
            return
        except SQLAlchemyError as error:
            log.warning("lease.not_renewed", space=lease.space_key, error=type(error).__name__)
