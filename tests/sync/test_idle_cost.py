"""What is the same costs nothing: idle runs ask little, write nothing and say nothing new."""

import pytest
from confluence_simulator import Simulator, World, generated_world
from sqlalchemy import Engine

from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncPolicy, SyncRequest
from hr_sync.sync.run import run
from tests.support.wiring import SHORT, access, ask, context_of, feed, full, incremental, live_titles, mirrored

TABLES = (
    "confluence_pages",
    "page_bodies",
    "page_failures",
    "content_changes",
    "sync_spaces",
    "sync_runs",
    "sync_run_spaces",
)


def world_with(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def page_rows(engine: Engine) -> list[tuple[object, ...]]:
    """Return every row of a page with the transaction that wrote it."""
    return ask(engine, "SELECT id, xmin::text, synced_at FROM confluence_pages ORDER BY id")


def sizes(engine: Engine) -> dict[str, int]:
    """Return how many rows each table has."""
    return {table: int(ask(engine, f"SELECT count(*) FROM {table}")[0][0]) for table in TABLES}


@pytest.mark.parametrize("state", ["live", "held", "out of scope", "removed", "moved to another space"])
def test_idle_runs_write_no_page(engine: Engine, state: str) -> None:
    """Whatever state the pages are in, further runs leave their rows as they are."""
    world = world_with(60, "HR")
    world.create_space("ELSEWHERE")
    pages = world.pages()
    scope = PageScope(exclude_labels=frozenset({"confidential"}))
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("HR",), pages=scope)
        full(context)
        if state == "held":
            for page in pages[:40]:
                world.hide_page(page.id)
        elif state == "out of scope":
            for page in pages[:40]:
                world.label_page(page.id, "confidential")
        elif state == "removed":
            for page in pages[:5]:
                world.trash_page(page.id)
        elif state == "moved to another space":
            for page in pages[:5]:
                world.move_page(page.id, space_key="ELSEWHERE")
        full(context)
        full(context)
        rows, changes, before = page_rows(engine), feed(engine), sizes(engine)

        full(context)
        incremental(context)
        incremental(context)

        assert page_rows(engine) == rows
        assert feed(engine) == changes
        after = sizes(engine)
        assert {name: after[name] - before[name] for name in TABLES if after[name] != before[name]} == {
            "sync_runs": 3,
            "sync_run_spaces": 1,
        }


def test_what_an_incremental_run_hides_is_counted(engine: Engine) -> None:
    """Its report, its row and its line in the log say so."""
    world = world_with(5, "HR")
    page = world.pages()[0]
    with Simulator(world) as site:
        context = context_of(site, engine, pages=PageScope(exclude_labels=frozenset({"confidential"})))
        full(context)
        world.label_page(page.id, "confidential")
        world.edit_page(page.id, storage="SECRET")

        report = incremental(context)

        assert page.title not in live_titles(engine)
        assert report.counts.hidden == 1
        assert ask(engine, "SELECT hidden FROM sync_run_spaces WHERE run_id = %s", report.run_id) == [(1,)]


def test_what_a_resync_hides_is_counted(engine: Engine) -> None:
    """A page that a person names and that is not visible any more."""
    world = world_with(5, "HR")
    page = world.pages()[0]
    with mirrored(world, engine) as (_site, context):
        world.hide_page(page.id)

        report = run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))

        assert report.counts.hidden == 1
        again = run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))
        assert again.counts.hidden == 0


def test_a_full_run_counts_each_page_that_it_hides_once(engine: Engine) -> None:
    """Hidden because its body is gone, and removed because it is in the trash."""
    world = world_with(30, "HR")
    with mirrored(world, engine) as (_site, context):
        world.hide_page(world.pages()[0].id)
        world.trash_page(world.pages()[1].id)

        counts = full(context).counts

        assert (counts.hidden, counts.removed) == (1, 1)


ACCESS_TABLES = ("content_nodes", "space_permissions", "access_sets", "access_layers", "access_principals", "groups")
RUN_REQUESTS = 4  # of a run, whatever the number of spaces: account, spaces, groups of the licence, mode of the roles


def access_rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Return every row about access, with the transaction that wrote it."""
    return {table: ask(engine, f"SELECT t.xmin::text, t::text FROM {table} t ORDER BY 2") for table in ACCESS_TABLES}


def test_an_access_pass_keeps_its_budget_and_writes_nothing(engine: Engine) -> None:
    """One request for 200 pages and two a space; where nothing changed no row but that of the space is written."""
    world = generated_world(pages=1200, spaces=3, lengths=SHORT)
    policy = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"none"}))
    with Simulator(world) as site:
        context = context_of(site, engine, policy=policy)
        assert full(context).outcome == "complete"
        before, pages = access_rows(engine), page_rows(engine)
        site.requests.clear()

        report = access(context)

        assert (report.outcome, report.counts.restricted) == ("complete", 0)
        assert report.requests == len(site.requests)
        assert report.requests <= 1200 / 200 + 2 * 3 + RUN_REQUESTS
        assert not any("body-format" in dict(record.query) for record in site.requests)
    assert (access_rows(engine), page_rows(engine)) == (before, pages)
    assert len(pages) == 1200
