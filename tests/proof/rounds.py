"""Rounds of workers on one database: started together, stopped past their lease, killed. Each ends in a comparison."""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from confluence_simulator import Fault

from tests.cli.program import settings, written
from tests.proof.edits import EDITS, Author
from tests.proof.stage import APART, MIRRORED, Stage
from tests.proof.watch import double_writers, watch, writes_by_run
from tests.proof.workers import Worker, Workers, workers
from tests.support.oracle import Wanted, contradictions, differences, expected, visible
from tests.support.wiring import CREDENTIALS, context_for, full

WANTED = Wanted(spaces=MIRRORED)
LEASE_SECONDS = 0.4
BODIES = "body-format=storage"
# Both spaces stay, since a space that is not visible ends a run otherwise than with 0.
WORK = sorted(EDITS.keys() - {"forbid", "permit", "archive space", "restore space", "rekey", "create space"})


class Rounds:
    """Plays rounds on one stage. What is random follows from the seed."""

    def __init__(self, stage: Stage, workers: Workers, seed: int) -> None:
        self.stage = stage
        self.workers = workers
        self.random = random.Random(seed)  # noqa: S311 -- repeatable rounds, no secrets
        stage.begin()
        watch(stage.connection)
        self.author = Author(stage.site.world, MIRRORED, APART)
        self.clean_run()

    def people_work(self) -> None:
        """Change some pages, at least one text in each space, so that there is something to write."""
        world = self.stage.site.world
        for name in self.random.choices(WORK, k=4):
            self.author.edit(name, self.random.randrange(40), self.random.randrange(40))
        for key in MIRRORED:
            page = world.create_page(space_key=key, title=f"Round {world.revision}", storage="<p>Round</p>")
            world.edit_page(page.id, storage=f"<p>Round {world.revision}</p>")

    def together(self) -> list[Worker]:
        """Let a full run, an incremental one and a resync begin at about the same moment."""
        started = self._three(within_seconds=0.03)
        self.workers.wait(*started)
        assert [worker.exit_code for worker in started] == [0, 0, 0], started
        self.clean_run()
        return started

    def together_with_service(self) -> list[Worker]:
        """Let `serve` begin at about the same moment too, and let them come again while it runs; then stop it."""
        with self._service() as service:
            first = self._three(within_seconds=0.03)
            self.workers.wait(*first)
            self._until(lambda: self._runs_of(service) > 0)
            started = [*first, *self._three(within_seconds=1)]  # as often as the service runs
            self.workers.wait(*started)
            time.sleep(self.random.random() * 0.3)
            assert not service.ended, service
        assert [worker.exit_code for worker in (service, *started)] == [0] * 7, (service, started)
        self.clean_run()
        return started

    def asleep_before_writing(self) -> Worker:
        """Stop a worker while it waits for bodies, until its lease has run out and another one has done the work."""
        self.people_work()
        site = self.stage.site
        site.requests.clear()
        site.faults.add(Fault(kind="slow", match=BODIES, argument=0.2))
        sleeper = self.workers.start("full", lease_seconds=LEASE_SECONDS)
        self._until(lambda: any(("body-format", "storage") in record.query for record in site.requests))
        sleeper.signal(signal.SIGSTOP)
        self._overtaken(sleeper)
        return sleeper

    def asleep_anywhere(self) -> Worker:
        """Stop a worker at any moment, within a transaction too, until another one has done the work."""
        self.people_work()
        sleeper = self.workers.start("full", lease_seconds=LEASE_SECONDS)
        time.sleep(self.random.random() * 0.15)
        sleeper.signal(signal.SIGSTOP)
        self._overtaken(sleeper)
        return sleeper

    def killed(self) -> Worker:
        """Kill a worker at any moment. What it wrote is right, and the next run does the rest."""
        sleep_seconds = self.random.random() * self._run_seconds
        self.people_work()
        before = self.stage.stored().live.keys()
        victim = self.workers.start("full", lease_seconds=60)
        time.sleep(sleep_seconds)
        victim.signal(signal.SIGKILL)
        self.workers.wait(victim)
        found = self.stage.stored()
        assert list(contradictions(found)) == []
        assert not (before - found.live.keys()) & visible(self.stage.site.world, WANTED).keys()
        self.stage.let_leases_run_out()
        self.clean_run()
        return victim

    @cached_property
    def _run_seconds(self) -> float:
        """How long a worker takes here when it is left alone; the very first one waits for the zygote besides."""
        for _ in range(2):
            self.people_work()
            began = time.monotonic()
            self.workers.wait(self.workers.start("full", lease_seconds=60))
            seconds = time.monotonic() - began
        return seconds

    def clean_run(self) -> None:
        """Run in full in this process and compare every row."""
        self.stage.site.faults.clear()
        report = full(context_for(self.stage.site.site_url, self.stage.engine, WANTED), allow_mass_delete=True)
        assert report.exit_code == 0, report
        right = expected(self.stage.site.world, self.stage.site.site_url, WANTED)
        assert differences(right, self.stage.stored()) == []

    def double_writers(self) -> list[tuple[object, ...]]:
        """Return every write that was not the lease holder's, in all rounds so far."""
        return double_writers(self.stage.connection)

    def writing_runs(self) -> int:
        """Count the runs that wrote anything."""
        return len(writes_by_run(self.stage.connection))

    def _three(self, *, within_seconds: float) -> list[Worker]:
        self.people_work()
        orders = self.random.sample(["full", "incremental", "resync"], 3)
        return [
            self.workers.start(order, lease_seconds=60, delay_seconds=self.random.random() * within_seconds)
            for order in orders
        ]

    @contextmanager
    def _service(self) -> Iterator[Worker]:
        """Run `serve` with a run of each kind every second until the block ends; SIGTERM ends it."""
        folder = Path(tempfile.mkdtemp(prefix="hr_sync-rounds-"))
        groups = settings(self.stage.site.site_url, self.stage.url, username=CREDENTIALS.username)
        groups["confluence"] |= {"api_token": CREDENTIALS.password, "spaces": list(MIRRORED), "max_connections": 2}
        groups["sync"] = {
            "incremental_interval_minutes": 1 / 60,
            "full_interval_minutes": 1 / 60,
            "jitter_seconds": 0,
        }
        groups["access"] = {"mode": "account"}  # as the single runs have it: another audience is a change of its own
        groups["service"] = {"port": 0}
        groups["log"]["level"] = "error"
        try:
            config = written(folder, groups)
            service = self.workers.start("serve", config=str(config), log=str(folder / "log"))
            yield service
            service.signal(signal.SIGTERM)
            self.workers.wait(service)
            assert not (folder / "log").read_bytes(), (folder / "log").read_text()
        finally:
            shutil.rmtree(folder)

    def _runs_of(self, service: Worker) -> int:
        return self._number("SELECT count(*) FROM sync_runs WHERE worker LIKE %s", f"%:{service.pid}")

    def _number(self, query: str, *values: str) -> int:
        (found,) = self.stage.connection.execute(query.encode(), values).fetchone() or (0,)
        return int(str(found))

    def writing_services(self) -> int:
        """Count the runs of services that wrote anything."""
        writing = "SELECT run_id FROM writes_seen"
        return self._number(f"SELECT count(*) FROM sync_runs WHERE version <> 'test' AND id IN ({writing})")

    def _overtaken(self, sleeper: Worker) -> None:
        time.sleep(LEASE_SECONDS + 0.05)
        other = self.workers.start("full", lease_seconds=60)
        self.workers.wait(other)
        sleeper.signal(signal.SIGCONT)
        self.workers.wait(sleeper)
        assert other.exit_code == 0, other
        assert sleeper.exit_code in (0, 3, 75), sleeper
        self.clean_run()

    def _until(self, happened: object) -> None:
        assert callable(happened)
        ends_at = time.monotonic() + 30
        while not happened():
            assert time.monotonic() < ends_at
            time.sleep(0.002)


@contextmanager
def rounds(stage: Stage, seed: int) -> Iterator[Rounds]:
    """Play on the stage."""
    always = {
        "site_url": stage.site.site_url,
        "database_url": stage.url,
        "spaces": MIRRORED,
        "idle_in_transaction_seconds": 0.8,
    }
    with workers().every(**always) as started:
        yield Rounds(stage, started, seed)
