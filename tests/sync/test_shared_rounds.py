"""Several workers share what is due: each pass is done once, and what leaves is limited over all of them."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.cloud import CloudSource
from hr_sync.domain.content import Space, SpaceList
from hr_sync.domain.not_mirrored import OtherKind
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.domain.rounds import Cadence
from hr_sync.store.values import Busy, Worker
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.run import run
from tests.support.wiring import ask, context_of, fault, full

HOURLY = Cadence(every=timedelta(hours=1))
ELSEWHERE = Worker(host="elsewhere", pid=7)


def world_of(spaces: int, pages: int = 1) -> World:
    """Make spaces S00, S01, ... with so many pages each."""
    world = World()
    for number in range(spaces):
        world.create_space(f"S{number:02d}")
        for page in range(pages):
            world.create_page(space_key=f"S{number:02d}", title=f"{number} {page}", storage="<p>x</p>")
    return world


def take(context: SyncContext, mode: Mode = Mode.FULL, cadence: Cadence = HOURLY) -> RunReport:
    """Do what is due and free."""
    return run(context, SyncRequest(mode=mode, cadence=cadence))


def taken(report: RunReport) -> list[str]:
    """Return the keys of the spaces that a run did."""
    return [space.space_key for space in report.spaces]


def passes(engine: Engine, mode: str = "full") -> Counter[str]:
    """Count the passes of each space, as the rows of runs say."""
    query = "SELECT space_key FROM sync_run_spaces JOIN sync_runs ON id = run_id WHERE mode = %s"
    return Counter(key for (key,) in ask(engine, query, mode))


def make_due(engine: Engine, mode: str = "full") -> None:
    """Let an hour pass for the due times."""
    ask(engine, f"UPDATE sync_spaces SET {mode}_due_at = {mode}_due_at - interval '1 hour' RETURNING 1")


@contextmanager
def held_elsewhere(context: SyncContext, world: World, *keys: str, seconds: float = 60) -> Iterator[None]:
    """Let another worker hold these spaces within the block, or until it dies."""
    if not keys:
        yield
        return
    space = next(each for each in world.spaces() if each.key == keys[0])
    with context.store.leased(
        Space(id=space.id, key=space.key, name=space.name), ELSEWHERE, 0, seconds=seconds, cancellation=Cancellation()
    ) as store:
        assert not isinstance(store, Busy)
        with held_elsewhere(context, world, *keys[1:], seconds=seconds):
            yield


class MeetingSource(CloudSource):
    """Waits for the other worker before it begins its round."""

    met: threading.Barrier

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Return them when the other worker has them too."""
        found = super().spaces(keys)
        self.met.wait(20)
        return found


def test_two_workers_share_a_round(engine: Engine) -> None:
    """Every space has one pass, and both did some of them."""
    with Simulator(world_of(20)) as site:
        fault(site, "slow", r"/pages\?", argument=0.05, times=0)
        workers = [context_of(site, engine, connections=2, source=MeetingSource) for _ in range(2)]
        met = threading.Barrier(2)
        for each in workers:
            each.source.met = met  # type: ignore[attr-defined]
        reports: list[RunReport] = []
        threads = [threading.Thread(target=lambda each=each: reports.append(take(each))) for each in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        done = [taken(report) for report in reports]
        assert sorted(done[0] + done[1]) == [f"S{number:02d}" for number in range(20)]
        assert all(done)
        assert set(passes(engine).values()) == {1}
        assert ask(engine, "SELECT DISTINCT epoch FROM sync_spaces") == [(1,)]
        assert {report.not_shown for report in reports} == {None}, "neither saw all spaces"
        assert len(ask(engine, "SELECT DISTINCT full_due_at FROM sync_spaces")) <= 2


def test_a_schedule_that_fires_again_elsewhere_does_nothing(engine: Engine) -> None:
    """It leaves no run, and lists no space; an hour later all are due together."""
    with Simulator(world_of(3)) as site:
        context, other = context_of(site, engine), context_of(site, engine)
        first = take(context)
        assert (first.outcome, len(first.spaces), first.not_shown) == ("complete", 3, 0)
        assert not other.store.due.has_work(Mode.FULL, HOURLY)

        again = take(other)

        assert (again.outcome, again.spaces) == ("complete", [])
        assert ask(engine, "SELECT count(*) FROM sync_runs") == [(1,)]
        make_due(engine)
        assert other.store.due.has_work(Mode.FULL, HOURLY)
        assert len(take(other).spaces) == 3
        assert set(passes(engine).values()) == {2}


def test_the_spaces_of_a_dead_worker_are_taken_when_its_lease_ends(engine: Engine) -> None:
    """Until then they wait, and are still due."""
    world = world_of(3)
    with Simulator(world) as site:
        context = context_of(site, engine)
        take(context)
        make_due(engine)
        with held_elsewhere(context, world, "S01"):
            assert taken(take(context)) == ["S00", "S02"]
            assert ask(engine, "SELECT space_key FROM sync_spaces WHERE full_pass_due") == [("S01",)]
            assert context.store.due.waiting()[Mode.FULL] == 0
            assert taken(take(context)) == []
            ask(engine, "UPDATE sync_spaces SET lease_expires_at = now() WHERE space_key = 'S01' RETURNING 1")

            assert context.store.due.waiting()[Mode.FULL] == 1
            assert taken(take(context)) == ["S01"]
            assert ask(engine, "SELECT space_key FROM sync_spaces WHERE full_pass_due") == []
            assert ask(engine, "SELECT count(DISTINCT full_due_at) FROM sync_spaces") == [(1,)]


def begin_next_round(engine: Engine) -> None:
    """Let an hour pass for the due times and the counts."""
    make_due(engine)
    ask(engine, "UPDATE content_not_mirrored SET counted_at = counted_at - interval '1 hour' RETURNING 1")


def test_what_is_not_mirrored_is_counted_once_a_round(engine: Engine) -> None:
    """It is asked for every space of the site: by one of the workers that share the round, whichever ends first."""
    world = world_of(3)
    for each in world.spaces():
        world.create_blog_post(space_key=each.key, title="News", storage="<p>x</p>")
    with Simulator(world) as site:
        context = context_of(site, engine, policy=SyncPolicy(counts_not_mirrored=True, busy_wait_seconds=0.0))
        assert {each.kind: each.count for each in take(context).not_mirrored}[OtherKind.BLOG_POST] == 3
        for _ in range(2):
            begin_next_round(engine)
            with held_elsewhere(context, world, "S01"):
                first = take(context)
            ask(engine, "UPDATE sync_spaces SET lease_expires_at = now() RETURNING 1")
            last = take(context)

            assert (taken(first), taken(last)) == (["S00", "S02"], ["S01"])
            assert {each.kind: each.count for each in first.not_mirrored}[OtherKind.BLOG_POST] == 3
            assert last.not_mirrored == ()

        fault(site, "status", r"rest/api/search", argument={"status": 500}, times=0)
        begin_next_round(engine)
        with held_elsewhere(context, world, "S01"):
            first = take(context)
        assert site.faults.fired
        assert {each.kind: each.count for each in first.not_mirrored}[OtherKind.BLOG_POST] is None
        site.faults.clear()
        ask(engine, "UPDATE sync_spaces SET lease_expires_at = now() RETURNING 1")
        assert {each.kind: each.count for each in take(context).not_mirrored}[OtherKind.BLOG_POST] == 3


def test_a_pass_that_ends_with_its_run_is_still_due(engine: Engine) -> None:
    """Confluence refuses the account in the middle: nothing is done, and the next worker does all of it."""
    with Simulator(world_of(3)) as site:
        context = context_of(site, engine)
        fault(site, "status", r"/pages\?", argument=401, times=0)
        report = take(context)
        assert (report.outcome, report.exit_code) == ("failed", 77)
        site.faults.clear()

        assert context.store.due.waiting()[Mode.FULL] == 3
        assert len(take(context_of(site, engine)).spaces) == 3


def test_a_space_that_fails_is_due_with_the_next_round_and_goes_last(engine: Engine) -> None:
    """It is not tried again and again."""
    with Simulator(world_of(3)) as site:
        context = context_of(site, engine, connections=1)
        fault(site, "status", "/api/v2/spaces/" + next(iter(site.world.spaces())).id + "/pages", argument=500, times=0)
        assert take(context).exit_code == 3
        assert site.faults.fired
        assert context.store.due.waiting()[Mode.FULL] == 0
        rows = dict(ask(engine, "SELECT space_key, priority FROM sync_spaces"))
        assert rows == {"S00": 2, "S01": 1, "S02": 1}
        make_due(engine)
        site.faults.clear()
        take(context)
        last = "SELECT space_key FROM sync_run_spaces WHERE run_id = 2 ORDER BY finished_at"
        assert ask(engine, last) == [("S01",), ("S02",), ("S00",)]


def test_a_request_goes_before_the_replicas(engine: Engine) -> None:
    """While it waits for the lease nobody takes the space when it becomes free, and it gets it."""
    world = world_of(2)
    with Simulator(world) as site:
        context = context_of(site, engine)
        take(context)
        make_due(engine)
        with held_elsewhere(context, world, "S01"):
            space = Space(id=next(each.id for each in world.spaces() if each.key == "S01"), key="S01", name="S01")
            context.store.due.reserve(space)  # as a request does each time that it finds the space busy

        assert context.store.due.waiting()[Mode.FULL] == 1
        assert taken(take(context)) == ["S00"]
        assert taken(full(context, space_keys=("S01",))) == ["S01"]
        assert context.store.due.waiting()[Mode.FULL] == 0, "the request has done what was due"
        assert dict(passes(engine)) == {"S00": 2, "S01": 2}


def test_a_request_that_waits_reserves_the_space(engine: Engine) -> None:
    """Whoever holds it sees nothing of that."""
    world = world_of(1)
    with Simulator(world) as site:
        waiting = context_of(site, engine)
        take(waiting)
        space = Space(id=next(iter(world.spaces())).id, key="S00", name="S00")
        with (
            held_elsewhere(waiting, world, "S00"),
            waiting.store.leased(space, ELSEWHERE, 0, wait_seconds=0.5, cancellation=Cancellation()) as refused,
        ):
            assert isinstance(refused, Busy)
        assert ask(engine, "SELECT reserved_until > now() FROM sync_spaces") == [(True,)]


def test_a_full_pass_does_what_is_due_of_the_other_modes(engine: Engine) -> None:
    """The first incremental and access runs after it have nothing to do until their next time."""
    with Simulator(world_of(2)) as site:
        context = context_of(site, engine)
        take(context)
        assert len(take(context, Mode.INCREMENTAL).spaces) == 2
        make_due(engine, "incremental")
        make_due(engine)
        ask(
            engine,
            "UPDATE sync_spaces SET incremental_due_at = now() + interval '5 min' WHERE space_key = 'S01' RETURNING 1",
        )

        take(context)

        assert context.store.due.waiting() == {Mode.FULL: 0, Mode.INCREMENTAL: 0, Mode.ACCESS: 0}
        assert ask(engine, "SELECT count(DISTINCT incremental_due_at) FROM sync_spaces") == [(1,)]


def test_an_interval_that_was_shortened_counts_at_once(engine: Engine) -> None:
    """Due times of the old settings are not waited for."""
    with Simulator(world_of(2)) as site:
        context = context_of(site, engine)
        weekly, now = Cadence(every=timedelta(days=7)), context.store.now()
        take(context, cadence=weekly)
        assert not context.store.due.has_work(Mode.FULL, weekly)
        for cadence in (Cadence(next_at=now + timedelta(days=1)), HOURLY):
            assert context.store.due.has_work(Mode.FULL, cadence)
            take(context, cadence=cadence)
            assert not context.store.due.has_work(Mode.FULL, cadence)

        assert ask(engine, "SELECT bool_and(full_due_at < now() + interval '61 min') FROM sync_spaces") == [(True,)]


def test_what_leaves_is_limited_over_all_workers_of_a_round(engine: Engine) -> None:
    """15 of 40 pages go in each of three spaces: one worker removes its 15, and the others hold theirs."""
    world = world_of(3, pages=40)
    with Simulator(world) as site:
        contexts = [context_of(site, engine) for _ in range(3)]
        take(contexts[0])
        for key in ("S00", "S01", "S02"):
            for page in world.pages(space_key=key)[:15]:
                world.trash_page(page.id)
        make_due(engine)

        with held_elsewhere(contexts[0], world, "S01", "S02"):
            first = take(contexts[0])
        with held_elsewhere(contexts[0], world, "S02"):
            second = take(contexts[1])
        third = take(contexts[2])

        assert [taken(report) for report in (first, second, third)] == [["S00"], ["S01"], ["S02"]]
        assert [report.outcome for report in (first, second, third)] == ["complete", "held", "held"]
        assert [report.counts.removed for report in (first, second, third)] == [15, 0, 0]
        assert dict(ask(engine, "SELECT space_key, held FROM sync_spaces")) == {"S00": 0, "S01": 15, "S02": 15}
        assert "30 pages left at once in all spaces of the run, more than 20" in str(second.error)


def test_what_somebody_allowed_counts_to_no_round(engine: Engine) -> None:
    """A mass that was allowed in one space does not hold what others remove."""
    world = world_of(2, pages=40)
    with Simulator(world) as site:
        context = context_of(site, engine)
        take(context)
        for page in world.pages(space_key="S00")[:30]:
            world.trash_page(page.id)
        for page in world.pages(space_key="S01")[:15]:
            world.trash_page(page.id)
        ask(engine, "UPDATE sync_spaces SET full_due_at = now() WHERE space_key = 'S01' RETURNING 1")
        assert full(context, space_keys=("S00",), allow_mass_delete=True).counts.removed == 30

        report = take(context)

        assert (taken(report), report.outcome, report.counts.removed) == (["S01"], "complete", 15)


def test_a_worker_with_other_settings_puts_nothing_off_that_it_does_not_mirror(engine: Engine) -> None:
    """It opens each round first: during an upgrade, say, that adds a space to the settings."""
    world = world_of(2)
    with Simulator(world) as site:
        one, both = context_of(site, engine, spaces=("S00",)), context_of(site, engine)
        assert taken(take(both, Mode.FULL)) == ["S00", "S01"]
        for _ in range(2):
            make_due(engine, "incremental")
            assert taken(take(one, Mode.INCREMENTAL)) == ["S00"]
            assert one.store.due.waiting()[Mode.INCREMENTAL] == 0, "it would begin the next run at once"
            assert taken(take(both, Mode.INCREMENTAL)) == ["S01"]


@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.ACCESS])
def test_a_space_that_is_no_longer_listed_is_due_in_full_rounds_alone(engine: Engine, mode: Mode) -> None:
    """Otherwise every look would find it waiting."""
    world = world_of(2)
    with Simulator(world) as site:
        context = context_of(site, engine)
        take(context)
        take(context, mode)
        world.forbid_space("S01", group="confluence-users")
        make_due(engine, str(mode))

        assert taken(take(context, mode)) == ["S00"]

        assert context.store.due.waiting()[mode] == 0
        make_due(engine)
        assert taken(take(context)) == ["S00", "S01"]
        assert site_rows(engine) == {"S00": 1}


def site_rows(engine: Engine) -> dict[str, Any]:
    """Count the live pages of each space."""
    return dict(ask(engine, "SELECT space_key, count(*) FROM live_pages GROUP BY 1"))
