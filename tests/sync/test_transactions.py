"""What happens inside transactions, and what never does; crashes, lost leases and stops between them."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Connection, Engine, event

from hr_sync.confluence.http.transport import GuardedAdapter
from hr_sync.domain.access import AccessPolicy
from hr_sync.sync.context import SyncPolicy
from tests.support.database import execute, page_rows, rows
from tests.support.oracle import wrong
from tests.support.wiring import NoWaiting, access, context_of, fault, fired, full, live_ids, mirrored, world_of
from tests.sync.test_failing_pages import CANARY, RAISES

WITH_ACCESS = SyncPolicy(access=AccessPolicy(), compares_labels=True, busy_wait_seconds=0.0)


@pytest.fixture(autouse=True)
def _fifty_pages_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide a world of some hundred pages into several chunks."""
    for module in ("apply", "access"):
        monkeypatch.setattr(f"hr_sync.sync.{module}.MAX_PAGES", 50)


class Transactions:
    """Counts savepoints and seconds of every transaction of an engine."""

    def __init__(self, engine: Engine) -> None:
        self.savepoints: list[int] = []
        self.seconds: list[float] = []
        self._open: dict[Connection, tuple[float, int]] = {}
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "savepoint", self._savepoint)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "rollback", self._end)

    def _begin(self, connection: Connection) -> None:
        self._open[connection] = (time.monotonic(), 0)

    def _savepoint(self, connection: Connection, _name: str) -> None:
        began, savepoints = self._open[connection]
        self._open[connection] = (began, savepoints + 1)

    def _end(self, connection: Connection) -> None:
        began, savepoints = self._open.pop(connection)
        self.seconds.append(time.monotonic() - began)
        self.savepoints.append(savepoints)


@contextmanager
def at_statement(engine: Engine, beginning: str, number: int, act: Any) -> Iterator[list[int]]:
    """Call `act` just before the `number`-th statement that begins so. Yield a list that grows when it did."""
    seen: dict[str, int] = defaultdict(int)
    acted: list[int] = []

    def listener(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(beginning):
            seen[beginning] += 1
            if seen[beginning] == number:
                acted.append(number)
                act()

    event.listen(engine, "before_cursor_execute", listener)
    try:
        yield acted
    finally:
        event.remove(engine, "before_cursor_execute", listener)


UPSERT = "WITH written_pages AS"


def test_a_chunk_is_a_transaction_and_has_few_savepoints(engine: Engine) -> None:
    """Also where a page is refused: PostgreSQL keeps 64 subtransactions in memory."""
    world = world_of(129)
    world.create_page(space_key="S00", title="Refused", storage=f"<p>{CANARY}</p>")
    execute(engine, RAISES.format(table="page_bodies"))
    watched = Transactions(engine)
    with Simulator(world) as site:
        assert full(context_of(site, engine)).counts.failed == 1

    (most,) = rows(
        engine,
        "SELECT max(pages) AS pages FROM (SELECT count(*) AS pages FROM content_changes GROUP BY transaction_id) AS t",
    )
    assert most["pages"] == 50
    assert 1 < max(watched.savepoints) <= 14
    assert sum(savepoints > 0 for savepoints in watched.savepoints) == 3


def test_a_run_without_trouble_needs_one_savepoint_a_chunk(engine: Engine) -> None:
    """150 pages, three chunks, three savepoints."""
    watched = Transactions(engine)
    with Simulator(world_of(150)) as site:
        full(context_of(site, engine))

    assert [savepoints for savepoints in watched.savepoints if savepoints] == [1, 1, 1]


def test_no_request_is_made_inside_a_transaction(engine: Engine) -> None:
    """A request takes 500 ms here, and no transaction is nearly as long, through every step of a run."""
    world = world_of(4)
    with mirrored(world, engine) as (site, _):
        world.edit_page(world.pages()[0].id, storage="<p>x</p>")
        world.move_page(world.pages()[3].id, parent_id=world.pages()[1].id)
        world.trash_page(world.pages()[2].id)
    watched = Transactions(engine)
    with Simulator(world, latency_seconds=0.5) as site:
        report = full(context_of(site, engine, policy=WITH_ACCESS))
        assert (report.counts.updated, report.counts.moved, report.counts.removed) == (1, 2, 1)
        assert (report.counts.relabelled, report.counts.restricted) == (3, 3)
        assert len(site.requests) > 6

    assert len(watched.seconds) > 5
    assert max(watched.seconds) < 0.45


def test_no_thread_asks_confluence_while_it_holds_a_transaction(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Watched at the transport, for the threads of all spaces."""
    inside: dict[int, int] = defaultdict(int)
    asked_inside: list[int] = []
    send = GuardedAdapter.send

    def watched_send(adapter: GuardedAdapter, *args: Any, **kwargs: Any) -> Any:
        asked_inside.append(inside[threading.get_ident()])
        return send(adapter, *args, **kwargs)

    def enter(_connection: Connection) -> None:
        inside[threading.get_ident()] += 1

    def leave(_connection: Connection) -> None:
        inside[threading.get_ident()] -= 1

    monkeypatch.setattr(GuardedAdapter, "send", watched_send)
    event.listen(engine, "begin", enter)
    event.listen(engine, "commit", leave)
    event.listen(engine, "rollback", leave)
    world = world_of(40, spaces=4)
    with mirrored(world, engine, policy=WITH_ACCESS) as (_, context):
        world.trash_page(world.pages()[-1].id)
        full(context)

    assert len(asked_inside) > 10
    assert set(asked_inside) == {0}


def test_a_worker_that_dies_between_two_commits_leaves_whole_pages(engine: Engine) -> None:
    """What was committed stays and equals the world; the next run does the rest."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    world = world_of(180)
    with Simulator(world) as site:
        context = context_of(site, engine)
        with at_statement(engine, UPSERT, 3, die) as died, pytest.raises(Killed):
            full(context)

        assert died
        assert len(page_rows(engine)) == 100
        faults = wrong(engine, site)
        assert len(faults) == 80
        assert all(each.endswith(" is missing") for each in faults)
        assert rows(engine, "SELECT outcome FROM sync_runs") == [{"outcome": None}]

        report = full(context)
        assert (report.outcome, report.counts.inserted, report.counts.unchanged) == ("complete", 80, 100)
        assert wrong(engine, site) == []
        in_feed = rows(engine, "SELECT page_id FROM content_changes")
        assert len(in_feed) == len({row["page_id"] for row in in_feed}) == 180


def test_a_connection_that_breaks_ends_the_run_as_temporary(engine: Engine) -> None:
    """PostgreSQL cuts every session in the middle; nothing is half written, the next run finishes."""
    world = world_of(120)

    def cut() -> None:
        execute(engine, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hr_sync%'")

    with Simulator(world) as site:
        context = context_of(site, engine)
        with at_statement(engine, UPSERT, 2, cut) as acted:
            report = full(context)

        assert acted
        assert (report.outcome, report.exit_code) == ("failed", 75)
        assert "PostgreSQL" in (report.error or "")
        assert len(page_rows(engine)) == 50
        execute(engine, "UPDATE sync_spaces SET lease_expires_at = now()")
        assert full(context).outcome == "complete"
        assert wrong(engine, site) == []


def test_a_worker_whose_lease_was_taken_over_cannot_write(engine: Engine) -> None:
    """Its first chunk is written, its second is refused; the new holder's position is not touched."""
    world = world_of(120)

    def take_over() -> None:
        execute(engine, "UPDATE sync_spaces SET epoch = epoch + 1, lease_holder = 'elsewhere', last_run_id = 4711")

    with Simulator(world) as site:
        context = context_of(site, engine)
        with at_statement(engine, "SELECT public.sync_spaces.epoch", 2, take_over) as acted:
            report = full(context)

        assert acted
        assert (report.outcome, report.exit_code) == ("failed", 75)
        assert len(page_rows(engine)) == 50
        (space,) = rows(engine, "SELECT lease_holder, last_run_id, last_complete_run_id, watermark FROM sync_spaces")
        assert space == {
            "lease_holder": "elsewhere",
            "last_run_id": 4711,
            "last_complete_run_id": None,
            "watermark": None,
        }


def test_labels_and_access_are_fenced_too(engine: Engine) -> None:
    """Access is one transaction, labels are one for fifty pages; a refused one is written by the next run."""
    world = world_of(120)
    in_feed = "SELECT count(DISTINCT page_id) AS pages FROM content_changes WHERE run_id > 1 GROUP BY transaction_id"
    with mirrored(world, engine) as (site, context):
        take_over = "UPDATE sync_spaces SET epoch = epoch + 1"
        with at_statement(engine, "SELECT public.sync_spaces.epoch", 3, lambda: execute(engine, take_over)) as acted:
            report = access(context)

        assert acted
        assert (report.outcome, report.exit_code) == ("failed", 75)
        assert sorted(row["pages"] for row in rows(engine, in_feed)) == [50, 120]
        execute(engine, "UPDATE sync_spaces SET lease_expires_at = now() - interval '1 s'")
        counts = access(context).counts
        assert (counts.restricted, counts.relabelled) == (0, 70)
        assert sorted(row["pages"] for row in rows(engine, in_feed)) == [20, 50, 50, 120]
        assert site.requests


def test_two_workers_at_once_bring_every_page_once(engine: Engine) -> None:
    """The second one finds a space busy or nothing to do; no page is in the feed twice."""
    world = world_of(120, spaces=3)
    with Simulator(world, latency_seconds=0.01) as site:
        contexts = [context_of(site, engine) for _ in range(2)]
        threads = [threading.Thread(target=full, args=(context,)) for context in contexts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        full(contexts[0])
        assert wrong(engine, site) == []
        assert len(rows(engine, "SELECT page_id FROM content_changes")) == 120
        assert {row["outcome"] for row in rows(engine, "SELECT outcome FROM sync_runs")} == {"complete"}


def test_a_stop_ends_a_run_between_two_chunks(engine: Engine) -> None:
    """Stopped is an outcome of its own; what is there is right, the lease is free, the next run does the rest."""
    world = world_of(180)
    stop = NoWaiting()
    with Simulator(world) as site:
        with at_statement(engine, UPSERT, 2, stop.set) as acted:
            report = full(context_of(site, engine, cancellation=stop))

        assert acted
        assert (report.outcome, report.exit_code) == ("stopped", 75)
        assert len(page_rows(engine)) == 100
        (row,) = rows(engine, "SELECT outcome, exit_code FROM sync_runs")
        assert row == {"outcome": "stopped", "exit_code": 75}
        assert rows(engine, "SELECT lease_holder FROM sync_spaces") == [{"lease_holder": None}]

        assert full(context_of(site, engine)).counts.inserted == 80


def test_a_page_that_is_edited_while_it_is_fetched_is_right_afterwards(engine: Engine) -> None:
    """Head and body of one answer belong together, whatever the listing said before."""
    world = world_of(10)
    with Simulator(world) as site:
        context = context_of(site, engine)
        fault(site, "edit-during-walk", "body-format", argument=world.pages()[4].id)

        assert full(context).outcome == "complete"
        assert fired(site) == {"edit-during-walk"}
        assert wrong(engine, site) == []


@pytest.mark.parametrize(
    ("kind", "exit_code"), [("trash-during-walk", 0), ("move-during-walk", 0), ("hide-during-walk", 3)]
)
def test_a_page_that_goes_while_it_is_fetched_costs_only_itself(engine: Engine, kind: str, exit_code: int) -> None:
    """It was listed and is gone a moment later, new or known; a later run finds the mirror right.

    One that is listed and not found by id has failed: listing and lookup disagree.
    """
    world = world_of(10)
    with mirrored(world, engine) as (site, context):
        victim = world.pages()[-1]
        world.edit_page(victim.id, storage="<p>x</p>")
        new = world.create_page(space_key="S00", title="New", storage="<p>new</p>")
        for page in (victim, new):
            fault(site, kind, "body-format", argument=page.id)

        report = full(context)

        assert fired(site) == {kind}
        assert report.exit_code == exit_code
        assert not {victim.id, new.id} & live_ids(engine) or kind == "move-during-walk"
        assert full(context).exit_code == 0
        assert wrong(engine, site, marked=True) == []


@pytest.mark.parametrize(
    ("kind", "times", "is_complete"), [("html-200", 0, False), ("next-missing", 1, False), ("row-null-title", 1, True)]
)
def test_freshness_is_the_age_of_the_last_complete_look(
    engine: Engine, kind: str, times: int, is_complete: bool
) -> None:
    """A run whose listing broke or was wrong makes a space no fresher; one in which a page failed does."""
    world = world_of(260)
    with mirrored(world, engine) as (site, context):
        query = "SELECT last_complete_run_id, last_complete_at, last_full_at, last_run_id FROM sync_spaces"
        (before,) = rows(engine, query)
        fault(site, kind, r"/api/v2/spaces/\d+/pages", times=times)
        partial = full(context)

        (after,) = rows(engine, query)
        assert fired(site) == {kind}
        assert partial.outcome == "partial"
        assert before.pop("last_run_id") != after.pop("last_run_id") == partial.run_id
        assert (after != before) is is_complete
        assert not is_complete or after["last_complete_run_id"] == partial.run_id
        assert timedelta(0) <= rows(engine, "SELECT now() - last_complete_at AS age FROM sync_spaces")[0]["age"]
