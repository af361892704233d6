"""How long one run takes, and what it costs, from the costs that were measured. Pure.

A run of one process works on six spaces at a time. The time of a space is its answers one after another and its
processor time. A run takes as long as the longest of four things: these spaces side by side, its requests over all its
connections, its processor time (Python computes on one core), and what the site allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

from sizing_model.costs import SPACES_AT_ONCE, Cost, Costs, Kind, requests_of_lists, waits_of_lists
from sizing_model.sites import Site


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a worker finds."""

    latency_seconds: float = 0.15
    connections: int = 8
    requests_a_second: float = 10.0  #: that a site allows


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How often each kind of run begins, in minutes: the defaults of the settings."""

    incremental: float = 5
    access: float = 15
    full: float = 360

    def minutes(self, kind: Kind) -> float:
        """Return the interval of a kind of run."""
        return {Kind.INCREMENTAL: self.incremental, Kind.ACCESS: self.access, Kind.FULL: self.full}[kind]


LATER = (Kind.INCREMENTAL, Kind.ACCESS, Kind.FULL)


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run of one process."""

    requests: float
    cpu_seconds: float
    database_cpu_seconds: float
    seconds: float  #: from its start to its end, if the site allows all its requests


def work_of(
    kind: Kind, spaces: Sequence[int], costs: Costs, conditions: Conditions, *, edits: float = 0.0, starts: bool = True
) -> Work:
    """Return one run over spaces with so many pages. `starts`: the process is started for it."""
    job, pages = costs.jobs[kind], sum(spaces)
    start = job.cpu.run if starts else 0.0
    cpu = job.cpu.of(len(spaces), pages) - job.cpu.run + edits * costs.cpu_an_edit
    database_cpu = job.database_cpu.of(len(spaces), pages) + edits * costs.database_cpu_an_edit
    lists = sum(requests_of_lists(kind, each) for each in spaces)
    requests = job.requests.of(len(spaces), pages) + lists + edits * costs.requests_an_edit
    chains = [
        (job.waits.space + waits_of_lists(kind, each)) * conditions.latency_seconds
        + _of_one(job.cpu, each)
        + _of_one(job.database_cpu, each)
        for each in spaces
    ]
    wire = requests * conditions.latency_seconds / conditions.connections
    side_by_side = makespan(chains, min(SPACES_AT_ONCE, conditions.connections))
    return Work(
        requests=requests,
        cpu_seconds=start + cpu,
        database_cpu_seconds=database_cpu,
        seconds=start + job.waits.run * conditions.latency_seconds + max(side_by_side, wire, cpu),
    )


def _of_one(cost: Cost, pages: int) -> float:
    return cost.space + pages * cost.page


def makespan(times: Sequence[float], threads: int) -> float:
    """Return when the last of several jobs ends that threads take in their order."""
    ends = [0.0] * threads
    heapify(ends)
    for time in times:
        heapreplace(ends, ends[0] + time)
    return max(ends)


@dataclass(frozen=True, kw_only=True)
class SiteLoad:
    """What the runs of one site take, in the parts that replicas share."""

    pages: int
    replicas: int
    runs: Mapping[Kind, Work]  #: of one replica
    seconds: Mapping[Kind, float]  #: of that run, with what the site allows
    requests_a_second: float  #: that the schedule wants
    is_over_limit: bool  #: the site does not allow the schedule


def load_of(site: Site, costs: Costs, conditions: Conditions, schedule: Schedule, *, replicas: int) -> SiteLoad:
    """Return the load of a site whose spaces so many replicas share."""
    share = site.spaces[::replicas]  # of the replica with the largest spaces
    runs = {
        kind: work_of(
            kind,
            share,
            costs,
            conditions,
            edits=site.edits(schedule.incremental) / replicas if kind is Kind.INCREMENTAL else 0.0,
        )
        for kind in LATER
    }
    rates = {kind: runs[kind].requests * replicas / schedule.minutes(kind) / 60 for kind in LATER}
    allowed, wanted = conditions.requests_a_second, sum(rates.values())
    # A run has what other runs leave; where the site allows less than all of them want, each has its share.
    left = {kind: max(allowed - wanted + rates[kind], allowed * rates[kind] / wanted) for kind in LATER}
    seconds = {kind: max(runs[kind].seconds, runs[kind].requests * replicas / left[kind]) for kind in LATER}
    return SiteLoad(
        pages=site.pages,
        replicas=replicas,
        runs=runs,
        seconds=seconds,
        requests_a_second=wanted,
        is_over_limit=wanted > allowed,
    )
