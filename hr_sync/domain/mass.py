"""Holds what leaves in all spaces together when it is more than the limit. Pure.

As in a space, pages that begin to leave and pages that an earlier run has hidden are counted apart: each page is
counted when it is hidden, and not again with others when it is removed. What somebody has decided about is removed and
not counted.

Several workers may share one round over all spaces. Each of them decides about its own spaces, and counts what the
others have decided in the same round: what is removed in a round is never more than the limit of all its spaces.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hr_sync.domain.deletion import DeletionLimit, DeletionPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """How many pages leave, among how many. Of attachments too."""

    new: int = 0  #: begin to leave
    hidden_before: int = 0  #: were hidden by an earlier run, and are removed now
    stored: int = 0  #: pages that are not removed: what the limit is a share of

    def __add__(self, other: "Leaving") -> "Leaving":
        """Return both together."""
        return Leaving(
            new=self.new + other.new,
            hidden_before=self.hidden_before + other.hidden_before,
            stored=self.stored + other.stored,
        )


NOTHING_LEAVES = Leaving()
PAGES = "pages"  #: beside the words of `ItemKind`


def leaving_of(plan: DeletionPlan) -> Leaving:
    """Return how many pages of a plan leave and are not held."""
    return Leaving(new=len(plan.new), hidden_before=len(plan.hidden_before), stored=plan.stored_pages)


def hold_across_spaces(
    plans: Mapping[str, DeletionPlan],
    limit: DeletionLimit,
    *,
    allow: bool = False,
    what: str = "pages",
    others: Leaving = NOTHING_LEAVES,
) -> Mapping[str, DeletionPlan]:
    """Hold what leaves in all spaces of a run together when it is more than the limit; `plans` by space key.

    `others`: what other workers have decided in the same round. It counts, and is not changed.
    """
    together = _sum(map(leaving_of, plans.values())) + others
    most = limit.of(together.stored)
    leaving = max(together.new, together.hidden_before)
    if allow or leaving <= most:
        return plans
    why = f"{leaving} {what} left at once in all spaces of the run, more than {most}"
    return {key: _hold_all(plan, why) for key, plan in plans.items()}


def _sum(parts: Iterable[Leaving]) -> Leaving:
    return sum(parts, NOTHING_LEAVES)


def _hold_all(plan: DeletionPlan, why: str) -> DeletionPlan:
    leaving = (*plan.new, *plan.hidden_before)
    if not leaving:
        return plan
    held = sorted((*plan.held, *leaving), key=lambda decision: decision.page_id)
    reason = "; ".join(filter(None, (plan.held_reason, why)))
    remove = tuple(each for each in plan.remove if each.was_allowed)
    return replace(plan, held=tuple(held), remove=remove, unconfirmed=(), held_reason=reason)
