"""The option `--site`: which commands have it, and how a command does several sites, without a site or a database."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from structlog.testing import capture_logs

from hr_sync.cli.commands.serve import CurrentSettings, Reloading
from hr_sync.cli.main import app
from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, OutputForm, SettingsChoice, with_config
from hr_sync.cli.sites import EachSite, StoppedExit, each_site, worst_exit_code
from hr_sync.errors import ConfluenceUnavailable, HrSyncError, Stopped, UsageError
from hr_sync.settings import load_sites

WITHOUT_SITE = {"init", "simulate", "demo", "config schema", "config example"}
OF_ONE_SITE = {
    "explain": ["1"],
    "who": ["1"],
    "sees": ["ann"],
    "text": ["1"],
    "search": ["words", "--as", "ann"],
    "run": ["--space", "HR"],
    "resync": ["--page", "1"],
    "verify": ["--space", "HR"],
    "status": ["--plot", "x.svg"],
    "purge": ["--page", "1"],
    "changes": ["--consumer", "index"],
    "changes ack": ["1", "--consumer", "index"],
    "changes snapshot": ["--consumer", "index"],
    "changes remove": ["--consumer", "index"],
}


def commands(here: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command by its words, those that hold others too if they do something by themselves."""
    for word, command in getattr(here, "commands", {}).items():
        words = f"{name} {word}".strip()
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield words, command
        yield from commands(command, words)


@pytest.fixture(autouse=True)
def _two_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["[confluence]", 'username = "a@b.c"', 'api_token = "t"', 'spaces = ["HR"]']
    for site in ("emea", "apac"):
        lines += [f"[sites.{site}.confluence]", f'url = "https://{site}.atlassian.net"']
    (tmp_path / "config.toml").write_text("\n".join(lines) + "\n")
    (tmp_path / "config.toml").chmod(0o600)
    monkeypatch.chdir(tmp_path)


def test_every_command_takes_the_name_of_a_site() -> None:
    """But for those that read no settings of a site."""
    found = dict(commands(typer.main.get_command(app)))
    without = {name for name, command in found.items() if "site" not in [each.name for each in command.params]}

    assert without == WITHOUT_SITE
    assert set(found) >= set(OF_ONE_SITE)


@pytest.mark.parametrize("command", OF_ONE_SITE)
def test_a_command_about_one_thing_asks_for_the_site(command: str) -> None:
    """An id or a name is that of one site; the message says what to add."""
    with pytest.raises(UsageError, match=r"several sites are configured \(emea, apac\): add --site emea"):
        app([*command.split(), *OF_ONE_SITE[command]], obj=OutputForm(), standalone_mode=False)


def program(do: Callable[[SettingsChoice], None], *one_with: str) -> Callable[..., int]:
    """Return a program with one command over all sites, which returns its exit code."""
    made = typer.Typer()

    @made.command(cls=each_site(*one_with) if one_with else EachSite)
    def work(config: Config = DEFAULT_SETTINGS, page: str | None = None, as_json: AsJson = False) -> None:
        del page, as_json
        do(config)

    def run(*arguments: str) -> int:
        return made(list(arguments), obj=OutputForm(), standalone_mode=False) or 0

    return run


def test_each_site_has_its_turn_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A site about which nothing is printed has no heading; one that is named stands alone, without it."""

    def say(config: SettingsChoice) -> None:
        if config.site != "apac":
            typer.echo(f"of {config.site}")

    run = program(say)
    assert (run(), capsys.readouterr().out) == (0, "Site emea\nof emea\n")
    assert (run("--site", "emea"), capsys.readouterr().out) == (0, "of emea\n")


@pytest.mark.parametrize(
    ("failure", "code"),
    [(ConfluenceUnavailable("gone"), 75), (typer.Exit(4), 4), (ZeroDivisionError("bug"), 1), (HrSyncError("x"), 1)],
)
def test_a_failure_costs_no_other_site_its_turn(
    failure: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is the worst one; the document has both sites."""
    done = []

    def work(config: SettingsChoice) -> None:
        done.append(config.site)
        if config.site == "emea":
            raise failure
        typer.echo('{"well": true}')

    run = program(work)
    with capture_logs():
        assert (run(), done) == (code, ["emea", "apac"])
        capsys.readouterr()
        assert run("--json") == code
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == code
    assert document["sites"]["apac"] == {"well": True}
    if isinstance(failure, HrSyncError):
        assert document["sites"]["emea"] == {"error": str(failure), "exit_code": code}


@pytest.mark.parametrize("end", [Stopped("asked"), StoppedExit(75)])
def test_a_stop_is_for_all_sites(end: Exception) -> None:
    """No other site begins after it."""
    done = []

    def work(config: SettingsChoice) -> None:
        done.append(config.site)
        raise end

    assert (program(work)(), done) == (75, ["emea"])


def test_a_mistake_in_typing_is_told_once() -> None:
    def work(config: SettingsChoice) -> None:
        raise UsageError(f"wrong for {config.site}")

    with pytest.raises(UsageError, match="wrong for emea"):
        program(work)()


def test_an_option_that_names_something_of_one_site_asks_for_it() -> None:
    """Then the command is given no site, and its settings cannot be read."""
    seen = []
    run = program(lambda config: seen.append(config.site), "page")
    run("--page", "1")
    run()
    assert seen == [None, "emea", "apac"]


@pytest.mark.parametrize(
    ("codes", "worst"), [([0, 3], 3), ([4, 3], 4), ([75, 4], 75), ([78, 75], 78), ([1, 78], 1), ([0, 0], 0)]
)
def test_the_worst_exit_code_says_most(codes: Sequence[int], worst: int) -> None:
    assert worst_exit_code(codes) == worst


def test_printed_commands_name_the_site() -> None:
    """But for those that take none."""
    choice = SettingsChoice(file=Path("x.toml"), site="emea")
    assert with_config("`hr-sync run --full`, `hr-sync init`, `hr-sync init-db`", choice) == (
        "`hr-sync run --full --config x.toml --site emea`, `hr-sync init --config x.toml`, "
        "`hr-sync init-db --config x.toml --site emea`"
    )


def test_a_signal_to_read_again_is_for_every_site(tmp_path: Path) -> None:
    """Settings of each are replaced; a site more needs a restart; a mistake anywhere keeps the old ones."""
    file = tmp_path / "config.toml"
    sites = [CurrentSettings(each) for each in load_sites(file).values()]
    reloading = Reloading(SettingsChoice(file=file), sites)
    file.write_text(
        file.read_text() + '[sites.apac.access]\nmax_age_hours = 9\n[sites.eu.confluence]\nurl = "https://eu.example"\n'
    )
    with capture_logs() as told:
        reloading.reload(1, None)
    assert [each.settings.access.max_age_hours for each in sites] == [24, 9]
    assert told[-1]["needs_restart"] == ["sites", "access"]

    file.write_text(file.read_text().replace("max_age_hours = 9", "max_age_hours = 0"))
    with capture_logs() as told:
        reloading.reload(1, None)
    assert "sites.apac.access.max_age_hours" in told[-1]["error"]
    assert [each.settings.access.max_age_hours for each in sites] == [24, 9]
