"""How single pages leave the mirror and come back, what the feed says of it, and what the limit counts."""

from typing import Any

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.sync.context import SyncPolicy
from tests.support.database import changes, fingerprint, page_rows, rows, state_of
from tests.support.oracle import wrong
from tests.support.wiring import asked_bodies, context_of, full, live_ids, mirrored, world_of


def limited(pages: int, fraction: float = 0.1) -> Any:
    """Return a policy with this deletion limit."""
    return SyncPolicy(limit=DeletionLimit(max_removed_pages=pages, max_removed_fraction=fraction))


@pytest.mark.parametrize(("edit", "reason"), [("trash_page", "trashed"), ("archive_page", "archived")])
def test_a_page_in_the_trash_or_the_archive_is_removed(engine: Engine, edit: str, reason: str) -> None:
    """With that reason, row and body kept; one transition in the feed; the next run has nothing to do."""
    world = world_of(12)
    with mirrored(world, engine) as (site, context):
        page = world.pages()[-1]
        getattr(world, edit)(page.id)

        report = full(context)

        assert (report.outcome, report.counts.removed, report.counts.hidden) == ("complete", 1, 0)
        assert state_of(engine, page.id) == reason
        assert changes(engine, report.run_id) == [(page.id, "hide", ["hidden"])]
        assert wrong(engine, site, marked=True) == []
        assert len(page_rows(engine)) == 12
        assert page_rows(engine)[page.id]["storage"]
        before = fingerprint(engine)
        assert full(context).outcome == "complete"
        assert fingerprint(engine) == before


@pytest.mark.parametrize("edit", ["hide_page", "purge_page"])
def test_what_is_not_visible_is_hidden_at_once_and_removed_by_a_later_run(engine: Engine, edit: str) -> None:
    """404 does not tell a purged page from one that was restricted, so a second run must agree."""
    world = world_of(12)
    with mirrored(world, engine) as (_, context):
        page = world.pages()[-1]
        getattr(world, edit)(page.id)

        first = full(context)
        assert (first.outcome, first.counts.hidden, first.counts.removed) == ("complete", 1, 0)
        assert state_of(engine, page.id) == "hidden"
        assert changes(engine, first.run_id) == [(page.id, "hide", ["hidden"])]
        second = full(context)
        assert (second.outcome, second.counts.hidden, second.counts.removed) == ("complete", 0, 1)
        assert state_of(engine, page.id) == "not_visible"
        third = full(context)
        assert (third.counts.hidden, third.counts.removed) == (0, 0)

        assert changes(engine, second.run_id) == changes(engine, third.run_id) == []


@pytest.mark.parametrize("runs_away", [1, 2])
def test_a_page_that_comes_back_is_live_again(engine: Engine, runs_away: int) -> None:
    """Hidden or removed before, at an equal version: its stored body is shown again and none is fetched."""
    world = world_of(12)
    with mirrored(world, engine) as (site, context):
        page = world.pages()[-1]
        world.hide_page(page.id)
        for _ in range(runs_away):
            full(context)
        assert state_of(engine, page.id) != "live"
        world.unrestrict_page(page.id)
        site.requests.clear()

        report = full(context)

        assert (report.outcome, report.counts.restored) == ("complete", 1)
        assert asked_bodies(site) == set()
        assert changes(engine, report.run_id) == [(page.id, "restore", ["restored"])]
        assert wrong(engine, site) == []
        assert page_rows(engine)[page.id]["missing_since_run_id"] is None


def test_a_page_from_the_trash_is_live_again(engine: Engine) -> None:
    """With the place and the version that Confluence gives it."""
    world = world_of(12)
    with mirrored(world, engine) as (site, context):
        page = world.pages()[-1]
        world.trash_page(page.id)
        full(context)
        world.restore_page(page.id)

        assert full(context).counts.restored == 1
        assert wrong(engine, site) == []


def test_other_pages_are_written_while_a_mass_is_held(engine: Engine) -> None:
    """However often it runs; the row of the run in the space has the number that waits."""
    world = world_of(30)
    with mirrored(world, engine, policy=limited(4)) as (site, context):
        for page in world.pages()[-5:]:
            world.trash_page(page.id)
        world.edit_page(world.pages()[0].id, storage="<p>edited</p>")

        for _ in range(2):
            report = full(context)
            assert (report.outcome, report.exit_code, report.counts.removed) == ("held", 4, 0)
            assert len(live_ids(engine)) == 25
            assert rows(engine, "SELECT held FROM sync_run_spaces WHERE run_id = %s", report.run_id) == [{"held": 5}]
        assert page_rows(engine)[world.pages()[0].id]["storage"] == "<p>edited</p>"

        report = full(context, allow_mass_delete=True)
        assert (report.outcome, report.exit_code, report.counts.removed) == ("complete", 0, 5)
        assert wrong(engine, site, marked=True) == []


@pytest.mark.parametrize(("leaving", "outcome"), [(3, "complete"), (4, "held")])
def test_the_limit_itself_is_not_a_mass(engine: Engine, leaving: int, outcome: str) -> None:
    """Ten percent of 30 pages may go, hidden and removed ones counted together."""
    world = world_of(30)
    with mirrored(world, engine, policy=limited(0)) as (_, context):
        first, *others = world.pages()[-leaving:]
        world.hide_page(first.id)
        for page in others:
            world.trash_page(page.id)

        assert full(context).outcome == outcome


def test_a_space_that_shows_no_page_any_more_is_hidden_and_held(engine: Engine) -> None:
    """All of its pages become invisible at once: hiding closes the view, and nothing is removed by a second run."""
    world = world_of(30)
    with mirrored(world, engine) as (_, context):
        for page in world.pages():
            world.hide_page(page.id)

        assert [full(context).exit_code, full(context).exit_code] == [4, 4]
        assert live_ids(engine) == set()
        assert {state_of(engine, page.id) for page in world.pages()} == {"hidden"}


@pytest.mark.parametrize(("old", "new"), [("S00", "S01"), ("S01", "S00")])
def test_a_page_that_moves_between_two_mirrored_spaces_stays_live(engine: Engine, old: str, new: str) -> None:
    """In one run, whichever of the two spaces comes first; one move in the feed; no body is fetched."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine) as (site, context):
        page = world.pages(space_key=old)[-1]
        world.move_page(page.id, space_key=new, parent_id=world.pages(space_key=new)[0].id)

        report = full(context)

        assert (report.outcome, report.counts.removed, report.counts.hidden) == ("complete", 0, 0)
        assert asked_bodies(site) == set()
        assert wrong(engine, site) == []
        assert changes(engine, report.run_id) == [(page.id, "move", ["location", "url"])]
        assert full(context).counts.unchanged == 20


def test_a_page_that_moves_to_a_space_that_is_not_mirrored_is_removed(engine: Engine) -> None:
    """Confluence itself says that it is elsewhere now."""
    world = world_of(20, spaces=2)
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("S00",))
        full(context)
        page = world.pages(space_key="S00")[-1]
        world.move_page(page.id, space_key="S01")

        assert full(context).counts.removed == 1
        assert state_of(engine, page.id) == "moved"
        assert wrong(engine, site, "S00", marked=True) == []


def test_every_change_is_in_the_feed_once_with_what_changed(engine: Engine) -> None:
    """One row for each page of one run, whatever was done to it."""
    world = world_of(14)
    with mirrored(world, engine) as (site, context):
        home, *_, a, b, c, d, e, f, g = world.pages()
        world.edit_page(a.id, storage="<p>other text</p>")
        world.rename_page(b.id, "Other title")
        world.move_page(c.id, parent_id=home.id)
        world.edit_page(d.id, storage="<p>both</p>", title="Both")
        world.edit_page(e.id)  # a new version of the same
        world.trash_page(f.id)
        world.hide_page(g.id)
        new = world.create_page(space_key="S00", title="New", storage="<p>new</p>")

        report = full(context)

        assert changes(engine, report.run_id) == sorted(
            [
                (a.id, "update", ["text", "version"]),
                (b.id, "update", ["title", "url", "version"]),
                (c.id, "move", ["location"]),
                (d.id, "update", ["text", "title", "url", "version"]),
                (e.id, "update", ["version"]),
                (f.id, "hide", ["hidden"]),
                (g.id, "hide", ["hidden"]),
                (new.id, "insert", ["text", "title", "location", "url", "version"]),
            ]
        )
        assert wrong(engine, site, marked=True) == []


def test_a_move_needs_no_new_version(engine: Engine) -> None:
    """Of a page and those below it only what has another parent is written, and no body is fetched."""
    world = world_of(20)
    with mirrored(world, engine) as (site, context):
        _home, first, second, *_ = world.pages()
        world.move_page(first.id, parent_id=second.id)
        assert world.page(first.id).version == first.version

        report = full(context)

        assert (report.counts.moved, report.counts.updated, report.counts.unchanged) == (1, 0, 19)
        assert asked_bodies(site) == set()
        assert wrong(engine, site) == []
