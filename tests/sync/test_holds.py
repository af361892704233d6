"""Hiding is never held; removing is. A hold stays until a full run finds nothing held or somebody decides."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import World
from sqlalchemy import Engine

from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.history_of_runs import read_past_runs
from hr_sync.sync import removals
from hr_sync.sync import run as run_module
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.run import run
from tests.support.database import state_of
from tests.support.wiring import (
    ask,
    context_of,
    feed,
    full,
    incremental,
    live_ids,
    mirrored,
    preview,
)


def world_with(*keys: str, pages: int) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def holds(engine: Engine) -> dict[str, int]:
    """Return how many removals each space holds, as its own row says."""
    return dict(ask(engine, "SELECT space_key, held FROM sync_spaces"))


def gone(engine: Engine) -> list[int]:
    """Return how many pages each run withdrew, as a plot of the runs shows it."""
    with session_scope(make_sessions(engine)) as session:
        return [run.gone for run in read_past_runs(session, since=timedelta(days=1))]


def test_a_mass_of_revoked_pages_is_hidden_at_once_and_its_removal_is_held(engine: Engine) -> None:
    """The 40 pages leave the view in the run that finds them; nothing is removed."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (_site, context):
        for page in world.pages(space_key="HR")[:40]:
            world.hide_page(page.id)

        report = full(context)

        assert (report.outcome, report.exit_code) == ("held", 4)
        assert len(live_ids(engine)) == 20
        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(0,)]
        assert holds(engine) == {"HR": 40}
        assert "hr-sync run --space HR --allow-mass-delete" in (report.error or "")


def test_a_hold_survives_every_other_run_until_somebody_decides(engine: Engine) -> None:
    """Incremental and access runs, and further full runs, neither clear it nor remove anything."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (_site, context):
        for page in world.pages(space_key="HR")[:40]:
            world.hide_page(page.id)
        full(context)
        since = ask(engine, "SELECT held_since FROM sync_spaces")

        assert incremental(context).outcome == "complete"
        assert holds(engine) == {"HR": 40}
        assert full(context).outcome == "held"
        assert holds(engine) == {"HR": 40}
        assert ask(engine, "SELECT held_since FROM sync_spaces") == since

        report = full(context, allow_mass_delete=True)

        assert (report.outcome, report.counts.removed) == ("complete", 40)
        assert holds(engine) == {"HR": 0}
        assert full(context).outcome == "complete"
        assert sum(gone(engine)) == 40  # by the first run, and not again by the one that removed them


def test_a_page_that_is_hidden_and_removed_by_one_run_is_gone_once(engine: Engine) -> None:
    """And a later run finds nothing more of it."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (_site, context):
        world.hide_page(world.pages(space_key="HR")[0].id)
        world.trash_page(world.pages(space_key="HR")[1].id)

        full(context)
        full(context)

        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(2,)]
        assert sum(gone(engine)) == 2


def test_a_hold_ends_when_the_pages_come_back(engine: Engine) -> None:
    """They are shown again without their bodies being fetched, and the next full run finds nothing held."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (site, context):
        hidden = [page.id for page in world.pages(space_key="HR")[:40]]
        for page_id in hidden:
            world.hide_page(page_id)
        full(context)
        for page_id in hidden:
            world.unrestrict_page(page_id)
        site.requests.clear()

        report = full(context)

        assert (report.outcome, report.counts.restored, report.counts.bodies) == ("complete", 40, 0)
        assert len(live_ids(engine)) == 60
        assert holds(engine) == {"HR": 0}


def test_a_mass_in_the_trash_is_hidden_and_held(engine: Engine) -> None:
    """Positive evidence in such a number waits for a decision too, hidden from consumers."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (_site, context):
        for page in world.pages(space_key="HR")[:26]:
            world.trash_page(page.id)

        report = full(context)

        assert (report.outcome, report.counts.hidden, report.counts.removed) == ("held", 26, 0)
        assert len(live_ids(engine)) == 34
        assert ask(engine, "SELECT DISTINCT hidden_reason FROM confluence_pages WHERE hidden_at IS NOT NULL") == [
            ("trashed",)
        ]
        assert full(context).outcome == "held"
        assert full(context, allow_mass_delete=True).counts.removed == 26
        assert full(context).outcome == "complete"


def test_a_hold_does_not_keep_other_pages(engine: Engine) -> None:
    """While 21 wait, one more goes to the trash and one is purged: the first is removed, the second hidden."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (_site, context):
        pages = world.pages(space_key="HR")
        for page in pages[:21]:
            world.hide_page(page.id)
        assert full(context).outcome == "held"
        world.trash_page(pages[30].id)
        world.trash_page(pages[31].id)
        world.purge_page(pages[31].id)

        report = full(context)

        assert report.outcome == "held"
        assert not {pages[30].id, pages[31].id} & live_ids(engine)
        assert ask(engine, "SELECT id FROM confluence_pages WHERE removed_at IS NOT NULL") == [(pages[30].id,)]


def test_a_space_that_is_lost_is_hidden_whole_and_can_be_inspected_and_released_alone(engine: Engine) -> None:
    """The commands that the message prints work, for this space alone."""
    world = world_with("HR", "OTHER", pages=40)
    with mirrored(world, engine) as (_site, context):
        world.forbid_space("HR", group="confluence-users")
        for page in world.pages(space_key="OTHER")[:30]:
            world.trash_page(page.id)

        assert full(context).outcome == "held"
        assert {page.title[:2] for page in world.pages() if page.id in live_ids(engine)} == {"OT"}
        seen = preview(context, space_keys=("HR",))
        assert len(seen["HR"].deletions.held) == 40
        assert len(preview(context)["HR"].deletions.held) == 40

        released = full(context, space_keys=("HR",), allow_mass_delete=True)

        assert released.counts.removed == 40
        assert holds(engine)["OTHER"] == 30
        assert ask(engine, "SELECT gone_at IS NOT NULL FROM sync_spaces WHERE space_key = 'HR'") == [(True,)]


def test_an_archived_space_is_hidden_at_once(engine: Engine) -> None:
    """Its removal is held when it is a mass."""
    world = world_with("HR", "PUB", pages=36)
    with mirrored(world, engine) as (_site, context):
        world.archive_space("HR")

        report = full(context)

        assert report.outcome == "held"
        assert all(title.startswith("PUB") for (title,) in ask(engine, "SELECT title FROM live_pages"))
        assert ask(engine, "SELECT DISTINCT hidden_reason FROM confluence_pages WHERE hidden_at IS NOT NULL") == [
            ("space_archived",)
        ]


def test_many_small_losses_in_one_run_are_one_mass(engine: Engine) -> None:
    """40 spaces of 15 pages each become invisible: all is hidden, and nothing is removed without a decision."""
    world = world_with(*(f"S{number:02d}" for number in range(40)), "PUB", pages=15)
    with mirrored(world, engine) as (_site, context):
        for number in range(40):
            world.forbid_space(f"S{number:02d}", group="confluence-users")

        first, second = full(context), full(context)

        assert len(live_ids(engine)) == 15
        assert (first.outcome, second.outcome) == ("held", "held")
        assert sum(holds(engine).values()) == 600
        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("other", [incremental, full])
def test_another_run_between_a_pass_and_its_removals(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, other: Callable[[SyncContext], RunReport]
) -> None:
    """A long run meets many incremental ones, which decide about no removal; what came back meanwhile stays."""
    world = world_with("HR", pages=30)
    settle, met = removals.settle_removals, list[bool]()
    with mirrored(world, engine) as (_, context):
        gone_page, back = (page.id for page in world.pages()[:2])
        for page_id in (gone_page, back):
            world.trash_page(page_id)

        def settle_later(*given: Any) -> Any:
            if not met:
                met.append(True)
                world.restore_page(back)
                run(context, SyncRequest(mode=Mode.FULL, page_ids=(back,)))
                other(context)
            return settle(*given)

        monkeypatch.setattr(run_module, "settle_removals", settle_later)
        report = full(context)

    assert report.counts.removed == (1 if other is incremental else 0), "another full run has done it"
    assert state_of(engine, gone_page) == "trashed"
    assert state_of(engine, back) == "live"


def test_a_first_pass_that_was_allowed_is_not_held_again_by_the_second(engine: Engine) -> None:
    """What became invisible in a run that somebody allowed is removed by the next full run without another question."""
    world = world_with("HR", pages=60)
    with mirrored(world, engine) as (_site, context):
        for page in world.pages(space_key="HR")[:40]:
            world.hide_page(page.id)

        assert full(context, allow_mass_delete=True).outcome == "complete"
        report = full(context)

        assert (report.outcome, report.counts.removed) == ("complete", 40)


def test_a_page_that_was_invisible_for_a_moment_is_shown_again_by_an_incremental_run(engine: Engine) -> None:
    """The following incremental runs look such pages up again, many ids at once."""
    world = world_with("HR", pages=30)
    with mirrored(world, engine) as (site, context):
        hidden = [page.id for page in world.pages(space_key="HR")[:10]]
        for page_id in hidden:
            world.hide_page(page_id)
        full(context)
        assert len(live_ids(engine)) == 20
        site.requests.clear()
        incremental(context)
        idle = len(site.requests)
        for page_id in hidden:
            world.unrestrict_page(page_id)

        report = incremental(context)

        assert report.counts.restored == 10
        assert len(live_ids(engine)) == 30
        assert idle <= 6  # the account twice, the spaces, the recent changes, all hidden pages, and how to name these


def test_a_transition_of_the_view_is_told_once(engine: Engine) -> None:
    """Hiding and the later removal are one transition, and coming back is another one."""
    world = world_with("HR", pages=30)
    with mirrored(world, engine) as (_site, context):
        page = world.pages(space_key="HR")[0]
        world.hide_page(page.id)
        full(context)
        full(context)
        assert ask(engine, "SELECT removed_reason FROM confluence_pages WHERE id = %s", page.id) == [("not_visible",)]
        world.unrestrict_page(page.id)
        full(context)

        assert [(action, fields) for _, action, fields in feed(engine, page.id)][1:] == [
            ("hide", ["hidden"]),
            ("restore", ["restored"]),
        ]


def test_settings_that_cover_less_hide_at_once_and_removal_waits(engine: Engine) -> None:
    """A space that is left out of the settings, and pages outside of a new page tree."""
    world = world_with("HR", "PUB", pages=5)
    with mirrored(world, engine, spaces=("HR", "PUB")) as (site, _context):
        narrower = context_of(site, engine, spaces=("HR",))

        report = full(narrower)

        assert report.outcome == "held"
        assert len(live_ids(engine)) == 5
        assert holds(engine)["PUB"] == 5
        assert preview(narrower)["PUB"].deletions.held
        incremental(narrower)
        assert holds(engine)["PUB"] == 5
        wider = context_of(site, engine, spaces=("HR", "PUB"))
        again = full(wider)
        assert (again.outcome, again.counts.restored, again.counts.bodies) == ("complete", 5, 0)
        full(narrower)
        assert full(narrower, allow_mass_delete=True).counts.removed == 5
        assert full(narrower).outcome == "complete"


def test_old_hidden_pages_are_not_looked_up_by_incremental_runs_for_ever(engine: Engine) -> None:
    """After a day a full run finds them."""
    world = world_with("HR", pages=10)
    with mirrored(world, engine) as (site, context):
        world.hide_page(world.pages(space_key="HR")[0].id)
        full(context)
        ask(
            engine,
            "UPDATE confluence_pages SET hidden_at = hidden_at - %s WHERE hidden_at IS NOT NULL",
            timedelta(days=2),
        )
        site.requests.clear()

        incremental(context)

        assert not [call for call in site.requests if "id" in dict(call.query)]
