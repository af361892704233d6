"""How pages leave the mirror and come back: by evidence, in two strikes, never in a mass without a word."""

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from hr_sync.domain.deletion import DeletionLimit
from tests.sync.mirrors import asked_bodies, full, mirror_of, mirrored, world_of
from tests.sync.oracle import ask, changes, expected_rows, fingerprint, state_of, stored_rows


@pytest.mark.parametrize(("edit", "reason"), [("trash_page", "trashed"), ("archive_page", "archived")])
def test_a_page_in_the_trash_or_the_archive_is_removed(engine: Engine, edit: str, reason: str) -> None:
    """With that reason, row and body kept; told once; the next run has nothing to do."""
    world = world_of(12)
    with mirrored(world, engine) as (site, mirror):
        page = world.pages()[-1]
        getattr(world, edit)(page.id)

        report = full(mirror)

        assert (report.outcome, report.counts.removed) == ("complete", 1)
        assert state_of(engine, page.id) == reason
        assert changes(engine, report.run_id) == [(page.id, "remove", ["removed"])]
        assert stored_rows(engine, live_only=True) == expected_rows(site)
        assert len(stored_rows(engine)) == 12
        before = fingerprint(engine)
        assert full(mirror).outcome == "complete"
        assert fingerprint(engine) == before


@pytest.mark.parametrize("edit", ["hide_page", "purge_page"])
def test_what_is_not_seen_is_hidden_at_once_and_removed_by_a_later_run(engine: Engine, edit: str) -> None:
    """404 does not tell a purged page from one that was restricted: two strikes, one change told for each."""
    world = world_of(12)
    with mirrored(world, engine) as (_, mirror):
        page = world.pages()[-1]
        getattr(world, edit)(page.id)

        first = full(mirror)
        assert (first.outcome, first.counts.hidden, first.counts.removed) == ("complete", 1, 0)
        assert state_of(engine, page.id) == "hidden"
        second = full(mirror)
        assert (second.outcome, second.counts.hidden, second.counts.removed) == ("complete", 0, 1)
        assert state_of(engine, page.id) == "gone"
        third = full(mirror)
        assert (third.counts.hidden, third.counts.removed) == (0, 0)

        assert changes(engine, first.run_id) == [(page.id, "hide", ["removed"])]
        assert changes(engine, second.run_id) == [(page.id, "remove", ["removed"])]
        assert changes(engine, third.run_id) == []


@pytest.mark.parametrize("runs_away", [1, 2])
def test_a_page_that_comes_back_is_live_again(engine: Engine, runs_away: int) -> None:
    """After the first strike and after the second, with equal version and equal text."""
    world = world_of(12)
    with mirrored(world, engine) as (site, mirror):
        page = world.pages()[-1]
        world.hide_page(page.id)
        for _ in range(runs_away):
            full(mirror)
        assert state_of(engine, page.id) != "live"
        world.unrestrict_page(page.id)

        report = full(mirror)

        assert (report.outcome, report.counts.restored) == ("complete", 1)
        assert changes(engine, report.run_id) == [(page.id, "restore", ["restored"])]
        assert stored_rows(engine) == expected_rows(site)
        (row,) = ask(engine, "SELECT missing_since_run_id FROM confluence_pages WHERE id = %s", page.id)
        assert row["missing_since_run_id"] is None


def test_a_page_from_the_trash_is_live_again(engine: Engine) -> None:
    """At the place where Confluence puts it."""
    world = world_of(12)
    with mirrored(world, engine) as (site, mirror):
        page = world.pages()[-1]
        world.trash_page(page.id)
        full(mirror)
        world.restore_page(page.id)

        assert full(mirror).counts.restored == 1
        assert stored_rows(engine) == expected_rows(site)


def test_a_mass_of_removals_is_held_until_somebody_says_so(engine: Engine) -> None:
    """Exit code 4 and every page live, as often as it runs; then, allowed once, all of them go."""
    world = world_of(30)
    with mirrored(world, engine, guard=DeletionLimit(max_removed_pages=4, max_removed_fraction=0.1)) as (site, mirror):
        for page in world.pages()[-5:]:
            world.trash_page(page.id)
        world.edit_page(world.pages()[0].id, storage="<p>edited</p>")

        for _ in range(2):
            report = full(mirror)
            assert (report.outcome, report.exit_code, report.counts.removed) == ("held", 4, 0)
            assert "--allow-mass-delete" in (report.error or "")
            assert len(stored_rows(engine, live_only=True)) == 30
            (space,) = ask(engine, "SELECT held FROM sync_run_spaces WHERE run_id = %s", report.run_id)
            assert space["held"] == 5
        assert stored_rows(engine)[0]["storage"] == "<p>edited</p>"

        report = full(mirror, allow_mass_delete=True)
        assert (report.outcome, report.exit_code, report.counts.removed) == ("complete", 0, 5)
        assert stored_rows(engine, live_only=True) == expected_rows(site)


@pytest.mark.parametrize(("leaving", "outcome"), [(3, "complete"), (4, "held")])
def test_the_limit_itself_is_not_a_mass(engine: Engine, leaving: int, outcome: str) -> None:
    """Ten percent of 30 live pages may go, hidden and removed ones counted together."""
    world = world_of(30)
    with mirrored(world, engine, guard=DeletionLimit(max_removed_pages=0, max_removed_fraction=0.1)) as (_, mirror):
        first, *others = world.pages()[-leaving:]
        world.hide_page(first.id)
        for page in others:
            world.trash_page(page.id)

        assert full(mirror).outcome == outcome


def test_a_space_that_shows_nothing_any_more_is_not_emptied(engine: Engine) -> None:
    """All of its pages hidden from the account at once is a mass, too."""
    world = world_of(30)
    with mirrored(world, engine) as (_, mirror):
        for page in world.pages():
            world.hide_page(page.id)

        assert full(mirror).exit_code == 4
        assert len(stored_rows(engine, live_only=True)) == 30


@pytest.mark.parametrize(("old", "new"), [("S00", "S01"), ("S01", "S00")])
def test_a_page_that_moves_between_two_mirrored_spaces_stays_live(engine: Engine, old: str, new: str) -> None:
    """In one run, whichever of the two spaces comes first; told once, as a move; no body is fetched."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine) as (site, mirror):
        page = world.pages(space_key=old)[-1]
        world.move_page(page.id, space_key=new, parent_id=world.pages(space_key=new)[0].id)

        report = full(mirror)

        assert (report.outcome, report.counts.removed, report.counts.hidden) == ("complete", 0, 0)
        assert asked_bodies(site) == set()
        assert stored_rows(engine, live_only=True) == expected_rows(site)
        assert changes(engine, report.run_id) == [(page.id, "move", ["location"])]
        assert full(mirror).counts.unchanged == 20


def test_a_page_that_moves_out_of_scope_is_removed(engine: Engine) -> None:
    """Confluence itself says that it is elsewhere now."""
    world = world_of(20, spaces=2)
    with Simulator(world) as site:
        mirror = mirror_of(site, engine, spaces=("S00",))
        full(mirror)
        page = world.pages(space_key="S00")[-1]
        world.move_page(page.id, space_key="S01")

        assert full(mirror).counts.removed == 1
        assert state_of(engine, page.id) == "moved out of scope"
        assert stored_rows(engine, live_only=True) == expected_rows(site, "S00")


def test_every_change_is_told_once_with_what_changed(engine: Engine) -> None:
    """One row for each page of one run, whatever was done to it."""
    world = world_of(14)
    with mirrored(world, engine) as (site, mirror):
        home, *_, a, b, c, d, e, f, g = world.pages()
        world.edit_page(a.id, storage="<p>other text</p>")
        world.rename_page(b.id, "Other title")
        world.move_page(c.id, parent_id=home.id)
        world.edit_page(d.id, storage="<p>both</p>", title="Both")
        world.edit_page(e.id)  # a new version of the same
        world.trash_page(f.id)
        world.hide_page(g.id)
        new = world.create_page(space_key="S00", title="New", storage="<p>new</p>")

        report = full(mirror)

        assert changes(engine, report.run_id) == sorted(
            [
                (a.id, "update", ["text"]),
                (b.id, "update", ["title"]),
                (c.id, "move", ["location"]),
                (d.id, "update", ["text", "title"]),
                (e.id, "update", []),
                (f.id, "remove", ["removed"]),
                (g.id, "hide", ["removed"]),
                (new.id, "insert", ["text", "title", "location"]),
            ]
        )
        assert stored_rows(engine, live_only=True) == [row for row in expected_rows(site) if row["id"] != g.id]


def test_a_move_needs_no_new_version(engine: Engine) -> None:
    """A page and those below it: only what hangs elsewhere is written, and no body is fetched."""
    world = world_of(20)
    with mirrored(world, engine) as (site, mirror):
        home, first, second, *_ = world.pages()
        world.move_page(first.id, parent_id=second.id)
        assert world.page(first.id).version == first.version

        report = full(mirror)

        assert (report.counts.moved, report.counts.updated, report.counts.unchanged) == (1, 0, 19)
        assert asked_bodies(site) == set()
        assert stored_rows(engine) == expected_rows(site)
        assert home.id


def test_a_lower_version_is_taken_too(engine: Engine) -> None:
    """A space that was restored from a backup has older pages, and they are what people see."""
    world = world_of(3)
    with mirrored(world, engine):
        page = world.pages()[0]
        world.edit_page(page.id, storage="<p>2</p>")
        older = world_of(3)
        with Simulator(world) as newer:
            full(mirror_of(newer, engine))
        with Simulator(older) as site:
            assert full(mirror_of(site, engine)).outcome == "complete"
            assert stored_rows(engine) == expected_rows(site)
