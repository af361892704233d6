"""What holds until somebody or something ends it stands in the row of the space, not in the last run."""

from confluence_simulator import World
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Mode
from hr_sync.store.read.runs import status_by_space
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.support.wiring import NoWaiting, ask, context_of, fault, fired, full, incremental, live_ids, mirrored


def world_with(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def holds(engine: Engine) -> dict[str, tuple[int, str | None]]:
    """Return how many removals each space holds and why, as its own row says."""
    return {key: (held, why) for key, held, why in ask(engine, "SELECT space_key, held, held_reason FROM sync_spaces")}


def shown_spaces(engine: Engine) -> list[str]:
    """Return the spaces that status and health show."""
    with Session(engine) as session:
        return [status.space_key for status in status_by_space(session)]


def test_a_hold_is_recorded_although_one_page_gives_no_evidence(engine: Engine) -> None:
    """A lost space of 40 pages, one of which the server cannot show for a moment."""
    world = world_with(40, "HR", "PUB")
    with mirrored(world, engine) as (site, context):
        world.forbid_space("HR", group="confluence-users")
        odd = world.pages(space_key="HR")[3].id
        fault(site, "error-500", rf"/api/v2/pages/{odd}$", times=0)

        report = full(context)

        assert fired(site) == {"error-500"}
        assert report.exit_code == 4
        assert holds(engine)["HR"][0] == 39


def test_a_hold_keeps_the_reason_that_it_began_with(engine: Engine) -> None:
    """An operator who looks a day later still reads why."""
    world = world_with(60, "HR")
    with mirrored(world, engine) as (_site, context):
        for page in world.pages()[:40]:
            world.hide_page(page.id)
        full(context)
        before = holds(engine)["HR"]

        full(context)
        full(context)

        assert holds(engine)["HR"] == before
        assert "more than 20 pages became invisible at once" in (before[1] or "")


def test_a_space_that_comes_back_is_not_complete_before_its_pages_are(engine: Engine) -> None:
    """Its pages are hidden, and an incremental run sees no new version of any of them."""
    world = world_with(5, "HR", "PUB")
    with mirrored(world, engine, spaces=("HR", "PUB")) as (site, both):
        one = context_of(site, engine, spaces=("PUB",))
        assert full(one).outcome == "held"
        assert len(live_ids(engine)) == 5

        report = incremental(both)

        assert (report.outcome, len(live_ids(engine))) == ("complete", 10)


def test_a_lost_space_that_comes_back_after_its_removal_is_read_whole(engine: Engine) -> None:
    """The position from before the loss says nothing about pages that were removed since."""
    world = world_with(5, "HR", "PUB")
    with mirrored(world, engine) as (_site, context):
        world.forbid_space("HR", group="confluence-users")
        full(context)
        full(context)
        assert shown_spaces(engine) == ["PUB"]
        world.permit_space("HR", group="confluence-users")

        report = incremental(context)

        assert (report.outcome, len(live_ids(engine))) == ("complete", 10)
        assert shown_spaces(engine) == ["HR", "PUB"]


def test_a_space_that_comes_back_and_cannot_be_read_is_shown(engine: Engine) -> None:
    """It was gone; its listing fails now, which status and health must say."""
    world = world_with(5, "HR", "PUB")
    with mirrored(world, engine) as (site, context):
        space_id = world.space("HR").id
        world.forbid_space("HR", group="confluence-users")
        full(context)
        full(context)
        world.permit_space("HR", group="confluence-users")
        fault(site, "error-500", rf"/api/v2/spaces/{space_id}/pages", times=0)

        report = full(context)

        assert fired(site) == {"error-500"}
        assert report.exit_code == 3
        assert shown_spaces(engine) == ["HR", "PUB"]


def test_an_empty_space_that_is_lost_is_no_longer_shown(engine: Engine) -> None:
    """It has no page that could be looked up, and its age would grow for ever."""
    world = world_with(2, "PUB")
    world.create_space("EMPTY")
    with mirrored(world, engine) as (_site, context):
        assert shown_spaces(engine) == ["EMPTY", "PUB"]
        world.forbid_space("EMPTY", group="confluence-users")

        full(context)

        assert shown_spaces(engine) == ["PUB"]


def test_a_busy_space_with_a_new_key_is_due_too(engine: Engine) -> None:
    """The worker that holds it has it under the old key still."""
    world = world_with(2, "HR")
    with mirrored(world, engine) as (_site, context):
        space = Space(id=world.space("HR").id, key="HR", name="HR")
        other = Worker(host="other-host", pid=7)
        with context.store.leased(space, other, 1, cancellation=NoWaiting()):
            world.rekey_space("HR", "PEOPLE")

            full(context)

        assert ask(engine, "SELECT full_pass_due FROM sync_spaces") == [(True,)]


def test_orders_for_every_space_are_not_complete_where_a_space_is_busy(engine: Engine) -> None:
    """Nobody remembers a decision or a resync that met a busy space, so the person has to be told."""
    world = world_with(2, "HR", "PUB")
    with mirrored(world, engine) as (_site, context):
        space = Space(id=world.space("HR").id, key="HR", name="HR")
        other = Worker(host="other-host", pid=7)
        with context.store.leased(space, other, 1, cancellation=NoWaiting()):
            assert full(context, allow_mass_delete=True).exit_code == 75
            assert run(context, SyncRequest(mode=Mode.RESYNC, every_page=True)).exit_code == 75
            assert run(context, SyncRequest(mode=Mode.RESYNC, failed_pages=True)).exit_code == 75
            assert full(context).exit_code == 0


def test_a_full_pass_of_an_incremental_run_tells_how_the_last_full_pass_ended(engine: Engine) -> None:
    """It decides about every page, whatever started it."""
    world = world_with(60, "HR")
    with mirrored(world, engine) as (_site, context):
        ask(engine, "UPDATE sync_spaces SET full_pass_due = true")
        for page in world.pages()[:40]:
            world.hide_page(page.id)

        assert incremental(context).outcome == "held"
        incremental(context)

        assert ask(engine, "SELECT last_full_outcome FROM sync_spaces") == [("held",)]
