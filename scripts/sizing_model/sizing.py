"""How many workers, how much of PostgreSQL and which freshness follow for so many sites and pages. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

from sizing_model.costs import Costs
from sizing_model.fleet import PAGES_IN_TIME, FirstMirror, enough_workers, first_mirror, loads_of, some_hours
from sizing_model.runs import Conditions, Schedule
from sizing_model.sites import sites

SITES = (10, 100, 1_000)
PAGES = (10_000, 100_000, 1_000_000, 10_000_000)
_BUSY = 0.5  # of PostgreSQL's cores, so that consumers and peaks have the rest
_FEWEST_CORES = 2


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """One line of the table."""

    sites: int
    pages: int
    spaces: int
    workers: int  #: at work at the same time
    database_cores: int
    database_gigabytes: float
    first: FirstMirror
    shown_after_seconds: float  #: at the latest, in sites with 19 of 20 pages
    requests_a_second: float  #: that the schedule wants of the largest site
    sites_over_limit: int


def sizing(
    number: int, pages: int, costs: Costs, conditions: Conditions | None = None, schedule: Schedule | None = None
) -> Sizing:
    """Return what so many sites with so many pages need."""
    conditions, schedule = conditions or Conditions(), schedule or Schedule()
    every = sites(number, pages)
    loads = loads_of(every, costs, conditions, schedule)
    workers = enough_workers(loads, schedule)
    day = some_hours(loads, schedule, workers)
    cores = max(_FEWEST_CORES, 2 ** ceil(log2(max(1.0, day.database_cpu_seconds / day.seconds / _BUSY))))
    return Sizing(
        sites=number,
        pages=pages,
        spaces=sum(len(site.spaces) for site in every),
        workers=workers,
        database_cores=cores,
        database_gigabytes=pages * costs.bytes_a_page / 1e9,
        first=first_mirror(every, loads, costs, conditions, workers=workers, database_cores=cores),
        shown_after_seconds=day.age(PAGES_IN_TIME),
        requests_a_second=max(load.requests_a_second for load in loads),
        sites_over_limit=sum(load.is_over_limit for load in loads),
    )


def grid(costs: Costs, numbers: Sequence[int] = SITES, pages: Sequence[int] = PAGES) -> list[Sizing]:
    """Return the sizing of every number of sites with every number of pages."""
    return [sizing(number, each, costs) for number in numbers for each in pages]
