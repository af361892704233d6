"""Orders of a person beside everything else: purges and resyncs of held, gone, renamed, hidden and busy pages."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope
from hr_sync.errors import LeaseHeld, UsageError
from hr_sync.store.read.runs import status_by_space
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.purge import purge
from hr_sync.sync.run import run
from tests.support.wiring import (
    NoWaiting,
    ask,
    context_of,
    feed,
    full,
    incremental,
    live_ids,
    live_titles,
    mirrored,
    preview,
)


def world_with(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def erase(context: SyncContext, *, spaces: tuple[str, ...] = (), pages: tuple[str, ...] = ()) -> int:
    """Purge as the command does."""
    chosen = context.store.pages_to_purge(space_keys=spaces, page_ids=pages)
    return purge(
        context.store,
        context.worker,
        chosen,
        version="test",
        cancellation=NoWaiting(),
        whole_spaces=bool(spaces),
        busy_wait_seconds=0,
    )


def shown_spaces(engine: Engine) -> dict[str, int]:
    """Return the spaces that status and health show, and what each holds."""
    with Session(engine) as session:
        return {status.space_key: status.held for status in status_by_space(session)}


def test_a_purged_space_in_scope_is_read_whole_by_the_next_incremental_run(engine: Engine) -> None:
    """It never passes for complete with the one page that changed since."""
    world = world_with(20, "HR")
    with mirrored(world, engine) as (_site, context):
        assert erase(context, spaces=("HR",)) == 20
        world.edit_page(world.pages()[0].id, storage="NEW")

        report = incremental(context)

        assert (report.outcome, len(live_ids(engine))) == ("complete", 20)


@pytest.mark.parametrize("how", ["space", "pages"])
def test_a_purge_of_what_a_lost_space_holds_ends_the_hold(engine: Engine, how: str) -> None:
    """The next full run finds nothing left, and nobody has to decide."""
    world = world_with(40, "HR", "PUB")
    with mirrored(world, engine) as (_site, context):
        world.forbid_space("HR", group="confluence-users")
        assert full(context).outcome == "held"
        ids = tuple(page.id for page in world.pages(space_key="HR"))

        assert erase(context, **({"spaces": ("HR",)} if how == "space" else {"pages": ids})) == 40

        assert full(context).outcome == "complete"
        assert shown_spaces(engine) == {"PUB": 0}


def test_a_purge_that_meets_a_busy_space_ends_its_run(engine: Engine) -> None:
    """Its row says how it ended, and nothing is erased."""
    world = world_with(3, "HR")
    with mirrored(world, engine) as (_site, context):
        space = Space(id=world.space("HR").id, key="HR", name="HR")
        with (
            context.store.leased(space, Worker(host="other", pid=1), 1, cancellation=NoWaiting()),
            pytest.raises(LeaseHeld, match="other:1"),
        ):
            erase(context, spaces=("HR",))

        last = ask(engine, "SELECT outcome, exit_code, finished_at IS NOT NULL FROM sync_runs ORDER BY id DESC LIMIT 1")
        assert last == [("failed", 75, True)]
        assert len(live_ids(engine)) == 3


def test_a_purge_under_a_former_key_leaves_no_space_of_its_own(engine: Engine) -> None:
    """The pages still stand under the key that the space had until the last incremental run."""
    world = world_with(3, "HR", "PUB")
    with mirrored(world, engine) as (_site, context):
        world.advance(timedelta(days=1))
        world.edit_page(world.pages(space_key="HR")[2].id, storage="NEW")
        incremental(context)
        world.advance(timedelta(days=1))
        world.rekey_space("HR", "PEOPLE")
        incremental(context)
        first = world.pages(space_key="PEOPLE")[0].id
        assert ask(engine, "SELECT space_key FROM confluence_pages WHERE id = %s", first) == [("HR",)]

        erase(context, pages=(first,))

        assert full(context).outcome == "complete"
        assert len(live_ids(engine)) == 6
        full(context)
        assert shown_spaces(engine) == {"PEOPLE": 0, "PUB": 0}


def test_a_resync_of_what_is_the_same_says_nothing_new(engine: Engine) -> None:
    """No feed row without a changed field, no body written again."""
    world = world_with(10, "HR")
    with mirrored(world, engine) as (_site, context):
        before = feed(engine)
        bodies = ask(engine, "SELECT page_id, xmin::text FROM page_bodies ORDER BY page_id")

        report = run(context, SyncRequest(mode=Mode.RESYNC, every_page=True))

        assert (report.outcome, report.counts.bodies) == ("complete", 10)
        assert feed(engine) == before
        assert ask(engine, "SELECT page_id, xmin::text FROM page_bodies ORDER BY page_id") == bodies


def test_a_named_page_of_a_held_space_comes_back_alone(engine: Engine) -> None:
    """The hold goes on for the others."""
    world = world_with(60, "HR")
    with mirrored(world, engine) as (_site, context):
        for page in world.pages()[:40]:
            world.hide_page(page.id)
        full(context)
        back = world.pages()[0].id
        world.unrestrict_page(back)

        assert run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(back,))).counts.restored == 1

        assert back in live_ids(engine)
        assert full(context).outcome == "held"
        assert shown_spaces(engine) == {"HR": 39}


@pytest.mark.parametrize("state", ["out of scope", "removed", "hidden"])
def test_a_named_page_that_must_not_be_shown_is_not(engine: Engine, state: str) -> None:
    """Whatever the mirror had of it."""
    world = world_with(5, "HR")
    page = world.pages()[0]
    with Simulator(world) as site:
        context = context_of(site, engine, pages=PageScope(exclude_labels=frozenset({"confidential"})))
        full(context)
        if state == "out of scope":
            world.label_page(page.id, "confidential")
            assert run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,))).counts.hidden == 1
        elif state == "removed":
            world.trash_page(page.id)
            full(context)
        else:
            world.hide_page(page.id)
            full(context)

        with pytest.raises(UsageError, match="out of scope") if state == "out of scope" else nullcontext():
            run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))

        assert page.title not in live_titles(engine)


def test_keys_that_move_on_twice_and_are_used_again_mix_nothing(engine: Engine) -> None:
    """HR becomes PEOPLE and then STAFF; another space gets HR, and another one PEOPLE."""
    world = world_with(3, "HR")
    with mirrored(world, engine) as (_site, context):
        old = {page.id for page in world.pages()}
        world.rekey_space("HR", "PEOPLE")
        incremental(context)
        world.rekey_space("PEOPLE", "STAFF")
        for key in ("HR", "PEOPLE"):
            world.create_space(key)
            world.create_page(space_key=key, title=f"New {key}", storage="n")

        incremental(context)
        assert full(context).outcome == "complete"

        rows = dict(ask(engine, "SELECT id, space_key FROM live_pages"))
        assert {page_id for page_id, key in rows.items() if key == "STAFF"} == old
        assert sorted(rows.values()) == ["HR", "PEOPLE", "STAFF", "STAFF", "STAFF"]
        assert full(context).counts.moved == 0
        assert shown_spaces(engine) == {"HR": 0, "PEOPLE": 0, "STAFF": 0}


def test_a_dry_run_of_a_renamed_space_says_what_the_run_then_does(engine: Engine) -> None:
    """It knows the space by its id: what is gone, and what is held."""
    world = world_with(60, "HR")
    with mirrored(world, engine) as (_site, context):
        for page in world.pages()[:30]:
            world.hide_page(page.id)
        assert full(context).outcome == "held"
        world.trash_page(world.pages()[50].id)
        world.rekey_space("HR", "PEOPLE")

        shown = preview(context)["PEOPLE"].deletions
        report = full(context)

        assert (len(shown.held), len(shown.remove)) == (30, 1)
        assert (report.outcome, report.counts.removed) == ("held", 1)


class Killed(BaseException):
    """A process that ends without a word."""


@pytest.mark.parametrize("after", ["hide", "finish"])
def test_a_run_that_is_killed_on_the_way_leaves_what_the_next_one_needs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """A mass that was hidden is held by the next run; what is few is removed by it."""
    world = world_with(60, "HR", "PUB")
    with Simulator(world) as site:
        context = context_of(site, engine)
        full(context)
        for page in world.pages(space_key="HR")[:40]:
            world.trash_page(page.id)
        world.trash_page(world.pages(space_key="PUB")[0].id)
        original = getattr(SpaceStore, after)

        def killed(store: SpaceStore, *args: object, **how: object) -> object:
            original(store, *args, **how)
            if store.space.key == "HR" and (after == "finish" or args[0]):
                raise Killed
            return original(store, *args, **how)

        monkeypatch.setattr(SpaceStore, after, killed)
        with pytest.raises(Killed):
            full(context)
        monkeypatch.undo()
        assert len(live_ids(engine)) <= 80
        ask(engine, "UPDATE sync_spaces SET lease_token = NULL, lease_expires_at = NULL")

        report = full(context)

        assert report.outcome == "held"
        assert shown_spaces(engine) == {"HR": 40, "PUB": 0}
        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(1,)]
