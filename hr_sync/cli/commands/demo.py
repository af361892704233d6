"""The demo: a simulated Confluence, an embedded PostgreSQL five runs with the result of each, and a search."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluence_simulator import Simulator, World, handbook_world
from rich.console import Console
from sqlalchemy import Engine

from hr_sync import __version__
from hr_sync.cancellation import Cancellation
from hr_sync.cli.output import print_pages, print_report
from hr_sync.cli.search_output import print_found
from hr_sync.cli.terminal import make_console
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.session import Limits
from hr_sync.derive.texts import DEFAULT_LANGUAGES, derive_texts
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope, SpaceScope
from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.logs import configure_logging
from hr_sync.store.engine import make_engine, make_sessions, session_scope
from hr_sync.store.read.pages import pages_changed_since, pages_of_space, statistics_by_space
from hr_sync.store.read.search import SearchAsker
from hr_sync.store.schema import ensure_schema
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.run import run
from hr_sync.sync.search import search

_USERNAME = "hr-bot@example.com"
_TOKEN = "demo-token"  # noqa: S105 -- of a Confluence that lives as long as the demo
_SPACES = ("HR", "IT")
_RESTRICTED = "Salary bands and reviews"
_WORDS = "salary band"

_FOR_YOUR_OWN = """\
All of that happened on this machine. For your own Confluence:

  1. .venv/bin/hr-sync init   asks for site, account, spaces and database, tries each answer, writes config.toml
  2. .venv/bin/hr-sync run    mirrors the pages

Without a database of yours they go to an embedded PostgreSQL."""


def play(*, pause: bool) -> None:
    """Run the demo. Needs no network and leaves no files."""
    configure_logging(level="warning")
    console = make_console()
    world = handbook_world()
    with Simulator(world, username=_USERNAME, api_token=_TOKEN) as simulator, _database() as engine:
        context = _context(simulator, engine)
        console.print(f"A simulated Confluence with an HR handbook answers at {simulator.site_url}.")

        _step(console, "1. The first run: everything is new", pause=pause)
        _run(console, context, simulator)
        _show_what_arrived(console, context)

        _step(console, "2. Somebody edits, adds and renames a page", pause=pause)
        before = world.now
        _edit(console, world)
        _run(console, context, simulator)
        with session_scope(make_sessions(context.store.engine)) as session:
            print_pages(pages_changed_since(session, before))

        _step(console, "3. Somebody deletes a page", pause=pause)
        _trash(console, world)
        _run(console, context, simulator)

        _step(console, "4. Nothing has changed", pause=pause)
        _run(console, context, simulator)

        _step(console, "5. Somebody restricts a page, and two people search", pause=pause)
        everybody, managers = _restrict(console, world)
        _run(console, context, simulator, Mode.ACCESS)
        derive_texts(context.store, Cancellation(), section_size=2_000)
        _search(console, context.store, "an employee", [everybody])
        _search(console, context.store, "a manager", [everybody, managers])
    console.print()
    console.print(_FOR_YOUR_OWN)


@contextmanager
def _database() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="hr-sync-demo-") as folder:
        # PostgreSQL refuses to run as root, and the account it runs as then has to get into the folder.
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 -- holds nothing but the demo's own data
        with EmbeddedPostgres(Path(folder) / "postgres") as server:
            engine = make_engine(server.url)
            ensure_schema(engine)
            yield engine
            engine.dispose()


def _context(simulator: Simulator, engine: Engine) -> SyncContext:
    credentials = Credentials(username=_USERNAME, password=_TOKEN)
    client = HttpClient(simulator.site_url, credentials, Limits(), Cancellation())
    return SyncContext(
        source=CloudSource(client),
        store=Store(engine),
        scope=SpaceScope(spaces=_SPACES, pages=PageScope(attachments=True)),
        worker=Worker.current(),
        version=__version__,
    )


def _step(console: Console, title: str, *, pause: bool) -> None:
    if pause:
        console.input("\nPress Enter to continue. ")
    console.print()
    console.print(f"── {title} ──", style="bold")


def _run(console: Console, context: SyncContext, simulator: Simulator, mode: Mode = Mode.FULL) -> None:
    simulator.requests.clear()
    print_report(run(context, SyncRequest(mode=mode)))
    bodies = [call for call in simulator.requests if ("body-format", "storage") in call.query]
    asked = sum(key == "id" for call in bodies for key, _ in call.query)
    console.print(f"Confluence was asked {len(simulator.requests)} times, for the bodies of {asked} pages.")


def _show_what_arrived(console: Console, context: SyncContext) -> None:
    with session_scope(make_sessions(context.store.engine)) as session:
        for space in statistics_by_space(session):
            console.print(f"\nSpace {space.space_key}: {space.live} pages in PostgreSQL, the first of them:")
            print_pages(pages_of_space(session, space.space_key, limit=5))


def _edit(console: Console, world: World) -> None:
    edited, renamed, *_ = world.pages(space_key="HR")[5:]
    world.edit_page(edited.id, storage=f"{edited.storage}<p>Since today there is one day more.</p>")
    world.rename_page(renamed.id, f"{renamed.title} (new)")
    added = world.create_page(
        space_key="IT",
        title="Loan bicycles",
        storage="<p>Ask at the front desk.</p>",
        parent_id=world.pages(space_key="IT")[0].id,
    )
    console.print(f"  edited “{edited.title}”, renamed “{renamed.title}”, added “{added.title}”")


def _trash(console: Console, world: World) -> None:
    leaf = world.pages(space_key="IT")[-2]
    world.trash_page(leaf.id)
    console.print(f"  into the trash: “{leaf.title}”")


def _restrict(console: Console, world: World) -> tuple[str, str]:
    """Restrict a page to managers. Return the ids of the group of everybody and of theirs."""
    managers = world.add_group("managers")
    world.set_groups(_USERNAME.partition("@")[0], ("confluence-users", managers.name))  # else nobody mirrors the page
    (page,) = (each for each in world.pages(space_key="HR") if each.title.startswith(_RESTRICTED))
    world.restrict_page(page.id, groups=(managers.name,))
    console.print(f"  to managers alone: “{page.title}”")
    return world.group("confluence-users").id, managers.id


def _search(console: Console, store: Store, who: str, groups: Sequence[str]) -> None:
    console.print(f"\nWhat {who} finds for “{_WORDS}”:")
    asker = SearchAsker(user=None, groups=groups)
    print_found(search(store, _WORDS, asker=asker, limit=3, search_languages=DEFAULT_LANGUAGES))
