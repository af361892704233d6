"""Cuts requests off from outside: one past its deadline, and every one once the process was asked to stop.

A thread that waits for the next byte of an answer hears no event and sees no clock, and the read timeout begins anew
with each byte. Shutting its socket down wakes it at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.05  # between two looks at what is under way
_IDLE_LOOKS = 10  # after which the thread leaves; the next request starts another


class RequestWatchdog:
    """Watches the requests of one gateway, from a thread that is there only while there are some."""

    def __init__(self, stop: threading.Event) -> None:
        """Every request is cut off when `stop` is set."""
        self._stop = stop
        self._lock = threading.Lock()
        self._watched: dict[object, tuple[float, Callable[[], None]]] = {}
        self._watching = False

    @contextmanager
    def watching(self, cut: Callable[[], None], ends_at: float) -> Iterator[None]:
        """Call `cut` from another thread, again and again, when the block lasts beyond `ends_at` (monotonic) or a stop.

        Never after the block.
        """
        request = object()
        with self._lock:
            self._watched[request] = (ends_at, cut)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="cutter", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._watched[request]

    def _watch(self) -> None:
        idle = 0
        while idle < _IDLE_LOOKS:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                idle = 0 if self._watched else idle + 1
                now, stopping = time.monotonic(), self._stop.is_set()
                for ends_at, cut in self._watched.values():
                    if stopping or now > ends_at:
                        cut()
                self._watching = idle < _IDLE_LOOKS
