"""What a newcomer does first: the demo, and a run without any database of one's own."""

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from confluence_simulator import Simulator

from tests.cli.forks import Process
from tests.cli.program import check_manners, ended, run, run_anew, settings, start, written
from tests.cli.stage import Stage


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that the account of the embedded server can get into, also when we are root."""
    path = Path(tempfile.mkdtemp(prefix="hr_sync-cli-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_demo_plays(home: Path, folder: Path, stage: Stage) -> None:
    """Four runs, of which the last does nothing, then what a chatbot reads; nothing stays in the temporary folder."""
    enters = [("Press Enter", "")] * 7

    played = stage.forking.talk(home, "demo", "--pause", answers=enters, TMPDIR=str(folder))

    assert played.exit_code == 0
    assert "hr-sync: " not in played.stdout
    for said in (
        "1. The first run",
        "2. Somebody edits",
        "3. Somebody deletes",
        "4. Nothing has changed",
        "hr-sync init",
    ):
        assert said in played.stdout
    assert played.stdout.count("complete") >= 4
    assert "for the bodies of 0 pages" in played.stdout.rpartition("4. Nothing has changed")[2]
    before, after = played.stdout.split("What an employee finds")[1:]
    employee, manager = after.split("What a manager finds")
    found = [". HR: Salary bands" in each for each in (before, employee, manager)]
    assert found == [True, False, True]
    assert "1. HR: " in employee
    assert re.search(r"psql 'postgresql://\w+@127\.0\.0\.1:\d+/\w+\?passfile=", played.stdout)
    assert re.search(r"curl -u \S+:\S+ 'http://127\.0\.0\.1:\d+/wiki/api/v2/pages", played.stdout)
    chatbot = played.stdout.partition("6. What a chatbot reads")[2]
    assert re.search(r"^  \| L1 \| Starting \|", chatbot, re.MULTILINE)
    assert "Not shown to consumers: not open to every licensed user" in chatbot
    assert re.findall(r"SELECT .*;  -- (\w+)", chatbot) == ["0", "false", "true"]
    assert not list(folder.iterdir())


@pytest.mark.long
def test_the_demo_plays_where_the_terminal_is_not_utf_8(home: Path) -> None:
    """What cannot be shown is shown as an escape."""
    played = run_anew(home, "demo", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")

    assert played.exit_code == 0
    assert r"\u201c" in played.stdout


def test_other_programs_reach_the_embedded_postgresql(home: Path, site: Simulator, folder: Path) -> None:
    """By the URL that is printed while it runs, without a password in it; the command that starts it is printed."""
    groups = settings(site.site_url, None)
    groups["database"]["embedded_folder"] = str(folder / "postgres")
    written(home, groups)
    refused = run(home, "db", "url")
    assert refused.exit_code == 75
    (command,) = re.findall(r"`hr-sync (.+?)`", refused.messages[0])

    with running(home, *command.split()) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        password = (folder / "postgres" / "password").read_text()
        assert password not in url
        assert run(home, "run").exit_code == 0
        again = run(home, "db", "url")
        assert (again.exit_code, again.stdout.strip()) == (0, url)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM live_pages").fetchone() == (12,)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert run(home, "db", "url").exit_code == 75
    assert not list((folder / "postgres").rglob("postmaster.pid"))


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[Process]:
    """Run the program until the block ends."""
    process = start(home, *arguments)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def test_a_run_brings_its_own_postgresql(home: Path, site: Simulator, folder: Path) -> None:
    """Without `database.url`, twice at once on one folder, and then again: one server at a time, one mirror."""
    groups = settings(site.site_url, None)
    groups["database"]["embedded_folder"] = str(folder / "postgres")
    written(home, groups)

    both = [ended(process) for process in [start(home, "run", "--json"), start(home, "run", "--json")]]

    for each in both:
        check_manners(each)
        assert each.exit_code == 0, each.stderr
    assert sum(each.document["counts"]["inserted"] for each in both) == 12
    again = run(home, "run", "--json")
    assert (again.exit_code, again.document["counts"]["unchanged"]) == (0, 12)
    assert {page["id"] for page in run(home, "pages", "--json").document} == {page.id for page in site.world.pages()}
    assert not list((folder / "postgres").rglob("postmaster.pid"))
