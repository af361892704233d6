"""How many requests may be under way at once at a site that limits the rate.

After a refusal half as many, and one more after as many answers as may be under way: what congestion control does in
TCP. Otherwise all threads ask again at the moment that the site has named, and most of them are refused again.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_CHECK_SECONDS = 0.25
_FEW = 2  #: requests at once, where tasks wait for each other in order to ask for something together
_MEETING_SECONDS = 4.0  #: a large task keeps the others waiting no longer: one or two requests of a slow site
_BOUNDLESS = 64.0  #: above, there is no bound any more; `max_connections` is at most 32


class Width:
    """The bound for all clients of a process; there is none before the first refusal. Safe from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()  #: notified where more may be admitted
        self._most = math.inf
        self._under_way = self._peak = self._answers = 0

    @property
    def answers(self) -> int:
        """How many requests the site has answered in another way than by a refusal."""
        return self._answers

    @property
    def most(self) -> float:
        """How many requests may be under way at once, rounded down."""
        return self._most

    @contextmanager
    def one(self, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Count one more as under way, as soon as the bound admits it. `check` may raise meanwhile."""
        with self.changed:
            while not self.changed.wait_for(self._has_room, _CHECK_SECONDS):
                check()
            self._under_way += 1
            self._peak = max(self._peak, self._under_way)
        try:
            yield
        finally:
            with self.changed:
                self._under_way -= 1
                self.changed.notify_all()

    def _has_room(self) -> bool:
        return self._under_way < self.whole

    @property
    def whole(self) -> int:
        """How many requests may be under way at once, as a whole number."""
        return math.floor(min(self._most, _BOUNDLESS))

    def begin_with_one(self) -> None:
        """Admit one request at a time, and more with the answers: other workers have met the limit lately."""
        with self.changed:
            self._most = 1.0

    def narrow(self) -> None:
        """Halve the bound, or what was under way if that was less."""
        with self.changed:
            self._most = max(min(self._most, self._peak) / 2, 1.0)
            self._peak = self._under_way

    def widen(self) -> None:
        """Note an answer."""
        with self.changed:
            self._answers += 1
            if self._most < math.inf:
                self._most += 1 / self._most
                self._most = self._most if self._most < _BOUNDLESS else math.inf
                self.changed.notify_all()


class Tasks:
    """The tasks of one run, each of many requests: more of them at once would only wait for each other.

    As many as requests may be under way, and one more that waits for something else. Each run counts its own, so that a
    long one keeps none of another from beginning.
    """

    def __init__(self, width: Width) -> None:
        self._width = width
        self._begun = 0
        self._waiting = 0

    @contextmanager
    def one(self, is_over: Callable[[], bool]) -> Iterator[None]:
        """Count one more as begun, as soon as the bound admits it. `is_over` ends the wait."""
        changed = self._width.changed
        with changed:
            while not changed.wait_for(lambda: self._begun <= self._width.whole, _CHECK_SECONDS) and not is_over():
                pass
            self._begun += 1
        try:
            yield
        finally:
            with changed:
                self._begun -= 1
                changed.notify_all()

    @contextmanager
    def together(self, check: Callable[[], None]) -> Iterator[None]:
        """Begin the block when every task that has begun has come so far, or is over; `check` may raise meanwhile.

        Where requests go one or two at a time, for a block with a request that they all need: it is sent once then.
        """
        changed = self._width.changed
        ends_at = time.monotonic() + _MEETING_SECONDS
        with changed:
            self._waiting += 1
            changed.notify_all()
        try:
            with changed:
                while self._is_worth_waiting() and (rest := ends_at - time.monotonic()) > 0:
                    changed.wait(min(rest, _CHECK_SECONDS))
                    check()
            yield
        finally:
            with changed:
                self._waiting -= 1

    def _is_worth_waiting(self) -> bool:
        return self._waiting < self._begun and self._width.whole <= _FEW
