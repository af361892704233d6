"""The bound of a share, against values that can be computed by hand or looked up."""

import pytest

from hr_sync.domain.sampling import upper_bound


@pytest.mark.parametrize("drawn", [1, 59, 299, 2995])
def test_no_hit_has_the_bound_that_can_be_computed_by_hand(drawn: int) -> None:
    """(1 - p) ** n = 0.05."""
    assert upper_bound(0, drawn) == pytest.approx(1 - 0.05 ** (1 / drawn))


def test_three_hundred_pairs_prove_one_percent() -> None:
    """299 are the fewest that do."""
    assert upper_bound(0, 299) <= 0.01 < upper_bound(0, 298)


@pytest.mark.parametrize(("found", "drawn", "bound"), [(1, 10, 0.394163), (5, 10, 0.777559), (3, 100, 0.075712)])
def test_hits_have_the_bound_of_published_tables(found: int, drawn: int, bound: float) -> None:
    """Clopper and Pearson, one-sided, 95 %: the quantile of the beta distribution."""
    assert upper_bound(found, drawn) == pytest.approx(bound, abs=2e-4)


@pytest.mark.parametrize(("found", "drawn"), [(0, 0), (7, 7)])
def test_what_says_nothing_is_one(found: int, drawn: int) -> None:
    """Nothing drawn, and nothing but hits."""
    assert upper_bound(found, drawn) == 1.0
