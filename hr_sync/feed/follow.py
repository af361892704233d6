"""Reads the changes of one consumer: those that are there, or each as it comes.

Every change is given at least once: a consumer that begins anew gets everything again that it has not acknowledged.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.domain.feed import FeedChange, FeedPosition
from hr_sync.errors import DatabaseUnavailable
from hr_sync.store.feed_signal import FeedSignal
from hr_sync.store.feed_store import FeedStore

log = structlog.get_logger(__name__)

POLL_SECONDS = 10.0  #: how long a consumer waits at most where no notification arrives
_PIECE = 1000  # changes that are read at once
_COMPACT_PIECE = 50_000  # each piece looks at everything that is left


def read_changes(
    feed: FeedStore, consumer: str, *, limit: int | None = None, compact: bool = False
) -> Iterator[FeedChange]:
    """Yield what a consumer has not acknowledged, as far as it is there. Raise SnapshotNeeded, DatabaseUnavailable."""
    position = feed.position(consumer)
    feed.tell_recency()
    while rest := _piece(limit, compact=compact):
        found = feed.changes_after(position, consumer=consumer, limit=rest, compact=compact)
        yield from found
        if len(found) < rest:
            break
        position = replace(position, seq=found[-1].seq)
        limit = None if limit is None else limit - len(found)
    feed.note_seen(consumer)


def follow_changes(
    feed: FeedStore,
    consumer: str,
    write: Callable[[FeedChange], object],
    cancellation: Cancellation,
    *,
    compact: bool = False,
    poll_seconds: float = POLL_SECONDS,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Call `write` with what a consumer has not acknowledged and with each change that comes, until it is cancelled.

    A database that cannot be reached is asked again. Raise SnapshotNeeded if changes were lost.
    """
    position = feed.position(consumer)
    with FeedSignal(feed.engine) as signal:
        while not cancellation.is_set() and not is_over():
            try:
                position, has_more = _write_next(feed, consumer, position, write, compact=compact)
            except DatabaseUnavailable as failure:
                log.warning("feed.unavailable", error=type(failure).__name__, retry_seconds=poll_seconds)
                has_more = False
            if not has_more:
                signal.wait(cancellation, seconds=poll_seconds, is_over=is_over)


def _write_next(
    feed: FeedStore, consumer: str, position: FeedPosition, write: Callable[[FeedChange], object], *, compact: bool
) -> tuple[FeedPosition, bool]:
    """Write a piece of the changes. Return the position behind it, and whether there may be more."""
    found = feed.changes_after(position, consumer=consumer, limit=_piece(compact=compact), compact=compact)
    for change in found:
        write(change)
        position = replace(position, seq=change.seq)
    if found:
        return position, True
    feed.note_seen(consumer)
    return position, bool(feed.tell_recency())


def _piece(limit: int | None = None, *, compact: bool) -> int:
    most = _COMPACT_PIECE if compact else _PIECE
    return most if limit is None else min(limit, most)
