"""A listing that breaks writes nothing but its run; answers that cannot be trusted remove nothing."""

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.sync.context import SyncContext
from tests.support.database import execute, fingerprint, page_rows, rows, state_of
from tests.support.oracle import wrong
from tests.support.wiring import LISTING, LOOKUPS, context_of, fault, fired, full, mirrored, world_of

BREAKS = [
    ("html-200", 2, "partial", 3),
    ("login-page-200", 2, "partial", 3),
    ("no-results", 1, "partial", 3),
    ("results-null", 2, "partial", 3),
    ("empty-object-200", 2, "partial", 3),
    ("repeated-cursor", 1, "partial", 3),
    ("cyclic-cursor", 2, "partial", 3),
    ("next-foreign-host", 1, "partial", 3),
    ("row-without-id", 2, "partial", 3),
    ("cut-json", 2, "partial", 3),
    ("not-found-404-v2", 1, "partial", 3),
    ("site-gone-404", 2, "partial", 3),
    ("cut-length", 2, "failed", 75),
    ("cut-chunked", 2, "failed", 75),
    ("reset", 1, "failed", 75),
    ("error-500", 2, "failed", 75),
    ("retry-after-huge", 2, "failed", 75),
    ("unauthorized-401", 2, "failed", 77),
    ("forbidden-403", 1, "failed", 77),
    ("gone-410", 1, "failed", 78),
]


def busy_world() -> World:
    """More pages than one answer of a listing holds."""
    return world_of(260)


def disturb(world: World) -> None:
    """Give the next run something of everything to do."""
    pages = world.pages()
    world.edit_page(pages[1].id, storage="<p>edited</p>")
    world.move_page(pages[-1].id, parent_id=pages[1].id)
    world.trash_page(pages[-2].id)
    world.hide_page(pages[-3].id)
    world.create_page(space_key="S00", title="New", storage="<p>new</p>")


def without_memory(site: Simulator, engine: Engine) -> SyncContext:
    """Return a context that knows nothing of what the site has asked for before: to send nothing for hours."""
    execute(engine, "DELETE FROM site_budget")
    return context_of(site, engine)


def test_a_listing_that_breaks_leaves_every_row_as_it_was(engine: Engine) -> None:
    """Whichever way and wherever it breaks: one run row more, which says what happened, and nothing else."""
    world = busy_world()
    with mirrored(world, engine) as (site, _):
        disturb(world)
        before = fingerprint(engine)
        for kind, at, outcome, exit_code in BREAKS:
            fault(site, kind, LISTING, at=at, times=0)

            report = full(without_memory(site, engine))

            assert fired(site) == {kind}
            assert (kind, report.outcome, report.exit_code) == (kind, outcome, exit_code)
            assert fingerprint(engine) == before, kind
            run, space = rows(
                engine,
                "SELECT outcome, exit_code, error FROM sync_runs WHERE id = %s UNION ALL"
                " SELECT outcome, 0, error FROM sync_run_spaces WHERE run_id = %s",
                report.run_id,
                report.run_id,
            )
            assert (run["outcome"], run["exit_code"], space["outcome"]) == (outcome, exit_code, outcome)
            assert run["error"] == space["error"] == report.error
            assert report.error
            site.faults.clear()

        assert full(without_memory(site, engine)).outcome == "complete"
        assert wrong(engine, site, marked=True) == []


def test_one_space_that_breaks_keeps_no_other_back(engine: Engine) -> None:
    """The other space is mirrored, and the run is partial."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine) as (site, context):
        for page in world.pages():
            world.edit_page(page.id, storage="<p>edited</p>")
        fault(site, "html-200", f"/api/v2/spaces/{world.space('S00').id}/pages", times=0)

        report = full(context)

        assert fired(site) == {"html-200"}
        assert (report.outcome, report.exit_code) == ("partial", 3)
        assert {space.space_key: space.outcome for space in report.spaces} == {"S00": "partial", "S01": "complete"}
        stored = page_rows(engine)
        assert {page.space_key: stored[page.id]["storage"] == "<p>edited</p>" for page in world.pages()} == {
            "S00": False,
            "S01": True,
        }


def test_a_listing_that_ends_early_without_a_sign_removes_nothing(engine: Engine) -> None:
    """Ten pages are missing from it: they are asked for, they are there, they stay; the run is partial."""
    world = busy_world()
    with mirrored(world, engine) as (site, context):
        before = fingerprint(engine)
        fault(site, "next-missing", LISTING)

        report = full(context)

        assert fired(site) == {"next-missing"}
        assert (report.outcome, report.exit_code) == ("partial", 3)
        assert (report.counts.listed, report.counts.removed, report.counts.hidden) == (250, 0, 0)
        assert fingerprint(engine) == before
        (space,) = rows(engine, "SELECT listing_digest FROM sync_run_spaces WHERE run_id = %s", report.run_id)
        assert space["listing_digest"] is None


@pytest.mark.parametrize(
    ("kind", "match", "at", "exit_code"),
    [
        ("not-found-404-v2", rf"/api/v2/spaces/\d+(\?|$)|{LOOKUPS}", 1, 3),
        ("not-found-404-v2", rf"/api/v2/spaces/\d+(\?|$)|{LOOKUPS}", 2, 3),
        ("not-found-404-v2", rf"/api/v2/spaces/\d+(\?|$)|{LOOKUPS}", 3, 3),
        ("unauthorized-401", "user/current", 2, 77),
        ("unauthorized-401", "user/current", 3, 77),
        ("anonymous-200", rf"user/current|{LOOKUPS}", 2, 77),
        ("error-500", LOOKUPS, 1, 3),
        ("html-200", LOOKUPS, 1, 3),
        ("gone-410", LOOKUPS, 1, 3),
        ("not-found-404-gateway", LOOKUPS, 1, 3),
        ("site-gone-404", LOOKUPS, 1, 3),
        ("redirect-login", LOOKUPS, 1, 77),
    ],
)
def test_a_token_that_expires_before_the_lookup_removes_nothing(
    engine: Engine, kind: str, match: str, at: int, exit_code: int
) -> None:
    """Three pages are really gone; as long as the access check fails, they stay as they are."""
    world = world_of(12)
    with mirrored(world, engine) as (site, context):
        trashed, hidden, purged = world.pages()[-3:]
        world.trash_page(trashed.id)
        world.hide_page(hidden.id)
        world.purge_page(purged.id)
        before = fingerprint(engine)
        fault(site, kind, match, at=at, times=0)

        report = full(context)

        assert kind in fired(site)
        assert (report.exit_code, report.counts.removed, report.counts.hidden) == (exit_code, 0, 0)
        assert fingerprint(engine) == before

        site.faults.clear()
        assert full(context).outcome == "complete"
        assert [state_of(engine, page.id) for page in (trashed, hidden, purged)] == ["trashed", "hidden", "hidden"]
        assert wrong(engine, site, marked=True) == []
