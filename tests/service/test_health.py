"""When health is green, and when it is red and says why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hr_sync.service.health import HealthLimits, ScheduleSnapshot, is_alive, judge
from hr_sync.store.read.runs import SpaceStatus

LIMITS = HealthLimits(
    stale_after_seconds=3600, full_stale_after_seconds=14_400, beat_after_seconds=60, failures_in_a_row=3
)
WELL = ScheduleSnapshot(last_beat_age_seconds=0.2, failures_in_a_row=0, up_seconds=10)
FRESH = SpaceStatus(
    space_key="HR",
    name="People",
    last_complete_at=datetime(2026, 1, 1, tzinfo=UTC),
    age=timedelta(minutes=5),
    full_age=timedelta(hours=3),
    access_age=None,
    last_run_id=1,
    last_outcome="complete",
    held=0,
    error=None,
    lease_holder=None,
    live_pages=10,
    failing_pages=0,
)
NEVER = replace(FRESH, space_key="IT", age=None, last_complete_at=None)


def test_a_fresh_mirror_is_well() -> None:
    """Green has no reasons, and tells each space's age."""
    health = judge([FRESH], WELL, LIMITS)
    assert (health.ok, health.reasons) == (True, ())
    assert health.spaces[0].age_seconds == 300


@pytest.mark.parametrize(
    ("space", "schedule", "reason"),
    [
        (replace(FRESH, age=timedelta(seconds=3601)), WELL, "Space HR was last complete 1:00:01 ago"),
        (NEVER, replace(WELL, up_seconds=3601), "Space IT was never complete"),
        (
            replace(FRESH, full_age=timedelta(hours=4, seconds=1)),
            WELL,
            "Space HR has had no complete full run for 4:00:00",
        ),
        (replace(FRESH, full_age=None), replace(WELL, up_seconds=14_401), "Space HR has had no complete full run"),
        (FRESH, replace(WELL, last_beat_age_seconds=61), "The loop has not turned for 61 s"),
        (FRESH, replace(WELL, failures_in_a_row=3), "3 runs in a row failed"),
        (FRESH, replace(WELL, overdue_seconds=0.1), "A run is past its deadline"),
    ],
)
def test_each_cause_alone_turns_it_red(space: SpaceStatus, schedule: ScheduleSnapshot, reason: str) -> None:
    """One cause is one reason, which names it."""
    health = judge([space], schedule, LIMITS)
    assert not health.ok
    assert [each.startswith(reason) for each in health.reasons] == [True]


@pytest.mark.parametrize(
    ("space", "schedule"),
    [
        (replace(FRESH, age=timedelta(seconds=3600)), WELL),
        (NEVER, replace(WELL, up_seconds=3600)),
        (FRESH, replace(WELL, last_beat_age_seconds=60)),
        (FRESH, replace(WELL, failures_in_a_row=2)),
        (replace(FRESH, age=timedelta(seconds=-3)), WELL),
        (replace(FRESH, last_outcome="partial"), WELL),
    ],
)
def test_what_is_within_its_limit_is_well(space: SpaceStatus, schedule: ScheduleSnapshot) -> None:
    """A limit itself is not beyond the limit, and one partial run is what freshness is there to judge."""
    assert judge([space], schedule, LIMITS).ok


def test_a_mirror_without_spaces_is_red_after_the_limit() -> None:
    """A service that never got to see a space is not well for having none that is stale."""
    assert judge([], WELL, LIMITS).ok
    assert not judge([], replace(WELL, up_seconds=3601), LIMITS).ok


def test_one_stale_space_among_many_is_found() -> None:
    """Health is that of the worst space, and says which."""
    health = judge([FRESH, replace(FRESH, space_key="OLD", age=timedelta(days=2))], WELL, LIMITS)
    assert [space.space_key for space in health.spaces if not space.ok] == ["OLD"]
    assert not health.ok


@pytest.mark.parametrize(
    ("schedule", "alive"),
    [
        (WELL, True),
        (replace(WELL, last_beat_age_seconds=61), False),
        (replace(WELL, overdue_seconds=360), True),
        (replace(WELL, overdue_seconds=361), False),
        (replace(WELL, failures_in_a_row=9, up_seconds=1e6), True),
    ],
)
def test_only_what_a_restart_mends_is_no_life(schedule: ScheduleSnapshot, alive: bool) -> None:
    """A loop that stands still, and a run that does not end; not runs that fail."""
    assert is_alive(schedule, LIMITS) is alive
