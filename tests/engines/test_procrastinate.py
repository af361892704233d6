"""Spaces as tasks of procrastinate: two workers, one of which is killed; stops, and a queue that forgets."""

import asyncio
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluence_simulator import Simulator
from procrastinate.testing import InMemoryConnector
from psycopg_pool import PoolTimeout

from hr_sync.cli.shared_sites import SharedSite
from hr_sync.engines import DueSpace, Mode
from hr_sync.engines.__main__ import main
from hr_sync.engines.procrastinate import make_app, until_one_ends
from hr_sync.engines.space_jobs import SiteSettings
from hr_sync.errors import ConfluenceUnavailable
from tests.engines.site import TOKEN, USERNAME, config_of, world_of
from tests.engines.test_space_jobs import sql
from tests.support.wiring import fault

SCHEMA = "jobs_of_test"
WORKER = Path(__file__).with_name("worker.py")
JOBS = f"SELECT status::text, args ->> 'space_key' FROM {SCHEMA}.procrastinate_jobs WHERE queue_name = 'hr_sync one'"
DONE = "SELECT count(*) FROM sync_spaces WHERE last_full_at IS NOT NULL"
HELD = "SELECT space_key FROM sync_spaces WHERE lease_holder LIKE %s AND lease_token IS NOT NULL"

END_LEASES = """
    UPDATE sync_spaces SET lease_expires_at = now() - interval '1 second'
    WHERE lease_holder LIKE %s AND lease_token IS NOT NULL RETURNING space_key
"""


@contextmanager
def worker(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker until the block ends."""
    with subprocess.Popen([sys.executable, WORKER, config, SCHEMA], cwd=Path(__file__).parents[2]) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 40) -> None:
    """Wait for what other processes do."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not in time: {what}"
        time.sleep(0.1)


def test_two_workers_one_of_which_is_killed(tmp_path: Path, prepared_url: str) -> None:
    """All spaces are done, each page is written once, and nothing is left in the queue."""
    with Simulator(world_of(20, pages=2), username=USERNAME, api_token=TOKEN) as site:
        fault(site, "slow", r"/spaces/\d+/pages", argument=0.2, times=0)
        config = config_of(tmp_path, site, prepared_url)
        assert main(["init", "--config", str(config), "--queue-schema", SCHEMA]) == 0
        assert main(["init", "--config", str(config), "--queue-schema", SCHEMA]) == 0, "again changes nothing"
        with worker(config) as victim, worker(config) as other:
            mine, both = f"%:{victim.pid}", [f"%:{each.pid}" for each in (victim, other)]
            wait_until(lambda: all(sql(prepared_url, HELD, each) for each in both), "both at work")
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            assert sql(prepared_url, DONE) < [(20,)]
            left = set[tuple[object, ...]]()

            def all_are_done() -> bool:
                """Let the leases of the killed worker end now, and not in a minute; it may have begun to take one."""
                left.update(sql(prepared_url, END_LEASES, mine))
                return sql(prepared_url, DONE) == [(20,)]

            wait_until(all_are_done, "all spaces")
            wait_until(lambda: not sql(prepared_url, JOBS), "an empty queue, without the jobs of the dead worker")
            other.send_signal(signal.SIGTERM)
            assert other.wait(20) == 0

        assert left, "the killed worker was at work"
        assert sql(prepared_url, "SELECT count(*), count(DISTINCT page_id) FROM content_changes") == [(40, 40)]
        passes = "SELECT space_key FROM sync_run_spaces JOIN sync_runs ON id = run_id WHERE mode = 'full'"
        assert len(sql(prepared_url, passes)) == len(set(sql(prepared_url, passes))) == 20
        assert set(sql(prepared_url, "SELECT space_key FROM sync_spaces WHERE epoch > 1")) <= left


def test_a_worker_that_is_stopped_leaves_its_spaces_due(tmp_path: Path, prepared_url: str) -> None:
    """SIGTERM stops the passes that are under way within seconds, and their jobs are deleted."""
    with Simulator(world_of(2), username=USERNAME, api_token=TOKEN) as site:
        fault(site, "slow", r"/spaces/\d+/pages", argument=20, times=0)
        config = config_of(tmp_path, site, prepared_url)
        assert main(["init", "--config", str(config), "--queue-schema", SCHEMA]) == 0
        with worker(config) as only:
            wait_until(lambda: len(sql(prepared_url, HELD, f"%:{only.pid}")) == 2, "at work")
            only.send_signal(signal.SIGTERM)
            assert only.wait(8) == 0

        assert sql(prepared_url, f"SELECT DISTINCT status FROM ({JOBS}) AS jobs (status)") in ([], [("todo",)])
        assert sql(prepared_url, "SELECT count(*) FROM sync_spaces WHERE full_due_at <= now()") == [(2,)]
        assert sql(prepared_url, "SELECT count(*) FROM sync_spaces WHERE lease_token IS NOT NULL") == [(0,)]


def test_a_space_waits_once_without_lock_or_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of each site, however often somebody looks. A site that is away costs the others nothing."""
    connector = InMemoryConnector()
    both = {name: SiteSettings(Path("both"), name) for name in ("one", "two")}
    app = make_app(connector, {"away": Path("away"), **both})
    asked = []

    def due(_shared: SharedSite, config: Path, site: str | None) -> list[DueSpace]:
        asked.append((config.name, site))
        if config.name == "away":
            raise ConfluenceUnavailable("away")
        return [DueSpace(space_key="HR", mode=Mode.FULL, due_at=datetime.now(UTC))]

    monkeypatch.setattr("hr_sync.engines.procrastinate.due_spaces_through", due)
    with app.open():
        for _ in range(2):
            app.tasks["hr_sync.defer_due_spaces"](timestamp=0)

    assert asked == [("away", None), ("both", "one"), ("both", "two")] * 2
    assert [job["args"]["site"] for job in connector.jobs.values()] == ["one", "two"]
    assert {job["lock"] for job in connector.jobs.values()} == {None}
    assert [job["queue_name"] for job in connector.jobs.values()] == ["hr_sync one", "hr_sync two"]
    assert app.tasks["hr_sync.run_space"].retry_strategy is None


def test_wrong_use_of_the_worker_is_told(
    tmp_path: Path, prepared_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is connected to."""
    config = config_of(tmp_path, "http://127.0.0.1:9/wiki", prepared_url)
    assert main(["worker", "--config", str(config), "--queue-schema", 'x"; DROP']) == 2
    config.write_text(config.read_text().replace(f'url = "{prepared_url}"', ""))
    assert main(["worker", "--config", str(config)]) == 78
    assert "Set database.url" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    assert main(["worker", "--config", str(config)]) == 78
    _, _, command = capsys.readouterr().err.rpartition("Type: ")
    assert command.endswith(" 'procrastinate>=3.10,<4'\n")
    assert shutil.which(shlex.split(command)[0]), "it can be typed in this environment"


@pytest.mark.parametrize("command", ["init", "worker"])
def test_a_queue_whose_database_is_away_is_temporary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One message, and what a supervisor starts again."""
    monkeypatch.setattr("psycopg_pool.ConnectionPool.wait", wait_no_longer)
    monkeypatch.setattr("psycopg_pool.AsyncConnectionPool.wait", wait_no_longer)
    config = config_of(tmp_path, "http://127.0.0.1:9/wiki", "postgresql://hr@127.0.0.1:9/hr")
    assert main([command, "--config", str(config)]) == 75
    assert "could not be reached. Check database.url" in capsys.readouterr().err


def wait_no_longer(*_: object, **__: object) -> None:
    """Raise what a pool raises after half a minute."""
    raise PoolTimeout


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_worker_does_at_least_one_space_at_once(
    tmp_path: Path, prepared_url: str, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    """A pool of connections takes a number below none for no limit."""
    config = config_of(tmp_path, "http://127.0.0.1:9/wiki", prepared_url)
    assert main(["worker", "--config", str(config), "--concurrency", number]) == 2
    assert capsys.readouterr().err == "--concurrency takes 1 or more.\n"


def test_jobs_of_a_site_share_what_it_says_about_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those of another site do not."""
    app = make_app(InMemoryConnector(), {"one": Path("one"), "two": Path("two")})
    gates: list[object] = []
    monkeypatch.setattr("hr_sync.engines.procrastinate.run_one", lambda *given: gates.append(given[-1]))
    for site in ("one", "one", "two"):
        app.tasks["hr_sync.run_space"].func(None, site=site, space_key="HR", mode="full")

    assert gates[0] is gates[1]
    assert gates[1] is not gates[2]


def test_all_queues_end_with_one_and_each_is_stopped_once() -> None:
    """A second cancellation would not wait for the jobs that are under way."""
    cancelled: list[str] = []

    async def fails() -> None:
        raise ConfluenceUnavailable("away")

    async def works() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # as a worker that waits for its jobs
            cancelled.append("once")
            raise

    with pytest.raises(ConfluenceUnavailable):
        asyncio.run(until_one_ends([works(), fails()]))
    assert cancelled == ["once"]
