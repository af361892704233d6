"""`hr-sync init` on a terminal and without one: what it asks, tries and writes, and that a stop leaves nothing."""

import re
import shlex
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluence_simulator import Simulator, World

from hr_sync.settings import load_settings
from tests.cli.program import HR_SYNC, TOKEN, USERNAME, environment, in_shell
from tests.cli.stage import Stage
from tests.cli.test_remedies import commands, world_with

ADDRESS = "Address of Confluence"
ACCOUNT = "E-mail address of the account"
SECRET = "not shown"
SPACES = "Spaces to mirror"
DATABASE = "Database:"
GROUPS = "Groups that every reader"
BEGIN = "Begin the first run now"
PASSWORD = "Password of the database user"


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def without_password(stage: Stage) -> str:
    return f"postgresql://{stage.url.username}@127.0.0.1:{stage.url.port}/{stage.url.database}"


@pytest.fixture
def here(copied: Callable[[str], Stage]) -> Stage:
    """Return the stage with a database of its own, whose tables are empty of everything that a run writes."""
    return copied("UPDATE access_policy SET mode = 'account'")


@pytest.fixture
def limited() -> Iterator[Simulator]:
    """Two spaces, one of which only the group hr-all may view, behind a context path that people leave out."""
    world: World = world_with("HR", "PUB", pages=3)
    world.add_group("hr-all")
    world.set_groups("hr-bot", ("confluence-users", "hr-all"))
    world.permit_space("HR", group="hr-all")
    world.forbid_space("HR", group="confluence-users")
    with Simulator(world, api_token=TOKEN) as site:
        yield site


def test_from_a_pasted_address_to_the_first_run(here: Stage, home: Path) -> None:
    """Each answer is tried at once, and asked again with the reason if it is wrong. Secrets have files of their own."""
    said = here.forking.talk(
        home,
        "init",
        answers=[
            (ADDRESS, "http://wiki.acme.example/display/HR"),
            (r"must begin with https://.*[\s\S]*" + ADDRESS, f"{here.site.site_url}/spaces/S00/pages/1/Leave"),
            (ACCOUNT, USERNAME),
            (SECRET, "canary-wrong"),
            (r"refused the credentials[\s\S]*" + ACCOUNT, USERNAME),
            (SECRET, TOKEN),
            (r"Signed in to Cloud as .*[\s\S]*" + SPACES, "7-9"),
            (r"no space 7-9. It sees S00[\s\S]*" + SPACES, ""),
            (DATABASE, "postgresql://hr@127.0.0.1/hr?password=S3cret"),
            (r"Leave the password out[\s\S]*" + DATABASE, without_password(here)),
            (PASSWORD, str(here.url.password)),
            (BEGIN, "y"),
        ],
    )

    assert said.exit_code == 0, said.stdout
    assert str(here.url.password) not in said.stdout
    assert re.search(r"^1 +S00 +Space 00 +12$", said.stdout, re.MULTILINE)
    assert re.search(r"^S00 +complete +12 ", said.stdout, re.MULTILINE)
    assert "canary-wrong" not in said.stdout
    assert files_of(home) == {
        "config.toml",
        "config.secrets/confluence_api_token",
        "config.secrets/database_url",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()} == {0o600}
    assert stat.S_IMODE((home / "config.secrets").stat().st_mode) == 0o700
    text = (home / "config.toml").read_text()
    assert TOKEN not in text
    assert str(here.url.password) not in text
    assert tomllib.loads(text)["confluence"] == {
        "url": here.site.site_url,
        "username": USERNAME,
        "flavor": "cloud",
        "spaces": ["S00"],
        "api_token_file": "config.secrets/confluence_api_token",
    }
    assert here.forking.run(home, "run", "--json").document["outcome"] == "complete"


@pytest.mark.parametrize(
    ("stop", "answers"),
    [
        ("\x03", 1),
        ("\x04", 1),
        ("\x03", 2),
        ("\x03", 3),
        ("\x04", 4),
    ],
)
def test_a_stop_leaves_nothing(stage: Stage, home: Path, stop: str, answers: int) -> None:
    """Ctrl-C and the end of input, at each question."""
    typed = [(ADDRESS, stage.site.site_url), (ACCOUNT, USERNAME), (SECRET, TOKEN), (SPACES, "*"), (DATABASE, "")]
    typed[answers:] = [(typed[answers][0], stop)]

    said = stage.forking.talk(home, "init", answers=typed)

    assert said.exit_code == 75
    assert "Stopped before anything was written." in said.stdout
    assert files_of(home) == set()


def given(stage: Stage, home: Path, **changes: str | None) -> list[str]:
    """Return the options that answer everything; None leaves one out."""
    (home / "token").write_text(f"{TOKEN}\n")
    (home / "token").chmod(0o600)
    (home / "url").write_text(stage.database())
    (home / "url").chmod(0o600)
    answers = {
        "url": stage.site.site_url,
        "username": USERNAME,
        "token-file": "token",
        "space": "s00",
        "database-file": "url",
        "mode": "account",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return [word for name, value in answers.items() if value is not None for word in (f"--{name}", value)]


def test_without_a_terminal_every_answer_is_an_option(stage: Stage, home: Path) -> None:
    """The files that were named stay where they are; nothing is asked, and the check is printed."""
    ended = stage.forking.run(home, "init", *given(stage, home))

    assert ended.exit_code == 0, ended.stderr
    assert "Space S00: " in ended.stdout
    assert files_of(home) == {"config.toml", "token", "url"}
    settings = load_settings(home / "config.toml", {})
    assert (settings.confluence.spaces, settings.access.mode) == (("S00",), "account")
    assert settings.confluence.api_token is not None
    assert settings.confluence.api_token.get_secret_value() == TOKEN
    (following, serving) = commands(ended.stderr)
    assert (following, serving) == ("hr-sync run", "hr-sync serve")
    assert stage.forking.run(home, *following.split()[1:]).exit_code == 0


def test_the_folder_of_the_embedded_database_may_be_a_variable(stage: Stage, home: Path) -> None:
    """Every later command reads the variable, so the database of another folder is not tried instead."""
    variables = {"HR_SYNC_DATABASE__EMBEDDED_FOLDER": "/dev/null/x"}
    answers = given(stage, home, database="embedded", database_file=None)

    ended = stage.forking.run(home, "init", *answers, **variables)

    assert ended.exit_code == 78
    assert "/dev/null/x" in ended.stderr
    assert files_of(home) == {"token", "url"}


@pytest.mark.parametrize(
    ("missing", "option"),
    [("url", "--url"), ("token_file", "--token-file"), ("space", "--space"), ("database_file", "--database")],
)
def test_an_answer_that_is_missing_is_named(stage: Stage, home: Path, missing: str, option: str) -> None:
    """Exit code 2, and nothing is written."""
    refused = stage.forking.run(home, "init", *given(stage, home, **{missing: None}))

    assert refused.exit_code == 2
    assert f"Pass {option}" in refused.messages[-1]
    assert files_of(home) == {"token", "url"}


@pytest.mark.parametrize(
    ("change", "exit_code", "says"),
    [
        ({"url": "http://127.0.0.1:9/wiki"}, 75, "refused the connection"),
        ({"username": "someone@example.com"}, 77, "refused the credentials"),
        ({"token_file": "nowhere"}, 78, "cannot be read: No such file"),
        ({"space": "NOPE"}, 78, "sees no space NOPE. It sees S00"),
        ({"database_file": "nowhere"}, 78, "cannot be read"),
        ({"mode": "open"}, 78, "access.mode"),
        ({"database": "postgresql://me:S3cret@127.0.0.1/hr", "database_file": None}, 78, "Leave the password out"),
        ({"database": "postgresql://me@127.0.0.1:9/hr", "database_file": None}, 75, "Connection refused"),
    ],
)
def test_what_is_wrong_ends_with_its_exit_code(
    stage: Stage, home: Path, change: dict[str, str | None], exit_code: int, says: str
) -> None:
    """Without a terminal nobody is asked again, and nothing is written."""
    refused = stage.forking.run(home, "init", *given(stage, home, **change))

    assert refused.exit_code == exit_code, refused.stderr
    assert says in refused.messages[-1]
    assert files_of(home) == {"token", "url"}


def test_settings_that_are_there_are_kept(stage: Stage, home: Path) -> None:
    """Only --force or a yes replaces them; the former file still works then, with the secret that it names."""
    (home / "config.toml").write_text("# mine\n")
    refused = stage.forking.run(home, "init", *given(stage, home))
    assert refused.exit_code == 2
    assert "--force" in refused.messages[-1]
    no = stage.forking.talk(home, "init", answers=[("is there already. Replace it", "n")])
    assert (no.exit_code, (home / "config.toml").read_text()) == (2, "# mine\n")

    first = stage.forking.run(home, "init", "--force", *given(stage, home))
    assert first.exit_code == 0, first.stderr
    assert (home / "config.toml.bak").read_text() == "# mine\n"

    asked = [("Replace it", "y"), (SECRET, TOKEN), (BEGIN, "n")]
    again = stage.forking.talk(home, "init", *given(stage, home, token_file=None), answers=asked)
    third = stage.forking.talk(home, "init", "--force", *given(stage, home, token_file=None), answers=asked[1:])
    assert (again.exit_code, third.exit_code) == (0, 0), again.stdout + third.stdout
    assert files_of(home / "config.secrets") == {"confluence_api_token", "confluence_api_token_2"}
    assert load_settings(home / "config.toml.bak", {}).source_of("confluence.api_token") is not None
    assert stage.forking.run(home, "check", "--config", "config.toml.bak").exit_code == 0


def test_spaces_that_are_not_open_ask_for_the_readers(here: Stage, home: Path, limited: Simulator) -> None:
    """By the name of the group; the setting has its id. The context path is found, and the page count is shown."""
    origin = limited.site_url.removesuffix("/wiki")
    (home / "url").write_text(here.database())
    (home / "url").chmod(0o600)

    said = here.forking.talk(
        home,
        *("init", "--database-file", "url", "--no-run", "--config", "my.toml"),
        answers=[
            (ADDRESS, origin),
            (r"below /wiki[\s\S]*" + ACCOUNT, USERNAME),
            (SECRET, TOKEN),
            (SPACES, "1, pub"),
            (r"No page of HR is open to every licensed user[\s\S]*" + GROUPS, "hr-al"),
            (r"No group hr-al is visible[\s\S]*" + GROUPS, "hr-all"),
        ],
    )

    assert said.exit_code == 0, said.stdout
    settings = load_settings(home / "my.toml", {})
    assert settings.confluence.spaces == ("HR", "PUB")
    assert settings.access.audience_groups == (limited.world.group("hr-all").id,)
    assert "Warning" not in said.stdout
    assert "hr-sync run --config my.toml" in said.stdout


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["hr"], ("enforce", ["HR"])),
        (["FR", "*"], ("enforce", ["*"])),
        (["-", "y"], ("account", [])),
        (["-", "n"], ("enforce", [])),
    ],
)
def test_spaces_whose_permissions_cannot_be_read_are_asked_for(
    stage: Stage, home: Path, answers: list[str], expected: tuple[str, list[str]]
) -> None:
    """As on a Data Center before 9.1: open by word, or the account's own view, or hidden."""
    asked = [(ACCOUNT, "-"), *(("that every reader of the chatbot may view", answer) for answer in answers)]
    if answers[-1] in {"y", "n"}:
        asked[-1] = ("Show all that this account sees", answers[-1])
    world = world_with("HR", pages=3)
    with Simulator(world, api_token=TOKEN, flavor="datacenter", version="8.5.4") as site:
        options = given(stage, home, url=site.site_url, username=None, space="HR", mode=None)
        said = stage.forking.talk(home, "init", "--no-run", *options, answers=asked)
        refused = stage.forking.run(home, "init", "--force", *options)
        taken = stage.forking.run(home, "init", "--force", "--open-space", "HR", *options)

    assert said.exit_code == 0, said.stdout
    settings = load_settings(home / "config.toml.bak", {})
    assert (settings.access.mode, list(settings.access.open_spaces)) == expected
    assert (refused.exit_code, taken.exit_code) == (2, 0)
    assert "Pass --open-space KEY" in refused.messages[-1]
    assert load_settings(home / "config.toml", {}).access.open_spaces == ("HR",)


@pytest.mark.parametrize("way", ["token", "password"])
def test_a_data_center_is_known_by_its_answers(stage: Stage, home: Path, way: str) -> None:
    """A personal access token needs no user name; a user name and a password work too."""
    with Simulator(world_with("HR", pages=3), api_token=TOKEN, flavor="datacenter", context_path="/confluence") as site:
        username = None if way == "token" else USERNAME
        options = given(stage, home, url=f"{site.site_url}/display/HR/Home", username=username, space="*")
        ended = stage.forking.run(home, "init", *options)

    assert ended.exit_code == 0, ended.stderr
    settings = load_settings(home / "config.toml", {})
    assert (settings.confluence.url, settings.confluence.flavor) == (site.site_url, "datacenter")
    assert (settings.confluence.token is not None) == (way == "token")
    assert "Data Center 10.2.19" in ended.stdout


def test_the_token_is_read_from_standard_input(stage: Stage, home: Path) -> None:
    """As a pipe gives it: it is on no command line, and goes to a file of its own."""
    options = shlex.join(given(stage, home, token_file="-"))

    done = in_shell(home, f"{HR_SYNC} init {options} <token", environment(home))
    empty = stage.forking.run(home, "init", "--force", *given(stage, home, token_file="-"))

    assert done.exit_code == 0, done.stderr
    assert (home / "config.secrets" / "confluence_api_token").read_text().strip() == TOKEN
    assert (empty.exit_code, len(empty.messages)) == (78, 1)
    assert "must not be empty" in empty.messages[0]
