"""What `./scripts/campaign sites` plays and prints: sites with limits, workers in trouble, a site that refuses all."""

# ruff: noqa: T201 -- it is a program that tells on standard output

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluence_simulator import Fault
from sqlalchemy import make_url

from tests.proof.many_sites import LIMITS, Played, Starter, engine_worker, opened, play, serve
from tests.proof.stage import plain_connection

WORKERS = 3
REPETITIONS = 5
LATENCY_SECONDS = 0.1  #: of the sites beside one that refuses all: a rate would be met at random moments
MOST_TROUBLES = 12  #: kills and sleeps of one play
#: How workers are started, and by what the limits are divided: a job of an engine costs five times the processor time.
ENGINES: Mapping[str, tuple[Starter, float]] = {"replicas": (serve, 1), "procrastinate": (engine_worker, 2.5)}


def play_sites(database_url: str, number: int, seed: int) -> None:
    """Play so many spaces in four sites, by replicas and by procrastinate, and one site that refuses everything."""
    for name in ENGINES:
        play_engine(database_url, name, number, seed)
    outage(database_url, number)


def play_engine(database_url: str, name: str, number: int, seed: int) -> None:
    """Play so many spaces by workers of one kind, without trouble and with it."""
    starter, divisor = ENGINES[name]
    limits = {site: limit / divisor for site, limit in LIMITS.items()}
    spaces = dict.fromkeys(limits, max(number // len(limits), 1))
    alone = [_play(database_url, starter, spaces, {}, workers=1).requests for _ in range(3)]  # they share by chance
    needed = {site: statistics.median(each[site] for each in alone) for site in limits}
    ideal = max(needed[site] / limits[site] for site in limits)
    print(f"{name}: one worker without limits sends {needed}; with {limits} a second {ideal:.1f} s at best", flush=True)
    for trouble in (None, seed):
        played = _play(database_url, starter, spaces, limits, seed=trouble)
        what = "undisturbed" if trouble is None else "disturbed"
        print(f"{name}, {what}: {played.seconds:.1f} s, {played.seconds / ideal:.2f} of the ideal", flush=True)
        print(f"  {_line(played)}", flush=True)
        check(played)
        assert sum(played.refused.values()) > 0, "a limit was met"
        if trouble is not None:
            assert min(played.kills, played.sleeps, played.taken_over) > 0, "troubles met workers at work"


def outage(database_url: str, number: int) -> None:
    """Measure three sites beside one that answers 429 for an hour, and beside the same when it answers, in turn."""
    blocked, *others = LIMITS
    spaces = {blocked: 1} | dict.fromkeys(others, max(number // len(LIMITS), 1))
    with_it, without = list[Played](), list[Played]()
    for _ in range(REPETITIONS):
        without.append(_play(database_url, serve, spaces, {}, apart=blocked))
        with_it.append(_play(database_url, serve, spaces, {}, apart=blocked, is_blocked=True))
        assert 0 < with_it[-1].refused[blocked] <= WORKERS, "each worker asks once at most"
        for each in (without[-1], with_it[-1]):
            check(each)
    measures: dict[str, Callable[[Played], float]] = {
        "seconds": lambda one: one.seconds,
        "requests to the others": lambda one: sum(one.requests[site] for site in others),
        "processor time of the workers": lambda one: one.cpu_seconds,
    }
    for what, of in measures.items():
        pairs = [(of(one), of(other)) for one, other in zip(with_it, without, strict=True)]
        ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
        shown = ", ".join(f"{a:.1f}/{b:.1f}" for a, b in pairs)
        print(f"{blocked} answers 429 for an hour: {what} {ratio:.3f} of those when it answers ({shown})", flush=True)


def check(played: Played) -> None:
    """Raise AssertionError unless every page is stored once, where it belongs, by the holder of its lease."""
    assert played.wrong == []
    assert played.double_writers == []
    assert all(each == {1} for each in played.passes.values()), played.passes


def _play(
    database_url: str,
    starter: Starter,
    spaces: Mapping[str, int],
    limits: Mapping[str, float],
    *,
    workers: int = WORKERS,
    seed: int | None = None,
    apart: str | None = None,
    is_blocked: bool = False,
) -> Played:
    blocked = apart if is_blocked else None
    with _fresh(database_url) as (home, url), opened(home, url, starter, spaces, limits, blocked=blocked) as sites:
        for site in set(spaces) - limits.keys() - {apart} if apart else ():
            sites.simulators[site].faults.add(Fault(kind="slow", argument=LATENCY_SECONDS, times=0))
        return play(sites, workers=workers, seed=seed, but=apart, most_troubles=MOST_TROUBLES)


@contextmanager
def _fresh(database_url: str) -> Iterator[tuple[Path, str]]:
    """Return a folder and a database with nothing in them."""
    with tempfile.TemporaryDirectory(prefix="hr_sync-campaign-") as folder, plain_connection(database_url) as server:
        server.execute("CREATE DATABASE many_sites")
        try:
            url = make_url(database_url).set(database="many_sites")
            yield Path(folder), url.render_as_string(hide_password=False)
        finally:
            server.execute("DROP DATABASE many_sites WITH (FORCE)")


def _line(played: Played) -> str:
    return (
        f"requests {played.requests}, refused {played.refused}, late {played.late}; kills {played.kills}, "
        f"sleeps {played.sleeps}, leases taken over {played.taken_over}; {played.cpu_seconds:.0f} s of processor time"
    )
