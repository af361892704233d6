"""README and operations guide, followed literally: each command that they print is typed in its order."""

import re
import socket
from pathlib import Path

import pytest
from confluence_simulator import Simulator

from tests.cli.program import (
    HR_SYNC,
    TOKEN,
    USERNAME,
    Ended,
    environment,
    in_shell,
    postgres,
    typed,
)

ROOT = Path(__file__).parents[2]


def typed_of_readme() -> list[str]:
    """Return the lines that the README says to type for one's own Confluence, without their comments."""
    (block,) = re.findall(
        r"## Your own Confluence\n\n```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    return [re.sub(r" +#.*", "", line.removeprefix("$ ")) for line in block.splitlines()]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def clone(home: Path) -> Path:
    """Make a folder with what the lines use, and a set-up that has been done."""
    (home / "config.example.toml").write_text((ROOT / "config.example.toml").read_text())
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "hr-sync").symlink_to(HR_SYNC)
    (home / "scripts").mkdir()
    (home / "scripts" / "setup").write_text("#!/bin/sh\n")
    (home / "scripts" / "setup").chmod(0o755)
    return home


def filled_in(config: Path, site: Simulator) -> None:
    """Fill in what the example marks: url, username, spaces. The token stays its placeholder."""
    text = config.read_text()
    for old, new in {
        "https://CHANGE-ME.atlassian.net": site.site_url,
        "CHANGE-ME@example.com": USERNAME,
        'spaces = ["CHANGE-ME"]': 'spaces = ["S00"]',
    }.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)


def in_a_shell(folder: Path, script: str) -> Ended:
    """Type a script into a shell; `serve` answers on a free port."""
    return in_shell(folder, script, environment(folder, HR_SYNC_SERVICE__PORT=str(free_port())))


def options_of_readme(clone: Path, site: Simulator, database_url: str) -> str:
    """Return the options that the README shows, with the answers for a site and a database."""
    (line,) = re.findall(r"`hr-sync init (--yes .*)`", (ROOT / "README.md").read_text())
    (clone / "token").write_text(TOKEN)
    (clone / "url").write_text(postgres(database_url))
    for name in ("token", "url"):
        (clone / name).chmod(0o600)
    for old, new in {
        "https://acme.atlassian.net": site.site_url,
        "bot@acme.com": USERNAME,
        "--space HR": "--space S00",
    }.items():
        assert old in line
        line = line.replace(old, new)
    return f"{line} --database-file url"


def test_the_readme_from_the_first_question_to_the_service(clone: Path, site: Simulator, database_url: str) -> None:
    """Nothing else is needed than what it shows, and nothing is complained of."""
    setup, init, run, serve = typed_of_readme()
    options = options_of_readme(clone, site, database_url)

    done = in_a_shell(clone, f"{setup}\n{init} {options}\n{run}\ntimeout --preserve-status --signal TERM 4 {serve}")

    assert done.exit_code == 0, done.stdout + done.stderr
    assert "Space S00" in done.stdout
    assert re.search(r"^S00 +complete +12 +12 ", done.stdout, re.MULTILINE)
    assert '"event":"service.stopped"' in done.stderr
    assert not re.search(r'"level":"(warning|error|critical)"', done.stderr)


def test_the_order_before_the_first_start(clone: Path, site: Simulator, database_url: str) -> None:
    """Each command of the operations guide ends with 0."""
    (order,) = re.findall(r"Before the first start: ([^.]+)\.", (ROOT / "docs" / "operations.md").read_text())
    (clone / "config.example.toml").rename(clone / "config.toml")
    filled_in(clone / "config.toml", site)
    text = (clone / "config.toml").read_text().replace('api_token = "CHANGE-ME"', f'api_token = "{TOKEN}"')
    text = text.replace("[database]\n", f'[database]\nurl = "{postgres(database_url)}"\n')
    (clone / "config.toml").write_text(text)
    (clone / "config.toml").chmod(0o600)

    for command in re.findall(r"`(.+?)`", order):
        ended = typed(clone, command)
        assert ended.exit_code == 0, (command, ended.stderr)


def test_each_command_of_the_readme_that_takes_json_does(home: Path) -> None:
    """And no other command does."""
    (named,) = re.findall(r"((?:`[\w ]+`(?:, | and )?)+) take `--json`", (ROOT / "README.md").read_text())
    every = [
        *(
            "run",
            "resync",
            "serve",
            "init",
            "check",
            "spaces",
            "verify",
            "explain",
            "who",
            "sees",
            "search",
            "status",
            "pages",
            "text",
            "init-db",
            "migrate",
        ),
        *("purge", "simulate", "demo", "config show", "config schema", "config example", "db url"),
    ]

    takes = {name for name in every if "--json" in typed(home, f"hr-sync {name} --help").stdout}

    assert takes == set(re.findall(r"`(.+?)`", named))
