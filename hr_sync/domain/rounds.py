"""When spaces are due, and until when. Pure.

A round is everything that became due together in one mode. The due time of a space is state of the mirror: whichever
worker has done the space writes when it is due next. Times are the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hr_sync.domain.outcome import Mode


@dataclass(frozen=True, kw_only=True, slots=True)
class Cadence:
    """How often spaces are due. A value: `every` for an interval, `next_at` for what a cron expression says."""

    every: timedelta | None = None
    next_at: datetime | None = None  #: after the round that begins now
    delay: timedelta = timedelta()  #: added to an interval, so that not everybody begins at once
    early: timedelta = timedelta()  #: what is due so soon is taken too: clocks differ, and timers are not exact
    late_before: datetime | None = None  #: a space whose last complete pass ended before is due whatever its due time

    def latest(self, now: datetime) -> datetime:
        """Return the latest due time that this cadence gives; a later one was written under other settings."""
        if self.next_at is not None:
            return self.next_at
        if self.every is None:
            raise ValueError("a cadence has an interval or a next time")
        return now + self.every * 1.5 + self.delay


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """The spaces of one mode that are due, as one worker finds them."""

    mode: Mode
    since: datetime  #: when the first of them became due
    until: datetime  #: what is due later belongs to the next round
    next_at: datetime  #: when a space that is done is due again

    @property
    def began_at(self) -> datetime:
        """Return when this round began, at the latest: a space that is never done is due since an earlier one."""
        return max(self.since, self.until - (self.next_at - self.until))


@dataclass(frozen=True, kw_only=True, slots=True)
class DueSpace:
    """A space that waits for a worker."""

    space_key: str
    mode: Mode  #: of the pass that comes first
    due_at: datetime  #: when that pass became due


def first_due(space_key: str, due_at: Mapping[Mode, datetime | None], now: datetime) -> DueSpace | None:
    """Return the pass that a space needs first, by when it is due in each mode; None if it is due in none.

    A full pass does the others too; of the others the one comes first that became due first.
    """
    due = {mode: at for mode, at in due_at.items() if at is not None and at <= now}
    if not due:
        return None
    mode = Mode.FULL if Mode.FULL in due else min(due, key=lambda each: due[each])
    return DueSpace(space_key=space_key, mode=mode, due_at=due[mode])


def next_due(cadence: Cadence, *, since: datetime, until: datetime, others: datetime | None) -> datetime:
    """Return when spaces that are done in this round are due again, after `until`.

    `others`: when those are due that are done already. All spaces become due together, so that one run does them.
    """
    if cadence.next_at is not None:
        return cadence.next_at
    if others is not None:
        return others
    if cadence.every is None:
        raise ValueError("a cadence has an interval or a next time")
    return since + ((until - since) // cadence.every + 1) * cadence.every + cadence.delay
