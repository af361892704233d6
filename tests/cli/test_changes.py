"""`hr-sync changes`: what a consumer is given, what is refused, and how following ends."""

import json
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hr_sync.store.engine import make_engine
from hr_sync.store.store import Store
from tests.cli.forking import Forking
from tests.cli.forks import Process
from tests.cli.program import Ended, check_manners, ended, settings, start, written
from tests.cli.stage import Stage
from tests.store.spaces import leased, write
from tests.support.database import connect, execute, rows

SITE = "http://127.0.0.1:9/wiki"  # nobody: the feed asks Confluence nothing


@pytest.fixture
def mirror(home: Path, prepared_url: str) -> Path:
    """Return a folder with settings of an empty mirror."""
    written(home, settings(SITE, prepared_url))
    return home


@pytest.fixture
def program(stage: Stage) -> Forking:
    """Return a process that runs the program."""
    return stage.forking


@pytest.fixture
def store(engine: Engine) -> Store:
    """Return the store of the same mirror."""
    return Store(engine)


def lines(result: Ended) -> list[dict[str, Any]]:
    """Return what was printed, one JSON object a line."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def insert(store: Store, *page_ids: str) -> None:
    """Write new pages."""
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in page_ids])


def test_a_consumer_begins_reads_and_acknowledges(mirror: Path, program: Forking, store: Store) -> None:
    """The whole way, by the commands."""
    insert(store, "1", "2")
    snapshot = lines(program.run(mirror, "changes", "snapshot", "--consumer", "bot", "--json"))
    assert [each["kind"] for each in snapshot] == ["snapshot", "page", "page", "end"]
    assert snapshot[0]["of"] == "live_pages"
    assert [(each["id"], each["title"], each["storage"]) for each in snapshot[1:-1]] == [
        (page_id, f"Page {page_id}", "<p>x</p>") for page_id in "12"
    ]
    assert snapshot[-1] == {"kind": "end", "rows": 2}
    read = ("changes", "--consumer", "bot", "--json")
    assert program.run(mirror, *read).stdout == ""

    insert(store, "3", "4")
    third, fourth = lines(program.run(mirror, *read))
    assert list(third) == [
        *("epoch", "seq", "kind", "page_id", "action", "changed_fields"),
        *("sections_added", "sections_changed", "sections_removed", "space_key", "version", "changed_at"),
        "attachment_id",
        "comment_id",
        "page_kind",
    ]
    assert (third["page_id"], third["kind"], third["action"], third["space_key"]) == ("3", "page", "insert", "HR")
    assert third["epoch"] == snapshot[0]["epoch"]
    assert third["seq"] > snapshot[0]["seq"]
    assert lines(program.run(mirror, *read, "--limit", "1")) == [third]
    assert [each["changed_fields"] for each in lines(program.run(mirror, *read, "--compact"))] == [None, None]
    for_people = program.run(mirror, "changes", "--consumer", "bot").stdout.splitlines()
    assert [line.split()[0] for line in for_people] == [str(third["seq"]), str(fourth["seq"])]
    assert all(" HR " in line and " insert " in line for line in for_people)

    position = ("changes", "ack", "--consumer", "bot", str(third["seq"]), "--epoch", third["epoch"])
    assert program.run(mirror, *position, "--json").document == {
        "consumer": "bot",
        "epoch": third["epoch"],
        "seq": third["seq"],
    }
    assert lines(program.run(mirror, *read)) == [fourth]
    (shown,) = program.run(mirror, "changes", "consumers", "--json").document
    assert (shown["name"], shown["state"], shown["lag_rows"]) == ("bot", "current", 1)
    assert "bot       current" in program.run(mirror, "changes", "consumers").stdout
    assert program.run(mirror, "changes", "remove", "--consumer", "bot").exit_code == 0
    assert program.run(mirror, *read).exit_code == 5


def test_a_snapshot_has_sections_where_they_are_made(mirror: Path, program: Forking, prepared_url: str) -> None:
    """By the setting."""
    written(mirror, settings(SITE, prepared_url) | {"text": {"sections": True}})
    found = lines(program.run(mirror, "changes", "snapshot", "--consumer", "bot"))
    assert found[0]["of"] == "live_sections"
    assert found[1:] == [{"kind": "end", "rows": 0}]


BEHIND = "INSERT INTO feed_consumers (name, epoch, acked_seq) VALUES ('bot', feed_epoch(), 0)"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "no consumer bot"),
        (f"{BEHIND}; UPDATE feed_state SET pruned_seq = 7", "Changes up to 7 were deleted"),
        (f"{BEHIND}; UPDATE feed_state SET seed = gen_random_uuid()", "another epoch"),
    ],
)
@pytest.mark.parametrize("follows", [False, True], ids=["once", "following"])
def test_a_consumer_that_cannot_go_on_is_told_how(
    mirror: Path, program: Forking, engine: Engine, sql: str, words: str, *, follows: bool
) -> None:
    """By exit code 5 and a command that works when it is typed; programs read the same on the last line."""
    execute(engine, sql or "SELECT 1")
    options = ("--follow",) if follows else ()
    refused = program.run(mirror, "changes", "--consumer", "bot", "--json", *options)

    assert refused.exit_code == 5
    (document,) = lines(refused)
    assert document.keys() == {"kind", "error", "exit_code"}
    assert (document["kind"], document["exit_code"]) == ("error", 5)
    assert words in document["error"]
    command = document["error"].split("`")[1].split()
    assert program.run(mirror, *command[1:]).exit_code == 0
    assert program.run(mirror, "changes", "--consumer", "bot").exit_code == 0


def test_a_consumer_that_cannot_go_on_is_shown(mirror: Path, program: Forking, engine: Engine) -> None:
    """In the list and in the status, with the command."""
    execute(engine, f"{BEHIND}; UPDATE feed_state SET pruned_seq = 7")
    for command in (("changes", "consumers"), ("status",)):
        shown = program.run(mirror, *command)
        assert "overtaken" in shown.stdout
        assert "`hr-sync changes snapshot --consumer bot`" in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the consumer with --consumer"),
        (("--consumer", "bot", "ack", "5"), "Options belong behind the command"),
        (("--consumer", "bot", "--follow", "--limit", "1"), "use one of them"),
        (("ack", "--consumer", "bot", "5"), "5 is beyond the last change"),
        (("remove", "--consumer", "other"), "There is no consumer other"),
    ],
)
def test_what_cannot_be_is_refused(
    mirror: Path, program: Forking, engine: Engine, arguments: tuple[str, ...], words: str
) -> None:
    """As wrong usage."""
    execute(engine, BEHIND)
    refused = program.run(mirror, "changes", *arguments)
    assert refused.exit_code == 2
    (message,) = refused.messages
    assert words in message


@pytest.fixture
def follower(mirror: Path, engine: Engine) -> Iterator[Process]:
    """Return a consumer that follows, and has said so by its connection."""
    execute(engine, BEHIND)
    process = start(mirror, "changes", "--consumer", "bot", "--follow", "--json")
    try:
        while not rows(engine, LISTENS):
            assert process.poll() is None, process.communicate()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


LISTENS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


def next_line(process: Process, seconds: float) -> dict[str, Any]:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], seconds)[0], "nothing was printed"
    return dict(json.loads(process.stdout.readline()))


def test_following_prints_each_change_as_it_comes(follower: Process, store: Store, engine: Engine) -> None:
    """By a notification, long before the clock; also after its connections were cut off; until SIGTERM, with 0."""
    insert(store, "1")
    assert next_line(follower, 5)["page_id"] == "1"
    own = "pid <> pg_backend_pid() AND datname = current_database() AND application_name = 'hr_sync'"
    assert rows(engine, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}")
    engine.dispose()
    while not rows(engine, LISTENS):
        assert follower.poll() is None
    insert(store, "2")
    assert next_line(follower, 5)["page_id"] == "2"

    follower.send_signal(signal.SIGTERM)
    end = ended(follower)
    check_manners(end)
    assert (end.exit_code, end.stdout) == (0, "")


def test_following_ends_when_nobody_reads(follower: Process) -> None:
    """Also while there is nothing to print."""
    assert follower.stdout is not None
    follower.stdout.close()
    assert follower.wait(10) == 0
    follower.stdout = None


def test_a_snapshot_that_nobody_reads_to_its_end_starts_no_consumer(mirror: Path, store: Store, engine: Engine) -> None:
    """Its reader has not got everything."""
    with leased(store) as space:
        space.write_pages([write(str(number), body="x" * 100_000) for number in range(20)])
    process = start(mirror, "changes", "snapshot", "--consumer", "bot")
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"kind":"snapshot"')
    process.stdout.close()
    process.wait(20)
    process.stdout = None
    process.communicate()
    assert rows(engine, "SELECT name FROM feed_consumers") == []


def test_a_role_that_may_only_read_the_feed(mirror: Path, program: Forking, engine: Engine) -> None:
    """It reads, acknowledges and takes snapshots by the grants of scripts/sql, and nothing else."""
    grants = (Path(__file__).parents[2] / "scripts" / "sql" / "feed-reader.sql").read_text()
    name = f"feed_{threading.get_ident()}"
    execute(engine, grants.replace("hr_feed", name) + f"ALTER ROLE {name} LOGIN PASSWORD 'secret-of-feed'")
    url = engine.url.set(username=name, password="secret-of-feed").render_as_string(hide_password=False)
    try:
        execute(engine, BEHIND)
        insert(Store(engine), "1")
        written(mirror, settings(SITE, url))
        assert program.run(mirror, "changes", "snapshot", "--consumer", "own").exit_code == 0
        (change,) = lines(program.run(mirror, "changes", "--consumer", "bot", "--json"))
        assert program.run(mirror, "changes", "ack", "--consumer", "bot", str(change["seq"])).exit_code == 0
        assert program.run(mirror, "changes", "consumers").exit_code == 0
        reader = make_engine(url)
        with connect(reader) as connection, pytest.raises(Exception, match="permission denied"):
            connection.execute("SELECT * FROM page_bodies")
        reader.dispose()
    finally:
        execute(engine, f"DROP OWNED BY {name}; DROP ROLE {name}")
