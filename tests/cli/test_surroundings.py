"""The program works, and says the same, whatever the database, its role, the terminal or the machine is set to."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import Simulator
from sqlalchemy import create_engine

from hr_sync.cancellation import Cancellation
from hr_sync.cli.bootstrap import open_client
from hr_sync.settings import load_settings
from tests.cli.conftest import world_of
from tests.cli.program import HR_SYNC, PATIENCE_SECONDS, TOKEN, environment, run_anew, settings, written
from tests.cli.stage import Stage
from tests.support.database import rows

STYLES = {
    "styles of the database": "ALTER DATABASE {db} SET DateStyle = 'German';\n"
    "ALTER DATABASE {db} SET IntervalStyle = 'iso_8601';\n"
    "ALTER DATABASE {db} SET array_nulls = off;\n"
    "ALTER DATABASE {db} SET TimeZone = 'Pacific/Chatham';\n"
    "ALTER DATABASE {db} SET client_encoding = 'LATIN1';\n"
    "ALTER DATABASE {db} SET bytea_output = 'escape';\n"
    "ALTER DATABASE {db} SET extra_float_digits = -15",
    "styles of the role": "{role};\n"
    "ALTER ROLE role_{db} SET DateStyle = 'SQL, DMY';\n"
    "ALTER ROLE role_{db} SET IntervalStyle = 'sql_standard';\n"
    "ALTER ROLE role_{db} SET client_encoding = 'EUC_JP';\n"
    "ALTER ROLE role_{db} SET search_path = 'nowhere';\n"
    "ALTER ROLE role_{db} SET standard_conforming_strings = off;\n"
    "ALTER ROLE role_{db} SET quote_all_identifiers = on",
    "transactions of the database": "ALTER DATABASE {db} SET default_transaction_isolation = 'serializable';\n"
    "ALTER DATABASE {db} SET default_transaction_deferrable = on;\n"
    "ALTER DATABASE {db} SET IntervalStyle = 'postgres_verbose';\n"
    "ALTER DATABASE {db} SET DateStyle = 'Postgres'",
    "limits of the database": "ALTER DATABASE {db} SET statement_timeout = '2s';\n"
    "ALTER DATABASE {db} SET lock_timeout = '10ms';\n"
    "ALTER DATABASE {db} SET row_security = off;\n"
    "ALTER DATABASE {db} SET transform_null_equals = on",
}
ROLE = (
    "CREATE ROLE role_{db} LOGIN PASSWORD 'role';\n"
    "GRANT ALL ON SCHEMA public TO role_{db};\n"
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO role_{db};\n"
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO role_{db}"
)
READER = "CREATE ROLE role_{db} LOGIN PASSWORD 'role';\nGRANT SELECT ON ALL TABLES IN SCHEMA public TO role_{db}"


def as_role(here: Stage) -> str:
    """Return the URL of a role of the copied database."""
    return here.database(username=f"role_{here.url.database}", password="role")


def configure(here: Stage, home: Path, url: str | None = None, **confluence: Any) -> None:
    """Write working settings."""
    written(home, settings(here.site.site_url, here.database() if url is None else url, **confluence))


def shown(here: Stage, home: Path, **variables: str) -> dict[str, Any]:
    """Return what the reading commands print, without what differs from one moment to the next."""
    page = here.site.world.pages()[0].id
    documents = {}
    for command in (("pages",), ("status",), ("explain", page)):
        ended = here.forking.run(home, *command, "--json", **variables)
        assert ended.exit_code == 0, ended.stderr
        documents[command[0]] = ended.document
    (space,) = documents["status"]["spaces"]
    kept = ("space_key", "name", "live_pages", "hidden_pages", "held", "failing_pages", "last_outcome", "error")
    stored = {name: value for name, value in documents["explain"]["history"]["stored"].items() if name != "synced_at"}
    return {
        "pages": documents["pages"],
        "space": {name: space[name] for name in kept},
        "age": space["age"] < 3600,
        "stored": stored,
        "summary": documents["explain"]["summary"],
    }


@pytest.mark.long
@pytest.mark.parametrize("name", [*STYLES, "styles of the environment", "styles of the URL"])
def test_settings_of_the_database(stage: Stage, copied: Callable[[str], Stage], home: Path, name: str) -> None:
    """A page arrives, and every command says the same as where nothing is set."""
    stage.site.world.rename_page(stage.site.world.pages()[0].id, f"Überstunden \N{PALM TREE} {name}")
    plain = copied("SELECT 1")
    configure(plain, home)
    assert plain.forking.run(home, "run").exit_code == 0
    expected = shown(plain, home)

    here = copied(STYLES.get(name, "SELECT 1").replace("{role}", ROLE))
    url = as_role(here) if "role" in name else here.database()
    variables = {}
    if name == "styles of the URL":
        url += "&options=-c%20DateStyle%3DGerman%20-c%20IntervalStyle%3Diso_8601&client_encoding=LATIN1"
    if name == "styles of the environment":
        variables = {"PGDATESTYLE": "German", "PGTZ": "Pacific/Chatham", "PGCLIENTENCODING": "LATIN1"}
        variables |= {"PGOPTIONS": "-c IntervalStyle=sql_standard -c array_nulls=off"}
    configure(here, home, url)
    ended = here.forking.run(home, "run", "--json", **variables)

    assert ended.exit_code == 0, ended.stdout + ended.stderr
    assert ended.document["counts"]["updated"] == 1
    assert shown(here, home, **variables) == expected
    again = here.forking.run(home, "run", "--json", **variables)
    assert (again.exit_code, again.document["counts"]["unchanged"]) == (0, 12)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_that_cannot_hold_every_page(stage: Stage, home: Path, encoding: str) -> None:
    """Every command that opens it says so, and what to create instead."""
    name = f"{stage.url.database}_{encoding.lower()}"
    with psycopg.connect(stage.database(), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0".encode()
        )
        try:
            configure(stage, home, stage.database(database=name))
            for command in ("check", "run", "status", "init-db"):
                refused = stage.forking.run(home, command)
                assert refused.exit_code == 78
                (message,) = refused.messages
                assert f"stores text as {encoding}" in message
                assert "ENCODING 'UTF8'" in message
        finally:
            connection.execute(f"DROP DATABASE {name}".encode())


@pytest.mark.parametrize(
    "sql", [READER, "{role};\nALTER DATABASE {db} SET default_transaction_read_only = on"], ids=["role", "standby"]
)
def test_who_may_only_read_reads(copied: Callable[[str], Stage], home: Path, sql: str) -> None:
    """`status`, `pages`, `explain`, `check` and a dry run write nothing, and need no right to."""
    here = copied(sql.replace("{role}", READER))
    configure(here, home, as_role(here))
    page = here.site.world.pages()[0].id

    for command in (("status",), ("pages",), ("explain", page), ("check",), ("run", "--dry-run"), ("verify",)):
        ended = here.forking.run(home, *command)
        assert ended.exit_code in ((0, 3) if command == ("verify",) else (0,)), (command, ended.stderr)


def test_check_makes_no_table(stage: Stage, home: Path) -> None:
    """Nor a schema."""
    groups = settings(stage.site.site_url, stage.database())
    groups["database"]["schema"] = "not_yet"
    written(home, groups)

    checked = stage.forking.run(home, "check")

    assert checked.exit_code == 0, checked.stderr
    assert "no tables yet, the first run makes them" in checked.stdout
    engine = create_engine(stage.url)
    assert rows(engine, "SELECT FROM pg_namespace WHERE nspname = 'not_yet'") == []
    engine.dispose()


@pytest.mark.parametrize("spelling", ["postgres", "psycopg", "several hosts", "escaped password"])
def test_every_usual_address_of_a_database(
    stage: Stage, copied: Callable[[str], Stage], home: Path, spelling: str
) -> None:
    """As hosting providers, SQLAlchemy and libpq write them, and a password with signs of an address in it."""
    url = stage.database()
    if spelling == "postgres":
        url = url.replace("postgresql://", "postgres://")
    elif spelling == "psycopg":
        url = url.replace("postgresql://", "postgresql+psycopg://")
    elif spelling == "several hosts":
        url = url.replace("@127.0.0.1:", "@127.0.0.1:9,127.0.0.1:")
    else:
        here = copied("CREATE ROLE role_{db} LOGIN PASSWORD 'p@s/s:w%ö'")
        url = here.database(username=f"role_{here.url.database}", password="p@s/s:w%ö")
        assert "p%40s" in url
    configure(stage, home, url)
    assert stage.forking.run(home, "check").exit_code == (78 if spelling == "escaped password" else 0)
    said = stage.forking.run(home, "db", "url")
    assert said.exit_code == 0
    assert str(stage.url.password) not in said.stdout
    assert "p%40s" not in said.stdout
    assert said.stdout.startswith("postgresql://")
    with psycopg.connect(said.stdout.strip(), password=stage.url.password if "p%40s" not in url else "p@s/s:w%ö"):
        pass


def test_a_password_beyond_latin_1_is_sent_as_utf_8(stage: Stage, home: Path) -> None:
    """As RFC 7617 says, for the user name too."""
    with Simulator(world_of(1), username="jürgen-ł", api_token="zażółć-€-canary") as site:
        written(home, settings(site.site_url, stage.database(), username="jürgen-ł", api_token="zażółć-€-canary"))

        assert stage.forking.run(home, "check").exit_code == 0


def test_an_empty_variable_for_the_settings_file(stage: Stage, home: Path) -> None:
    """As compose sets it where it is not set outside."""
    configure(stage, home)
    assert stage.forking.run(home, "check", HR_SYNC_CONFIG="").exit_code == 0


@pytest.mark.parametrize("variables", [{"PYTHONTZPATH": ""}, {"TZ": "Mars/Phobos"}])
def test_a_machine_without_zones(stage: Stage, home: Path, variables: dict[str, str]) -> None:
    """The zones of the schedule come with the program."""
    groups = settings(stage.site.site_url, stage.database())
    groups["sync"] = {"time_zone": "Europe/Berlin"}
    written(home, groups)
    assert run_anew(home, "status", **variables).exit_code == 0


@pytest.mark.parametrize(("mode", "warns"), [(0o644, True), (0o640, False), (0o600, False)])
def test_a_secret_that_everybody_may_read(stage: Stage, home: Path, *, mode: int, warns: bool) -> None:
    """Of our own files alone, the settings file and the file of a secret; the message does not show the secret."""
    groups = settings(stage.site.site_url, stage.database())
    written(home, groups).chmod(mode)
    ended = stage.forking.run(home, "status")
    assert ended.exit_code == 0
    assert ('"file":"config.toml"' in ended.stderr) == warns

    del groups["confluence"]["api_token"]
    written(home, groups)
    (home / "token").write_text(TOKEN)
    (home / "token").chmod(mode)
    ended = stage.forking.run(home, "status", HR_SYNC_CONFLUENCE__API_TOKEN_FILE="token")
    assert ended.exit_code == 0
    assert ("the file that HR_SYNC_CONFLUENCE__API_TOKEN_FILE names" in ended.stderr) == warns
    assert ("chmod o-r" in ended.stderr) == warns


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (("pages", "--since", "yesterday"), 2),
        (("rnu",), 2),
        (("run", "--fulll"), 2),
        (("run", "--space", "NOPE"), 2),
        (("explain",), 2),
        (("status", "--config", "nowhere.toml"), 78),
        (("check", "--config", "nowhere.toml"), 78),
    ],
)
def test_one_document_also_when_refused(stage: Stage, home: Path, command: tuple[str, ...], exit_code: int) -> None:
    """With the message that people read, and the exit code."""
    configure(stage, home, spaces=["S00"])

    refused = stage.forking.run(home, *command, "--json")

    assert refused.exit_code == exit_code
    assert refused.document["exit_code"] == exit_code
    assert refused.messages == [f"hr-sync: {refused.document['error']}"]


def test_a_typing_mistake_leaves_no_run(copied: Callable[[str], Stage], home: Path) -> None:
    """Nothing was tried; a Confluence that could not be opened is a run that failed, with its reason."""
    here = copied("DELETE FROM sync_run_spaces;\nDELETE FROM sync_runs")
    configure(here, home, spaces=["S00"])
    for mistake in (("run", "--space", "NOPE"), ("resync", "--page", "999"), ("run", "--faster")):
        assert here.forking.run(home, *mistake).exit_code == 2
    engine = create_engine(here.url)
    assert rows(engine, "SELECT * FROM sync_runs") == []

    configure(here, home, url=None, flavor="auto")
    written(home, settings("http://127.0.0.1:9/wiki", here.database(), flavor="auto", max_attempts=1))
    failed = here.forking.run(home, "run")

    assert failed.exit_code == 75
    (row,) = rows(engine, "SELECT mode, outcome, exit_code, error, finished_at FROM sync_runs")
    assert (row["mode"], row["outcome"], row["exit_code"]) == ("full", "failed", 75)
    assert failed.messages == [f"hr-sync: {row['error']}"]
    assert row["finished_at"] is not None
    engine.dispose()


def test_rows_that_stay_locked(copied: Callable[[str], Stage], home: Path) -> None:
    """Tried twice, then the space fails with what to do, and the lock's owner keeps its rows."""
    here = copied("SELECT 1")
    groups = settings(here.site.site_url, here.database())
    groups["database"]["lock_timeout_seconds"] = 1
    written(home, groups)
    here.site.world.rename_page(here.site.world.pages()[0].id, "Renamed under a lock")
    with psycopg.connect(here.database()) as connection:
        connection.execute("LOCK TABLE confluence_pages IN SHARE MODE")
        ended = here.forking.run(home, "run")

    assert ended.exit_code == 75
    (message,) = ended.messages
    assert re.search(r"LockNotAvailable \(55P03\)\. Nothing of the open transaction was kept; run again\.$", message)


def test_a_page_that_is_not_there_is_explained_as_such(stage: Stage, home: Path) -> None:
    """It is not out of scope."""
    configure(stage, home)

    said = stage.forking.run(home, "explain", "999")

    assert said.exit_code == 0
    assert "Confluence has no such page, or does not show it to the account" in said.stdout
    assert "out of scope" not in said.stdout


@pytest.mark.parametrize("since", ["2001-02-03", "2001-02-03T04:05", "2001-02-03T04:05:06+02:00", "2001-02-03 04:05Z"])
def test_the_forms_of_a_time(stage: Stage, home: Path, since: str) -> None:
    """A date, a time, with or without a zone."""
    configure(stage, home)
    assert len(stage.forking.run(home, "pages", "--since", since, "--json").document) == 12
    later = since.replace("2001", "2999")
    assert stage.forking.run(home, "pages", "--since", later, "--json").document == []


def test_a_trial_is_short(home: Path) -> None:
    """Somebody waits for `check`: two tries, ten seconds for each thing."""
    groups = settings("http://127.0.0.1:9/wiki", None, max_attempts=9, request_timeout_seconds=300)
    client = open_client(load_settings(written(home, groups), {}), Cancellation(), is_trial=True)
    limits = client._limits
    assert limits.retry.max_attempts == 2
    assert limits.retry.max_slow_attempts == 1
    assert max(limits.request_timeout_seconds, limits.request_deadline_seconds) <= 10
    assert limits.retry.longest_wait_seconds <= 2


def in_a_shell(home: Path, command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Type a command into a shell, where `hr-sync` is on the path."""
    path = f"{HR_SYNC.parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=home,
        env=environment(home, PATH=path, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("command", ["config schema", "config example", "--version"])
def test_standard_output_that_is_full(home: Path, command: str) -> None:
    """One message, no traceback, and no second one at the end of Python."""
    ended = in_a_shell(home, f"hr-sync {command} > /dev/full")
    assert ended.returncode == 1
    assert ended.stderr == "hr-sync: standard output cannot be written: No space left on device. Send it elsewhere.\n"


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_standard_streams_that_are_closed(stage: Stage, home: Path, streams: str) -> None:
    """Nothing is printed into the connection that takes the number of a closed stream."""
    configure(stage, home)
    ended = in_a_shell(home, f"hr-sync status {streams}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_pipe_that_is_closed(stage: Stage, home: Path) -> None:
    """As by `| true`: no message, no traceback."""
    configure(stage, home)
    ended = in_a_shell(home, "hr-sync pages | true")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_secrets_stay_in_memory(home: Path) -> None:
    """No core dump is written, and no library writes the keys of TLS connections."""
    code = (
        "import os, resource, sys; sys.argv = ['hr-sync', '--version']\n"
        "from hr_sync.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], os.environ.get('SSLKEYLOGFILE'))"
    )
    variables = environment(home, SSLKEYLOGFILE=str(home / "keys"))
    ended = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "0 None"
