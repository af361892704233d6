"""When the service is well, when somebody has to decide, and when something is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hr_sync.service.health import HealthLimits, HealthState, LaneSnapshot, ScheduleSnapshot, is_alive, judge
from hr_sync.store.read.runs import SpaceStatus

LIMITS = HealthLimits(
    stale_after_seconds=3600, full_stale_after_seconds=14_400, heartbeat_after_seconds=60, failures_in_a_row=3
)
FULL = LaneSnapshot(name="full", heartbeat_age_seconds=0.2)
INCREMENTAL = LaneSnapshot(name="incremental", heartbeat_age_seconds=0.1)
WELL = ScheduleSnapshot(up_seconds=10, lanes=(FULL, INCREMENTAL))
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
    held_since=None,
    held_reason=None,
    error=None,
    lease_holder=None,
    live_pages=10,
    failing_pages=0,
    hidden_pages=0,
    full_pass_due=False,
)
NEVER = replace(FRESH, space_key="IT", age=None, last_complete_at=None)
HELD = replace(FRESH, held=26, held_since=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), held_reason="26 of 58 pages.")


def lanes(full: LaneSnapshot = FULL, incremental: LaneSnapshot = INCREMENTAL) -> ScheduleSnapshot:
    return replace(WELL, lanes=(full, incremental))


def test_a_fresh_mirror_is_well() -> None:
    """There are no reasons and no notes, and each space has its age."""
    health = judge([FRESH], WELL, LIMITS)
    assert (health.state, health.ok, health.reasons, health.notes) == (HealthState.WELL, True, (), ())
    assert health.spaces[0].freshness.age_seconds == 300
    assert health.spaces[0].freshness.full_age_seconds == 10_800
    assert health.spaces[0].access_age_seconds is None


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
        (FRESH, lanes(full=replace(FULL, heartbeat_age_seconds=61)), "The scheduler of full runs has had no heartbeat"),
        (
            FRESH,
            lanes(incremental=replace(INCREMENTAL, heartbeat_age_seconds=61)),
            "The scheduler of incremental runs has had no heartbeat for 61 s",
        ),
        (FRESH, lanes(full=replace(FULL, failures_in_a_row=3)), "3 full runs in a row failed"),
        (FRESH, lanes(full=replace(FULL, overdue_seconds=0.1)), "The full run is past its deadline"),
        (
            FRESH,
            lanes(incremental=replace(INCREMENTAL, overdue_seconds=0.1)),
            "The incremental run is past its deadline",
        ),
    ],
)
def test_each_cause_alone_is_wrong(space: SpaceStatus, schedule: ScheduleSnapshot, reason: str) -> None:
    """One cause is one reason, which names it and its lane."""
    health = judge([space], schedule, LIMITS)
    assert health.state is HealthState.WRONG
    assert not health.ok
    assert [each.startswith(reason) for each in health.reasons] == [True]


def test_held_removals_need_a_decision_whatever_the_last_run_was() -> None:
    """The reason names the number, since when, and the two commands; the space is fresh all the same."""
    for outcome in ("held", "complete", "partial"):
        health = judge([replace(HELD, last_outcome=outcome)], WELL, LIMITS)
        assert (health.state, health.ok) == (HealthState.NEEDS_DECISION, False)
        (reason,) = health.reasons
        assert reason == (
            "26 pages of space HR would be removed; this is held for a decision since 2026-01-02 03:04 UTC. Look at "
            "them with `hr-sync run --space HR --dry-run`; remove them with `hr-sync run --space HR "
            "--allow-mass-delete`."
        )
    (space,) = health.spaces
    assert (space.state, space.freshness.ok) == (HealthState.NEEDS_DECISION, True)
    assert space.held is not None
    assert (space.held.removals, space.held.reason) == (26, "26 of 58 pages.")


def test_what_is_wrong_outweighs_what_is_held_and_both_are_named() -> None:
    """The state is that of the worst; no reason hides another."""
    health = judge([HELD, replace(FRESH, space_key="IT", age=timedelta(days=1))], WELL, LIMITS)
    assert health.state is HealthState.WRONG
    assert [space.state for space in health.spaces] == [HealthState.NEEDS_DECISION, HealthState.WRONG]
    assert [reason.split()[0] for reason in health.reasons] == ["Space", "26"]


def test_pages_that_fail_and_a_partial_run_are_notes() -> None:
    """One page costs itself alone: nothing is wrong, and nobody is called at night."""
    health = judge([replace(FRESH, failing_pages=1, last_outcome="partial")], WELL, LIMITS)
    assert (health.state, health.reasons) == (HealthState.WELL, ())
    assert [note.split(".")[0] for note in health.notes] == [
        "The last run of space HR was partial",
        "1 page of space HR failed",
    ]
    assert (health.spaces[0].partial, health.spaces[0].failing_pages) == (True, 1)


@pytest.mark.parametrize(
    ("space", "schedule"),
    [
        (replace(FRESH, age=timedelta(seconds=3600)), WELL),
        (NEVER, replace(WELL, up_seconds=3600)),
        (FRESH, lanes(full=replace(FULL, heartbeat_age_seconds=60))),
        (FRESH, lanes(full=replace(FULL, failures_in_a_row=2))),
        (replace(FRESH, age=timedelta(seconds=-3)), WELL),
    ],
)
def test_what_is_within_its_limit_is_well(space: SpaceStatus, schedule: ScheduleSnapshot) -> None:
    """A limit itself is not beyond the limit."""
    assert judge([space], schedule, LIMITS).ok


def test_a_mirror_without_spaces_is_wrong_after_the_limit() -> None:
    """A service that never got to see a space is not well for having none that is stale."""
    assert judge([], WELL, LIMITS).ok
    assert not judge([], replace(WELL, up_seconds=3601), LIMITS).ok


@pytest.mark.parametrize(
    ("schedule", "alive"),
    [
        (WELL, True),
        (lanes(full=replace(FULL, heartbeat_age_seconds=61)), False),
        (lanes(incremental=replace(INCREMENTAL, heartbeat_age_seconds=61)), False),
        (lanes(full=replace(FULL, overdue_seconds=360)), True),
        (lanes(full=replace(FULL, overdue_seconds=361)), False),
        (lanes(incremental=replace(INCREMENTAL, overdue_seconds=361)), False),
        (replace(lanes(full=replace(FULL, failures_in_a_row=9)), up_seconds=1e6), True),
    ],
)
def test_only_what_a_restart_mends_is_not_alive(schedule: ScheduleSnapshot, alive: bool) -> None:
    """A lane without a heartbeat, and a run that does not end; not runs that fail."""
    assert is_alive(schedule, LIMITS) is alive
