"""The spaces that are due, as a run sees them."""

from collections.abc import Callable, Collection, Iterator, Mapping, MutableSet, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from hr_sync.domain.content import Space
from hr_sync.domain.holds import Leaving
from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import Cadence, DueSpace, Round
from hr_sync.store.due import (
    count_waiting,
    due_spaces,
    has_work,
    lock_due,
    may_be_due,
    next_due_at,
    open_round,
    others_leaving,
    request_full_passes,
    reserve_space,
)
from hr_sync.store.lease import Lease, renewed, take_locked
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.transaction import Transactions
from hr_sync.store.values import Worker

FindSpace: TypeAlias = Callable[[str, str | None], Space | None]  #: by stored key and id

_RESERVED_SECONDS = 3.0  # a request that waits asks again far sooner


class DueSpaces:
    """When spaces are due, and whose turn it is. Every method is one transaction, and raises as those of `Store`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def open_round(
        self,
        mode: Mode,
        spaces: Sequence[Space],
        cadence: Cadence,
        *,
        is_whole: bool = True,
        skips_done: bool = False,
    ) -> Round:
        """Make the spaces without a due time due, and return the round.

        Spaces that are not named wait, or are left as they are where these are not the whole round. `skips_done`: so do
        spaces whose work another pass has done lately.
        """
        return self._transactions.run(
            lambda session: open_round(session, mode, spaces, cadence, is_whole=is_whole, skips_done=skips_done)
        )

    def spaces(self, modes: Collection[Mode]) -> Sequence[DueSpace]:
        """Return the spaces that are due in one of the modes and free, each once, in the order of their turns."""
        return self._transactions.run(lambda session: due_spaces(session, modes))

    def has_work(self, mode: Mode, cadence: Cadence) -> bool:
        """Return True if a space is due, or has no due time or one of other settings, or if there is no space yet."""
        return self._transactions.run(lambda session: has_work(session, mode, cadence))

    def may_be_due(self, mode: Mode, space_key: str, cadence: Cadence) -> bool:
        """Return False if a space is due later, or if another worker is at work on it."""
        return self._transactions.run(lambda session: may_be_due(session, mode, space_key, cadence))

    def next_at(self, mode: Mode) -> datetime | None:
        """Return when the next space becomes due that is not due yet; None if there is none."""
        return self._transactions.run(lambda session: next_due_at(session, mode))

    def waiting(self) -> Mapping[Mode, int]:
        """Return in each mode how many spaces are due that somebody could take now."""
        return self._transactions.run(count_waiting)

    @contextmanager
    def leased(
        self,
        current: Round,
        find: FindSpace,
        skipped: MutableSet[str],
        worker: Worker,
        run_id: int,
        *,
        seconds: float,
        only: Space | None = None,
    ) -> Iterator[SpaceStore | None]:
        """Hold the lease of the next due space within the block, as `Store.leased` does; None if there is none.

        `skipped`: stored keys that are not taken. Those are added that this call takes, and those that `find` knows no
        space for. `only`: the lease of this space or none.
        """

        def take(session: Session) -> tuple[Lease, Space] | None:
            while (found := lock_due(session, current, skipped, only)) is not None:
                skipped.add(found[0])
                space = find(*found)
                lease = None if space is None else take_locked(session, space, worker, seconds)
                if space is not None and isinstance(lease, Lease):
                    return lease, space
            return None

        taken = self._transactions.run(take)
        if taken is None:
            yield None
            return
        lease, space = taken
        with renewed(self._transactions, lease, seconds=seconds):
            yield SpaceStore(self._transactions, lease, space, run_id, current)

    def request_full_passes(self, current: Round) -> None:
        """Record which spaces of a round others are at work on: if that is no full pass, an incremental run does it."""
        self._transactions.run(lambda session: request_full_passes(session, current))

    def reserve(self, space: Space) -> None:
        """Let no replica take the next turn of a space for a moment, since a request waits for its lease."""
        self._transactions.run(lambda session: reserve_space(session, space, seconds=_RESERVED_SECONDS))

    def others_leaving(self, current: Round, own_keys: Collection[str]) -> Mapping[str, Leaving]:
        """Return what leaves of pages and of items in other spaces of the round, by what others have decided."""
        return self._transactions.run(lambda session: others_leaving(session, current, own_keys))
