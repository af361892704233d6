"""Workers that take the runs of many sites as they become due: some hours, and a first mirror. Pure.

A worker does one run at a time. A run begins when it is due and a worker is free, the longest due first; the next
one of its kind is due an interval after it was, or when it has ended, if that is later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace

from sizing_model.costs import Costs, Kind
from sizing_model.runs import LATER, Conditions, Schedule, SiteLoad, load_of, makespan, work_of
from sizing_model.sites import Site

MOST_REPLICAS = 64  # of one site
_HOUR = 3600.0
_GOLDEN = 0.618033988749895  # multiples of it, modulo 1, are spread evenly: not every site begins at once
_IN_TIME = 1.5  # times the interval: if changes are shown later than that, there are not enough workers
PAGES_IN_TIME = 0.95


@dataclass(kw_only=True)
class Day:
    """What happened in some hours of a day."""

    seconds: float  #: how long was simulated
    ages: list[tuple[float, float]] = field(default_factory=list)  #: oldest change that a site showed, and its pages
    busy_seconds: float = 0.0  #: of all workers
    database_cpu_seconds: float = 0.0

    def age(self, share: float) -> float:
        """Return the age that the sites with so large a share of the pages never exceed."""
        wanted, reached = share * sum(pages for _, pages in self.ages), 0.0
        for age, pages in sorted(self.ages):
            reached += pages
            if reached >= wanted:
                return age
        raise ValueError("no round ended")


def loads_of(sites: Sequence[Site], costs: Costs, conditions: Conditions, schedule: Schedule) -> list[SiteLoad]:
    """Return the load of each site, with as many replicas as it needs to end a run within half of its interval."""
    return [_with_replicas(site, costs, conditions, schedule) for site in sites]


def _with_replicas(site: Site, costs: Costs, conditions: Conditions, schedule: Schedule) -> SiteLoad:
    load = load_of(site, costs, conditions, schedule, replicas=1)
    while load.replicas < min(MOST_REPLICAS, len(site.spaces)):
        late = [kind for kind in LATER if load.runs[kind].seconds > schedule.minutes(kind) * 30]
        if not late:
            break
        more = load_of(site, costs, conditions, schedule, replicas=load.replicas + 1)
        if all(more.seconds[kind] >= load.seconds[kind] * 0.98 for kind in late):
            break  # the site's limit, or one large space: more of them change nothing
        load = more
    return load


def some_hours(loads: Sequence[SiteLoad], schedule: Schedule, workers: int) -> Day:
    """Simulate an hour in the middle of a day, or three rounds of the slowest site."""
    slowest = max(load.seconds[Kind.INCREMENTAL] for load in loads)
    day, free = Day(seconds=max(_HOUR, 3 * slowest)), [0.0] * workers
    due = [*_due(loads, schedule)]
    heapify(due)
    began: dict[tuple[int, int], float] = {}
    worst: dict[tuple[int, int], float] = {}
    while due and due[0][0] < day.seconds:
        at, number, replica, place = heappop(due)
        kind, load, part = LATER[place], loads[number], (number, replica)
        start = max(at, free[0])
        end = start + load.seconds[kind]
        heapreplace(free, end)
        day.busy_seconds += load.seconds[kind]
        day.database_cpu_seconds += load.runs[kind].database_cpu_seconds
        heappush(due, (max(at + schedule.minutes(kind) * 60, end), number, replica, place))
        if kind is Kind.INCREMENTAL:
            # A change right after the beginning of a round may be shown by the next one alone.
            worst[part] = max(worst.get(part, 0.0), end - began.get(part, start - schedule.incremental * 60))
            began[part] = start
    day.ages = [(age, loads[number].pages / loads[number].replicas) for (number, _), age in worst.items()]
    return day


def _due(loads: Sequence[SiteLoad], schedule: Schedule) -> list[tuple[float, int, int, int]]:
    """Return when each run is due first, spread over its interval."""
    return [
        ((number * _GOLDEN + place / len(LATER)) % 1.0 * schedule.minutes(kind) * 60, number, replica, place)
        for number, load in enumerate(loads)
        for replica in range(load.replicas)
        for place, kind in enumerate(LATER)
    ]


def enough_workers(loads: Sequence[SiteLoad], schedule: Schedule) -> int:
    """Return the smallest number of workers with which sites with 19 of 20 pages show every change in time."""
    unlimited = some_hours(loads, schedule, sum(load.replicas for load in loads) * len(LATER))
    limit = max(unlimited.age(PAGES_IN_TIME) * 1.05, schedule.incremental * 60 * _IN_TIME)
    few = max(1, int(unlimited.busy_seconds / unlimited.seconds))
    many = few
    while some_hours(loads, schedule, many).age(PAGES_IN_TIME) > limit:
        few, many = many + 1, many * 2
    while few < many:
        middle = (few + many) // 2
        if some_hours(loads, schedule, middle).age(PAGES_IN_TIME) > limit:
            few = middle + 1
        else:
            many = middle
    return many


@dataclass(frozen=True, kw_only=True)
class FirstMirror:
    """How long it takes until everything is mirrored for the first time, and what that depends on."""

    by_workers: float  #: seconds
    by_source: float
    by_database: float

    @property
    def seconds(self) -> float:
        return max(self.by_workers, self.by_source, self.by_database)

    @property
    def limit(self) -> str:
        """Return what would have to be more."""
        limits = {"workers": self.by_workers, "source": self.by_source, "PostgreSQL": self.by_database}
        return max(limits, key=lambda name: limits[name])


def first_mirror(
    sites: Sequence[Site],
    loads: Sequence[SiteLoad],
    costs: Costs,
    conditions: Conditions,
    *,
    workers: int,
    database_cores: int,
) -> FirstMirror:
    """Return how long the first runs of all sites take, the largest ones first."""
    parts = [
        (site.spaces[number :: load.replicas], site)
        for site, load in zip(sites, loads, strict=True)
        for number in range(load.replicas)
    ]
    works = [work_of(Kind.FIRST, spaces, costs, conditions) for spaces, _ in parts]
    requests: dict[int, float] = {}
    for work, (_, site) in zip(works, parts, strict=True):
        requests[id(site)] = requests.get(id(site), 0.0) + work.requests
    return FirstMirror(
        by_workers=makespan(sorted((work.seconds for work in works), reverse=True), workers),
        by_source=max(requests.values()) / conditions.requests_a_second,
        by_database=sum(work.database_cpu_seconds for work in works) / database_cores,
    )
