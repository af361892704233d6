"""When the jobs run: every so many minutes, or by a cron expression in a named time zone. Reads no clock.

cronsim computes the times as Debian's cron does. A job at fixed hours runs once on the night when an hour comes twice,
and at the end of the gap on the night when its hour is left out. A job with `*` as minute or hour follows real time.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger
from cronsim import CronSim, CronSimError

from hr_sync.domain.rounds import Cadence

Trigger: TypeAlias = BaseTrigger  #: says when a job runs next

_SEARCHED = timedelta(days=400)  # covers every month and both changes of summer time
_EARLY = timedelta(seconds=5)  # clocks of replicas and of the database may differ by so much
_MOST_STEPS = 20_000  # of the search for the longest gap, so that it takes less than a second
_FIELDS = 5
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}


class CronTrigger(BaseTrigger):  # type: ignore[misc] # the library has no types
    """An APScheduler trigger for a cron expression: minute, hour, day, month and weekday (0 and 7 are Sunday)."""

    def __init__(self, expression: str, zone: ZoneInfo) -> None:
        """Parse the expression. Raise ValueError that names the field that is wrong."""
        self._expression = _NAMED.get(expression.strip().lower(), expression)
        self._zone = zone
        if len(self._expression.split()) != _FIELDS:
            raise ValueError(f"write five fields (minute hour day month weekday), or one of {', '.join(_NAMED)}")
        try:
            found = self.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(str(error)) from None
        if found is None:
            raise ValueError("such a day never comes")

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next time after `previous_fire_time` and not before `now`, in UTC; None if there is none."""
        earliest = max(now, previous_fire_time + timedelta(seconds=1)) if previous_fire_time else now
        # cronsim begins with the second after the given one.
        before = (earliest - timedelta(microseconds=1)).astimezone(self._zone)
        for found in CronSim(self._expression, before):
            # In the hour that comes twice, cronsim returns the first of two equal times, which may be over.
            if found >= earliest:
                return found.astimezone(UTC)
        return None


def cadence_of(trigger: Trigger, now: datetime, *, jitter: timedelta, delay: timedelta) -> Cadence:
    """Return how often spaces are due by this trigger. `now`: on the database's clock; `delay`: at most `jitter`."""
    if _is_interval(trigger):
        every: timedelta = trigger.interval
        return Cadence(every=every, delay=delay, early=min(every / 4, _EARLY + 2 * jitter))
    return Cadence(next_at=trigger.get_next_fire_time(None, now + _EARLY + timedelta(seconds=1)), early=_EARLY)


def interval_trigger(minutes: float, *, jitter_seconds: int = 0) -> Trigger:
    """Return a trigger for every so many minutes, each time up to so many seconds later."""
    return IntervalTrigger(seconds=round(minutes * 60), timezone=UTC, jitter=jitter_seconds or None)


def longest_gap(triggers: Sequence[Trigger], start: datetime, *, least: timedelta) -> timedelta | None:
    """Return the longest time without a run of any trigger, from a run at `start` on; None if it is below `least`."""
    waits = [each.interval + timedelta(seconds=each.jitter or 0) for each in triggers if _is_interval(each)]
    crons = [each for each in triggers if not _is_interval(each)]
    gaps = waits + ([_longest_between(crons, start, least)] if crons else [])
    return gap if (gap := min(gaps)) >= least else None


def _longest_between(crons: Sequence[Trigger], start: datetime, least: timedelta) -> timedelta:
    """Return the longest gap between two runs; 0 if all are shorter than `least`, which lets it skip most runs."""

    def from_on(moment: datetime) -> datetime:
        times = [found for each in crons if (found := each.get_next_fire_time(None, moment)) is not None]
        return min(times, default=start + 2 * _SEARCHED)

    instant = timedelta(seconds=1)
    longest, least = timedelta(), max(least, instant)
    before = start
    for _ in range(_MOST_STEPS):
        if before > start + _SEARCHED:
            break
        # A gap of `least` that begins in between can only end here.
        after = from_on(before + least)
        if from_on(after - least + instant) == after:
            while (found := from_on(before + instant)) < after:
                before = found
            longest, least = after - before, after - before + instant
        before = after
    return longest


def _is_interval(trigger: Trigger) -> bool:
    return isinstance(trigger, IntervalTrigger)
