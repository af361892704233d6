"""The health of the service: one of three states with reasons, from the spaces and the scheduler. Pure.

| state | meaning |
|---|---|
| `well` | every space had a complete run lately, and nothing waits for a decision |
| `needs a decision` | removals are held, or who may view a space is not known; the mirror is fresh otherwise |
| `wrong` | a space or what is known of access to it is stale, a lane has no heartbeat, or its runs fail |

Pages that fail, and spaces that are not open to the whole audience, are notes: they do not change the state.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hr_sync.domain.outcome import access_command, held_in_words, look_command, release_command
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.store.read.runs import SpaceStatus


class HealthState(StrEnum):
    """The state of the service. Ordered from best to worst."""

    WELL = "well"
    NEEDS_DECISION = "needs a decision"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthLimits:
    """The limits from which the state is wrong."""

    stale_after_seconds: float  #: age of a space's last complete run
    full_stale_after_seconds: float = 86_400  #: age of its last complete full run
    access_stale_after_seconds: float | None = None  #: age of what is known of access to a space; None: any
    access_max_age_seconds: float | None = (
        None  #: likewise; older, and nothing of it is shown; None: access is not enforced
    )
    hide_after_seconds: float | None = None  #: age of its last complete run from which nothing is shown; None: any
    heartbeat_after_seconds: float = 60  #: since the last heartbeat of a lane
    overdue_after_seconds: float = (
        360  #: for a run that was asked to stop; longer than any wait that cannot be cancelled
    )
    failures_in_a_row: int = 3  #: of one job


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSnapshot:
    """The state of one lane of the scheduler."""

    name: str
    heartbeat_age_seconds: float
    failures_in_a_row: int = 0  #: most of any of its jobs; a run that ends otherwise sets it back to 0
    overdue_seconds: float | None = None  #: since its run was asked to stop for its deadline; None: it was not
    running: str | None = None  #: name of the job that runs
    running_seconds: float = 0.0  #: for how long it has been running
    next_runs: Mapping[str, datetime] = field(default_factory=dict)  #: when each job is due next, by its name


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleSnapshot:
    """The state of the scheduler."""

    up_seconds: float  #: since the service started
    lanes: tuple[LaneSnapshot, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Freshness:
    """The ages of a space's last complete runs. None: never."""

    ok: bool
    age_seconds: float | None  #: since the last complete run
    full_age_seconds: float | None  #: since the last complete full run; only full runs find pages that are gone
    full_pass_due: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessHealth:
    """What is known of who may read the pages of a space."""

    ok: bool  #: recent enough, where access is enforced
    age_seconds: float | None  #: since it was last read; None: never
    viewers_known: bool | None  #: who may view the space; None: access is not enforced, or was never read
    shown_pages: int | None  #: pages that the whole audience may read; None: not counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Removals that wait for a decision."""

    removals: int
    since: datetime | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceHealth:
    """The health of one space."""

    space_key: str
    state: HealthState
    freshness: Freshness
    access: "AccessHealth"
    held: Hold | None
    partial: bool  #: the last run was partial
    failing_pages: int
    hidden_pages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The health of the service. Each reason ends with what to do; notes need nobody at once."""

    state: HealthState
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    spaces: tuple[SpaceHealth, ...] = ()

    @property
    def ok(self) -> bool:
        """Return True if nothing is wrong and nothing waits for a decision."""
        return self.state is HealthState.WELL


def judge(
    spaces: Sequence[SpaceStatus],
    schedule: ScheduleSnapshot,
    limits: HealthLimits,
    shown: Sequence[ShownPages] = (),
) -> Health:
    """Return the health of the service. `shown`: what consumers are shown of the spaces, where that was counted.

    A space without any complete run, and a mirror without any space, have until `stale_after_seconds` after the start;
    a space of which access was never read has until the limit of that age.
    """
    wrong = [*_faults_of(schedule, limits)]
    for space in spaces:
        wrong += [*_why_stale(space, schedule, limits), *_why_access_stale(space, schedule, limits)]
    if not spaces and schedule.up_seconds > limits.stale_after_seconds:
        wrong.append("No space has been synchronised yet. Look for the error of the last run.")
    undecided = [reason for space in spaces for reason in _decisions(space, limits)]
    state = HealthState.WRONG if wrong else HealthState.NEEDS_DECISION if undecided else HealthState.WELL
    by_key = {each.space_key: each for each in shown}
    return Health(
        state=state,
        reasons=(*wrong, *undecided),
        notes=tuple(note for space in spaces for note in _notes_of(space, by_key.get(space.space_key))),
        spaces=tuple(_health_of(space, schedule, limits, by_key.get(space.space_key)) for space in spaces),
    )


def is_alive(schedule: ScheduleSnapshot, limits: HealthLimits) -> bool:
    """Return True if every lane has a heartbeat and no run ignores its deadline. False: a restart helps."""
    return all(
        lane.heartbeat_age_seconds <= limits.heartbeat_after_seconds
        and (lane.overdue_seconds or 0) <= limits.overdue_after_seconds
        for lane in schedule.lanes
    )


def _faults_of(schedule: ScheduleSnapshot, limits: HealthLimits) -> Iterator[str]:
    for lane in schedule.lanes:
        if lane.heartbeat_age_seconds > limits.heartbeat_after_seconds:
            seconds = round(lane.heartbeat_age_seconds)
            yield f"The scheduler of {lane.name} runs has had no heartbeat for {seconds} s. Restart the service."
        if lane.overdue_seconds is not None:
            yield f"The {lane.name} run is past its deadline and does not end. Restart the service if it stays so."
        if lane.failures_in_a_row >= limits.failures_in_a_row:
            yield f"{lane.failures_in_a_row} {lane.name} runs in a row failed. Look for the error of the last one."


def _why_stale(space: SpaceStatus, schedule: ScheduleSnapshot, limits: HealthLimits) -> Iterator[str]:
    if _seconds(space.age, schedule) > limits.stale_after_seconds:
        limit = f"the limit is {_span(limits.stale_after_seconds)}"
        age = "was never complete" if space.age is None else f"was last complete {_span(_age(space.age) or 0)} ago"
        yield f"Space {space.space_key} {age}, and {limit}. `hr-sync status` shows what is missing."
    hide_after = limits.hide_after_seconds
    if hide_after is not None and _seconds(space.age, schedule) >= hide_after:
        yield (
            f"No page of space {space.space_key} is shown: it was not complete for sync.hide_after_hours = "
            f"{hide_after / 3600:g}. Look for the error of the last run."
        )
    if _seconds(space.full_age, schedule) > limits.full_stale_after_seconds:
        limit = _span(limits.full_stale_after_seconds)
        yield (
            f"Space {space.space_key} has had no complete full run for {limit}: pages that are gone may still be "
            "shown. Look for the error of the last full run."
        )


def _why_access_stale(space: SpaceStatus, schedule: ScheduleSnapshot, limits: HealthLimits) -> Iterator[str]:
    max_age, stale_after = limits.access_max_age_seconds, limits.access_stale_after_seconds
    if max_age is None:
        return
    age = _seconds(space.access_age, schedule)
    read = f"Read it: `{access_command(space.space_key)}`."
    if space.access_age is None and age > min(max_age, stale_after or max_age):
        yield f"No page of space {space.space_key} is shown: who may read them was never read. {read}"
    elif age >= max_age:
        yield (
            f"No page of space {space.space_key} is shown: who may read them was last read {_span(age)} ago, and "
            f"access.max_age_hours is {max_age / 3600:g}. {read}"
        )
    elif stale_after is not None and age > stale_after:
        yield (
            f"Who may read the pages of space {space.space_key} was last read {_span(age)} ago, and the limit is "
            f"{_span(stale_after)}, four intervals of access runs: pages restricted since then may still be shown. "
            f"{read}"
        )


def _decisions(space: SpaceStatus, limits: HealthLimits) -> Iterator[str]:
    if space.held:
        yield _why_held(space)
    if _viewers_known(space, limits) is False:
        doubt = space.viewers_doubt or f"Read it again: `{access_command(space.space_key)}`."
        yield f"No page of space {space.space_key} is shown: who may view it is not known. {doubt}"


def _viewers_known(space: SpaceStatus, limits: HealthLimits) -> bool | None:
    is_enforced = limits.access_max_age_seconds is not None
    return space.viewers_known if is_enforced and space.access_age is not None else None


def _why_held(space: SpaceStatus) -> str:
    since = f" since {space.held_since:%Y-%m-%d %H:%M} UTC" if space.held_since else ""
    held = held_in_words(space.held_pages, space.held_items)
    return (
        f"{held} of space {space.space_key} would be removed; this is held for a decision{since}. "
        f"Look at them with `{look_command(space.space_key)}`; remove them with `{release_command(space.space_key)}`."
    )


def _notes_of(space: SpaceStatus, shown: ShownPages | None) -> Iterator[str]:
    if space.last_outcome == "partial":
        yield f"The last run of space {space.space_key} was partial. `hr-sync status` shows why."
    if space.failing_pages:
        yield f"{_pages(space.failing_pages)} of space {space.space_key} failed. Later runs try again."
    if shown is not None and not shown.shown and (shown.space_viewers or shown.restricted or shown.unknown):
        # Without the names of groups, which the status page may not show.
        yield (
            f"None of the {_pages(shown.pages)} of space {space.space_key} is open to the whole audience. `hr-sync "
            "status` shows why, and the setting."
        )


def _health_of(
    space: SpaceStatus, schedule: ScheduleSnapshot, limits: HealthLimits, shown: ShownPages | None
) -> SpaceHealth:
    fresh = not any(_why_stale(space, schedule, limits))
    access_ok = not any(_why_access_stale(space, schedule, limits))
    decided = not any(_decisions(space, limits))
    good = HealthState.WELL if decided else HealthState.NEEDS_DECISION
    return SpaceHealth(
        space_key=space.space_key,
        state=good if fresh and access_ok else HealthState.WRONG,
        freshness=Freshness(
            ok=fresh,
            age_seconds=_age(space.age),
            full_age_seconds=_age(space.full_age),
            full_pass_due=space.full_pass_due,
        ),
        access=AccessHealth(
            ok=access_ok,
            age_seconds=_age(space.access_age),
            viewers_known=_viewers_known(space, limits),
            shown_pages=None if shown is None else shown.shown,
        ),
        held=Hold(removals=space.held, since=space.held_since, reason=space.held_reason) if space.held else None,
        partial=space.last_outcome == "partial",
        failing_pages=space.failing_pages,
        hidden_pages=space.hidden_pages,
    )


def _seconds(age: timedelta | None, schedule: ScheduleSnapshot) -> float:
    """Return an age; the time since the start for what never happened."""
    return schedule.up_seconds if age is None else age.total_seconds()


def _age(age: timedelta | None) -> float | None:
    return None if age is None else max(0.0, age.total_seconds())


def _pages(number: int) -> str:
    return "1 page" if number == 1 else f"{number} pages"


def _span(seconds: float) -> str:
    """Write a duration for people: `1:30:00`, `2 days, 0:00:00`."""
    return str(timedelta(seconds=round(seconds)))
