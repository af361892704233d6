"""Plays the example on this machine alone: a simulated Confluence, an embedded PostgreSQL, two people who ask.

`.venv/bin/python -m examples.rag.demo` in a clone, after `./scripts/setup`.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from confluence_simulator import Simulator, World, handbook_world
from confluence_simulator.world import Page

from examples.rag.answering import answer
from examples.rag.changes import Connection
from examples.rag.embedder import HashedWords
from examples.rag.indexing import Indexed, create_tables, update
from examples.rag.searching import Asker, Passage, search
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

USERNAME, TOKEN = "hr-bot@example.com", "demo-token"
QUESTION = "How many days of annual leave may I carry over?"
ABOUT_SALARY = "What are the yearly base salaries of the seven levels?"


@dataclass
class Stage:
    """A world, its mirror, and a consumer of the mirror."""

    world: World
    context: SyncContext
    connection: Connection
    embedder: HashedWords

    def mirror(self, mode: Mode = Mode.FULL) -> None:
        """Bring the mirror up to date, as `hr-sync run` does."""
        run(self.context, SyncRequest(mode=mode))
        derive_texts(self.context.store, Cancellation(), section_size=2_000)

    def index(self) -> Indexed:
        return update(self.connection, self.embedder)

    def found(self, question: str, asker: Asker) -> list[Passage]:
        return search(self.connection, question, asker, self.embedder)

    def page(self, title: str) -> Page:
        """Return the page with this title."""
        (page,) = (each for each in self.world.pages(space_key="HR") if each.title == title)
        return page


def make_stage(world: World, site_url: str, database_url: str, connection: Connection) -> Stage:
    """Wire a mirror of a site, as the command line does."""
    client = HttpClient(site_url, Credentials(username=USERNAME, password=TOKEN), Limits(), Cancellation())
    engine = make_engine(database_url)
    ensure_schema(engine)
    context = SyncContext(
        source=CloudSource(client),
        store=Store(engine),
        scope=SpaceScope(spaces=("HR", "IT")),
        worker=Worker.current(),
        version=__version__,
        policy=SyncPolicy(access=AccessPolicy()),
    )
    create_tables(connection)
    return Stage(world, context, connection, HashedWords())


def play(stage: Stage) -> None:
    """Ask as two people while the site changes."""
    world = stage.world
    managers = world.add_group("managers")
    world.set_groups("hr-bot", ("confluence-users", managers.name))
    everybody = world.group("confluence-users").id
    employee, manager = Asker(None, [everybody]), Asker(None, [everybody, managers.id])

    stage.mirror()
    print(f"Embedded: {stage.index()}")
    print(f"\n{QUESTION}\n{answer(QUESTION, stage.found(QUESTION, employee))}")

    page = stage.page("Carrying over and paying out leave")
    world.edit_page(page.id, storage=f"{page.storage}<p>Annual leave: you may carry over eleven days from now on.</p>")
    stage.mirror(Mode.INCREMENTAL)
    print(f"\nOne paragraph was added. Embedded: {stage.index()}")
    print(f"\n{QUESTION}\n{answer(QUESTION, stage.found(QUESTION, employee))}")

    world.restrict_page(stage.page("Salary bands and reviews").id, groups=(managers.name,))
    stage.mirror(Mode.ACCESS)
    print("\nThe salary bands were restricted to managers. Nothing is embedded; an employee asks, and a manager.")
    for asker in (employee, manager):
        print(f"\n{ABOUT_SALARY}\n{answer(ABOUT_SALARY, stage.found(ABOUT_SALARY, asker))}")

    world.trash_page(page.id)
    stage.mirror()
    print("\nThe page about carrying over was deleted.")
    print(f"\n{QUESTION}\n{answer(QUESTION, stage.found(QUESTION, employee))}")


def main() -> None:
    """Play it with a server that lives as long as the demo."""
    configure_logging(level="warning")
    with tempfile.TemporaryDirectory(prefix="rag-demo-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 -- PostgreSQL may run as another account
        world = handbook_world()
        with (
            Simulator(world, username=USERNAME, api_token=TOKEN) as site,
            EmbeddedPostgres(Path(folder) / "postgres") as server,
        ):
            url = make_engine(server.url).url.set(drivername="postgresql").render_as_string(hide_password=False)
            ensure_schema(make_engine(server.url))
            with psycopg.connect(url) as connection:
                play(make_stage(world, site.site_url, server.url, connection))


if __name__ == "__main__":
    main()
