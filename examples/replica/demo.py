"""Plays the example on this machine alone: two PostgreSQL clusters, a mirror in one, its readers at the other.

`.venv/bin/python -m examples.replica.demo` in a clone, after `./scripts/setup`.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg
from confluence_simulator import Simulator, World, handbook_world
from confluence_simulator.world import Page
from psycopg import sql
from sqlalchemy import make_url

from examples.rag.demo import TOKEN, USERNAME
from hr_sync import __version__
from hr_sync.cancellation import Cancellation
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.session import Limits
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import SpaceScope
from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.logs import configure_logging
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.run import run

HERE = Path(__file__).parent
SOURCE = {"wal_level": "logical"}  # what the server of the mirror needs to be set to; a restart
SUBSCRIPTION = "hr_replica"
PATIENCE_SECONDS = 30
_TITLE = "Salary bands and reviews"
Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]


def statements(name: str) -> bytes:
    """Return a script of this folder."""
    return (HERE / name).read_bytes()


@dataclass
class Stage:
    """A world, its mirror, and the replica of the mirror."""

    world: World
    context: SyncContext
    source: Connection
    replica: Connection

    def mirror(self, mode: Mode = Mode.FULL) -> None:
        """Bring the mirror up to date, as `hr-sync run` does."""
        run(self.context, SyncRequest(mode=mode))
        derive_texts(self.context.store, Cancellation(), section_size=2_000)

    def catch_up(self) -> None:
        """Wait until the replica has what is committed now at the source."""
        (position,) = self.source.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or (None,)
        _wait(
            self.source,
            b"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'hr_replica' AND replay_lsn >= %s",
            position,
        )

    def page(self, title: str) -> Page:
        """Return the page with this title."""
        (page,) = (each for each in self.world.pages(space_key="HR") if each.title == title)
        return page


@contextmanager
def replicated(world: World, site_url: str, source_url: str, replica_url: str) -> Iterator[Stage]:
    """Mirror a site into the source, and subscribe the replica to it; the subscription is dropped at the end."""
    for url in (source_url, replica_url):
        engine = make_engine(url)
        ensure_schema(engine)  # `hr-sync init-db`
        engine.dispose()
    client = HttpClient(site_url, Credentials(username=USERNAME, password=TOKEN), Limits(), Cancellation())
    context = SyncContext(
        source=CloudSource(client),
        store=Store(make_engine(source_url)),
        scope=SpaceScope(spaces=("HR",)),
        worker=Worker.current(),
        version=__version__,
        policy=SyncPolicy(access=AccessPolicy()),
    )
    with (
        psycopg.connect(_plain(source_url), autocommit=True) as source,
        psycopg.connect(_plain(replica_url), autocommit=True) as replica,
    ):
        stage = Stage(world, context, source, replica)
        stage.mirror()
        subscribe(source, replica, _plain(source_url))
        try:
            yield stage
        finally:
            replica.execute(f"DROP SUBSCRIPTION {SUBSCRIPTION}".encode())
            context.store.engine.dispose()


def subscribe(source: Connection, replica: Connection, source_url: str) -> None:
    """Let the replica copy what consumers need, and wait until it has."""
    source.execute(statements("publication.sql"))
    replica.execute(statements("prepare.sql"))
    replica.execute(
        sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION hr_mirror").format(
            sql.Identifier(SUBSCRIPTION), sql.Literal(source_url)
        )
    )
    _wait(replica, statements("ready.sql"))


def _wait(connection: Connection, question: bytes, *values: object) -> None:
    """Ask until the answer is yes. PostgreSQL tells nobody when a replica has caught up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while connection.execute(question, values or None).fetchone() != (True,):
        if time.monotonic() > until:
            raise TimeoutError(question.decode())
        time.sleep(0.02)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def play(stage: Stage) -> None:
    """Read pages, access and search at the replica while the site changes."""
    everybody = stage.world.group("confluence-users").id
    page = stage.page(_TITLE)

    def tell(what: str) -> None:
        print(f"\n{what}")
        for name, question in (
            ("pages in live_pages", "SELECT count(*) FROM live_pages"),
            ("an employee may read the salary bands", f"SELECT may_read(NULL, ARRAY['{everybody}'], '{page.id}')"),
            ("found by 'salary bands'", "SELECT count(*) FROM search_live_sections('salary bands')"),
        ):
            at = [connection.execute(question.encode()).fetchone() for connection in (stage.source, stage.replica)]
            print(f"  {name}: source {at[0]}, replica {at[1]}")

    tell("Copied.")
    managers = stage.world.add_group("managers")
    stage.world.set_groups("hr-bot", ("confluence-users", managers.name))
    stage.world.restrict_page(page.id, groups=(managers.name,))
    stage.mirror(Mode.ACCESS)
    stage.catch_up()
    tell("The salary bands were restricted to managers.")


def main() -> None:
    """Play it with two servers that live as long as the demo."""
    configure_logging(level="warning")
    with tempfile.TemporaryDirectory(prefix="replica-demo-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 -- PostgreSQL may run as another account
        world = handbook_world()
        with (
            Simulator(world, username=USERNAME, api_token=TOKEN) as site,
            EmbeddedPostgres(Path(folder) / "source", **SOURCE) as source,
            EmbeddedPostgres(Path(folder) / "replica") as replica,
            replicated(world, site.site_url, source.url, replica.url) as stage,
        ):
            play(stage)


if __name__ == "__main__":
    main()
