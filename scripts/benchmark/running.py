"""Runs a case: its steps one after another, repetition by repetition."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmark.contenders import Contender, command, environment
from benchmark.delay_proxy import delayed
from benchmark.measuring import measure
from benchmark.postgres import Postgres
from benchmark.site import Site, running_site
from benchmark.steps import Case, Sample, Samples, Step

_PARTIAL = 3  # hr-sync's exit code where the database refused pages


def run_case(case: Case, postgres: Postgres, *, repetitions: int, report: Callable[[str], None]) -> Sequence[Samples]:
    """Run a case. Return the samples of each repetition, after one that only warms the simulator's cache."""
    with running_site(pages=case.pages, spaces=case.spaces, largest_page_bytes=case.largest_page_bytes) as site:
        everything = []
        for repetition in range(repetitions + 1):
            samples = {}
            for step in case.steps:
                report(f"{case.name}: {step.name}, {f'repetition {repetition}' if repetition else 'warming up'}")
                samples[step.name] = run_step(step, site, postgres)
            everything.append(samples)
        return everything[1:]


def run_step(step: Step, site: Site, postgres: Postgres) -> Sample:
    """Run one step and measure it. Raise ProcessFailed."""
    if step.fresh:
        postgres.fresh(step.database)
    edited = site.edit(step.edited_share) if step.edited_share else 0
    with _database_port(step, postgres) as port:
        url = postgres.url(step.database, port=port)
        address = {**environment(site.open(step.conditions), site.spaces, url), **dict(step.settings)}
        if step.refusing:
            measure(command(Contender.HR_SYNC, ("init-db",)), address)
            postgres.refuse_some(step.database)
        postgres.settle()
        site.open(step.conditions)
        cpu_before = postgres.cpu_seconds()
        measured = measure(
            command(step.contender, step.arguments), address, accepted=(0, _PARTIAL) if step.refusing else (0,)
        )
    asked = site.asked(step.conditions)
    parts = _parts(step, measured.output)
    return Sample(
        wall_seconds=max(parts["fetch"], parts["copy"]) if parts and "copy" in parts else measured.wall_seconds,
        cpu_seconds=measured.cpu_seconds,
        peak_megabytes=measured.peak_megabytes,
        requests=asked.requests,
        megabytes=asked.bytes / 1e6,
        bodies=asked.bodies,
        peak_concurrency=asked.peak_concurrency,
        simulator_cpu_seconds=asked.cpu_seconds,
        database_cpu_seconds=postgres.cpu_seconds() - cpu_before,
        edited=edited,
        parts=parts,
    )


@contextmanager
def _database_port(step: Step, postgres: Postgres) -> Iterator[int]:
    if not step.round_trip_ms:
        yield postgres.port
        return
    with delayed(postgres.port, step.round_trip_ms) as port:
        yield port


def _parts(step: Step, output: str) -> dict[str, float] | None:
    if step.contender in (Contender.FLOOR, Contender.HR_SYNC_MANY_TIMES):
        parts: dict[str, float] = json.loads(output)
        return parts
    return None
