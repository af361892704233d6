"""When the service is well, when somebody has to decide, and when something is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hr_sync.domain.shown_pages import ShownPages
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


ENFORCED = replace(LIMITS, access_stale_after_seconds=3600, access_max_age_seconds=86_400)
READ = replace(FRESH, access_age=timedelta(minutes=10))
SHOWN = ShownPages(space_key="HR", pages=10, shown=8, restricted=2)


def lanes(full: LaneSnapshot = FULL, incremental: LaneSnapshot = INCREMENTAL) -> ScheduleSnapshot:
    return replace(WELL, lanes=(full, incremental))


def test_a_fresh_mirror_is_well() -> None:
    """There are no reasons and no notes, and each space has its age."""
    health = judge([FRESH], WELL, LIMITS)
    assert (health.state, health.ok, health.reasons, health.notes) == (HealthState.WELL, True, (), ())
    assert health.spaces[0].freshness.age_seconds == 300
    assert health.spaces[0].freshness.full_age_seconds == 10_800
    access = health.spaces[0].access
    assert (access.ok, access.age_seconds, access.viewers_known, access.shown_pages) == (True, None, None, None)


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


@pytest.mark.parametrize(
    ("space", "up_seconds", "reasons"),
    [
        (READ, 10, []),
        (replace(READ, access_age=timedelta(hours=1)), 10, []),
        (
            replace(READ, access_age=timedelta(hours=1, seconds=1)),
            10,
            [
                (
                    "Who may read the pages of space HR was last read 1:00:01 ago, and the limit is 1:00:00, four "
                    "intervals of access runs: pages restricted since then may still be shown. Read it: `hr-sync run "
                    "--access --space HR`."
                )
            ],
        ),
        (
            replace(READ, space_key="~ann", access_age=timedelta(hours=24)),
            10,
            [
                (
                    "No page of space ~ann is shown: who may read them was last read 1 day, 0:00:00 ago, and "
                    "access.max_age_hours is 24. Read it: `hr-sync run --access --space '~ann'`."
                )
            ],
        ),
        (replace(READ, access_age=None), 3600, []),
        (
            replace(READ, access_age=None),
            3601,
            [
                (
                    "No page of space HR is shown: who may read them was never read. Read it: `hr-sync run --access "
                    "--space HR`."
                )
            ],
        ),
    ],
)
def test_access_that_is_old_is_wrong(space: SpaceStatus, up_seconds: float, reasons: list[str]) -> None:
    """From four intervals on; and from the age on from which nothing is shown, which the reason says."""
    health = judge([space], replace(WELL, up_seconds=up_seconds), ENFORCED)
    assert list(health.reasons) == reasons
    assert health.state == (HealthState.WRONG if reasons else HealthState.WELL)
    assert (health.spaces[0].state, health.spaces[0].access.ok) == (health.state, not reasons)
    assert health.spaces[0].freshness.ok


def test_without_an_interval_access_is_wrong_from_its_greatest_age_on() -> None:
    """As for runs from cron: nobody said how often they begin."""
    limits = replace(ENFORCED, access_stale_after_seconds=None)
    ages = (timedelta(hours=23), timedelta(hours=24), None)
    states = [judge([replace(READ, access_age=age)], WELL, limits).state for age in ages]
    assert states == [HealthState.WELL, HealthState.WRONG, HealthState.WELL]
    never = replace(READ, access_age=None)
    assert not judge([never], replace(WELL, up_seconds=float("inf")), limits).ok


def test_where_access_is_not_enforced_its_age_does_not_count() -> None:
    """Neither does who may view a space."""
    old = replace(FRESH, access_age=timedelta(days=30), viewers_known=False)
    assert judge([old], replace(WELL, up_seconds=1e6), LIMITS).ok


def test_a_space_whose_viewers_are_not_known_needs_a_decision() -> None:
    """Nothing of it is shown, and the reason ends with what to set; a space that was never read has another reason."""
    doubt = "Name HR in access.open_spaces if every reader may view it."
    unknown = replace(READ, viewers_known=False, viewers_doubt=doubt)
    health = judge([unknown], WELL, ENFORCED)
    assert health.state is HealthState.NEEDS_DECISION
    assert health.reasons == (f"No page of space HR is shown: who may view it is not known. {doubt}",)
    assert (health.spaces[0].state, health.spaces[0].access.viewers_known) == (HealthState.NEEDS_DECISION, False)
    (reason,) = judge([replace(unknown, viewers_doubt=None)], WELL, ENFORCED).reasons
    assert reason.endswith("Read it again: `hr-sync run --access --space HR`.")
    assert judge([replace(unknown, access_age=None)], WELL, ENFORCED).ok


def test_a_space_that_is_not_open_to_the_whole_audience_is_a_note() -> None:
    """Consumers may ask by user. The note names no group, since the status page may not show any."""
    nothing = replace(SHOWN, shown=0, restricted=0, message="Its viewers are group hr-all.")
    for shown in (replace(nothing, space_viewers=10), replace(nothing, restricted=10), replace(nothing, unknown=10)):
        health = judge([READ], WELL, ENFORCED, [shown])
        assert (health.state, health.spaces[0].access.shown_pages) == (HealthState.WELL, 0)
        assert health.notes == (
            (
                "None of the 10 pages of space HR is open to the whole audience. `hr-sync status` shows why, and the "
                "setting."
            ),
        )
    assert judge([READ], WELL, ENFORCED, [SHOWN]).notes == ()


def test_a_space_that_nobody_proved_for_too_long_is_not_shown() -> None:
    """By sync.hide_after_hours, which the reason names."""
    limits = replace(LIMITS, stale_after_seconds=1e6, full_stale_after_seconds=1e6, hide_after_seconds=7200)
    assert judge([replace(FRESH, age=timedelta(seconds=7199))], WELL, limits).ok
    (reason,) = judge([replace(FRESH, age=timedelta(hours=2))], WELL, limits).reasons
    assert reason.startswith("No page of space HR is shown: it was not complete for sync.hide_after_hours = 2.")


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
