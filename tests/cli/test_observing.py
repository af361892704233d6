"""What the service shows follows from its settings, those in force."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hr_sync.cli.health import read_in_scope
from hr_sync.cli.notifications import notify
from hr_sync.cli.observability import make_endpoints, make_observer
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.domain.outcome import Mode, Outcome, RunReport
from hr_sync.errors import ConfigurationError, DatabaseUnavailable
from hr_sync.service.health import Health, HealthState
from hr_sync.service.metrics import Metrics
from hr_sync.service.scheduler import SchedulerState
from hr_sync.settings import Settings
from hr_sync.store.read.overview import Overview
from tests.cli.program import settings
from tests.cli.test_reporting import listener
from tests.support.database import execute


def test_a_run_past_its_deadline_may_wait_for_the_longest_thing_before_it_counts_as_dead(engine: Engine) -> None:
    """A minute longer than a request or a statement may take: whoever restarts earlier ends a run that would end."""
    groups = settings("http://127.0.0.1:1", None)
    groups["confluence"]["request_deadline_seconds"] = 100
    groups["database"] = {"statement_timeout_seconds": 200}
    state = SchedulerState.of("full")
    read = Settings(**groups)  # type: ignore[arg-type] # checked within
    alive = make_endpoints(lambda: read, engine, state, HttpStats()).alive
    assert alive()

    state.lanes[0].overdue_since = time.monotonic() - 255
    assert alive()
    state.lanes[0].overdue_since = time.monotonic() - 265
    assert not alive()


def status_of(overview: Overview) -> list[str]:
    return [space.space_key for space in overview.spaces]


def test_what_is_shown_follows_the_scope_in_force(engine: Engine) -> None:
    """Also when the settings are read again while the service runs: health, metrics and page show the same spaces."""
    execute(engine, "INSERT INTO sync_spaces (space_key, epoch) VALUES ('HR', 1), ('IT', 1), ('OLD', 1)")
    groups = settings("http://127.0.0.1:1", None, spaces=["HR", "IT"])
    in_force = [Settings(**groups)]  # type: ignore[arg-type] # checked within
    read = read_in_scope(engine, in_force[0])
    assert status_of(read) == ["HR", "IT"]
    renamed = Settings(**settings("http://127.0.0.1:1", None, spaces=["people"]))  # type: ignore[arg-type] # as above
    assert status_of(read_in_scope(engine, renamed)) == []
    execute(engine, "UPDATE sync_spaces SET former_keys = '{people}' WHERE space_key = 'HR'")
    assert status_of(read_in_scope(engine, renamed)) == ["HR"]

    state = SchedulerState.of("full")
    endpoints = make_endpoints(lambda: in_force[-1], engine, state, HttpStats())
    in_force.append(Settings(**settings("http://127.0.0.1:1", None, spaces=["OLD"])))  # type: ignore[arg-type] # as above
    shown = endpoints.overview()
    assert status_of(shown) == [space.space_key for space in endpoints.health(shown).spaces] == ["OLD"]
    assert 'hr_sync_live_pages{space="OLD"}' in endpoints.metrics.exposition().decode()
    assert 'space="HR"' not in endpoints.metrics.exposition().decode()


@pytest.mark.parametrize(
    ("outcome", "state", "expected"),
    [
        (Outcome.COMPLETE, HealthState.WELL, ""),
        (Outcome.PARTIAL, HealthState.WELL, ""),
        (Outcome.COMPLETE, HealthState.NEEDS_DECISION, "/fail"),
        (Outcome.COMPLETE, HealthState.WRONG, "/fail"),
        (Outcome.HELD, HealthState.WELL, "/fail"),
        (Outcome.FAILED, HealthState.WELL, "/fail"),
        (Outcome.STOPPED, HealthState.WELL, "/fail"),
        (Outcome.COMPLETE, None, "/fail"),
    ],
)
def test_a_run_is_a_success_only_if_the_service_is_well_after_it(
    outcome: Outcome, state: HealthState | None, expected: str
) -> None:
    """A complete incremental run while removals are held is no success, nor one whose database is away then."""

    def health() -> Health:
        if state is None:
            raise DatabaseUnavailable("Away.")
        return Health(state=state)

    report = RunReport(run_id=1, mode=Mode.FULL, outcome=outcome, exit_code=0, spaces=())
    with listener() as (url, paths):
        groups = settings("http://127.0.0.1:1", None)
        groups["service"] = {"ping_url": url}
        observer = make_observer(Settings(**groups), Metrics(), health)  # type: ignore[arg-type] # checked within
        observer.started("full")
        observer.ended("full", report)
    assert paths == ["/secret-canary/start", f"/secret-canary{expected}"]


@pytest.mark.parametrize(
    ("outcome", "held", "expected"), [("complete", 0, ""), ("complete", 3, "/fail"), ("partial", 0, "/fail")]
)
def test_a_run_from_cron_is_no_success_while_removals_are_held(outcome: str, held: int, expected: str) -> None:
    """`hr-sync run` passes on what waits in any space after the run."""
    report = RunReport(run_id=1, mode=Mode.INCREMENTAL, outcome=Outcome(outcome), exit_code=0, spaces=())
    with listener() as (url, paths):
        groups = settings("http://127.0.0.1:1", None)
        groups["service"] = {"ping_url": url}
        with notify(Settings(**groups), Mode.INCREMENTAL) as report_run:  # type: ignore[arg-type] # checked within
            report_run(report, held=held)
    assert paths == ["/secret-canary/start", f"/secret-canary{expected}"]


@pytest.mark.parametrize("path", ["no/such/folder/hr_sync.prom", "a-file/hr_sync.prom"])
def test_a_metrics_file_that_cannot_be_written_is_a_mistake_in_the_settings(tmp_path: Path, path: str) -> None:
    """It is said before the run, with the key."""
    (tmp_path / "a-file").touch()
    groups = settings("http://127.0.0.1:1", None)
    groups["service"] = {"metrics_file": str(tmp_path / path)}
    with (
        pytest.raises(ConfigurationError, match=r"service.metrics_file: .* cannot be written"),
        notify(Settings(**groups), Mode.FULL),  # type: ignore[arg-type] # checked within
    ):
        pytest.fail("the run was started")
