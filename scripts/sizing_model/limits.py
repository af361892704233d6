"""What the limits of a Confluence site allow, whatever the number of workers. Pure.

Two kinds of limits are documented for Cloud (developer.atlassian.com/cloud/confluence/rate-limiting, August 2026):
points an hour for apps with OAuth, one for a request and one for each object in its answer, and bursts for API tokens.
Atlassian publishes a number of requests a second for Jira alone, 100. Administrators of Data Center set their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sizing_model.costs import Costs, Kind, requests_of_lists
from sizing_model.runs import LATER, Schedule
from sizing_model.sites import PAGES_A_SPACE, Site

SHARE = 0.5  # of a limit, for the schedule; the rest is for people, other programs and repeated requests


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a site allows: requests a second, or points an hour."""

    name: str
    requests_a_second: float = float("inf")
    points_an_hour: float = float("inf")


LIMITS = (
    Limit(name="1 request a second", requests_a_second=1),
    Limit(name="10 requests a second", requests_a_second=10),
    Limit(name="100 requests a second", requests_a_second=100),
    Limit(name="65,000 points an hour", points_an_hour=65_000),
    Limit(name="500,000 points an hour", points_an_hour=500_000),
)


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a limit allows."""

    first_seconds: float  #: of the first mirror, with all of the limit
    shortest: Mapping[Kind, float]  #: interval in seconds of a kind of run that has half of the limit for itself


def allowance(limit: Limit, pages: int, costs: Costs) -> Allowance:
    """Return what a limit allows for a site with so many pages."""
    site = Site(spaces=_equal(pages))
    return Allowance(
        first_seconds=_seconds(limit, Kind.FIRST, site, costs),
        shortest={
            kind: max(_seconds(limit, kind, site, costs) / SHARE, Schedule().minutes(kind) * 60) for kind in LATER
        },
    )


def _seconds(limit: Limit, kind: Kind, site: Site, costs: Costs) -> float:
    lists = sum(requests_of_lists(kind, each) for each in site.spaces)
    requests = costs.jobs[kind].requests.of(len(site.spaces), site.pages) + lists
    points = requests + objects(kind, site)
    return max(requests / limit.requests_a_second, points / limit.points_an_hour * 3600)


def objects(kind: Kind, site: Site) -> int:
    """Return how many objects the lists of a run show: pages, and the same pages as nodes with their restrictions."""
    times = {Kind.FIRST: 2, Kind.FULL: 2, Kind.ACCESS: 1, Kind.INCREMENTAL: 0}[kind]
    newest = min(site.pages, len(site.spaces)) if kind is Kind.INCREMENTAL else 0
    return times * site.pages + newest


def _equal(pages: int) -> tuple[int, ...]:
    spaces = max(1, pages // PAGES_A_SPACE)
    return (pages // spaces,) * spaces
