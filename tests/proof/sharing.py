"""Replicas that share one round over many small spaces, while one of them is killed and one sleeps past its lease."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from confluence_simulator import Fault, Simulator, World

from tests.proof.stage import plain_connection
from tests.proof.watch import double_writers, watch
from tests.proof.workers import Worker, workers

REPLICAS = 3
PATIENCE_SECONDS = 120
_EPOCHS = "SELECT coalesce(sum(epoch), 0)::int FROM sync_spaces"
_DONE = "SELECT count(*)::int FROM sync_spaces WHERE last_full_at IS NOT NULL"
_AT_WORK = "SELECT count(*)::int FROM sync_spaces WHERE lease_holder LIKE '%:{pid}' AND last_full_at IS NULL"
_FULL_PASSES = """
    SELECT space_key, count(*)::int FROM sync_run_spaces JOIN sync_runs ON sync_runs.id = run_id
    WHERE sync_runs.mode = 'full' AND sync_run_spaces.outcome = 'complete' GROUP BY space_key
"""
_BY_WORKER = """
    SELECT worker, count(*)::int FROM sync_run_spaces JOIN sync_runs ON sync_runs.id = run_id
    WHERE sync_run_spaces.outcome = 'complete' GROUP BY worker
"""


def small_spaces(number: int) -> World:
    """Make so many spaces of three pages each."""
    world = World()
    for each in range(number):
        world.create_space(f"S{each:03d}")
        for page in range(3):
            world.create_page(space_key=f"S{each:03d}", title=f"{each} {page}", storage=f"<p>{each} {page}</p>")
    return world


@dataclass(frozen=True, kw_only=True)
class Shared:
    """How a round ended."""

    spaces: int
    passes: dict[str, int]  #: complete full passes of each space
    by_worker: dict[str, int]
    epochs: int  #: leases in all
    double_writers: list[tuple[Any, ...]]
    seconds: float
    replicas: list[Worker]
    live: int


def share(
    database_url: str,
    site: Simulator,
    *,
    seed: int,
    lease_seconds: float,
    latency_seconds: float,
    connections: int = 2,
    replicas: int = REPLICAS,
    disturbed: bool = True,
) -> Shared:
    """Let replicas do every space once; of three one is killed and one sleeps, both at random moments."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable, no secret
    if latency_seconds:
        site.faults.add(Fault(kind="slow", argument=latency_seconds, times=0))
    spaces = len(list(site.world.spaces()))
    with plain_connection(database_url) as connection:
        watch(connection)
        with workers().every(
            site_url=site.site_url,
            database_url=database_url,
            lease_seconds=lease_seconds,
            connections=connections,
        ) as started:
            began = time.monotonic()
            all_of_them = [started.start("share") for _ in range(replicas)]
            if disturbed:
                _disturb(connection, chance, all_of_them, spaces, lease_seconds)
            started.wait(*all_of_them)
            seconds = time.monotonic() - began
        return Shared(
            spaces=spaces,
            passes=dict(connection.execute(_FULL_PASSES).fetchall()),
            by_worker=dict(connection.execute(_BY_WORKER).fetchall()),
            epochs=_number(connection, _EPOCHS),
            double_writers=double_writers(connection),
            seconds=seconds,
            replicas=all_of_them,
            live=_number(connection, "SELECT count(*)::int FROM live_pages"),
        )


def check(shared: Shared) -> None:
    """Raise AssertionError unless every space was done once, by nobody but the holder of its lease."""
    assert shared.double_writers == []
    assert len(shared.passes) == shared.spaces, sorted(shared.passes)
    assert set(shared.passes.values()) == {1}
    assert shared.live == 3 * shared.spaces


def _disturb(
    connection: "psycopg.Connection[Any]",
    chance: random.Random,
    replicas: list[Worker],
    spaces: int,
    lease_seconds: float,
) -> None:
    """Kill one replica and let another sleep for longer than its lease, each after some of the spaces."""
    victim, sleeper = chance.sample(replicas, 2)
    moments = sorted(chance.randrange(spaces // 10 + 1, spaces // 2) for _ in range(2))
    _until(lambda: _number(connection, _DONE) >= moments[0])
    sleeper.signal(signal.SIGSTOP)
    _until(lambda: _number(connection, _DONE) >= moments[1])
    _until(lambda: _is_killed_at_work(connection, victim))
    time.sleep(lease_seconds * 1.5)
    sleeper.signal(signal.SIGCONT)


def _is_killed_at_work(connection: "psycopg.Connection[Any]", victim: Worker) -> bool:
    """Kill a replica if it holds the lease of a space that is not done."""
    victim.signal(signal.SIGSTOP)
    if not _number(connection, _AT_WORK.format(pid=victim.pid)):
        victim.signal(signal.SIGCONT)
        return False
    victim.signal(signal.SIGKILL)
    return True


def _number(connection: "psycopg.Connection[Any]", query: str) -> int:
    (found,) = connection.execute(query.encode()).fetchone() or (0,)
    return int(found)


def _until(happened: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < ends_at
        time.sleep(0.005)
