"""What a random sample says about everything it was drawn from. Pure."""

from math import exp, lgamma, log, log1p

_HALVINGS = 60  # each halves the interval that holds the bound


def upper_bound(found: int, drawn: int, *, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a share, of which `found` of `drawn` cases were hit.

    That is the share at which so few hits or fewer would have a chance of 1 - `confidence` (Clopper and Pearson,
    Biometrika 1934): 0 of 299 gives 0.00997. Nothing drawn says nothing: 1.0.
    """
    if found >= drawn:
        return 1.0
    low, high = found / drawn, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(found, drawn, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(found: int, drawn: int, share: float) -> float:
    """Return the chance of at most so many hits."""
    if not 0 < share < 1:
        return 1.0 if share <= 0 else 0.0
    ways = lgamma(drawn + 1)
    return sum(
        exp(ways - lgamma(hits + 1) - lgamma(drawn - hits + 1) + hits * log(share) + (drawn - hits) * log1p(-share))
        for hits in range(found + 1)
    )
