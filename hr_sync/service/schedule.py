"""When the jobs run: by interval, or by a cron expression as Unix means it, in a named time zone. Reads no clock.

Two traps of APScheduler 3.11 are closed here. Its weekday 0 is Monday where cron's is Sunday, so that `1-5` would run
from Tuesday to Saturday. And in a zone with summer time a job at 02:30 would run twice in autumn.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

Trigger: TypeAlias = BaseTrigger  #: says when a job runs next

_CHANGE = timedelta(hours=3)  # longer than any change of summer time
_LOOKED_AHEAD = timedelta(days=400)  # covers every month and both changes of summer time
_MOST_STEPS = 20_000  # of looking ahead, so that it costs less than a second
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}


def interval_trigger(minutes: float, *, jitter_seconds: int = 0) -> Trigger:
    """Run every so many minutes, each time up to so many seconds later."""
    return IntervalTrigger(seconds=round(minutes * 60), timezone=UTC, jitter=jitter_seconds or None)


def cron_trigger(expression: str, zone: ZoneInfo) -> Trigger:
    """Run by a Unix cron expression. Raises ValueError that says what is wrong with it.

    A job at fixed hours follows the clock on the wall: once on the night when an hour comes twice, and an hour later on
    the night when its hour is left out. A job of every hour follows real time.
    """
    minute, hour, day, month, weekday = _fields(expression)
    cron = CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC)
    if cron.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("such a day never comes")
    return _OnTheWall(cron, zone, every_hour=hour.startswith("*"))


def longest_gap(triggers: Sequence[Trigger], start: datetime, *, least: timedelta) -> timedelta | None:
    """Return the longest time from a run at `start` on in which none of the triggers runs; None when below `least`."""
    waits = [each.interval + timedelta(seconds=each.jitter or 0) for each in triggers if _is_interval(each)]
    crons = [each for each in triggers if not _is_interval(each)]
    gaps = waits + ([_longest_between(crons, start, least)] if crons else [])
    return gap if (gap := min(gaps)) >= least else None


def _longest_between(crons: Sequence[Trigger], start: datetime, least: timedelta) -> timedelta:
    """Return the longest gap between two runs; 0 when all are shorter than `least`, which lets it skip most runs."""

    def from_on(moment: datetime) -> datetime:
        times = [found for each in crons if (found := each.get_next_fire_time(None, moment)) is not None]
        return min(times, default=start + 2 * _LOOKED_AHEAD)

    instant = timedelta(seconds=1)
    longest, least = timedelta(), max(least, instant)
    before = start
    for _ in range(_MOST_STEPS):
        if before > start + _LOOKED_AHEAD:
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


class _OnTheWall(BaseTrigger):  # type: ignore[misc] # the library has no types
    """Reads a cron trigger's times as those on the wall of a zone."""

    def __init__(self, cron: CronTrigger, zone: ZoneInfo, *, every_hour: bool) -> None:
        self._cron = cron  # in UTC, which stands for the wall here
        self._zone = zone
        self._every_hour = every_hour

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next time after `previous_fire_time` and not before `now`, in UTC."""
        moment = (max(now, previous_fire_time + timedelta(seconds=1)) if previous_fire_time else now).astimezone(UTC)
        if self._every_hour:
            return self._next_hourly(moment)
        offset = self._offset(moment)
        wall = moment + offset
        if offset != self._offset(moment - _CHANGE):
            wall -= _CHANGE  # a time that the wall has just left out is still to come
        while (found := self._cron.get_next_fire_time(None, wall)) is not None:
            # The first of two equal times counts; one that is left out becomes the same time after the change.
            instant: datetime = found.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
            if instant >= moment:
                return instant
            wall = found + timedelta(seconds=1)
        return None

    def _next_hourly(self, moment: datetime) -> datetime | None:
        offset = self._offset(moment)
        found = self._cron.get_next_fire_time(None, moment + offset)
        if found is None or self._offset(found - offset) == offset:
            return None if found is None else found - offset
        # The clocks change before it, and nothing is due before they do.
        return self._next_hourly(self._change_between(moment, found - offset))

    def _change_between(self, first: datetime, last: datetime) -> datetime:
        first, offset = first.replace(microsecond=0), self._offset(first)
        seconds = range(1, round((last - first).total_seconds()) + 1)
        late = bisect_left(seconds, x=True, key=lambda after: self._offset(first + timedelta(seconds=after)) != offset)
        return first + timedelta(seconds=seconds[late])

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta()


def _fields(expression: str) -> list[str]:
    fields = _NAMED.get(expression.strip().lower(), expression).split()
    if len(fields) != 5:
        raise ValueError(f"five fields are wanted (minute hour day month weekday), or one of {', '.join(_NAMED)}")
    if fields[2] != "*" and fields[4] != "*":
        raise ValueError("restrict the day of the month or the weekday, not both")
    fields[4] = _weekdays(fields[4])
    return fields


def _weekdays(field: str) -> str:
    """Translate cron's weekdays (0 and 7 are Sunday) to names, which mean the same everywhere."""
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low = 0 if span == "*" else _weekday(first)
        high = 6 if span == "*" or (step and not last) else _weekday(last or first)
        if high < low:
            high += 7
        days |= {day % 7 for day in range(low, high + 1, int(step or 1))}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday(name: str) -> int:
    if name[:3] in _WEEKDAYS:
        return _WEEKDAYS.index(name[:3])
    if name.isascii() and name.isdigit() and int(name) <= 7:
        return int(name)
    raise ValueError("a weekday is 0 to 7 (0 and 7 are Sunday), or a name like mon")
