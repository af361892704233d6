"""What was notified and not read yet: each page and space once, however often it is named, in bounded memory.

It is in memory alone: what a stop of the process loses, the runs on schedule find.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from hr_sync.sync.context import Notified

log = structlog.get_logger(__name__)

MOST_PENDING = 5000  #: pages and spaces; beyond, every space is read
MOST_PAGES = 500  #: in one run
KEPT_SECONDS = 7200  #: what could not be read for so long is left to the runs on schedule; as long as a run may take
LONGEST_PAUSE_SECONDS = 60  #: between two tries, and between two runs


class Kind(StrEnum):
    """What an entry names."""

    PAGE = "page"
    SPACE_KEY = "space_key"
    SPACE_ID = "space_id"
    EVERY_SPACE = "every_space"


Name = tuple[Kind, str]


@dataclass(kw_only=True, slots=True)
class _Entry:
    since: float  #: when it was first named
    due_at: float
    tries: int = 0


class PendingNotifications:
    """The ids that wait for a run. Safe to use from many threads; times are of a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Name, _Entry] = {}
        self._taken: dict[Name, _Entry] = {}  # by the run that is under way
        self._rests_until = 0.0

    def add(self, notified: Notified) -> None:
        """Keep what was named until a run takes it. What a run has taken already waits for another run."""
        with self._lock:
            now = self._clock()
            for name in _names(notified):
                if name not in self._entries and len(self._entries) >= MOST_PENDING:
                    if (Kind.EVERY_SPACE, "") not in self._entries:
                        log.warning("notify.overflow", pending=len(self._entries))
                    name = (Kind.EVERY_SPACE, "")  # noqa: PLW2901 -- in its place
                entry = self._entries.setdefault(name, _Entry(since=now, due_at=now))
                entry.due_at = now

    def is_due(self) -> bool:
        """Return True if a run has something to read now."""
        with self._lock:
            now = self._clock()
            return now >= self._rests_until and any(entry.due_at <= now for entry in self._entries.values())

    def take(self) -> Notified:
        """Return what is due, for one run. `end` ends that run."""
        with self._lock:
            now = self._clock()
            due = [name for name, entry in self._entries.items() if entry.due_at <= now]
            pages = [name for name in due if name[0] is Kind.PAGE]
            left = frozenset(pages[MOST_PAGES:])
            self._taken = {name: self._entries.pop(name) for name in due if name not in left}
            return _notified(self._taken)

    def put_back(self, notified: Notified) -> None:
        """Keep what a run took and could not read, for a later try; a pause that grows comes before each."""
        with self._lock:
            now, given_up = self._clock(), 0
            for name in _names(notified):
                entry = self._taken.get(name) or _Entry(since=now, due_at=now)
                if now - entry.since > KEPT_SECONDS:
                    given_up += 1
                    continue
                pause = min(LONGEST_PAUSE_SECONDS, 2.0**entry.tries)
                again = _Entry(since=entry.since, due_at=now + pause, tries=min(entry.tries + 1, 10))
                self._entries.setdefault(name, again)  # if it was named again meanwhile, it is due at once
            if given_up:
                log.warning("notify.given_up", number=given_up, seconds=KEPT_SECONDS)

    def end(self, duration_seconds: float) -> None:
        """End a run. The next one begins after as long a pause, so that a flood takes half of the time at most."""
        with self._lock:
            self._taken = {}
            self._rests_until = self._clock() + min(duration_seconds, LONGEST_PAUSE_SECONDS)


def _names(notified: Notified) -> Iterable[Name]:
    yield from ((Kind.PAGE, each) for each in notified.page_ids)
    yield from ((Kind.SPACE_KEY, each) for each in notified.space_keys)
    yield from ((Kind.SPACE_ID, each) for each in notified.space_ids)
    if notified.every_space:
        yield Kind.EVERY_SPACE, ""


def _notified(names: Iterable[Name]) -> Notified:
    of_kind: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for kind, value in names:
        of_kind[kind].append(value)
    return Notified(
        page_ids=tuple(of_kind[Kind.PAGE]),
        space_keys=tuple(of_kind[Kind.SPACE_KEY]),
        space_ids=tuple(of_kind[Kind.SPACE_ID]),
        every_space=bool(of_kind[Kind.EVERY_SPACE]),
    )
