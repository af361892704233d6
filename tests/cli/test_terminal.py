"""What people see on a terminal: what a run waits for, tables in narrow windows, whole help, local times."""

import re
from pathlib import Path

import pytest
from confluence_simulator import Fault
from typer.testing import CliRunner

from hr_sync.cli.main import app
from tests.cli.program import settings, written
from tests.cli.stage import Stage

NARROWEST_HELP = 50  # characters
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def wired(stage: Stage, home: Path) -> Stage:
    """Write working settings; the log is for people where there is a terminal."""
    groups = settings(stage.site.site_url, stage.database())
    groups["log"]["format"] = "auto"
    written(home, groups)
    stage.site.faults.clear()
    return stage


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_word_of_a_table_is_broken(wired: Stage, home: Path, width: int) -> None:
    """Where the columns do not fit, each row is a line of words."""
    shown = CONTROLS.sub("", wired.forking.talk(home, "status", answers=[], COLUMNS=str(width)).stdout)

    for word in ("complete", "hidden", "failing", "outcome"):
        assert re.search(rf"\b{word}\b", shown)
    rows = [line for line in shown.splitlines() if re.match(r"S00\b", line)]
    assert rows
    assert max(map(len, rows)) <= width


def test_a_wait_that_confluence_asked_for_is_shown(wired: Stage, home: Path) -> None:
    """With its seconds, beside the progress; one summary stands at the end."""
    wired.site.faults.add(Fault(kind="status", argument={"status": 429, "headers": {"Retry-After": "1"}}))

    shown = wired.forking.talk(home, "run", answers=[]).stdout

    assert wired.site.faults.fired
    assert "waiting 1 s: Confluence asked for it" in shown
    assert re.search(r"reading, \d+ requests? so far", shown)
    assert len(re.findall(r"^Run \d+ complete", shown, re.MULTILINE)) == 1


def test_quiet_says_nothing_until_something_needs_attention(wired: Stage, home: Path) -> None:
    """Also in a log; a run that is not complete is reported as ever."""
    quiet = wired.forking.talk(home, "run", "--quiet", answers=[])
    assert (quiet.exit_code, CONTROLS.sub("", quiet.stdout)) == (0, "")

    wired.site.faults.add(Fault(kind="html-200", match=r"/spaces/\d+/pages", times=0))
    failed = wired.forking.run(home, "run", "-q")
    wired.site.faults.clear()
    assert wired.forking.run(home, "run").exit_code == 0  # other tests look at what the last run left

    assert failed.exit_code == 3
    assert "not JSON" in failed.stdout
    assert '"event":"run.started"' not in failed.stderr


def test_verbose_logs_each_request(wired: Stage, home: Path) -> None:
    """By path, without the query: it may hold titles."""
    spoken = wired.forking.run(home, "run", "--verbose")
    assert spoken.exit_code == 0
    assert re.search(r'"event":"http.answered".*"status":200', spoken.stderr)
    assert not re.search(r'"http.answered".*\?', spoken.stderr)
    assert "http.answered" not in wired.forking.run(home, "run").stderr
    assert wired.forking.run(home, "run", "-q", "-v").exit_code == 2


def test_a_dry_run_is_quiet_or_verbose_too(wired: Stage, home: Path) -> None:
    """And not both."""
    quiet = wired.forking.run(home, "run", "--dry-run", "-q")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert '"event":"http.answered"' in wired.forking.run(home, "run", "--dry-run", "-v").stderr
    assert wired.forking.run(home, "run", "--dry-run", "-q", "-v").exit_code == 2

    wired.site.faults.add(Fault(kind="html-200", match=r"/spaces/\d+/pages", times=0))
    failed = wired.forking.run(home, "run", "--dry-run", "-q")
    wired.site.faults.clear()
    assert (failed.exit_code, "not JSON" in failed.stdout) == (3, True)


@pytest.mark.parametrize(("level", "logs"), [("info", True), ("error", False)])
def test_quiet_never_logs_more_than_the_settings_say(wired: Stage, home: Path, level: str, logs: bool) -> None:
    """Warnings of a run whose listing cannot be read, and none where errors alone are wanted."""
    wired.site.faults.add(Fault(kind="html-200", match=r"/spaces/\d+/pages", times=0))
    failed = wired.forking.run(home, "run", "--quiet", HR_SYNC_LOG__LEVEL=level)
    wired.site.faults.clear()
    assert wired.forking.run(home, "run").exit_code == 0  # other tests look at what the last run left

    assert failed.exit_code == 3
    assert ('"level":"warning"' in failed.stderr) == logs


def test_times_are_local_on_a_terminal_and_utc_elsewhere(wired: Stage, home: Path) -> None:
    """With the name of the zone."""
    zone = {"TZ": "Pacific/Chatham"}
    assert re.search(r"\d\d:\d\d:\d\d \+1[23]45", wired.forking.talk(home, "status", answers=[], **zone).stdout)
    assert re.search(r"\d\d:\d\d:\d\dZ", wired.forking.run(home, "status", **zone).stdout)
    (first, *_) = wired.forking.run(home, "status", "--json", **zone).document["runs"]
    assert first["started_at"].endswith("Z")


@pytest.mark.parametrize("group", [(), ("changes",), ("config",)])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_help_is_not_cut(group: tuple[str, ...], width: int) -> None:
    """What each command does stands there whole, at any width."""
    shown = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": str(width)}, terminal_width=width).output

    assert "..." not in shown.replace("[ARGS]...", "")
    assert "Commands:" in shown
    assert max(map(len, shown.splitlines())) <= max(width, NARROWEST_HELP)
