"""One cancellation for a whole process: every wait, loop and request looks at the same one."""

import threading

from hr_sync.errors import Stopped


class Cancellation:
    """Says whether the work is to stop. Set once, by a signal or a caller; read from many threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask everything that holds this cancellation to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Return True if the work is to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the work is to stop. Return True if it is."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise Stopped if the work is to stop."""
        if self.is_set():
            raise Stopped("Asked to stop; what was committed stays.")
