"""The program stops when it is asked to, and whatever stopped it, the next run finishes."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluence_simulator import Fault, Simulator
from sqlalchemy import Engine

from tests.cli.conftest import world_of
from tests.cli.forks import Process
from tests.cli.program import TOKEN, check_manners, ended, run, start, wired
from tests.support.database import connect, execute, page_rows, rows
from tests.support.oracle import wrong

LOCK_WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
LEASES = "SELECT lease_holder FROM sync_spaces WHERE lease_holder IS NOT NULL"


def wait_until(holds: Callable[[], bool], process: Process) -> None:
    """Wait at most 20 s, and no longer than the process lives."""
    ends_at = time.monotonic() + 20
    while not holds():
        assert process.poll() is None
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@contextmanager
def waiting_for_a_lock(home: Path, engine: Engine, *options: str) -> Iterator[Process]:
    """Return a run one of whose writes waits for a lock that somebody else holds until the block ends."""
    with connect(engine) as holder, holder.transaction():
        holder.execute("LOCK TABLE confluence_pages IN EXCLUSIVE MODE")
        process = start(home, "run", *options)
        wait_until(lambda: bool(rows(engine, LOCK_WAITS)), process)
        assert rows(engine, LEASES), "it waits before it writes pages: nothing at the beginning of a run locks them"
        yield process


def bodies_asked(site: Simulator) -> int:
    return sum("body-format" in dict(record.query) for record in site.requests)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_run_within_five_seconds(
    home: Path, engine: Engine, prepared_url: str, number: signal.Signals
) -> None:
    """Exit code 75; what arrived stays, the run row says stopped, the lease is free, the next run finishes."""
    with Simulator(world_of(1200), api_token=TOKEN, latency_seconds=0.2) as site:
        wired(home, site, prepared_url, max_connections=1)
        process = start(home, "run")
        wait_until(lambda: len(page_rows(engine)) >= 50, process)
        began = time.monotonic()
        process.send_signal(number)
        stopped = ended(process)

        assert time.monotonic() - began < 5
        check_manners(stopped)
        assert stopped.exit_code == 75
        assert len(stopped.messages) == 1
        arrived = len(page_rows(engine))
        assert 50 <= arrived < 1200
        assert rows(engine, "SELECT outcome, exit_code FROM sync_runs") == [{"outcome": "stopped", "exit_code": 75}]
        assert rows(engine, "SELECT lease_holder FROM sync_spaces") == [{"lease_holder": None}]
    if number is signal.SIGTERM:
        with Simulator(site.world, api_token=TOKEN) as site:
            wired(home, site, prepared_url)
            assert run(home, "run").exit_code == 0
            assert wrong(engine, site) == []


def test_a_signal_stops_a_wait_that_confluence_asked_for(home: Path, site: Simulator, prepared_url: str) -> None:
    """50 s were asked for."""
    wired(home, site, prepared_url)
    site.faults.add(Fault(kind="status", times=0, argument={"status": 429, "headers": {"Retry-After": "50"}}))
    process = start(home, "run")
    wait_until(lambda: bool(site.faults.fired), process)
    time.sleep(0.05)
    began = time.monotonic()
    process.terminate()
    stopped = ended(process)

    assert time.monotonic() - began < 3
    assert stopped.exit_code == 75
    check_manners(stopped)


def test_a_run_past_its_deadline_stops_itself(home: Path, site: Simulator, engine: Engine, prepared_url: str) -> None:
    """`sync.run_deadline_minutes` bounds a single run too; here it is 1.2 s, and 50 s were asked for."""
    wired(home, site, prepared_url)
    site.faults.add(
        Fault(kind="status", match="body-format", times=0, argument={"status": 429, "headers": {"Retry-After": "50"}})
    )
    began = time.monotonic()
    stopped = run(home, "run", HR_SYNC_SYNC__RUN_DEADLINE_MINUTES="0.02")

    assert site.faults.fired
    assert time.monotonic() - began < 20
    assert stopped.exit_code == 75
    assert rows(engine, "SELECT outcome FROM sync_runs") == [{"outcome": "stopped"}]


def test_a_request_that_hangs_holds_nobody_up(home: Path, site: Simulator, engine: Engine, prepared_url: str) -> None:
    """It is cut off, so that the run ends in order and says so in its row; the next run finishes."""
    wired(home, site, prepared_url)
    site.faults.add(Fault(kind="stall", match="body-format", times=0))
    process = start(home, "run")
    wait_until(lambda: bool(site.faults.fired), process)
    began = time.monotonic()
    process.terminate()
    stopped = ended(process)

    assert time.monotonic() - began < 5
    check_manners(stopped)
    assert stopped.exit_code == 75
    assert len(stopped.messages) == 1
    assert rows(engine, "SELECT outcome FROM sync_runs") == [{"outcome": "stopped"}]
    site.faults.clear()
    assert run(home, "run").exit_code == 0
    assert wrong(engine, site) == []


def test_a_second_signal_ends_at_once(home: Path, site: Simulator, engine: Engine, prepared_url: str) -> None:
    """Nobody has to wait for the grace, which a statement that waits for a lock takes."""
    wired(home, site, prepared_url)
    with waiting_for_a_lock(home, engine) as process:
        began = time.monotonic()
        process.terminate()
        time.sleep(0.3)
        process.terminate()
        stopped = ended(process)

        assert time.monotonic() - began < 1.5
        assert stopped.exit_code == 128 + signal.SIGTERM


@pytest.mark.parametrize("pause", [0.0, 0.03])
def test_two_signals_for_one_request_end_in_order(
    home: Path, site: Simulator, engine: Engine, prepared_url: str, pause: float
) -> None:
    """As `timeout` and wrappers of commands send them: the run still frees its leases and ends with 75."""
    wired(home, site, prepared_url)
    with waiting_for_a_lock(home, engine) as process:
        process.terminate()
        time.sleep(pause)
        process.terminate()
        stopped = ended(process)

        assert stopped.exit_code == 75
        assert rows(engine, "SELECT lease_holder FROM sync_spaces") == [{"lease_holder": None}]


def test_a_signal_that_interrupts_the_handler_of_another_is_no_deadlock() -> None:
    """The second comes while the first holds the lock of the event that it sets."""
    program = """
import signal, threading
from hr_sync.cli import stopping
stopping.SAME_REQUEST_SECONDS = 9
notify_all = threading.Condition.notify_all
interrupted = []
def interrupting(condition):
    if threading.get_ident() == threading.main_thread().ident and not interrupted:
        interrupted.append(condition)
        signal.raise_signal(signal.SIGTERM)
    notify_all(condition)
threading.Condition.notify_all = interrupting
def work(stop):
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    return stop.wait(10)
print(stopping.run_until_stopped(work), len(interrupted))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)

    assert (done.stdout, done.stderr, done.returncode) == ("True 1\n", "", 0)


def test_a_statement_that_waits_for_a_lock_holds_nobody_up(
    home: Path, site: Simulator, engine: Engine, prepared_url: str
) -> None:
    """With more than a second to spare: the statement is broken off after the grace, and the lease is free."""
    wired(home, site, prepared_url)
    with waiting_for_a_lock(home, engine) as process:
        began = time.monotonic()
        process.terminate()
        stopped = ended(process)

        assert time.monotonic() - began < 3.5
        check_manners(stopped)
        assert stopped.exit_code == 75
        assert rows(engine, "SELECT lease_holder FROM sync_spaces") == [{"lease_holder": None}]


def test_a_run_that_was_killed_is_finished_by_the_next(
    home: Path, site: Simulator, engine: Engine, prepared_url: str
) -> None:
    """SIGKILL in the middle of a request: the space is busy until its lease has expired, and nobody has to act."""
    wired(home, site, prepared_url)
    site.faults.add(Fault(kind="stall", match="body-format", times=0))
    process = start(home, "run")
    wait_until(lambda: bool(site.faults.fired), process)
    process.kill()
    ended(process)
    (space,) = rows(engine, "SELECT lease_holder, lease_expires_at > now() AS held FROM sync_spaces")
    assert space["lease_holder"]
    assert space["held"]
    site.faults.clear()

    busy = run(home, "run", "--json")
    assert (busy.exit_code, busy.document["spaces"][0]["busy_with"]) == (0, f"{socket.gethostname()}:{process.pid}")
    execute(engine, "UPDATE sync_spaces SET lease_expires_at = now() - interval '1 second'")

    after = run(home, "run", "--incremental", "--json")

    assert after.exit_code == 0
    assert after.document["counts"]["inserted"] == 12
    assert wrong(engine, site) == []


def test_two_runs_at_once_do_not_disturb_each_other(home: Path, engine: Engine, prepared_url: str) -> None:
    """Both end with 0: one works, the other finds the space busy."""
    with Simulator(world_of(60), api_token=TOKEN, latency_seconds=0.4) as site:
        wired(home, site, prepared_url)
        processes = [start(home, "run", "--json")]
        wait_until(lambda: bodies_asked(site) > 0, processes[0])
        processes.append(start(home, "run", "--json"))
        both = [ended(process) for process in processes]

        assert [each.exit_code for each in both] == [0, 0]
        assert wrong(engine, site) == []
        busy = [space["busy_with"] for each in both for space in each.document["spaces"]]
        inserted = sum(each.document["counts"]["inserted"] for each in both)
        assert inserted == 60
        assert busy[0] is None
