"""One writer per space: by epoch and token, on the database's clock; and the identity that comes with the lease."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from hr_sync.cancellation import Cancellation
from hr_sync.cli.stopping import HeldLeases
from hr_sync.domain.access import SpaceViewers
from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Mode
from hr_sync.errors import DatabaseUnavailable, HrSyncError, LeaseLost, Stopped
from hr_sync.store.engine import in_schema, make_engine
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from hr_sync.store.values import Busy, Held, Worker
from tests.store.spaces import HR, NOON, WORKER, ask, decision, leased, record, tell, write
from tests.store.test_writing_pages import waiting_for_a_lock

OTHER = Worker(host="box", pid=1)  # the same host and number, as two containers may have
EXPIRE = "UPDATE sync_spaces SET lease_expires_at = now() - interval '1 ms'"


def attempt(store: Store, worker: Worker = OTHER, *, wait_seconds: float = 0, stop: Cancellation | None = None) -> Busy:
    """Try to take the lease of HR in vain."""
    run_id = store.open_run(Mode.FULL, worker, "0.1")
    cancellation = stop or Cancellation()
    with store.leased(HR, worker, run_id, wait_seconds=wait_seconds, cancellation=cancellation) as taken:
        assert isinstance(taken, Busy)
        return taken


def test_a_second_worker_is_busy_until_the_first_is_done(store: Store) -> None:
    """The holder is named for people; afterwards the lease is free at once."""
    with leased(store):
        assert attempt(store) == Busy(space_key="HR", worker="box:1")
    with leased(store, worker=OTHER):
        pass


def test_a_worker_may_wait_for_a_lease(store: Store) -> None:
    """It gets the lease when the holder is done, and stops waiting when it is asked to."""
    stop = Cancellation()
    with leased(store) as first:
        stop.set()
        with pytest.raises(Stopped):
            attempt(store, wait_seconds=60, stop=stop)
        done: list[SpaceStore | Busy] = []

        def wait() -> None:
            with store.leased(HR, OTHER, first.run_id, wait_seconds=60, cancellation=Cancellation()) as taken:
                done.append(taken)

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join(20)

    assert [isinstance(taken, SpaceStore) for taken in done] == [True]


def test_a_worker_does_not_wait_behind_the_writes_of_the_holder(store: Store, engine: Engine) -> None:
    """Writes hold the lease's row; whoever wants the lease is told at once, and its run goes on."""
    impatient = Store(make_engine(engine.url, lock_timeout_seconds=0.05))
    with leased(store), engine.connect() as connection:
        connection.execute(text("SELECT FROM public.sync_spaces FOR SHARE"))
        assert attempt(impatient).worker == "box:1"
    impatient.engine.dispose()


def test_a_lease_that_expired_while_its_holder_writes_is_busy(store: Store, engine: Engine) -> None:
    """The row is locked by somebody: nobody waits for longer than two seconds, and nothing is raised."""
    with leased(store):
        tell(engine, EXPIRE)
        with engine.connect() as connection:
            connection.execute(text("SELECT FROM public.sync_spaces FOR SHARE"))
            assert attempt(store).worker == "another worker"


ACTS: dict[str, Callable[[SpaceStore], object]] = {
    "write_pages": lambda space: space.write_pages([write("2")]),
    "hide": lambda space: space.hide([decision("1")]),
    "remove": lambda space: space.remove([decision("1")]),
    "write_labels": lambda space: space.write_labels([]),
    "write_access": lambda space: space.write_access(SpaceViewers(layer=None, source="permissions"), [], began_at=NOON),
    "forget_failures": lambda space: space.forget_failures(["1"]),
    "purge": lambda space: space.purge(["1"]),
    "purge_space": lambda space: space.purge_space(forget=True),
    "finish": lambda space: space.finish(lambda _: record(watermark=NOON), clear_old_failures=True),
    "settle": lambda space: space.settle(record().report, Held()),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("how", ["epoch = epoch + 1", "lease_token = 'of another one with the same epoch'"])
def test_who_lost_the_lease_writes_nothing(store: Store, engine: Engine, act: str, how: str) -> None:
    """Epoch and token are both compared: a failover may give one epoch to two workers."""
    everything = "SELECT p.xmin::text AS page, s.xmin::text AS space, s.* FROM confluence_pages p, sync_spaces s"
    with leased(store) as space:
        space.write_pages([write("1")])
        tell(engine, f"UPDATE sync_spaces SET {how}")
        before = ask(engine, everything)
        with pytest.raises(LeaseLost):
            ACTS[act](space)

    assert before
    assert ask(engine, everything) == before, "nor is the lease of the other one released"


def test_a_writer_keeps_its_lease_until_its_transaction_ends(store: Store, engine: Engine) -> None:
    """Whoever takes over waits for the write under way, or is refused; there is no moment for both."""
    with leased(store) as space, engine.connect() as connection:
        space.write_pages([write("1")])
        connection.execute(text("SELECT FROM public.confluence_pages FOR UPDATE"))
        update = [write("1", seen="HR", version=2)]
        with waiting_for_a_lock(engine, lambda: space.write_pages(update)), engine.connect() as other:
            other.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(Exception, match="LockNotAvailable"):
                other.execute(text("UPDATE public.sync_spaces SET epoch = epoch + 1"))
            connection.rollback()


def test_a_lease_is_renewed_while_it_is_held(store: Store, engine: Engine) -> None:
    """Its term is over several times, and it is still ours."""
    with leased(store, seconds=0.3):
        ends = "SELECT count(*) AS n FROM sync_spaces WHERE lease_expires_at > %s::timestamptz"
        (first,) = ask(engine, "SELECT lease_expires_at::text AS at FROM sync_spaces")
        deadline = threading.Event()
        for _ in range(200):
            if ask(engine, ends.replace("%s", f"'{first['at']}'"))[0]["n"]:
                break
            deadline.wait(0.02)
        else:
            pytest.fail("it was not renewed")


def test_an_expired_lease_is_taken_over(store: Store, engine: Engine) -> None:
    """A worker was killed. The epoch grows; the former holder, if it comes back, is refused."""
    with leased(store) as former:
        tell(engine, EXPIRE)
        with leased(store, worker=OTHER) as space:
            with pytest.raises(LeaseLost):
                former.write_pages([write("1")])
            space.write_pages([write("1")])
    (row,) = ask(engine, "SELECT epoch, lease_token, lease_expires_at FROM sync_spaces")
    assert row == {"epoch": 2, "lease_token": None, "lease_expires_at": None}


def test_a_forced_shutdown_cancels_and_releases_its_own_leases_alone(store: Store, engine: Engine) -> None:
    """A write that waits for a lock is cancelled, and ends as stopped; another container's lease stays."""
    other = Store(make_engine(engine.url))
    raised: list[BaseException] = []
    with ExitStack() as stack:
        space = stack.enter_context(leased(store))
        stack.enter_context(leased(other, replace(HR, id="9", key="ZZ"), worker=OTHER))
        space.write_pages([write("1")])
        blocker = stack.enter_context(engine.connect())
        blocker.execute(text("SELECT FROM public.confluence_pages FOR UPDATE"))

        def wait() -> None:
            try:
                space.write_pages([write("1", seen="HR", version=2)])
            except Stopped as error:
                raised.append(error)

        with waiting_for_a_lock(other.engine, wait):
            store.release_leases(WORKER)
        rows = ask(other.engine, "SELECT space_key, lease_holder FROM sync_spaces ORDER BY 1")
        assert rows == [{"space_key": "HR", "lease_holder": None}, {"space_key": "ZZ", "lease_holder": "box:1"}]
    other.engine.dispose()
    assert len(raised) == 1


def test_a_forced_shutdown_releases_the_leases_of_every_site(store: Store, engine: Engine) -> None:
    """Also where the tables of one are gone; what waits at any of them is stopped, not tried again."""
    observer = make_engine(engine.url)
    held, raised = HeldLeases(), []
    held.are_in(Store(in_schema(engine, "gone")), WORKER)
    held.are_in(store, WORKER)
    with leased(store) as space, observer.connect() as blocker:
        space.write_pages([write("1")])
        blocker.execute(text("SELECT FROM public.confluence_pages FOR UPDATE"))

        def wait() -> None:
            try:
                space.write_pages([write("1", seen="HR", version=2)])
            except HrSyncError as error:
                raised.append(type(error))

        with waiting_for_a_lock(observer, wait):
            held.release()
        assert ask(observer, "SELECT lease_holder FROM sync_spaces") == [{"lease_holder": None}]
    observer.dispose()
    assert raised == [Stopped]


def test_no_lease_without_a_database(engine: Engine) -> None:
    """What SQLAlchemy raises stays below: the caller gets an error of ours."""
    closed = Store(make_engine(engine.url.set(port=1)))
    with pytest.raises(DatabaseUnavailable):
        closed.open_run(Mode.FULL, WORKER, "0.1")


def test_identity_comes_with_the_lease(store: Store, engine: Engine) -> None:
    """A run that is killed at once has written id and name; a space of which no id is known keeps the one it has."""
    with leased(store):
        assert ask(engine, "SELECT space_id, name FROM sync_spaces") == [{"space_id": "1", "name": HR.name}]
    with leased(store, Space(id="", key="HR", name="")):
        assert ask(engine, "SELECT space_id, name FROM sync_spaces") == [{"space_id": "1", "name": HR.name}]


def test_a_space_that_was_given_another_key_keeps_its_state(store: Store, engine: Engine) -> None:
    """The row moves to the new key, with position, hold and failures, and the lease says so."""
    with leased(store) as space:
        space.write_pages([write("1", version=2**40)])
        space.finish(lambda _: record(watermark=NOON, held=3, held_reason="many"), clear_old_failures=False)
        assert space.renamed_from is None
    with leased(store, replace(HR, key="PEOPLE")) as space:
        assert space.renamed_from == "HR"
        assert space.state().watermark == NOON
        assert space.state().hold.held == 3
        assert space.failing_pages() == ["1"]
        space.write_pages([write("2", replace(HR, key="PEOPLE"))])
    with leased(store, replace(HR, key="PEOPLE")) as space:
        assert space.renamed_from is None

    assert ask(engine, "SELECT space_key, epoch FROM sync_spaces") == [{"space_key": "PEOPLE", "epoch": 3}]


def test_a_rename_waits_for_the_old_key(store: Store) -> None:
    """A worker that still holds the lease under the old key is busy with the space."""
    with leased(store):
        run_id = store.open_run(Mode.FULL, OTHER, "0.1")
        with store.leased(replace(HR, key="PEOPLE"), OTHER, run_id, cancellation=Cancellation()) as taken:
            assert isinstance(taken, Busy)


def test_a_key_that_was_given_to_another_space_keeps_no_position(store: Store, engine: Engine) -> None:
    """A space was deleted and made anew: the watermark of the old one would hide the pages of the new one."""
    with leased(store) as space:
        space.finish(lambda _: record(watermark=NOON, scope_fingerprint="f", held=3), clear_old_failures=False)
    with leased(store, replace(HR, id="7")) as space:
        assert space.renamed_from is None
        assert space.state().watermark is None
        assert space.state().scope_fingerprint is None
        assert space.state().hold.held == 3
    assert ask(engine, "SELECT space_id FROM sync_spaces") == [{"space_id": "7"}]


def test_two_spaces_swap_their_keys(store: Store) -> None:
    """Whoever comes first moves its state; the other one begins anew. No id is in two rows."""
    second = Space(id="2", key="IT", name="IT")
    for each in (HR, second):
        with leased(store, each) as space:
            space.finish(lambda _: record(watermark=NOON), clear_old_failures=False)
    with leased(store, replace(HR, key="IT")) as space:
        assert (space.renamed_from, space.state().watermark) == ("HR", NOON)
    with leased(store, replace(second, key="HR")) as space:
        assert (space.renamed_from, space.state().watermark) == (None, None)
