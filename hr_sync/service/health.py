"""Is all well? Pure: from how the spaces and the schedule stand to green or red, with reasons. It reads nothing itself.

Red means that the mirror is not kept, whatever the cause: that runs take place says little, only a *complete* one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from hr_sync.store.read.runs import SpaceStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthLimits:
    """How bad it may get before health turns red."""

    stale_after_seconds: float  #: age of a space's last complete run
    full_stale_after_seconds: float = 86_400  #: age of its last complete full run
    beat_after_seconds: float = 60  #: since the loop turned last
    overdue_after_seconds: float = 360  #: for a run that was told to end; longer than any wait that hears nothing
    failures_in_a_row: int = 3  #: of one job


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleSnapshot:
    """How the schedule stands now."""

    last_beat_age_seconds: float  #: since the loop turned last
    failures_in_a_row: int  #: most of any job; a run that ends otherwise sets it back to 0
    up_seconds: float  #: since the service started
    overdue_seconds: float | None = None  #: since the run at work was told to end for its deadline; None: it was not


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceHealth:
    """How fresh one space is."""

    space_key: str
    ok: bool
    age_seconds: float | None  #: since the last complete run; None = there was none
    last_outcome: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Green or red. Each reason ends with what to do."""

    ok: bool
    reasons: tuple[str, ...]
    spaces: tuple[SpaceHealth, ...]


def judge(spaces: Sequence[SpaceStatus], schedule: ScheduleSnapshot, limits: HealthLimits) -> Health:
    """Judge how the mirror is kept.

    A space without any complete run, and a mirror without any space, have until `stale_after_seconds` after the start.
    """
    judged = tuple(_judge_space(space, schedule, limits) for space in spaces)
    reasons = [*_faults_of(schedule, limits)]
    reasons += [_why_stale(space, limits) for space in judged if not space.ok]
    reasons += [_why_unsearched(space, limits) for space in spaces if _is_unsearched(space, schedule, limits)]
    if not spaces and schedule.up_seconds > limits.stale_after_seconds:
        reasons.append("No space was ever synchronised. Look for the error of the last run.")
    return Health(ok=not reasons, reasons=tuple(reasons), spaces=judged)


def is_alive(schedule: ScheduleSnapshot, limits: HealthLimits) -> bool:
    """Return True if the loop turns, and runs with it: one that hears nothing keeps all others from their turn."""
    return _turns(schedule, limits) and (schedule.overdue_seconds or 0) <= limits.overdue_after_seconds


def _turns(schedule: ScheduleSnapshot, limits: HealthLimits) -> bool:
    return schedule.last_beat_age_seconds <= limits.beat_after_seconds


def _faults_of(schedule: ScheduleSnapshot, limits: HealthLimits) -> list[str]:
    reasons = []
    if not _turns(schedule, limits):
        seconds = round(schedule.last_beat_age_seconds)
        reasons.append(f"The loop has not turned for {seconds} s. Restart the service.")
    if schedule.overdue_seconds is not None:
        reasons.append("A run is past its deadline and does not end. Restart the service.")
    if schedule.failures_in_a_row >= limits.failures_in_a_row:
        reasons.append(f"{schedule.failures_in_a_row} runs in a row failed. Look for the error of the last one.")
    return reasons


def _is_unsearched(space: SpaceStatus, schedule: ScheduleSnapshot, limits: HealthLimits) -> bool:
    """Return True if nobody has looked for so long for what has gone. Incremental runs are complete without doing it."""
    age_seconds = schedule.up_seconds if space.full_age is None else space.full_age.total_seconds()
    return age_seconds > limits.full_stale_after_seconds


def _why_unsearched(space: SpaceStatus, limits: HealthLimits) -> str:
    limit = _span(limits.full_stale_after_seconds)
    return (
        f"Space {space.space_key} has had no complete full run for {limit}: pages that are gone may still be shown. "
        "Look for the error of the last full run."
    )


def _judge_space(space: SpaceStatus, schedule: ScheduleSnapshot, limits: HealthLimits) -> SpaceHealth:
    age_seconds = None if space.age is None else max(0.0, space.age.total_seconds())
    age_or_wait = schedule.up_seconds if age_seconds is None else age_seconds
    return SpaceHealth(
        space_key=space.space_key,
        ok=age_or_wait <= limits.stale_after_seconds,
        age_seconds=age_seconds,
        last_outcome=space.last_outcome,
    )


def _why_stale(space: SpaceHealth, limits: HealthLimits) -> str:
    limit = f"the limit is {_span(limits.stale_after_seconds)}"
    if space.age_seconds is None:
        return f"Space {space.space_key} was never complete, and {limit}. `hr-sync status` tells what is missing."
    age = f"complete {_span(space.age_seconds)} ago"
    return f"Space {space.space_key} was last {age}, and {limit}. `hr-sync status` tells what is missing."


def _span(seconds: float) -> str:
    """Write a duration for people: `1:30:00`, `2 days, 0:00:00`."""
    return str(timedelta(seconds=round(seconds)))
