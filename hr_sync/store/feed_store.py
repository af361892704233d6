"""The feed, as a consumer and whoever watches over consumers see it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.orm import Session

from hr_sync.domain.feed import Consumer, FeedChange, FeedPosition
from hr_sync.errors import ConfigurationError
from hr_sync.store.read.feed import (
    SnapshotOf,
    begin_snapshot,
    changes_after,
    check_keeps_positions,
    find_position,
    list_consumers,
    may_write,
    snapshot_rows,
)
from hr_sync.store.transaction import Transactions
from hr_sync.store.write.feed import ack, note_seen, remove_consumer, start_consumer
from hr_sync.store.write.recency import tell_recency

log = structlog.get_logger(__name__)


class FeedStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self.engine = transactions.engine
        self._transactions = transactions

    def position(self, name: str) -> FeedPosition:
        """Return what a consumer has acknowledged. Raise SnapshotNeeded if there is no such consumer."""
        return self._transactions.run(lambda session: find_position(session, name))

    def changes_after(
        self, position: FeedPosition, *, consumer: str, limit: int, compact: bool = False
    ) -> Sequence[FeedChange]:
        """Return the next changes after a position, at most so many. Raise SnapshotNeeded if some of them are lost."""
        return self._transactions.run(
            lambda session: changes_after(session, position, limit=limit, compact=compact, consumer=consumer)
        )

    def tell_recency(self) -> int:
        """Record what has come or gone for consumers by the age of what is known alone. Return how many pages.

        A role that may only read, and a standby, do nothing: the worker records it when its next run begins.
        """
        try:
            return self._transactions.run(lambda session: tell_recency(session, 0) if may_write(session) else 0)
        except ConfigurationError as failure:
            log.debug("feed.recency_not_told", error=str(failure))
            return 0

    def ack(self, name: str, seq: int, *, epoch: str | None = None) -> FeedPosition:
        """Write that a consumer has dealt with everything up to `seq`. Raise SnapshotNeeded, UsageError."""
        return self._transactions.run(lambda session: ack(session, name, seq, epoch=epoch))

    def note_seen(self, name: str) -> None:
        """Write that a consumer waits for changes, if it has acknowledged all of them."""
        self._transactions.run(lambda session: note_seen(session, name))

    def check_keeps_positions(self, name: str) -> None:
        """Raise DatabaseUnavailable where the position of a consumer cannot be written, as on a standby."""
        self._transactions.run(lambda session: check_keeps_positions(session, name))

    def snapshot(
        self,
        view: SnapshotOf,
        write: Callable[[Mapping[str, Any]], object],
        begin: Callable[[FeedPosition], object],
    ) -> FeedPosition:
        """Call `begin` with the position of a snapshot and `write` with each row of a view. Return the position."""

        def work(session: Session) -> FeedPosition:
            position = begin_snapshot(session)
            begin(position)
            for row in snapshot_rows(session, view):
                write(row)
            return position

        return self._transactions.run_once(work)

    def start_consumer(self, name: str, position: FeedPosition) -> None:
        """Write that a consumer has read a snapshot. Raise SnapshotNeeded if changes after it were lost meanwhile."""
        self._transactions.run(lambda session: start_consumer(session, name, position))

    def consumers(self) -> Sequence[Consumer]:
        """Return all consumers by name, and how far each is."""
        return self._transactions.run(list_consumers)

    def remove_consumer(self, name: str) -> bool:
        """Delete a consumer. Return False if there is none."""
        return self._transactions.run(lambda session: remove_consumer(session, name))
