"""The same proofs for much longer than a commit can wait: `./scripts/campaign access`, `contention` and others."""

# ruff: noqa: T201 -- it is a program that tells on standard output

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluence_simulator import Simulator

from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.logs import configure_logging
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from tests.proof.access_trees import FAULTS, Figures, Tree, access_stage
from tests.proof.feed_campaign import play_feed
from tests.proof.histories import History, TreeHistory
from tests.proof.rounds import Rounds, rounds
from tests.proof.seeds import play
from tests.proof.sharing import check, share, small_spaces
from tests.proof.sites_campaign import play_sites
from tests.proof.stage import Stage, first_world

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def new_stage() -> Iterator[Stage]:
    """Start a database server and a site."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-campaign-"))
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "server", programs=None, **FAST) as server, Simulator(first_world()) as site:
            engine = make_engine(server.url)
            ensure_schema(engine)
            stage = Stage.on(site, engine)
            yield stage
            stage.close()
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def contention(stage: Stage, number: int, seed: int) -> None:
    """Play so many rounds of workers and a service together, and as many of a worker asleep, before writing or not."""
    with rounds(stage, seed) as played:
        refused = busy = 0
        for done in range(number):
            busy += sum(worker.result["busy"] for worker in played.together_with_service())
            asleep = played.asleep_anywhere() if done % 2 else played.asleep_before_writing()
            refused += asleep.exit_code != 0
            _tell(played, done + 1)
        print(f"workers that left a space to another one: {busy}; sleepers refused: {refused}")
        print(f"runs of services that wrote: {played.writing_services()}")


def kills(stage: Stage, number: int, seed: int) -> None:
    """Kill a worker at random moments."""
    with rounds(stage, seed) as played:
        killed = 0
        for done in range(number):
            killed += played.killed().exit_code is None
            _tell(played, done + 1)
        print(f"killed before their end: {killed}")


def histories(stage: Stage, number: int, seed: int) -> None:
    """Play random histories, half of them with page trees."""
    play(History, stage, examples=number // 2, steps=30, number=seed)
    play(TreeHistory, stage, examples=number // 2, steps=30, number=seed)


def access(stage: Stage, number: int, seed: int) -> None:
    """Play random trees of restrictions, half of them on each flavour, whose faults take every kind in turn."""
    figures = Figures()
    for flavor, half in (("cloud", (number + 1) // 2), ("datacenter", number // 2)):
        of_flavor = Figures()
        with access_stage(stage.engine, flavor) as site:
            for done in range(half):
                kind = FAULTS[done % len(FAULTS)]
                played = Tree(site, seed + done, faults=[kind], always=True).play()
                of_flavor.add(played)
                if played.overgrants:
                    print(f"{flavor}, {kind}: {played.overgrants}", flush=True)
                if (done + 1) % 50 == 0:
                    print(f"{flavor}: {of_flavor.line}", flush=True)
        print(f"{flavor}: {of_flavor.line}", flush=True)
        print(f"{flavor}, planned and never met: {sorted(of_flavor.planned.keys() - of_flavor.fired.keys())}")
        figures.add(of_flavor)
    upper = 1 - 0.05 ** (1 / max(figures.trees, 1))
    print(f"{figures.line}; where there is none, at most {upper:.2%} of such trees have one, by 95 %", flush=True)
    assert figures.overgrants == []


def feed(_stage: Stage, number: int, seed: int) -> None:
    """Make so many changes for consumers that are killed, on servers of its own."""
    play_feed(number, seed)


def sharing(stage: Stage, number: int, seed: int) -> None:
    """Let three replicas share 200 small spaces so many times; each time one is killed and one sleeps."""
    taken_over = 0
    for done in range(number):
        stage.begin()
        with Simulator(small_spaces(200)) as site:
            shared = share(stage.url, site, seed=seed + done, lease_seconds=2, latency_seconds=0.03)
        check(shared)
        taken_over += shared.epochs - shared.spaces
        split = sorted(shared.by_worker.values())
        print(f"{done + 1}: {shared.seconds:.1f} s, spaces by worker {split}, leases {shared.epochs}", flush=True)
    print(f"leases that were taken over: {taken_over}")


def speedup(stage: Stage, number: int, _seed: int) -> None:
    """Measure how much sooner two workers do so many spaces than one, at 150 ms for each answer."""
    seconds = []
    for replicas in (1, 2):
        stage.begin()
        with Simulator(small_spaces(number)) as site:
            shared = share(
                stage.url,
                site,
                seed=0,
                lease_seconds=60,
                latency_seconds=0.15,
                connections=4,
                replicas=replicas,
                disturbed=False,
            )
        check(shared)
        seconds.append(shared.seconds)
        print(f"{replicas}: {shared.seconds:.1f} s, spaces by worker {sorted(shared.by_worker.values())}", flush=True)
    print(f"two workers: {seconds[0] / seconds[1]:.2f} times as fast as one")


def sites(stage: Stage, number: int, seed: int) -> None:
    """Let three workers do so many spaces in four sites with limits of their own, while they are killed and stopped."""
    play_sites(stage.url, number, seed)


def _tell(played: Rounds, done: int) -> None:
    assert played.double_writers() == []
    if done % 25 == 0:
        print(f"{done} rounds, double writers: 0, runs that wrote: {played.writing_runs()}", flush=True)


def main() -> None:
    """Play one campaign and say how it went."""
    campaigns = {
        "access": (access, 10_000),
        "contention": (contention, 300),
        "kills": (kills, 500),
        "histories": (histories, 2000),
        "feed": (feed, 100_000),
        "sharing": (sharing, 20),
        "speedup": (speedup, 120),
        "sites": (sites, 200),
    }
    parser = argparse.ArgumentParser(prog="scripts/campaign", description=__doc__)
    parser.add_argument("campaign", choices=campaigns)
    parser.add_argument("number", nargs="?", type=int, help="trees, rounds, changes, spaces or what else is played")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="to play the same again")
    options = parser.parse_args()
    campaign, usual = campaigns[options.campaign]
    configure_logging(level="critical", format="json")
    print(f"{options.campaign}, --seed {options.seed}", flush=True)
    began = time.monotonic()
    with new_stage() as stage:
        campaign(stage, options.number or usual, options.seed)
    print(f"nothing wrong in {options.number or usual}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
