"""Several worker processes over several sites with limits of their own, killed and stopped at random moments.

Keys of spaces and ids of pages are the same at every site; titles and texts are not. What is counted is counted by the
simulators, and what is stored is compared with their worlds by the oracle: neither shares code with the workers.

A request is *late* if it was refused, and had arrived within the second that an earlier refusal named, although its
worker could have been told by then: `TOLD_SECONDS` after that refusal, by the site or by the database. So what was
under way when the limit was met is not late.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from confluence_simulator import Fault, Simulator, World
from psycopg.rows import dict_row
from sqlalchemy import make_url

from hr_sync.store.engine import in_schema, make_engine
from hr_sync.store.schema import ensure_schema
from tests.cli.program import TOKEN, USERNAME, environment, postgres, start_logging
from tests.proof.watch import double_writers, watch
from tests.support.oracle import Wanted, differences, expected, stored_through

ROOT = Path(__file__).parents[2]
LIMITS: Mapping[str, float] = {"emea": 5, "apac": 10, "amer": 20, "labs": 40}  #: requests a second
PAGES = 3
PATIENCE_SECONDS = 900
TOLD_SECONDS = 0.3
HOUR = "3600"
Connection: TypeAlias = "psycopg.Connection[Any]"
Starter: TypeAlias = "Callable[[Path, Path], Any]"

_DONE = "SELECT count(*)::int FROM sync_spaces WHERE last_full_at IS NOT NULL"
_PASSES = """
    SELECT space_key, count(*)::int FROM sync_run_spaces JOIN sync_runs ON sync_runs.id = run_id
    WHERE sync_runs.mode = 'full' AND sync_run_spaces.outcome = 'complete' GROUP BY space_key
"""
_TAKEN_OVER = "SELECT count(*)::int FROM sync_spaces WHERE epoch > 1"
# A worker that was stopped within a transaction has locked the row of its lease; that one ends later.
_END_LEASES = """
    UPDATE sync_spaces SET lease_expires_at = now() - interval '1 second' WHERE space_key IN (
        SELECT space_key FROM sync_spaces WHERE lease_holder LIKE %s AND lease_token IS NOT NULL
        FOR UPDATE SKIP LOCKED)
"""


def world_of(site: str, spaces: int) -> World:
    """Make spaces of a few pages; other sites have the same keys and ids, and other texts."""
    world = World()
    for each in range(spaces):
        world.create_space(f"S{each:03d}")
        for page in range(PAGES):
            text = f"<p>{site} {each} {page}</p>"
            world.create_page(space_key=f"S{each:03d}", title=f"{site} {each} {page}", storage=text)
    return world


def serve(home: Path, log: Path) -> Any:
    """Start a replica of `hr-sync serve`."""
    with log.open("a") as stream:
        return start_logging(home, stream, "serve")


def engine_worker(home: Path, log: Path) -> Any:
    """Start a worker of procrastinate."""
    command = [sys.executable, "-m", "hr_sync.engines", "worker", "--config", str(home / "config.toml")]
    with log.open("a") as stream:
        return subprocess.Popen(command, cwd=ROOT, env=environment(home), stdout=stream, stderr=stream)


@dataclass(frozen=True, kw_only=True)
class Played:
    """How a play ended, as the simulators and the database have it."""

    seconds: float  #: from the first request to the last space
    seconds_of: dict[str, float]  #: by site, until its last space
    requests: dict[str, int]  #: by site, those that were answered otherwise than by 429
    refused: dict[str, int]
    late: dict[str, int]
    cpu_seconds: float  #: of the workers
    kills: int
    sleeps: int
    taken_over: int
    wrong: list[str]
    double_writers: list[tuple[Any, ...]]
    passes: dict[str, set[int]]  #: by site: how many complete passes its spaces had


@dataclass(kw_only=True)
class Sites:
    """Simulated sites over one empty database, and the workers on them."""

    home: Path
    database_url: str
    simulators: dict[str, Simulator]
    spaces: dict[str, int]
    connections: "dict[str, Connection]"
    starter: Starter
    workers: list[Any] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def start(self) -> None:
        """Start one more worker."""
        self.workers.append(self.starter(self.home, self.home / f"log{len(self.workers)}"))

    def kill(self, worker: Any) -> None:
        """End a worker by SIGKILL."""
        self.cpu_seconds += cpu_of(worker.pid)
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        self.workers.remove(worker)
        self.killed.append(worker.pid)

    def end_leases(self, pid: int) -> None:
        """Let the time of its leases pass."""
        for connection in self.connections.values():
            connection.execute(_END_LEASES, (f"%:{pid}",))

    def done(self, site: str) -> bool:
        """Return True if every space of the site has had its pass."""
        return _number(self.connections[site], _DONE) >= self.spaces[site]


@contextmanager
def opened(
    home: Path,
    database_url: str,
    starter: Starter,
    spaces: Mapping[str, int],
    limits: Mapping[str, float],
    *,
    blocked: str | None = None,
) -> Iterator[Sites]:
    """Serve the sites, make their tables and write the settings; end the workers with the block."""
    with ExitStack() as stack:
        simulators = {
            site: stack.enter_context(
                Simulator(world_of(site, number), api_token=TOKEN, rate_per_second=limits.get(site, 0))
            )
            for site, number in spaces.items()
        }
        if blocked is not None:
            refusal = {"status": 429, "headers": {"Retry-After": HOUR}}
            simulators[blocked].faults.add(Fault(kind="status", match=".", times=0, argument=refusal))
        _write_settings(home, database_url, simulators)
        _make_tables(database_url, list(spaces))
        connections = {site: stack.enter_context(_connected(database_url, site)) for site in spaces}
        for site, connection in connections.items():
            watch(connection, site)
        sites = Sites(
            home=home,
            database_url=database_url,
            simulators=simulators,
            spaces=dict(spaces),
            connections=connections,
            starter=starter,
        )
        if starter is engine_worker:
            command = [sys.executable, "-m", "hr_sync.engines", "init", "--config", str(home / "config.toml")]
            subprocess.run(command, cwd=ROOT, env=environment(home), check=True)
        try:
            yield sites
        finally:
            for worker in sites.workers:
                worker.send_signal(signal.SIGKILL)
                worker.wait(10)


def play(sites: Sites, *, workers: int, seed: int | None, but: str | None = None, most_troubles: int = 1_000) -> Played:
    """Let workers do every space, except those of one site, once. With a seed they are killed and stopped meanwhile."""
    wanted = [site for site in sites.spaces if site != but]
    for _ in range(workers):
        sites.start()
    troubles = _Troubles(sites, random.Random(seed), most_troubles) if seed is not None else None  # noqa: S311 -- no secret
    ends_at, done_at = time.monotonic() + PATIENCE_SECONDS, dict[str, float]()
    while len(done_at) < len(wanted):
        assert time.monotonic() < ends_at, f"not in time: {set(wanted) - done_at.keys()}"
        if troubles is not None:
            troubles.go_on()
        for site in wanted:
            if site not in done_at and sites.done(site):
                done_at[site] = time.monotonic()
        time.sleep(0.05)
    if troubles is not None:
        troubles.wake()
    began = min(each[0].began_at for each in map(list, (one.requests for one in sites.simulators.values())) if each)
    return Played(
        seconds=max(done_at.values()) - began,
        seconds_of={site: at - began for site, at in done_at.items()},
        requests={site: len(one.requests) - _refused(one) for site, one in sites.simulators.items()},
        refused={site: _refused(one) for site, one in sites.simulators.items()},
        late={site: late_requests(one) for site, one in sites.simulators.items()},
        cpu_seconds=sites.cpu_seconds + sum(cpu_of(worker.pid) for worker in sites.workers),
        kills=troubles.kills if troubles else 0,
        sleeps=troubles.sleeps if troubles else 0,
        taken_over=sum(_number(each, _TAKEN_OVER) for each in sites.connections.values()),
        wrong=[f"{site}: {each}" for site in wanted for each in wrong_in(sites, site)],
        double_writers=[row for each in sites.connections.values() for row in double_writers(each)],
        passes={site: {n for _, n in sites.connections[site].execute(_PASSES.encode()).fetchall()} for site in wanted},
    )


class _Troubles:
    """Kills a worker and starts another one, or lets one sleep past its leases, at random moments."""

    def __init__(self, sites: Sites, chance: random.Random, most: int) -> None:
        self._sites, self._chance, self._most = sites, chance, most
        self._next_at: float | None = None
        self._asleep: list[tuple[float, Any]] = []
        self.kills = self.sleeps = 0

    def go_on(self) -> None:
        """Do what the time has come for."""
        now = time.monotonic()
        for pid in self._sites.killed:  # again and again: the server ends what they had begun a moment later
            self._sites.end_leases(pid)
        for until, worker in list(self._asleep):
            self._sites.end_leases(worker.pid)
            if now >= until:
                worker.send_signal(signal.SIGCONT)
                self._asleep.remove((until, worker))
        awake = [each for each in self._sites.workers if all(each is not other for _, other in self._asleep)]
        if self._next_at is None and any(len(each.requests) for each in self._sites.simulators.values()):
            self._next_at = now + self._chance.uniform(0.3, 2)
        if self._next_at is None or now < self._next_at or len(awake) < 2 or self.kills + self.sleeps >= self._most:
            return
        self._next_at = now + self._chance.uniform(3, 9)
        worker = self._chance.choice(awake)
        if self.kills <= self.sleeps:
            self.kills += 1
            self._sites.kill(worker)
            self._sites.start()
        else:
            self.sleeps += 1
            worker.send_signal(signal.SIGSTOP)
            self._asleep.append((now + self._chance.uniform(0.5, 2), worker))

    def wake(self) -> None:
        """Let those that sleep go on."""
        for _, worker in self._asleep:
            worker.send_signal(signal.SIGCONT)


def late_requests(site: Simulator) -> int:
    """Count the refused requests that arrived within the second of a refusal of which every worker could know."""
    records = sorted(site.requests, key=lambda record: record.began_at)
    ends, late, told = 0.0, 0, 0.0
    for record in records:
        if record.status != 429:
            continue
        if record.began_at >= ends:
            told, ends = record.answered_at + TOLD_SECONDS, record.answered_at + 1
        late += told <= record.began_at
    return late


def wrong_in(sites: Sites, site: str) -> Sequence[str]:
    """Compare what is stored in the schema of a site with its world."""
    with _connected(sites.database_url, site, row_factory=dict_row) as connection:
        right = expected(sites.simulators[site].world, sites.simulators[site].site_url, Wanted(spaces=("*",)))
        return differences(right, stored_through(connection))


def cpu_of(pid: int) -> float:
    """Return the processor time that a process has used."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def _refused(site: Simulator) -> int:
    return sum(record.status == 429 for record in site.requests)


def _number(connection: Connection, query: str) -> int:
    (found,) = connection.execute(query.encode()).fetchone()  # type: ignore[misc] # a count has a row
    return int(found)


def _connected(database_url: str, schema: str, **more: Any) -> Connection:
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, options=f"-c search_path={schema}", **more)


def _make_tables(database_url: str, sites: Sequence[str]) -> None:
    engine = make_engine(database_url)
    for site in sites:
        ensure_schema(in_schema(engine, site))
    engine.dispose()


def _write_settings(home: Path, database_url: str, simulators: Mapping[str, Simulator]) -> None:
    lines = ["[confluence]", 'flavor = "cloud"', f'username = "{USERNAME}"', 'spaces = ["*"]']
    lines += ["[database]", f"url = {json.dumps(postgres(database_url))}", "[log]", 'format = "json"']
    lines += ["[service]", "port = 0"]
    for site, simulator in simulators.items():
        lines += [f"[sites.{site}.confluence]", f'url = "{simulator.site_url}"', f'api_token = "{TOKEN}"']
        lines += [f"[sites.{site}.access]", 'mode = "account"']
    path = home / "config.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
