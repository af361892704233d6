"""Aborts requests from a thread of its own: one past its deadline, and every one after a stop request.

A blocking read checks no event and no clock, and the read timeout starts again with each byte. Shutting the socket down
ends the read at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hr_sync.cancellation import Cancellation

_CHECK_SECONDS = 0.05  # between two checks of the requests under way
_IDLE_CHECKS = 10  # after which the thread ends; the next request starts another


class RequestWatchdog:
    """Watches the requests of one client, from a thread that exists only while there are some."""

    def __init__(self, cancellation: Cancellation) -> None:
        """Interrupt every request when the cancellation is set."""
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._watched: dict[object, tuple[float, Callable[[], None]]] = {}
        self._watching = False

    @contextmanager
    def watching(self, interrupt: Callable[[], None], ends_at: float) -> Iterator[None]:
        """Call `interrupt` from another thread, repeatedly, once the block lasts beyond `ends_at` or a stop request.

        `ends_at` is monotonic. Never after the block.
        """
        request = object()
        with self._lock:
            self._watched[request] = (ends_at, interrupt)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="request-watchdog", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._watched[request]

    def _watch(self) -> None:
        idle = 0
        while idle < _IDLE_CHECKS:
            time.sleep(_CHECK_SECONDS)
            with self._lock:
                idle = 0 if self._watched else idle + 1
                now, stopping = time.monotonic(), self._cancellation.is_set()
                for ends_at, interrupt in self._watched.values():
                    if stopping or now > ends_at:
                        interrupt()
                self._watching = idle < _IDLE_CHECKS
