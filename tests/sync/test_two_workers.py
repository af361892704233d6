"""Two workers, two spaces, one row; a lock, a lease and a deadlock cost what they concern."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.domain.content import ContentKind, Listing, Space
from hr_sync.domain.outcome import Mode
from hr_sync.store.engine import make_engine
from hr_sync.store.values import Busy, Worker
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.run import run
from tests.support.wiring import NoWaiting, ask, context_of, feed, full, incremental, live_ids, mirrored, plain_url


def world_of(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number}", storage="<p>x</p>")
    return world


class HookedSource(CloudSource):
    """Calls a hook once, after the listing of a space."""

    hooks: dict[str, Callable[[], object]]

    def listing(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Listing:
        found = super().listing(space, kind)
        if hook := getattr(self, "hooks", {}).pop(space.key, None):
            hook()
        return found


def hook(context: SyncContext, space_key: str, call: Callable[[], object]) -> None:
    """Let this happen between the listing of the space and everything after it."""
    context.source.hooks = {space_key: call}  # type: ignore[attr-defined]


def test_a_page_that_moved_away_is_not_taken_back_by_an_older_listing(engine: Engine) -> None:
    """A's listing shows the page; it moves to B, whose pass is done first; the row stays with B."""
    world = world_of(5, "A", "B")
    with Simulator(world) as site:
        a = context_of(site, engine, source=HookedSource)
        b = context_of(site, engine)
        full(a)
        page = world.pages(space_key="A")[2]

        def meanwhile() -> None:
            world.move_page(page.id, space_key="B")
            full(b, space_keys=("B",))
            assert ask(engine, "SELECT space_key FROM confluence_pages WHERE id = %s", page.id) == [("B",)]

        hook(a, "A", meanwhile)
        full(a, space_keys=("A",))

        assert ask(engine, "SELECT space_key FROM confluence_pages WHERE id = %s", page.id) == [("B",)]
        assert [action for _, action, _ in feed(engine, page.id)] == ["insert", "move"]


def test_a_page_that_moved_between_two_mirrored_spaces_is_live_once(engine: Engine) -> None:
    """Whichever space's pass comes first."""
    world = world_of(5, "A", "B")
    with mirrored(world, engine) as (_site, context):
        there, back = world.pages(space_key="A")[1], world.pages(space_key="B")[1]
        world.move_page(there.id, space_key="B")
        world.move_page(back.id, space_key="A")

        full(context)

        rows = dict(ask(engine, "SELECT id, space_key FROM live_pages WHERE id = ANY(%s)", [there.id, back.id]))
        assert rows == {there.id: "B", back.id: "A"}


def test_a_locked_row_costs_its_space_alone(engine: Engine) -> None:
    """Somebody's open transaction holds one row of one of twenty spaces."""
    keys = [f"S{number:02d}" for number in range(20)]
    world = world_of(2, *keys)
    with Simulator(world) as site:
        full(context_of(site, engine))
        for page in world.pages():
            world.edit_page(page.id, storage="NEW")
        impatient = make_engine(engine.url, lock_timeout_seconds=0.3)
        context = context_of(site, impatient, connections=2)
        first = world.pages(space_key="S00")[0].id
        with psycopg.connect(plain_url(engine)) as other:
            other.execute("SELECT 1 FROM confluence_pages WHERE id = %s FOR UPDATE", (first,))

            report = full(context)

            other.rollback()
        impatient.dispose()
        done = ask(engine, "SELECT space_key FROM live_pages GROUP BY 1 HAVING bool_and(storage = 'NEW') ORDER BY 1")
        assert [key for (key,) in done] == keys[1:]
        assert report.exit_code == 3
        assert {space.space_key: space.outcome for space in report.spaces}["S00"] == "failed"
        full(context_of(site, engine))
        assert ask(engine, "SELECT count(*) FROM live_pages WHERE storage <> 'NEW'") == [(0,)]


@pytest.fixture
def busy_world(engine: Engine) -> Any:
    """Return a mirrored world with a hold, and what takes the space's lease for another worker."""
    world = world_of(60, "HR")
    with Simulator(world) as site:
        context = context_of(site, engine)
        full(context)
        for page in world.pages()[:40]:
            world.hide_page(page.id)
        full(context)
        yield site, context


def lease_of_another(context: SyncContext) -> Any:
    """Take the lease of HR as another worker."""
    space = Space(id=context.source.spaces(["HR"]).spaces[0].id, key="HR", name="HR")
    other = Worker(host="other-host", pid=7)
    return context.store.leased(space, other, 1, seconds=60, cancellation=NoWaiting())


def test_a_named_space_that_stays_busy_ends_with_75(engine: Engine, busy_world: Any) -> None:
    """A decision that could not be carried out is not complete."""
    _site, context = busy_world
    with lease_of_another(context) as lease:
        assert not isinstance(lease, Busy)

        report = full(context, space_keys=("HR",), allow_mass_delete=True)

        assert report.exit_code == 75
        assert "other-host:7" in (report.error or "")
        assert ask(engine, "SELECT held FROM sync_spaces") == [(40,)]
    assert full(context, space_keys=("HR",), allow_mass_delete=True).exit_code == 0


def test_a_named_space_that_becomes_free_is_waited_for(busy_world: Any) -> None:
    """For a bounded time."""
    site, context = busy_world
    patient = context_of(site, context.store.engine, policy=SyncPolicy(busy_wait_seconds=20), cancellation=None)
    done = threading.Event()

    def hold() -> None:
        with lease_of_another(context):
            started.set()
            done.wait(20)

    started = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    started.wait(20)
    threading.Timer(0.3, done.set).start()

    report = full(patient, space_keys=("HR",), allow_mass_delete=True)

    other.join()
    assert report.exit_code == 0
    assert report.counts.removed == 40


def test_a_scheduled_full_pass_that_met_a_busy_space_is_due_at_the_next_tick(engine: Engine, busy_world: Any) -> None:
    """The following incremental run does it."""
    site, context = busy_world
    with lease_of_another(context):
        report = full(context)
        assert (report.outcome, report.spaces[0].busy_with) == ("complete", "other-host:7")
        assert ask(engine, "SELECT full_pass_due FROM sync_spaces") == [(True,)]
    world = site.world
    world.trash_page(world.pages()[50].id)

    incremental(context)

    assert world.pages()[50].id not in live_ids(engine)
    assert ask(engine, "SELECT full_pass_due FROM sync_spaces") == [(False,)]


def test_workers_side_by_side_end_right_and_tell_each_transition_in_order(engine: Engine) -> None:
    """Full and incremental runs of three workers while pages move, change and go; the feed replays to the view."""
    world = world_of(12, "A", "B", "C")
    with Simulator(world) as site:
        full(context_of(site, engine))
        failures: list[BaseException] = []

        def work(mode: Mode) -> None:
            try:
                for _ in range(6):
                    run(context_of(site, engine, connections=2), SyncRequest(mode=mode))
            except BaseException as failure:  # noqa: BLE001 -- reported by the main thread
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(mode,)) for mode in (Mode.FULL, Mode.INCREMENTAL, Mode.FULL)]
        for thread in threads:
            thread.start()
        pages = world.pages()
        for number, page in enumerate(pages):
            if number % 3 == 0:
                world.move_page(page.id, space_key="ABC"[(number + 1) % 3])
            elif number % 7 == 1:
                world.trash_page(page.id)
            else:
                world.edit_page(page.id, storage=f"<p>{number}</p>")
        for thread in threads:
            thread.join()
        assert failures == []
        full(context_of(site, engine), allow_mass_delete=True)

    shown = {page.id for page in world.pages(status="current")}
    assert live_ids(engine) == shown
    told = {page_id: action not in {"hide", "remove"} for page_id, action, _ in feed(engine)}
    assert {page_id for page_id, is_live in told.items() if is_live} == shown
