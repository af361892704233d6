"""A long run is not silent: its progress is logged now and then, with the numbers of each space."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from confluence_simulator import BodyLengths, Fault, Simulator, generated_world

from hr_sync.service.progress import ActiveRuns, Progress, RunProgress, heartbeat
from tests.cli.program import TOKEN, run, run_anew, settings, written


def wait_until(holds: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_each_space_that_is_not_finished_has_a_line() -> None:
    """With its run, its pages and how long the run has taken; a space that is done has none."""
    progress = RunProgress()
    with structlog.contextvars.bound_contextvars(run_id=7):
        progress.note("HR", 120, 523)
        progress.note("IT", 9, 9)
    with structlog.testing.capture_logs() as lines:
        progress.log(30.4)
    assert lines == [
        {
            "event": "run.progress",
            "log_level": "info",
            "run_id": 7,
            "space": "HR",
            "done": 120,
            "total": 523,
            "seconds": 30,
        }
    ]


def test_a_run_that_fetches_nothing_has_a_line_too() -> None:
    """While listings are read, or once every body is there."""
    progress = RunProgress()
    with structlog.testing.capture_logs() as lines:
        progress.log(30)
        progress.note("IT", 9, 9)
        progress.log(60)
    assert [(line["done"], line["total"], line["seconds"]) for line in lines] == [(0, 0, 30), (9, 9, 60)]


def test_the_heartbeat_beats_until_the_run_ends() -> None:
    """And a run that ends before the first one is not logged."""
    with structlog.testing.capture_logs() as lines:
        with heartbeat(RunProgress(), every_seconds=0.01):
            wait_until(lambda: len(lines) >= 2)
        number = len(lines)
        with heartbeat(RunProgress()):
            pass
        time.sleep(0.05)
    assert len(lines) == number


def test_only_active_runs_are_shown() -> None:
    """What a run left unfinished is not shown once it has ended."""
    active = ActiveRuns()
    with active.run() as one, active.run() as other:
        one.note("HR", 1, 5)
        other.note("IT", 2, 5)
        assert active.unfinished() == {"HR": Progress(1, 5), "IT": Progress(2, 5)}
    assert active.unfinished() == {}


@pytest.mark.parametrize("format_", ["json", "console"])
def test_what_ends_the_process_is_in_the_log_where_that_is_json(home: Path, prepared_url: str, format_: str) -> None:
    """One line with the message and the exit code; people read a sentence."""
    groups = settings("http://127.0.0.1:1", prepared_url, max_attempts=1)
    groups["log"] = {"format": format_}
    written(home, groups)
    ended = run(home, "check")
    assert ended.exit_code == 75
    if format_ == "json":
        line = json.loads(ended.stderr.splitlines()[-1])
        assert (line["event"], line["level"], line["exit_code"]) == ("process.failed", "error", 75)
        assert "could not be reached" in line["error"]
    else:
        assert ended.stderr.startswith("hr-sync: ")


def test_a_mistake_in_the_settings_is_json_where_the_environment_says_so(home: Path) -> None:
    """Before the settings are read, only HR_SYNC_LOG__FORMAT can say which log is wanted."""
    (home / "config.toml").write_text("nonsense = 1\n")
    line = json.loads(run(home, "check", HR_SYNC_LOG__FORMAT="json").stderr)
    assert line["exit_code"] == 78
    assert "nonsense" in line["error"]
    assert run(home, "check").stderr.startswith("hr-sync: ")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of its own for each process."""
    return tmp_path


def test_a_run_without_a_terminal_logs_its_progress(home: Path, prepared_url: str) -> None:
    """With bodies that arrive slowly, and a heartbeat that is quicker than in real life."""
    world = generated_world(pages=40, spaces=1, lengths=BodyLengths(median=200, mean=300, maximum=2000))
    with Simulator(world, api_token=TOKEN) as site:
        site.faults.add(Fault(kind="slow", argument=0.5, match="body-format", times=0))
        written(home, settings(site.site_url, prepared_url))
        (home / "sitecustomize.py").write_text(
            "import hr_sync.service.progress as progress\n"
            "progress.heartbeat.__wrapped__.__kwdefaults__['every_seconds'] = 0.1\n"
        )
        ended = run_anew(home, "run", PYTHONPATH=str(home))
        assert site.faults.fired
    lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    assert ended.exit_code == 0
    assert [line for line in lines if line["event"] == "run.progress"]
