"""Measures what jobs cost, by the processes and the simulated site of `scripts/bench`, in cases of a few seconds.

Three worlds, so that the costs of a run, of a space and of a page can be told apart.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from benchmark.contenders import Contender, command, environment
from benchmark.measuring import measure as measure_process
from benchmark.postgres import Postgres, running_postgres
from benchmark.running import run_step
from benchmark.site import Conditions, Site, running_site
from benchmark.steps import Step

WORLDS = ((200, 10), (2_000, 10), (2_000, 1))  #: pages and spaces
LATE = Conditions(latency_ms=2_000)  #: so long that other users of the machine do not matter
_WITH_TEXTS = (("HR_SYNC_TEXT__SECTIONS", "true"),)
_INCREMENTAL = ("run", "--incremental", "--json")
_ACCESS = ("run", "--access", "--json")

STEPS = (
    Step(name="first", settings=_WITH_TEXTS),
    Step(name="full", settings=_WITH_TEXTS, fresh=False),
    Step(name="incremental", settings=_WITH_TEXTS, fresh=False, arguments=_INCREMENTAL),
    Step(name="access", settings=_WITH_TEXTS, fresh=False, arguments=_ACCESS),
    Step(name="edited", settings=_WITH_TEXTS, fresh=False, arguments=_INCREMENTAL, edited_share=0.05),
    Step(name="first without texts"),
)
LATE_STEPS = (
    Step(name="first", settings=_WITH_TEXTS, conditions=LATE),
    Step(name="full", settings=_WITH_TEXTS, conditions=LATE, fresh=False),
    Step(name="incremental", settings=_WITH_TEXTS, conditions=LATE, fresh=False, arguments=_INCREMENTAL),
    Step(name="access", settings=_WITH_TEXTS, conditions=LATE, fresh=False, arguments=_ACCESS),
)


def measure(file: Path) -> None:
    """Measure every step in every world, and write the samples."""
    samples = [*_samples()]
    document = {
        "command": "./scripts/sizing --measure",
        "where": "two cores, embedded PostgreSQL with fsync, pages of 12 KB on average, 8 connections, mode enforce",
        "samples": samples,
    }
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _samples() -> Iterator[Mapping[str, Any]]:
    with running_postgres() as postgres:
        for pages, spaces in WORLDS:
            with running_site(pages=pages, spaces=spaces) as site:
                for step in (*STEPS, *LATE_STEPS):
                    yield {"pages": pages, "spaces": spaces, **_sample(step, site, postgres)}
                if spaces > 1:
                    yield {"pages": pages, "spaces": spaces, **_by_two(site, postgres)}


def _sample(step: Step, site: Site, postgres: Postgres) -> Mapping[str, Any]:
    sample = run_step(step, site, postgres)
    return {
        "step": step.name,
        "latency_ms": step.conditions.latency_ms,
        "edited": sample.edited,
        "requests": sample.requests,
        "wall_seconds": round(sample.wall_seconds, 3),
        "cpu_seconds": round(sample.cpu_seconds, 3),
        "database_cpu_seconds": round(sample.database_cpu_seconds, 3),
        "peak_megabytes": round(sample.peak_megabytes),
        "database_bytes": _database_bytes(postgres.url(step.database)),
    }


def _by_two(site: Site, postgres: Postgres) -> Mapping[str, Any]:
    """Let two processes do half of the spaces each, at the same time."""
    url = postgres.url(LATE_STEPS[0].database)
    address = {**environment(site.open(LATE), site.spaces, url), **dict(_WITH_TEXTS)}

    def run(spaces: Sequence[str]) -> None:
        named = [word for space in spaces for word in ("--space", space)]
        measure_process(command(Contender.HR_SYNC, ("run", "--json", *named)), address)

    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (site.spaces[::2], site.spaces[1::2])))
    return {
        "step": "full by two",
        "latency_ms": LATE.latency_ms,
        "requests": site.asked(LATE).requests,
        "wall_seconds": round(time.perf_counter() - began, 3),
    }


def _database_bytes(url: str) -> int:
    with psycopg.connect(url) as connection:
        (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    return int(size)
