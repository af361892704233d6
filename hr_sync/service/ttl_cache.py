"""Caches one answer for a short time, so that many clients cause few database queries."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from hr_sync.errors import DatabaseUnavailable

Answer = TypeVar("Answer")

_STALE_SECONDS = 5  # so old an answer still serves while another thread asks for a new one
_MOST_WAITING = 2  # threads that wait for the first answer; the others are refused


class TtlCache(Generic[Answer]):
    """Calls `ask` from one thread at a time, and only when the last answer is older than `keep_seconds`."""

    def __init__(self, ask: Callable[[], Answer], *, keep_seconds: float = 1, wait_seconds: float = 5) -> None:
        self._ask = ask
        self._keep_seconds = keep_seconds
        self._wait_seconds = wait_seconds
        self._asking = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._last: tuple[float, Answer] | None = None

    def __call__(self) -> Answer:
        """Return an answer.

        Raise what `ask` raises, and DatabaseUnavailable when the thread that asks gets no answer for too long.
        """
        last = self._last
        if last is not None and time.monotonic() - last[0] <= self._keep_seconds:
            return last[1]
        if not self._asking.acquire(blocking=False):
            if last is not None and time.monotonic() - last[0] <= _STALE_SECONDS:
                return last[1]
            self._wait()
        try:
            if self._last is None or time.monotonic() - self._last[0] > self._keep_seconds:
                self._last = time.monotonic(), self._ask()
            return self._last[1]
        finally:
            self._asking.release()

    def _wait(self) -> None:
        """Acquire the right to ask. Raise DatabaseUnavailable when that takes too long, or many wait already."""
        acquired = False
        if self._waiting.acquire(blocking=False):
            try:
                acquired = self._asking.acquire(timeout=self._wait_seconds)
            finally:
                self._waiting.release()
        if not acquired:
            raise DatabaseUnavailable("PostgreSQL has not answered for a while. Check its load and its locks.")
