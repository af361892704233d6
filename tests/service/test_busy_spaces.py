"""A full run that meets another worker at a space takes the space as soon as it is free."""

import threading
from collections.abc import Sequence

import pytest

from hr_sync.domain.outcome import Counts, Outcome, RunReport, SpaceReport
from hr_sync.errors import LeaseHeld
from hr_sync.service import busy_spaces
from hr_sync.service.busy_spaces import run_with_busy_spaces


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy_spaces, "_PAUSE_SECONDS", 0.01)


def report(*spaces: SpaceReport, outcome: Outcome = Outcome.COMPLETE) -> RunReport:
    counts = Counts(listed=sum(space.counts.listed for space in spaces))
    return RunReport(
        run_id=1,
        mode="full",
        outcome=outcome,
        exit_code=0,
        spaces=spaces,
        counts=counts,
        requests=5,
        duration_seconds=1,
    )


def space(key: str, *, busy: bool = False, listed: int = 3) -> SpaceReport:
    return SpaceReport(
        space_key=key,
        outcome=Outcome.COMPLETE,
        counts=Counts(listed=0 if busy else listed),
        busy_with="elsewhere:1" if busy else None,
    )


def test_a_space_that_was_busy_has_its_turn_when_it_is_free() -> None:
    """Alone, and the report is that of both: counts, requests and durations together."""
    asked: list[tuple[str, ...]] = []
    held = [{"IT"}, {"IT"}, set[str]()]

    def run(space_keys: Sequence[str]) -> RunReport:
        asked.append(tuple(space_keys))
        return report(space("IT")) if space_keys else report(space("HR"), space("IT", busy=True))

    found = run_with_busy_spaces(run, lambda: held.pop(0), threading.Event(), wait_seconds=5)

    assert asked == [(), ("IT",)]
    assert held == []
    assert [(each.space_key, each.busy_with) for each in found.spaces] == [("HR", None), ("IT", None)]
    assert (found.counts.listed, found.requests, found.duration_seconds) == (6, 10, 2)


def test_a_run_that_met_nobody_is_not_repeated() -> None:
    """Nor is anything asked about leases."""
    found = run_with_busy_spaces(
        lambda _keys: report(space("HR")), lambda: pytest.fail("asked"), threading.Event(), wait_seconds=5
    )
    assert [each.space_key for each in found.spaces] == ["HR"]


def test_a_space_that_stays_busy_is_left_out() -> None:
    """After the wait the others have their turn; the busy one stays in the report as busy, and is no failure."""
    asked: list[tuple[str, ...]] = []

    def run(space_keys: Sequence[str]) -> RunReport:
        asked.append(tuple(space_keys))
        return report(space("HR")) if space_keys else report(space("HR", busy=True), space("IT", busy=True))

    found = run_with_busy_spaces(run, lambda: {"IT"}, threading.Event(), wait_seconds=0.1)

    assert asked == [(), ("HR",)]
    assert found.outcome is Outcome.COMPLETE
    assert {each.space_key: bool(each.busy_with) for each in found.spaces} == {"HR": False, "IT": True}


def test_a_space_that_is_taken_again_at_the_last_moment_is_left_out() -> None:
    """A run that names a space may refuse to go without it."""

    def run(space_keys: Sequence[str]) -> RunReport:
        if space_keys:
            raise LeaseHeld("Another worker is at space HR.")
        return report(space("HR", busy=True))

    found = run_with_busy_spaces(run, set, threading.Event(), wait_seconds=5)
    assert [each.busy_with for each in found.spaces] == ["elsewhere:1"]


def test_the_worse_outcome_of_the_two_counts() -> None:
    """What failed in either run has failed."""

    def run(space_keys: Sequence[str]) -> RunReport:
        return report(space("HR")) if space_keys else report(space("HR", busy=True), outcome=Outcome.HELD)

    assert run_with_busy_spaces(run, set, threading.Event(), wait_seconds=5).outcome is Outcome.HELD


def test_a_stop_ends_the_wait() -> None:
    """Nothing begins after it."""
    stop = threading.Event()

    def held() -> set[str]:
        stop.set()
        return {"HR"}

    found = run_with_busy_spaces(lambda keys: report(space("HR", busy=not keys)), held, stop, wait_seconds=60)
    assert [each.busy_with for each in found.spaces] == ["elsewhere:1"]
