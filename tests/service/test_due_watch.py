"""When a replica begins a run without its schedule: when spaces wait, and not again and again."""

import time
from collections.abc import Mapping

import pytest

from hr_sync.domain.outcome import Mode, Outcome, RunReport, SpaceReport
from hr_sync.errors import DatabaseUnavailable
from hr_sync.service import due_watch
from hr_sync.service.due_watch import DueWatch

DONE = SpaceReport(space_key="HR", outcome=Outcome.COMPLETE)


def report(outcome: Outcome, *spaces: SpaceReport) -> RunReport:
    """Return the report of a full run."""
    return RunReport(run_id=1, mode=Mode.FULL, outcome=outcome, exit_code=0, spaces=spaces)


def until(watch: DueWatch, *, is_due: bool) -> None:
    """Wait until the watch has looked."""
    ends_at = time.monotonic() + 5
    while watch.is_due(Mode.FULL) is not is_due:
        assert time.monotonic() < ends_at
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look every few milliseconds."""
    monkeypatch.setattr(due_watch, "_LOOK_SECONDS", 0.002)


def test_spaces_that_wait_begin_a_run_of_their_mode() -> None:
    """And of no other; a database that is away begins none."""
    answers: list[Mapping[Mode, int] | Exception] = [{Mode.FULL: 2, Mode.ACCESS: 0}]

    def look() -> Mapping[Mode, int]:
        if isinstance(answers[-1], Exception):
            raise answers[-1]
        return answers[-1]

    watch = DueWatch(look)
    assert not watch.is_due(Mode.FULL)
    with watch.watching():
        until(watch, is_due=True)
        assert not watch.is_due(Mode.ACCESS)
        answers.append(DatabaseUnavailable("away"))
        until(watch, is_due=False)
        answers.append({Mode.FULL: 1})
        until(watch, is_due=True)


@pytest.mark.parametrize(
    ("ended", "rests"),
    [
        (report(Outcome.COMPLETE, DONE), False),
        (report(Outcome.PARTIAL, DONE), False),
        (report(Outcome.HELD, DONE), False),
        (report(Outcome.COMPLETE), True),
        (report(Outcome.FAILED, DONE), True),
        (report(Outcome.STOPPED, DONE), True),
        (None, True),
    ],
)
def test_a_run_that_failed_or_found_nothing_is_not_repeated_at_once(ended: RunReport | None, rests: bool) -> None:
    """Whatever waits: the schedule begins the next one."""
    watch = DueWatch(lambda: {Mode.FULL: 1})
    with watch.watching():
        until(watch, is_due=True)

        watch.note(Mode.FULL, ended)

        if rests:
            time.sleep(0.02)
        until(watch, is_due=not rests)
