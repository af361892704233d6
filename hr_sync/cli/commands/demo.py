"""The demo: a simulated Confluence, an embedded PostgreSQL, runs with the result of each, and what a chatbot reads."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from confluence_simulator import Simulator, World, handbook_world
from rich.console import Console
from sqlalchemy import Engine

from hr_sync import __version__
from hr_sync.cancellation import Cancellation
from hr_sync.cli.commands.text import render_live_page
from hr_sync.cli.output import print_explanation, print_pages, print_report
from hr_sync.cli.search_output import print_found
from hr_sync.cli.terminal import make_console, visible
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.session import Limits
from hr_sync.derive.texts import DEFAULT_LANGUAGES, derive_texts
from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Mode
from hr_sync.domain.principal_words import number
from hr_sync.domain.scope import PageScope, SpaceScope
from hr_sync.embedded.server import EmbeddedPostgres, running_url
from hr_sync.logs import configure_logging
from hr_sync.store.engine import make_engine, make_sessions, session_scope
from hr_sync.store.read.pages import pages_changed_since, pages_of_space, statistics_by_space
from hr_sync.store.read.search import SearchAsker
from hr_sync.store.schema import ensure_schema
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.explain import explain
from hr_sync.sync.run import run
from hr_sync.sync.search import search

_USERNAME = "hr-bot@example.com"
_TOKEN = "demo-token"  # noqa: S105 -- of a Confluence that lives as long as the demo
_SPACES = ("HR", "IT")
_RESTRICTED = "Salary bands and reviews"
_WORDS = "salary band"
_LINES = 12  # of a page that is shown

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
    with Simulator(world, username=_USERNAME, api_token=_TOKEN) as simulator, _database() as (engine, url):
        context = _context(simulator, engine)
        console.print(f"A simulated Confluence with an HR handbook answers at {simulator.site_url}.")
        if pause:
            _where_to_look(console, simulator, url)

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

        context = replace(context, policy=SyncPolicy(access=AccessPolicy()))
        _play_access(console, world, context, simulator, pause=pause)
        if pause:
            _step(console, "That was all; the database is deleted now", pause=True)
    console.print()
    console.print(_FOR_YOUR_OWN)


def _play_access(console: Console, world: World, context: SyncContext, simulator: Simulator, *, pause: bool) -> None:
    """Restrict a page, and show what that changes for those who ask a chatbot."""
    _step(console, "5. Somebody restricts a page, and two people search", pause=pause)
    run(context, SyncRequest(mode=Mode.ACCESS))  # who may read each page
    derive_texts(context.store, Cancellation(), section_size=2_000)
    everybody, managers, page_id = _groups_and_page(world)
    _search(console, context.store, "an employee", [everybody], limit=1)
    _restrict(console, world, page_id)
    _run(console, context, simulator, Mode.ACCESS)
    _search(console, context.store, "an employee", [everybody])
    _search(console, context.store, "a manager", [everybody, managers])

    _step(console, "6. What a chatbot reads", pause=pause)
    _show_text(console, context, page_id)
    _show_explanation(console, context, page_id)
    _show_sql(console, context.store.engine, everybody, managers, page_id)


def _where_to_look(console: Console, simulator: Simulator, url: str | None) -> None:
    """Say how to look around while the demo waits."""
    asked = f"{simulator.site_url}/api/v2/pages?limit=3"
    console.print("\nWhile it waits, you can look around from another terminal:", soft_wrap=True)
    console.print(f"  the database    psql '{url}'", soft_wrap=True)
    console.print(f"  Confluence      curl -u {_USERNAME}:{_TOKEN} '{asked}'", soft_wrap=True)


@contextmanager
def _database() -> Iterator[tuple[Engine, str | None]]:
    """Run a database. Yield its engine, and its URL for other programs."""
    with tempfile.TemporaryDirectory(prefix="hr-sync-demo-") as folder:
        # PostgreSQL refuses to run as root, and the account it runs as then has to get into the folder.
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 -- holds nothing but the demo's own data
        with EmbeddedPostgres(Path(folder) / "postgres") as server:
            engine = make_engine(server.url)
            ensure_schema(engine)
            yield engine, running_url(server.folder)
            engine.dispose()


def _context(simulator: Simulator, engine: Engine) -> SyncContext:
    credentials = Credentials(username=_USERNAME, password=_TOKEN)
    client = HttpClient(simulator.site_url, credentials, Limits(), Cancellation())
    return SyncContext(
        source=CloudSource(client),
        store=Store(engine),
        scope=SpaceScope(spaces=_SPACES, pages=PageScope(items=frozenset({ItemKind.ATTACHMENTS}))),
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
    report = run(context, SyncRequest(mode=mode))
    print_report(report)
    times = number(len(simulator.requests), "time")
    console.print(f"Confluence was asked {times}, for the bodies of {number(report.counts.bodies, 'page')}.")


def _show_what_arrived(console: Console, context: SyncContext) -> None:
    with session_scope(make_sessions(context.store.engine)) as session:
        for space in statistics_by_space(session):
            console.print(f"\nSpace {space.space_key}: {number(space.live, 'page')} in PostgreSQL, the first of them:")
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


def _groups_and_page(world: World) -> tuple[str, str, str]:
    """Make a group of managers. Return the ids of the group of everybody, of theirs, and of a page about salaries."""
    managers = world.add_group("managers")
    world.set_groups(_USERNAME.partition("@")[0], ("confluence-users", managers.name))  # else nobody mirrors the page
    (page,) = (each for each in world.pages(space_key="HR") if each.title.startswith(_RESTRICTED))
    return world.group("confluence-users").id, managers.id, page.id


def _restrict(console: Console, world: World, page_id: str) -> None:
    page = world.page(page_id)
    world.restrict_page(page_id, groups=("managers",))
    console.print(f"\n  to managers alone: “{page.title}”")


def _search(console: Console, store: Store, who: str, groups: Sequence[str], *, limit: int = 3) -> None:
    console.print(f"\nWhat {who} finds for “{_WORDS}”:")
    asker = SearchAsker(user=None, groups=groups)
    print_found(search(store, _WORDS, asker=asker, limit=limit, search_languages=DEFAULT_LANGUAGES))


def _show_text(console: Console, context: SyncContext, page_id: str) -> None:
    """Show the beginning of a page as Markdown."""
    with session_scope(make_sessions(context.store.engine)) as session:
        lines = render_live_page(session, page_id).markdown.splitlines()
    console.print(f"Its text, as `hr-sync text {page_id}` prints it:\n", soft_wrap=True)
    for line in lines[:_LINES]:
        console.print(f"  {visible(line)}", soft_wrap=True)
    console.print(f"  … and {number(len(lines) - _LINES, 'more line')}.")


def _show_explanation(console: Console, context: SyncContext, page_id: str) -> None:
    """Show everything that is known of a page."""
    console.print(f"\nWhat is known of it, as `hr-sync explain {page_id}` prints it:\n", soft_wrap=True)
    print_explanation(explain(context, page_id))


def _show_sql(console: Console, engine: Engine, everybody: str, managers: str, page_id: str) -> None:
    """Ask the database what a chatbot asks it, and show the questions."""
    console.print("\nIn SQL, for the chatbot and for one who asks it:\n")
    with engine.connect() as connection:
        statement = f"SELECT count(*) FROM public.live_pages WHERE id = '{page_id}'"  # noqa: S608 -- as below
        count = connection.exec_driver_sql(statement).scalar_one()
        console.print(f"  {statement};  -- {count}: what every reader may read", soft_wrap=True)
        for groups in (everybody, f"{everybody},{managers}"):
            statement = f"SELECT public.may_read(NULL, '{{{groups}}}', '{page_id}')"
            may_read = connection.exec_driver_sql(statement).scalar_one()
            console.print(f"  {statement};  -- {'true' if may_read else 'false'}", soft_wrap=True)
    console.print(
        "\nYour own mirror is reached as `hr-sync db url` prints it; --pause shows how to reach that of the demo.",
        soft_wrap=True,
    )
