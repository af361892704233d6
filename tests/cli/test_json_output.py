"""`--json` prints one JSON document whatever happens, and nothing that is printed fails or steers a terminal."""

import fcntl
import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator
from sqlalchemy import Engine

from tests.cli.forks import forks
from tests.cli.program import HR_SYNC, PATIENCE_SECONDS, Ended, environment, run, settings, wired, written
from tests.support.database import execute, rows

COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run",),
    "dry run": ("run", "--dry-run"),
    "resync": ("resync", "--all"),
    "verify": ("verify",),
    "status": ("status",),
    "explain": ("explain", "98304"),
    "pages": ("pages",),
    "search": ("search", "words"),
    "consumers": ("changes", "consumers"),
}
ASKS_CONFLUENCE = ("run", "dry run", "resync", "verify", "explain")
NOBODY = "http://127.0.0.1:9/wiki"  # the discard port, which nobody serves


def refusal(ended: Ended) -> dict[str, Any]:
    """Check that a refusal is one document that says what people are told too, and return it."""
    document = ended.document
    assert document.keys() == {"error", "exit_code"}
    assert document["exit_code"] == ended.exit_code != 0
    assert ended.messages == [f"hr-sync: {document['error']}"]
    return dict(document)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_database_that_cannot_be_reached(home: Path, site: Simulator, name: str) -> None:
    """Nothing was done, and the document says why."""
    wired(home, site, "postgresql://me@127.0.0.1:9/nothing")

    refused = run(home, *COMMANDS[name], "--json")

    assert refusal(refused)["exit_code"] == 75


@pytest.mark.parametrize("name", COMMANDS)
def test_settings_that_are_wrong(home: Path, name: str) -> None:
    """Also what is wrong with the settings, which may be many lines."""
    written(home, settings("http://example.com", None, max_connections=0))

    refused = run(home, *COMMANDS[name], "--json")

    assert refusal(refused)["exit_code"] == 78
    assert "confluence.max_connections" in refused.document["error"]


@pytest.mark.parametrize("flavor", ["cloud", None])
@pytest.mark.parametrize("name", ASKS_CONFLUENCE)
def test_a_confluence_that_cannot_be_reached(home: Path, prepared_url: str, name: str, flavor: str | None) -> None:
    """A run has a report even then, once it has begun; the others end with the reason."""
    written(home, settings(NOBODY, prepared_url, flavor=flavor, max_attempts=1))

    ended = run(home, *COMMANDS[name], "--json")

    assert ended.exit_code == ended.document["exit_code"] == 75
    assert ended.messages == [] or ended.messages == [f"hr-sync: {ended.document['error']}"]
    assert "could not be reached" in ended.document["error"]


def test_a_dry_run_of_a_broken_listing_shows_the_other_spaces(home: Path, site: Simulator, prepared_url: str) -> None:
    """The document has the reason beside the space."""
    wired(home, site, prepared_url)
    site.faults.add(Fault(kind="html-200", match=r"/api/v2/spaces/\d+/pages", times=0))

    ended = run(home, *COMMANDS["dry run"], "--json")

    assert site.faults.fired
    assert ended.exit_code == 3
    assert all("not JSON" in space["error"] and space["exit_code"] == 3 for space in ended.document)


@pytest.mark.parametrize("name", ["run", "resync", "verify"])
def test_a_listing_that_is_broken(home: Path, site: Simulator, prepared_url: str, name: str) -> None:
    """Which costs a run one space, and the others their answer."""
    wired(home, site, prepared_url)
    assert run(home, "run").exit_code == 0
    site.faults.add(Fault(kind="html-200", match=r"/api/v2/spaces/\d+/pages", times=0))

    ended = run(home, *COMMANDS[name], "--json")

    assert site.faults.fired
    assert ended.exit_code == 3
    if name == "dry run":  # a preview for each space
        assert ["not JSON" in preview["error"] for preview in ended.document] == [True]
    else:
        assert ended.document["exit_code"] == 3
        assert "not JSON" in str(ended.document)


def test_wrong_usage(home: Path, site: Simulator, prepared_url: str) -> None:
    """A space that is not there, and options that exclude each other, however the text is encoded."""
    wired(home, site, prepared_url, spaces=["S00"])

    assert refusal(run(home, "run", "--space", "NOPE", "--dry-run", "--json"))["exit_code"] == 2
    assert refusal(run(home, "resync", "--json"))["exit_code"] == 2
    assert refusal(run(home, "run", "--incremental", "--full", "--json"))["exit_code"] == 2
    odd = run(home, "run", "--dry-run", "--space", os.fsdecode(b"\xff\x1b[2J"), "--json")
    assert refusal(odd)["exit_code"] == 2
    assert r"\udcff\x1b[2J" in odd.document["error"]


@pytest.mark.parametrize("encoding", ["ascii", "euc_jp"])
def test_output_that_is_not_utf_8(home: Path, site: Simulator, prepared_url: str, encoding: str) -> None:
    """What cannot be shown is shown as an escape, JSON is ASCII, and no command fails."""
    title = "Leave \N{PALM TREE} \N{EM DASH} Überstunden 休暇"
    page = site.world.create_page(space_key="S00", title=title, storage="<p>x</p>")
    wired(home, site, prepared_url)
    variables = {"PYTHONIOENCODING": encoding}
    assert run(home, "run").exit_code == 0

    shown = {}
    for command in (("pages",), ("status",), ("explain", page.id), ("check",), ("config", "example")):
        ended = bytes_of(home, *command, **variables)
        assert ended.returncode == 0, ended.stderr
        ended.stdout.decode(encoding)
        shown[command[0]] = ended.stdout
    assert rb"\U0001f334" in shown["pages"]
    document = bytes_of(home, "pages", "--json", **variables).stdout
    assert title in {each["title"] for each in json.loads(document.decode("ascii"))}


def bytes_of(home: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the program and return what it printed, as bytes."""
    return subprocess.run(
        [str(HR_SYNC), *arguments],
        cwd=home,
        env=environment(home, **variables),
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202e[bold]x[/bold][link=file:///etc/passwd]y[/link]:skull:\r\n"
ACTIVE = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202e]|\x1b(?!\[[0-9;?]*[A-Za-z])|\x1b\[2J|\x1b\]8")


def on_a_terminal(home: Path, *arguments: str) -> str:
    """Run the program on a terminal of its own, and return what reaches it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, 0x5414, b"\x32\x00\xe8\x03\x00\x00\x00\x00")  # TIOCSWINSZ: 50 rows of 1,000 columns
    variables = environment(home, TERM="xterm-256color", COLUMNS="1000")
    process = forks().start_on(slave, home, arguments, variables)
    os.close(slave)
    chunks = []
    try:
        while chunk := os.read(master, 65_536):
            chunks.append(chunk)
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(master)
    process.wait(PATIENCE_SECONDS)
    return b"".join(chunks).decode("utf-8").replace("\r\n", "\n")


def test_no_field_of_the_source_steers_a_terminal(
    home: Path, site: Simulator, engine: Engine, prepared_url: str
) -> None:
    """Keys, names, titles, messages and reasons hold escapes, markup and reversals: all are shown, none is obeyed."""
    wired(home, site, prepared_url)
    assert run(home, "run").exit_code == 0
    page = rows(engine, "SELECT id FROM confluence_pages ORDER BY id LIMIT 1")[0]["id"]
    text = "E'" + "".join(f"\\u{ord(each):04x}" for each in HOSTILE) + "'"
    execute(
        engine,
        f"""
        UPDATE sync_spaces SET held = 3, held_since = now(), held_reason = {text}, name = {text}, last_error = {text};
        UPDATE confluence_pages SET title = {text}, url = {text};
        UPDATE content_changes SET reason = {text};
        INSERT INTO page_failures (page_id, space_key, stage, error_class, message, attempts, next_attempt_at, run_id)
        VALUES ({text}, {text}, 'read', 'Test', {text}, 1, now(), 1),
               ('{page}', 'S00', 'read', 'Test', {text}, 1, now(), 1);
        UPDATE confluence_pages SET space_key = {text}, space_id = '4711' WHERE id <> '{page}';
        UPDATE sync_spaces SET space_key = {text};
        """,
    )

    for command in (
        ("status",),
        ("pages",),
        ("explain", page),
        ("verify",),
        ("status", "--json"),
        ("pages", "--json"),
    ):
        shown = on_a_terminal(home, *command)
        assert "PWNED" in shown, command
        assert "[bold]x[/bold][link=file:///etc/passwd]y[/link]:skull:" in shown, command
        assert not ACTIVE.search(shown), (command, shown)
