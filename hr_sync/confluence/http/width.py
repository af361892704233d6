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
_COUNTED_SECONDS = 60.0  #: a task that takes longer keeps no other one from beginning
_MEETING_SECONDS = 4.0  #: a large task keeps another one waiting no longer, and once
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
    long one keeps none of another from beginning, and no task for longer than a minute. A task is done by one thread.
    """

    def __init__(self, width: Width) -> None:
        self._width = width
        self._begun = dict[object, float]()  # tasks, and when they began, monotonic
        self._expected = dict[int, object]()  # by thread: the tasks that others wait for

    @contextmanager
    def one(self, is_over: Callable[[], bool]) -> Iterator[bool]:
        """Begin a task as soon as the bound admits it. Give False where `is_over` ended the wait: then it is none."""
        changed, thread, task = self._width.changed, threading.get_ident(), object()
        with changed:
            while not (is_admitted := changed.wait_for(self._has_room, _CHECK_SECONDS)) and not is_over():
                pass
            if is_admitted:
                self._begun[task] = time.monotonic()
                self._expected[thread] = task
        try:
            yield is_admitted
        finally:
            if is_admitted:
                with changed:
                    del self._begun[task]
                    self._expected.pop(thread, None)
                    changed.notify_all()

    def meet(self, check: Callable[[], None]) -> None:
        """Wait for the other tasks before a request that all of them need, so that it is sent once; `check` may raise.

        Only as long as they can use what the site admits, or one request less. A task that is over or has met already
        is not waited for, and one for which a meeting took too long is not again.
        """
        changed, ends_at = self._width.changed, time.monotonic() + _MEETING_SECONDS
        with changed:
            self._expected.pop(threading.get_ident(), None)
            changed.notify_all()
            others = set(self._expected.values())
            # One less than is admitted is no loss: half as many are after each refusal.
            while len(others := others.intersection(self._expected.values())) >= max(self._width.whole - 1, 1):
                if (rest := ends_at - time.monotonic()) <= 0:
                    self._expected = {each: task for each, task in self._expected.items() if task not in others}
                    return
                changed.wait(min(rest, _CHECK_SECONDS))
                check()

    def _has_room(self) -> bool:
        counted_from = time.monotonic() - _COUNTED_SECONDS
        return sum(at > counted_from for at in self._begun.values()) <= self._width.whole
