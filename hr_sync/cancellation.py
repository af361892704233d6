"""The one way in which a process asks its work to stop."""

import threading

from hr_sync.errors import Stopped


class Cancellation:
    """A flag that every wait, loop and request looks at. Once set, it stays set."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def is_set(self) -> bool:
        """Return True if the work shall stop."""
        return self._event.is_set()

    def set(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the work shall stop. Return True if it shall."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise Stopped if the work shall stop."""
        if self._event.is_set():
            raise Stopped("Asked to stop; what was written so far stays, the next run does the rest.")
