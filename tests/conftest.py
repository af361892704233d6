"""A real PostgreSQL for every test that wants one: a server per test process, a database per test.

The server is hr_sync's own embedded one in a temporary folder, without durability. It needs no network, runs as root
and as an ordinary user, and stops when the test process ends, however it ends. `HR_SYNC_TEST_PG_BIN` names the folder
of another PostgreSQL's programs (15 or newer), to run the same tests on an older release.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, Engine, event, make_url

from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema

TEMPLATE = "template_with_tables"
ROOM_BYTES = 4 << 30  #: a server takes half a gigabyte, most of which is log that is written over

#: Folders and modules that take the most time, most of them because they start the program as its users do. Without
#: them the rest is through in a minute and a half; `./scripts/test` alone and CI run everything.
LONG = (
    "cli/",
    "confluence/test_access_contract",
    "confluence/test_client_faults",
    "confluence/test_listing",
    "confluence/test_people",
    "confluence/test_source_contract",
    "confluence/test_transport",
    "confluence/test_viewers",
    "datacenter/test_named_pages",
    "datacenter/test_same_rows",
    "derive/test_attachment",
    "derive/test_inclu",
    "derive/test_kept_texts",
    "documents/",
    "embedded/",
    "engines/test_procrastinate",
    "proof/",
    "reading/",
    "render/test_edits",
    "render/test_hostile_bodies",
    "service/test_access_clocks",
    "service/test_alerts",
    "service/test_at_night",
    "service/test_build",
    "service/test_deploy",
    "service/test_fastapi",
    "service/test_notif",
    "service/test_progress",
    "service/test_rag",
    "service/test_replica",
    "service/test_roles_and_upgrade",
    "service/test_schedule",
    "service/test_scheduler",
    "service/test_status_page",
    "service/test_stops",
    "service/test_web",
    "store/test_derivation",
    "store/test_feed",
    "store/test_leases",
    "store/test_roles",
    "sync/test_access",
    "sync/test_broken_listings",
    "sync/test_evidence",
    "sync/test_failing_pages",
    "sync/test_groups",
    "sync/test_holds",
    "sync/test_idle_cost",
    "sync/test_leaving_pages",
    "sync/test_one_failure",
    "sync/test_purge_and_resync",
    "sync/test_remedies",
    "sync/test_scope",
    "sync/test_search",
    "sync/test_shown_pages",
    "sync/test_transactions",
    "sync/test_two_workers",
)
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, and begin with it; everything else stays in its random order."""
    for item in items:
        if item.path.relative_to(TESTS).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def postgres_programs() -> Path | None:
    """Folder of the programs to test with; None for those of the package."""
    named = os.environ.get("HR_SYNC_TEST_PG_BIN")
    return Path(named) if named else None


@pytest.fixture(scope="session")
def postgres_server(postgres_programs: Path | None) -> Iterator[str]:
    """URL of a running server, in whose databases nothing is durable."""
    # Not pytest's own temporary folder: that is closed to the account that the server runs as when we are root.
    memory = _in_memory()
    if memory is not None:
        _remove_abandoned(memory)
    folder = Path(tempfile.mkdtemp(prefix=f"hr_sync-test-{os.getpid()}-", dir=memory))
    folder.chmod(0o711)
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
    fast |= {"max_prepared_transactions": "4", "max_wal_size": "128MB"}
    try:
        with EmbeddedPostgres(folder / "server", programs=postgres_programs, **fast) as server:
            yield server.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> str:
    """Name of a database with our tables and nothing in them, to be cloned.

    Its policy is mode `account`, under which consumers see every page that the account sees: most tests care about
    pages and not about access. Those that do set the policy that they need.
    """
    _execute(postgres_server, f"CREATE DATABASE {TEMPLATE}")
    engine = make_engine(_named(postgres_server, TEMPLATE))
    ensure_schema(engine)
    _execute(_named(postgres_server, TEMPLATE), "UPDATE access_policy SET mode = 'account'")
    engine.dispose()  # a database that somebody is connected to cannot be cloned
    return TEMPLATE


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh, empty database."""
    with _database(postgres_server, "template0") as url:
        yield url


@pytest.fixture
def prepared_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """URL of a fresh database with our tables in schema public."""
    with _database(postgres_server, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def shared_engine(postgres_server: str) -> Iterator[tuple[Engine, list[URL]]]:
    """Engine that has compiled its statements before, and where it connects: to the last of a list of databases."""
    shared = make_engine(postgres_server)
    where: list[URL] = []

    @event.listens_for(shared, "do_connect")
    def _connect(_dialect: object, _record: object, _values: object, parameters: dict[str, Any]) -> None:
        parameters["dbname"] = where[-1].database

    yield shared, where
    shared.dispose()


@pytest.fixture
def engine(shared_engine: tuple[Engine, list[URL]], prepared_url: str) -> Iterator[Engine]:
    """Engine on a fresh database with our tables; listeners are of this test alone.

    An engine compiles each statement once, which takes as long as a small run.
    """
    shared, where = shared_engine
    where.append(make_url(prepared_url))
    engine = shared.execution_options()
    engine.url = where[-1]
    yield engine
    engine.dispose()
    where.pop()


@contextmanager
def _database(server: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    # Copying files takes a third of the time of the usual way, which writes each page to the log as well.
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield _named(server, name)
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _in_memory() -> Path | None:
    """Return a folder whose files are in memory; None where there is none, or little room in it.

    A database is three hundred files: to copy and to remove them costs 20 ms there, and 100 ms on a disk.
    """
    folder = Path("/dev/shm")  # noqa: S108 -- a folder of our own is made in it
    is_there = folder.is_dir() and os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return folder if is_there and shutil.disk_usage(folder).free > ROOM_BYTES else None


def _remove_abandoned(memory: Path) -> None:
    """Remove what test processes that were killed have left in memory; their servers stopped with them."""
    for left in memory.glob("hr_sync-test-*-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)


def _named(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def _execute(server: str, statement: str) -> None:
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement)
