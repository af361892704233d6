"""Writes texts while the next ones are made: PostgreSQL takes as long for the one as Python does for the other.

A thread waits for PostgreSQL, so that two processors are busy without a second process of ours. What is made waits for
what is written, so that memory is bounded.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from hr_sync.store.store import Store
from hr_sync.store.write.text_rows import TextKept, TextWrite
from hr_sync.store.write.texts import TextsWritten

_WRITERS = 2  # transactions at once: one waits for its commit, the other one computes vectors


class TextWriter:
    """Writes chunks of texts, each in a transaction of its own. Chunks must have no page in common."""

    def __init__(self, store: Store, threads: ThreadPoolExecutor) -> None:
        self.written: list[TextsWritten] = []  #: what the chunks changed that are written by now
        self._store = store
        self._threads = threads
        self._waiting: deque[Future[TextsWritten]] = deque()

    def write(self, texts: Sequence[TextWrite], kept: Sequence[TextKept]) -> None:
        """Begin to write a chunk. Raise what failed in an earlier one."""
        while len(self._waiting) >= _WRITERS:
            self._settle()
        self._waiting.append(self._threads.submit(self._store.write_texts, texts, kept))

    def finish(self) -> None:
        """Wait until every chunk is written. Raise what failed in one."""
        while self._waiting:
            self._settle()

    def _settle(self) -> None:
        self.written.append(self._waiting.popleft().result())


@contextmanager
def text_writer(store: Store) -> Iterator[TextWriter]:
    """Write within the block; every chunk that was begun is written, or has failed, when the block ends."""
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="texts") as threads:
        writer = TextWriter(store, threads)
        yield writer
        writer.finish()
