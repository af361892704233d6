"""`hr-sync serve` under load for longer than a commit can wait: `./scripts/campaign-serve stops` or `changes`."""

# ruff: noqa: T201 -- it is a program that tells on standard output

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluence_simulator import BodyLengths, Simulator, generated_world
from sqlalchemy import Engine

from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from tests.cli.program import TOKEN
from tests.service.changes import disagreements, keep_changing, rows_differ
from tests.service.processes import can_be_process_1, serving_anew, wire
from tests.service.stops import CIRCUMSTANCES, stop_once

SECONDS_BETWEEN_RUNS = 2.0


@contextmanager
def stage(latency_seconds: float) -> Iterator[tuple[Path, Engine, Simulator]]:
    """Return a folder, a database with tables and a site of 300 pages in two spaces."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-campaign-"))
    folder.chmod(0o711)
    home = folder / "home"
    home.mkdir()
    lengths = BodyLengths(median=500, mean=800, maximum=9000)
    world = generated_world(
        pages=300,
        spaces=2,
        lengths=lengths,
        start=datetime.now(UTC) - timedelta(days=1),
        step=timedelta(milliseconds=1),
    )
    simulator = Simulator(world, api_token=TOKEN, latency_seconds=latency_seconds)
    try:
        with EmbeddedPostgres(folder / "server", fsync="off") as server, simulator as site:
            engine = make_engine(server.url)
            ensure_schema(engine)
            yield home, engine, site
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stops(number: int, seed: int) -> int:
    """Stop a service so many times; every third one is process 1 of a namespace. Gives how many stops were bad."""
    chance = random.Random(seed)  # noqa: S311 -- it chooses, and guards nothing
    in_namespace = can_be_process_1()
    print("every third as process 1" if in_namespace else "no process namespaces here: none as process 1")
    kinds: Counter[str] = Counter()
    bad, slowest = 0, 0.0
    with stage(latency_seconds=0.15) as (home, engine, site):
        for done in range(1, number + 1):
            # Half of them at a random moment of ordinary work, the others in each other circumstance in turn.
            circumstance = CIRCUMSTANCES[done // 2 % (len(CIRCUMSTANCES) - 1) + 1 if done % 2 else 0]
            as_process_1 = in_namespace and done % 3 == 0
            stop = stop_once(home, engine, site, circumstance, chance, as_process_1=as_process_1)
            kinds[f"{stop.circumstance}, exit code {stop.exit_code}"] += 1
            slowest = max(slowest, stop.seconds)
            if not stop.is_good:
                bad += 1
                print(stop, (home / "log").read_text()[-3000:], sep="\n", flush=True)
            if done % 20 == 0:
                print(f"{done - bad} of {done} good, the slowest {slowest} s", flush=True)
    for kind, times in sorted(kinds.items()):
        print(f"{times:4} {kind}")
    return bad


def changes(seconds: int, seed: int) -> int:
    """Change the world for so long under a service that runs every 2 s. Gives how much was late or wrong."""
    with stage(latency_seconds=0.01) as (home, engine, site):
        url = engine.url.render_as_string(hide_password=False)
        wire(home, site, url, seconds_between_runs=SECONDS_BETWEEN_RUNS, full_too=True)
        with serving_anew(home) as service:
            service.port()
            made = keep_changing(site.world, engine, seconds=seconds, pause_seconds=0.7, seed=seed)
            time.sleep(2 * SECONDS_BETWEEN_RUNS)  # a run ends and is counted after what it brought can be seen
            wrong = disagreements(service, engine) + (["rows differ"] if rows_differ(site, engine) else [])
            exit_code, stop_seconds = service.stop()
    took = sorted(change.seconds for change in made if change.seconds is not None)
    late = [change for change in made if change.seconds is None or change.seconds > 2 * SECONDS_BETWEEN_RUNS]
    print(f"{len(made)} changes; median {took[len(took) // 2]:.2f} s, slowest {took[-1]:.2f} s; late: {late}")
    print(f"disagreements: {wrong}; stopped with {exit_code} in {stop_seconds:.2f} s")
    return len(late) + len(wrong) + abs(exit_code)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/campaign-serve")
    parser.add_argument("what", choices=["stops", "changes"])
    parser.add_argument("--number", type=int, default=None, help="stops (200), or seconds of changes (60)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.what == "stops":
        sys.exit(stops(options.number or 200, options.seed) > 0)
    sys.exit(changes(options.number or 60, options.seed) > 0)
