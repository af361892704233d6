"""The wish to stop, shared by everything that waits: requests, retries, loops over pages, waits for a lease."""

import threading

from hr_sync.errors import Stopped


class Cancellation:
    """Set once, by a signal, a deadline or the scheduler. Safe to use from many threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask everything to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Return True if everything was asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the wish to stop, at most so long. Return True if it is there."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise Stopped if everything was asked to stop."""
        if self._event.is_set():
            raise Stopped("Asked to stop; what was written so far stays, the next run does the rest.")
