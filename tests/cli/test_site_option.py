"""The option `--site`: which commands have it, and how a command does several sites, without a site or a database."""

import errno
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import typer
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from hr_sync.cancellation import Cancellation
from hr_sync.cli import stopping
from hr_sync.cli.bootstrap import load_each_settings
from hr_sync.cli.commands.serve import CurrentSettings, Reloading
from hr_sync.cli.main import app
from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, OutputForm, ReadSources, SettingsChoice, with_config
from hr_sync.cli.sites import EachSite, OneSite, Turns, each_site, worst_exit_code
from hr_sync.cli.stopping import run_until_stopped
from hr_sync.cli.terminal import is_output_error
from hr_sync.errors import ConfluenceUnavailable, HrSyncError, NothingMirrored, UsageError
from hr_sync.settings import load_settings, secret_values

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


@pytest.mark.parametrize(("command", "options"), [*OF_ONE_SITE.items(), ("run", ["--allow-mass-delete"])])
def test_a_command_about_one_thing_asks_for_the_site(command: str, options: Sequence[str]) -> None:
    """An id, a name or a decision about removals is that of one site; the message says what to add."""
    with pytest.raises(UsageError, match=r"several sites are configured \(emea, apac\): add --site emea"):
        app([*command.split(), *options], obj=OutputForm(), standalone_mode=False)


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
    [
        (ConfluenceUnavailable("gone"), 75),
        (typer.Exit(4), 4),
        (ZeroDivisionError("bug"), 1),
        (HrSyncError("x"), 1),
        (PermissionError(errno.EACCES, "x", "f"), 1),
    ],
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


def asked_to_stop(stop: Cancellation) -> bool:
    """Send this process the signal of an operator. Return True once it is noted."""
    os.kill(os.getpid(), signal.SIGTERM)
    return stop.wait(9)


def test_a_signal_stops_the_turns_of_all_sites(capsys: pytest.CaptureFixture[str]) -> None:
    """No other site begins after it, also where the work of this one was done by then."""
    done = []

    def work(config: SettingsChoice) -> None:
        done.append(config.site)
        run_until_stopped(asked_to_stop)
        typer.echo('{"outcome": "stopped"}')
        raise typer.Exit(75)

    assert (program(work)("--json"), done) == (75, ["emea"])
    assert json.loads(capsys.readouterr().out) == {"sites": {"emea": {"outcome": "stopped"}}, "exit_code": 75}


def test_a_deadline_is_of_one_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one has its turn, also where the work takes longer to end than after a signal."""
    monkeypatch.setattr(stopping, "GRACE_SECONDS", 0)
    done = []

    def work(config: SettingsChoice) -> None:
        def run(stop: Cancellation) -> None:
            with stopping.deadline(stop, 0.01):
                assert stop.wait(9)
                threading.Event().wait(0.15)  # what cannot be cancelled
            stop.check()

        done.append(config.site)
        run_until_stopped(run)

    assert (program(work)(), done) == (75, ["emea", "apac"])


def test_what_cannot_be_stopped_leaves_the_document_of_all_sites(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are done, and the one that was stopped."""
    monkeypatch.setattr(stopping, "GRACE_SECONDS", 0)
    blocked = threading.Event()

    def leave(code: int) -> None:
        raise SystemExit(code)

    def work(config: SettingsChoice) -> None:
        if config.site == "apac":
            monkeypatch.setattr(os, "_exit", leave)
            run_until_stopped(lambda stop: asked_to_stop(stop) and blocked.wait(9), as_json=True)
        typer.echo('{"well": true}')

    with pytest.raises(SystemExit, match="75"):
        program(work)("--json")
    blocked.set()
    document = json.loads(capsys.readouterr().out)
    assert document["sites"]["emea"] == {"well": True}
    assert (document["sites"]["apac"]["exit_code"], document["exit_code"]) == (75, 75)


@pytest.mark.parametrize("named", [[], ["--site", "apac"]])
def test_settings_and_secrets_may_come_from_pipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: list[str]
) -> None:
    """As from `--config <(sops -d sites.toml)`: a pipe holds nothing when it is read again."""
    seen = []

    def work(config: SettingsChoice) -> None:
        (settings,) = load_each_settings(config)
        seen.append((config.site, settings.site, "canary" in secret_values(settings)))

    with ExitStack() as stack:
        monkeypatch.setenv("HR_SYNC_CONFLUENCE__API_TOKEN_FILE", piped("canary", stack))
        text = (tmp_path / "config.toml").read_text().replace('api_token = "t"\n', "")
        assert program(work)(*named, "--config", piped(text, stack)) == 0
    every = ["apac"] if named else ["emea", "apac"]
    assert seen == [(site, site, True) for site in every]


def test_the_settings_of_one_site_may_come_from_a_pipe(tmp_path: Path) -> None:
    """Where no sites are configured, both questions have one answer; `serve` and `db url` ask for every site."""
    single = (tmp_path / "config.toml").read_text().partition("[sites")[0]
    single = single.replace("[confluence]", '[confluence]\nurl = "https://x.atlassian.net"')
    with ExitStack() as stack:
        choice = SettingsChoice(file=Path(piped(single, stack)), read=ReadSources())
        assert [each.confluence.url for each in load_each_settings(choice)] == ["https://x.atlassian.net"]


def piped(text: str, stack: ExitStack) -> str:
    """Return the name of a pipe that holds a text."""
    end, begin = os.pipe()
    stack.callback(os.close, end)
    os.write(begin, text.encode())
    os.close(begin)
    return f"/dev/fd/{end}"


def test_a_stop_between_the_turns_leaves_what_was_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While no work has begun at the next site, as in a command that has none. `timeout` sends two signals."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    def work(config: SettingsChoice) -> None:
        if config.site == "apac":
            os.kill(os.getpid(), signal.SIGTERM)
        typer.echo('{"well": true}')

    def print_all(turns: Turns) -> int:
        worst = printed(turns)
        signal.raise_signal(signal.SIGTERM)
        return worst

    printed = Turns.print_all
    monkeypatch.setattr(Turns, "print_all", print_all)
    monkeypatch.setattr(os, "_exit", leave)
    before = signal.getsignal(signal.SIGTERM)
    try:
        stopping.leave_when_asked()
        with pytest.raises(SystemExit, match="75"):
            program(work)("--json")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert json.loads(capsys.readouterr().out) == {
        "sites": {"emea": {"well": True}, "apac": {"error": "Stopped on request.", "exit_code": 75}},
        "exit_code": 75,
    }


def test_a_mistake_in_typing_is_told_once() -> None:
    def work(config: SettingsChoice) -> None:
        raise UsageError(f"wrong for {config.site}")

    with pytest.raises(UsageError, match="wrong for emea"):
        program(work)()


@pytest.mark.parametrize("made_of", [EachSite, OneSite])
def test_lines_of_the_log_name_the_site(made_of: type[Any]) -> None:
    """Also where it was named on the command line; none is named after it."""
    seen = []
    made = typer.Typer()

    @made.command(cls=made_of)
    def work(config: Config = DEFAULT_SETTINGS) -> None:
        seen.append((config.site, get_contextvars().get("site")))

    made(["--site", "apac"], obj=OutputForm(), standalone_mode=False)
    if made_of is EachSite:
        made([], obj=OutputForm(), standalone_mode=False)
    assert seen == [(name, name) for name in ("apac", "emea", "apac")][: len(seen)]
    assert "site" not in get_contextvars()


@pytest.mark.parametrize(
    ("site", "failure"), [("emea", NothingMirrored("no text was made")), ("apac", UsageError("no such word here"))]
)
def test_what_a_site_lacks_costs_no_other_site_its_turn(
    site: str, failure: UsageError, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that one site has done was typed well: what another one then refuses is about that site."""

    def work(config: SettingsChoice) -> None:
        if config.site == site:
            raise failure
        typer.echo('{"well": true}')

    assert program(work)("--json") == 2
    other = {"emea": "apac", "apac": "emea"}[site]
    assert json.loads(capsys.readouterr().out)["sites"] == {
        other: {"well": True},
        site: {"error": str(failure), "exit_code": 2},
    }


def test_output_that_cannot_be_written_ends_the_turns() -> None:
    """No site can say anything any more. Another error of the system is about one site."""

    def work(_: SettingsChoice) -> None:
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        program(work)()
    assert is_output_error(BrokenPipeError(errno.EPIPE, "x"))


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
    choice = SettingsChoice(file=file, read=ReadSources())
    sites = [CurrentSettings(each) for each in load_each_settings(choice)]
    reloading = Reloading(choice, sites)
    file.write_text(
        file.read_text() + '[sites.apac.access]\nmax_age_hours = 9\n[sites.eu.confluence]\nurl = "https://eu.example"\n'
    )
    with capture_logs() as told:
        reloading.reload()
    assert [each.settings.access.max_age_hours for each in sites] == [24, 9]
    assert told[-1]["needs_restart"] == ["sites", "access"]

    file.write_text(file.read_text().replace("max_age_hours = 9", "max_age_hours = 0"))
    with capture_logs() as told:
        reloading.reload()
    assert "sites.apac.access.max_age_hours" in told[-1]["error"]
    assert [each.settings.access.max_age_hours for each in sites] == [24, 9]


def test_a_signal_to_read_again_survives_a_site_that_is_gone(tmp_path: Path) -> None:
    """The process was started for it alone: what it raises would end the thread that reads."""
    file = tmp_path / "config.toml"
    choice = SettingsChoice(file=file, site="emea")
    reloading = Reloading(choice, [CurrentSettings(load_settings(file, site="emea"))])
    file.write_text(file.read_text().replace("sites.emea", "sites.eu"))
    with capture_logs() as told:
        reloading.reload()
    assert (told[0]["event"], "no site emea" in told[0]["error"]) == ("settings.refused", True)
