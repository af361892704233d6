"""`hr-sync check` and `hr-sync spaces`: what each step says, and how soon what is down is reported."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import Fault, Simulator

from hr_sync.cli.trial import short_database
from hr_sync.confluence.http import name_lookup, reach
from hr_sync.errors import ConfluenceUnavailable, DatabaseUnavailable
from hr_sync.settings import settings_of
from tests.cli.bouncer import PROGRAM, bouncing
from tests.cli.program import TOKEN, postgres, settings, written
from tests.cli.stage import Stage
from tests.cli.test_remedies import world_with


def steps(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in document["steps"]}


def without_clock(line: str) -> str:
    """Return a line without the difference of two clocks, one of which has whole seconds."""
    return re.sub(r"; its clock is [^.]*", "", line)


def test_each_step_says_what_it_found(stage: Stage, home: Path) -> None:
    """For people a line, for programs the facts; neither shows a secret."""
    written(home, settings(stage.site.site_url, stage.database()))

    said = stage.forking.run(home, "check")
    document = stage.forking.run(home, "check", "--json").document

    found = steps(document)
    expected = ["settings", "dns", "tls", "confluence", "account", "database", "schema", "space", "audience"]
    assert [step["name"] for step in document["steps"]] == expected
    assert {step["state"] for step in document["steps"]} == {"ok", "skipped"}
    assert found["confluence"]["facts"]["flavor"] == "cloud"
    assert found["account"]["facts"]["name"] == stage.site.world.bot.display_name
    assert found["database"]["facts"] | {"version": ""} == {
        "version": "",
        "role": stage.url.username,
        "database": stage.url.database,
        "encoding": "UTF8",
        "has_pooler": False,
        "max_connections": found["database"]["facts"]["max_connections"],
        "prepared_transactions": 0,
    }
    assert found["space"]["facts"] == {"key": "S00", "name": "Space 00", "pages": 12}
    told = [without_clock(step["message"]) for step in document["steps"]]
    assert told == [without_clock(line) for line in said.stdout.splitlines()[: len(expected)]]
    assert document["warnings"] == []


def test_a_transaction_that_was_prepared_and_left_is_a_warning(stage: Stage, home: Path) -> None:
    """It keeps its locks; the printed command ends it."""
    url = stage.database()
    written(home, settings(stage.site.site_url, url))
    with psycopg.connect(postgres(url), autocommit=True) as connection:
        connection.execute("CREATE TABLE elsewhere (n int)")
        connection.execute("BEGIN; INSERT INTO elsewhere VALUES (1); PREPARE TRANSACTION 'left over'")
        try:
            ended = stage.forking.run(home, "check", "--json")
        finally:
            connection.execute("ROLLBACK PREPARED 'left over'")
    after = stage.forking.run(home, "check", "--json")

    assert ended.exit_code == 0
    assert steps(ended.document)["database"]["facts"]["prepared_transactions"] == 1
    (warning,) = ended.document["warnings"]
    assert "first 'left over'" in warning
    assert "ROLLBACK PREPARED" in warning
    assert after.document["warnings"] == []


def test_a_failure_keeps_no_other_part_from_being_tried(stage: Stage, home: Path) -> None:
    """Each failure is reported; the first decides the exit code."""
    groups = settings("http://127.0.0.1:9/wiki", "postgresql://me@127.0.0.1:9/nothing")
    written(home, groups)

    both = stage.forking.run(home, "check", "--json")
    groups["confluence"]["url"] = stage.site.site_url
    written(home, groups)
    one = stage.forking.run(home, "check", "--json")

    assert (both.exit_code, both.document["exit_code"]) == (75, 75)
    assert {name for name, step in steps(both.document).items() if step["state"] == "failed"} == {
        "confluence",
        "database",
    }
    assert len(both.messages) == 2
    assert steps(one.document)["space"]["facts"]["pages"] == 12
    assert steps(one.document)["database"]["state"] == "failed"


MAY_READ = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO role_{db}"
READ_ONLY = f"{MAY_READ};\nALTER ROLE role_{{db}} SET default_transaction_read_only = on"


@pytest.mark.parametrize(("sql", "says"), [(MAY_READ, "may not write pages"), (READ_ONLY, "read-only")])
def test_rights_that_a_run_needs_are_a_warning(copied: Callable[[str], Stage], home: Path, sql: str, says: str) -> None:
    """Before the run fails."""
    here = copied(f"CREATE ROLE role_{{db}} LOGIN PASSWORD 'role';\n{sql}")
    role = {"username": f"role_{here.url.database}", "password": "role"}
    written(home, settings(here.site.site_url, here.database(**role)))

    said = here.forking.run(home, "check")

    assert said.exit_code == 0
    assert any(says in message and message.startswith("hr-sync: Warning: ") for message in said.messages)


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
def test_a_pooler_is_seen(stage: Stage, home: Path, prepared_url: str) -> None:
    """By the number of the server process, which it does not pass on."""
    with bouncing(prepared_url, connections=2) as url:
        written(home, settings(stage.site.site_url, url))
        said = stage.forking.run(home, "check")

    assert "behind PgBouncer or another pooler" in said.stdout


def test_the_rate_limit_is_shown_where_the_site_shows_it(stage: Stage, home: Path) -> None:
    """From the headers of the answer about the account."""
    written(home, settings(stage.site.site_url, stage.database()))
    body = {"type": "known", "accountId": "1"}
    answer = {"status": 200, "headers": {"X-RateLimit-Limit": "40000"}, "body": body}
    stage.site.faults.add(Fault(kind="status", match="user/current", argument=answer))
    try:
        said = stage.forking.run(home, "check")
        assert stage.site.faults.fired
    finally:
        stage.site.faults.clear()

    assert "Rate limit: X-RateLimit-Limit 40000." in said.stdout


@pytest.fixture
def dropping() -> Iterator[int]:
    """Return a port whose queue is full, so that further connections get no answer."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_port_that_drops_packets_is_given_up(dropping: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After seconds, and not after the time-outs of a run."""
    monkeypatch.setattr(name_lookup, "SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(ConfluenceUnavailable, match="drops packets"):
        reach.try_port(f"https://127.0.0.1:{dropping}/wiki")
    assert time.monotonic() - began < 2


def test_a_port_that_never_shakes_hands_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without TLS may wait for ever."""
    monkeypatch.setattr(name_lookup, "SECONDS", 0.2)
    with pytest.raises(ConfluenceUnavailable, match="TLS handshake in time"):
        reach.try_tls(f"https://127.0.0.1:{stage.silent}/wiki", None)


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver cannot be interrupted, so its thread is left behind."""
    monkeypatch.setattr(name_lookup, "SECONDS", 0.1)
    hanging = []
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        hanging.append(threading.current_thread())
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    database = settings_of(
        {"confluence.url": "https://acme.atlassian.net", "confluence.token": "t", "confluence.spaces": ["*"]}
        | {"database.url": "postgresql://me@db.example/hr"}
    ).database

    began = time.monotonic()
    with pytest.raises(ConfluenceUnavailable, match="did not answer within"):
        reach.resolve_site("https://wiki.example")
    with pytest.raises(DatabaseUnavailable, match="DNS did not answer for this name"):
        short_database(database)
    assert time.monotonic() - began < 2
    assert len(hanging) == 2
    released.set()
    for thread in hanging:
        thread.join(5)


def test_spaces_says_what_is_mirrored_and_the_setting_that_is_printed_works(stage: Stage, home: Path) -> None:
    """Typed into the settings file, the next list says yes."""
    world = world_with("HR", "IT", "OLD", pages=2)
    world.archive_space("OLD")
    with Simulator(world, api_token=TOKEN) as site:
        config = written(home, settings(site.site_url, None, spaces=["HR"]))
        shown = stage.forking.run(home, "spaces")
        listed = stage.forking.run(home, "spaces", "--json").document["spaces"]
        assert re.search(r"^HR +HR +global +2 +yes", shown.stdout, re.MULTILINE)
        (line,) = re.findall(r"^IT .* no: not in confluence.spaces +(spaces = .*)$", shown.stdout, re.MULTILINE)
        assert re.search(r"^OLD .*archived +no: archived +unarchive it", shown.stdout, re.MULTILINE)
        found = {each["key"]: (each["pages"], each["is_mirrored"], each["reason"]) for each in listed}
        assert found == {
            "HR": (2, True, None),
            "IT": (2, False, "not in confluence.spaces"),
            "OLD": (None, False, "archived"),
        }
        config.write_text(re.sub(r"^spaces = .*$", line.strip(), config.read_text(), flags=re.MULTILINE))
        assert json.dumps(["HR", "IT"]) in config.read_text()
        again = stage.forking.run(home, "spaces", "--json").document["spaces"]

    assert [each["key"] for each in again if each["is_mirrored"]] == ["HR", "IT"]


def test_a_trial_of_the_database_is_short() -> None:
    """To connect, and for each statement; what is shorter stays."""
    values: dict[str, object] = {
        "confluence.url": "https://acme.atlassian.net",
        "confluence.token": "t",
        "confluence.spaces": ["*"],
    }
    values |= {"database.url": "postgresql://me@127.0.0.1/hr", "database.connect_timeout_seconds": 600}
    long = short_database(settings_of(values).database)
    short = short_database(settings_of({**values, "database.connect_timeout_seconds": 2}).database)

    assert long.connect_timeout_seconds + name_lookup.SECONDS <= 6
    assert long.statement_timeout_seconds <= 10
    assert short.connect_timeout_seconds == 2
