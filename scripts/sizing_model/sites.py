"""Sites, spaces and pages that somebody could have, as assumptions: sizes are unequal, and always the same. Pure."""

from dataclasses import dataclass
from math import exp
from statistics import NormalDist

PAGES_A_SPACE = 500  # on average
EDITED_A_DAY = 0.01  # of the pages, within ten hours
_HOURS_OF_EDITS = 10
_SPREAD_OF_SITES, _SPREAD_OF_SPACES = 0.8, 1.2  # standard deviations of the logarithm


@dataclass(frozen=True, kw_only=True)
class Site:
    """A Confluence site."""

    spaces: tuple[int, ...]  #: pages of each, the largest first

    @property
    def pages(self) -> int:
        return sum(self.spaces)

    def edits(self, minutes: float) -> float:
        """Return how many pages are edited in so many minutes of a working day."""
        return self.pages * EDITED_A_DAY / _HOURS_OF_EDITS * minutes / 60


def sites(number: int, pages: int) -> list[Site]:
    """Return so many sites with so many pages in all, the largest first."""
    return [
        Site(spaces=unequal(each, max(1, round(each / PAGES_A_SPACE)), _SPREAD_OF_SPACES))
        for each in unequal(pages, number, _SPREAD_OF_SITES)
    ]


def unequal(whole: int, parts: int, spread: float) -> tuple[int, ...]:
    """Divide a whole number by the quantiles of a log-normal distribution, the largest part first."""
    quantile = NormalDist().inv_cdf
    weights = [exp(spread * quantile(1 - (number + 0.5) / parts)) for number in range(parts)]
    total = sum(weights)
    sizes, given, reached = [], 0, 0.0
    for weight in weights:
        reached += weight
        upto = round(whole * reached / total)
        sizes.append(upto - given)
        given = upto
    return tuple(sizes)
