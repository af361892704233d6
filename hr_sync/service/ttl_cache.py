"""One answer for everybody who asks within a moment, so that no number of visitors reaches the database."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from hr_sync.errors import DatabaseUnavailable

Answer = TypeVar("Answer")


class Snapshot(Generic[Answer]):
    """Asks at most once at a time, and again only when the last answer is older than `keep_seconds`."""

    def __init__(self, ask: Callable[[], Answer], *, keep_seconds: float = 1, wait_seconds: float = 5) -> None:
        self._ask = ask
        self._keep_seconds = keep_seconds
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._last: tuple[float, Answer] | None = None

    def __call__(self) -> Answer:
        """Return an answer. Raises what asking raises, and DatabaseUnavailable when another asker waits for too long."""
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise DatabaseUnavailable("PostgreSQL has not answered for a while. Check its load, and its locks.")
        try:
            if self._last is None or time.monotonic() - self._last[0] > self._keep_seconds:
                self._last = time.monotonic(), self._ask()
            return self._last[1]
        finally:
            self._lock.release()
