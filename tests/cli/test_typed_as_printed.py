"""Printed commands read the settings file that was named, and standard error holds nothing but the JSON log."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from confluence_simulator import Fault, Simulator
from sqlalchemy import Engine
from structlog.testing import capture_logs

from hr_sync.cli.options import SettingsChoice, with_config
from hr_sync.domain.outcome import Outcome, SpaceReport
from hr_sync.sync.jobs import log_space
from tests.cli.program import TOKEN, Ended, ended, run, settings, typed, wired, written
from tests.cli.test_remedies import MASS, commands, said, world_with
from tests.cli.test_stopping import waiting_for_a_lock


def logged(ended: Ended) -> list[str]:
    """Return the events of standard error, every line of which must be one."""
    return [json.loads(line)["event"] for line in ended.stderr.splitlines()]


def test_a_command_gets_the_option_once_and_only_if_it_was_used() -> None:
    """Between backticks; other words stay."""
    text = "hr-sync: no tables. Run `hr-sync init-db`. Look with `hr-sync run --space '~a b' --dry-run`; `chmod o-r`."

    assert with_config(text, SettingsChoice()) == text
    assert with_config(text, SettingsChoice(file=Path("of hr.toml"))) == (
        "hr-sync: no tables. Run `hr-sync init-db --config 'of hr.toml'`. "
        "Look with `hr-sync run --space '~a b' --dry-run --config 'of hr.toml'`; `chmod o-r`."
    )


def test_printed_commands_name_the_settings_file(home: Path, database_url: str) -> None:
    """From missing tables to a held removal, which is released by what `status` prints."""
    world = world_with("HR", pages=MASS)
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, database_url)
        (home / "config.toml").rename(home / "other.toml")
        named = ("--config", "other.toml")

        (make_tables,) = commands(said(run(home, "status", *named)))
        assert typed(home, make_tables).exit_code == 0
        (first,) = commands(run(home, "status", *named).stdout)
        assert typed(home, first).exit_code == 0
        for page in world.pages()[:-1]:
            world.trash_page(page.id)
        assert run(home, "run", *named).exit_code == 4
        preview = run(home, "run", "--dry-run", *named)
        shown = run(home, "status", *named).stdout

        assert all(command.endswith(" --config other.toml") for command in commands(shown + preview.stdout))
        (release,) = commands(preview.stdout)
        assert release in commands(shown)
        assert typed(home, release).exit_code == 0


@pytest.mark.parametrize("as_json", [True, False])
def test_standard_error_is_the_log_alone(home: Path, site: Simulator, prepared_url: str, *, as_json: bool) -> None:
    """What a run says to people stands below its table; a refusal is an event, also beside a JSON document."""
    wired(home, site, prepared_url)
    option = ("--json",) if as_json else ()
    site.faults.add(Fault(kind="html-200", match="/pages", times=0))

    partial = run(home, "run", *option)
    refused = run(home, "run", "--space", "NOPE", *option)

    assert site.faults.fired
    assert (partial.exit_code, refused.exit_code) == (3, 2)
    assert logged(partial)[-1] == "run.ended"
    assert logged(refused)[-1] == "process.failed"
    if not as_json:
        assert re.search(r"^Run \d+ partial.*\nhr-sync: \S", partial.stdout, re.MULTILINE)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_stop_that_breaks_off_a_wait_is_reported(
    home: Path, site: Simulator, engine: Engine, prepared_url: str, *, as_json: bool
) -> None:
    """Standard output is one JSON document if it was asked for; the log says what ended the process."""
    wired(home, site, prepared_url)
    with waiting_for_a_lock(home, engine, *(("--json",) if as_json else ())) as process:
        process.terminate()
        stopped = ended(process)

    assert stopped.exit_code == 75
    # Not always as the last line: the thread whose statement is broken off may still log how its space ended.
    assert logged(stopped).count("process.failed") == 1
    if as_json:
        assert stopped.document == {"error": stopped.messages[-1].removeprefix("hr-sync: "), "exit_code": 75}
    else:
        assert stopped.stdout == ""


@pytest.mark.parametrize("as_json", [True, False])
def test_check_names_a_lost_space_among_all_spaces(home: Path, prepared_url: str, *, as_json: bool) -> None:
    """No setting names it, so that it is a warning; once nothing of it is left, there is none."""
    world = world_with("HR", "PUB", pages=2)
    option = ("--json",) if as_json else ()
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, prepared_url)
        assert run(home, "run").exit_code == 0
        assert "Warning" not in run(home, "check").stdout
        world.forbid_space("HR", group="confluence-users")

        checked = run(home, "check", *option)

        assert checked.exit_code == 0
        warnings = checked.document["warnings"] if as_json else checked.messages
        assert [re.findall(r"Space (\w+) .*no longer visible", warning) for warning in warnings] == [["HR"]]
        assert run(home, "run", "--space", "HR", "--allow-mass-delete").exit_code == 0
        assert run(home, "run", "--space", "HR", "--allow-mass-delete").exit_code == 0
        assert "Warning" not in run(home, "check").stdout


@pytest.mark.parametrize("secret", ["CHANGE-ME", TOKEN])
def test_only_a_secret_is_worth_a_warning(home: Path, site: Simulator, prepared_url: str, secret: str) -> None:
    """Whoever exports the token leaves the placeholder of the example in a file that others may read."""
    groups = settings(site.site_url, prepared_url)
    groups["confluence"]["api_token"] = secret
    written(home, groups).chmod(0o644)

    ended = run(home, "check", HR_SYNC_CONFLUENCE__API_TOKEN=TOKEN)

    assert ended.exit_code == 0
    assert ("secrets.readable" in logged(ended)) == (secret == TOKEN)


def test_what_is_shown_is_spelled_as_in_a_settings_file(home: Path, site: Simulator, prepared_url: str) -> None:
    """Lists and switches; one page is not `1 pages`, and a page that is there is no error of a listing."""
    wired(home, site, prepared_url)
    assert run(home, "run").exit_code == 0
    page = site.world.pages()[0].id

    shown = run(home, "config", "show").stdout

    assert re.search(r'^confluence\.spaces +\["\*"\] ', shown, re.MULTILINE)
    assert re.search(r"^access\.labels +false ", shown, re.MULTILINE)
    assert re.search(
        r"^a full run would +keep it: the page is there *$", run(home, "explain", page).stdout, re.MULTILINE
    )
    assert "Erase 1 page of S00 for good?" in said(run(home, "purge", "--page", page))
    assert run(home, "purge", "--page", page, "--yes").stdout == "Erased 1 page.\n"


def test_a_warning_of_a_space_is_in_the_log_too() -> None:
    """A run from cron drops its standard output."""
    report = SpaceReport(space_key="HR", outcome=Outcome.COMPLETE, exit_code=0, warning="The listing is late.")

    with capture_logs() as events:
        log_space(report)
        log_space(replace(report, warning=None))

    assert [event["event"] for event in events] == ["run.warning", "space.ended", "space.ended"]
    assert events[0]["warning"] == "The listing is late."
