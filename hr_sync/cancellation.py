"""The stop request of a process, checked by every wait: requests, retries, loops over pages, leases."""

import threading

from hr_sync.errors import Stopped


class Cancellation:
    """Set once, by a signal, a deadline or the scheduler. Safe to use from many threads."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._why = "on request"

    def set(self, why: str = "on request") -> None:
        """Request a stop. `why` stands in the message, of the first request alone."""
        if not self._event.is_set():
            self._why = why
        self._event.set()

    def is_set(self) -> bool:
        """Return True if a stop was requested."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait at most so long for a stop request. Return True if there is one."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise Stopped if a stop was requested."""
        if self._event.is_set():
            raise Stopped(f"Stopped {self._why}; what was written stays, the next run does the rest.")
