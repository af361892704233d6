"""CQL's dates: whole minutes in the user's time zone, written four ways or computed by a function."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from confluence_simulator.cql.syntax import CqlError, Function, Value

FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
OFFSET = re.compile(r"([+-]?)(\d+)([yMwdhm])")
SPANS = {
    "y": timedelta(days=365),
    "M": timedelta(days=30),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
}


def minute(moment: datetime) -> datetime:
    """Return what the index keeps of a date: no seconds."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def read_date(value: Value, now: datetime, zone: ZoneInfo) -> datetime:
    """In UTC. Seconds are not in the language: "2026-03-02 08:00:30" raises CqlError."""
    if isinstance(value, Function):
        return minute(_computed(value, now.astimezone(zone)))
    for pattern in FORMATS:
        try:
            return datetime.strptime(value, pattern).replace(tzinfo=zone).astimezone(UTC)
        except ValueError:
            continue
    raise CqlError(f"Could not parse cql : invalid date {value}")


def _computed(function: Function, now: datetime) -> datetime:
    shift = _offset(function.arguments[0]) if function.arguments else timedelta(0)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "now": now,
        "startofday": day,
        "startofweek": day - timedelta(days=(day.weekday() + 1) % 7),
        "startofmonth": day.replace(day=1),
        "startofyear": day.replace(month=1, day=1),
        "endofday": day + timedelta(days=1, minutes=-1),
        "endofweek": day + timedelta(days=7 - (day.weekday() + 1) % 7, minutes=-1),
        "endofmonth": (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(minutes=1),
        "endofyear": day.replace(month=12, day=31) + timedelta(days=1, minutes=-1),
    }
    if function.name not in starts or len(function.arguments) > 1:
        raise CqlError(f"Could not parse cql : {function.name}()")
    return starts[function.name] + shift


def _offset(text: str) -> timedelta:
    match = OFFSET.fullmatch(text.strip())
    if match is None:
        raise CqlError(f"Could not parse cql : invalid offset {text}")
    span = SPANS[match[3]] * int(match[2])
    return -span if match[1] == "-" else span
