"""Holds what leaves in all spaces of a run together. Pure; the rules stand in `deletion.py`."""

from collections.abc import Mapping
from dataclasses import replace

from hr_sync.domain.deletion import DeletionPlan, kinds_of
from hr_sync.domain.deletion_limit import DeletionLimit, StoredCount


def hold_across_spaces(
    plans: Mapping[str, DeletionPlan], limit: DeletionLimit, *, allow: bool = False, what: str = "pages"
) -> Mapping[str, DeletionPlan]:
    """Hold what leaves in all spaces of a run together when it is more than the limit; `plans` by space key.

    As in a space, pages that begin to leave and pages that an earlier run has hidden are counted apart: each page is
    counted when it is hidden, and not again with others when it is removed. What somebody has decided about is removed.
    """
    stored = StoredCount(
        pages=sum(plan.stored_pages for plan in plans.values()),
        posts=sum(plan.stored_posts for plan in plans.values()),
        limit=limit,
        what=what,
    )
    new = [each for plan in plans.values() for each in plan.new]
    hidden_before = [each for plan in plans.values() for each in plan.hidden_before]
    found = (stored.excess(kinds_of(leaving)) for leaving in (new, hidden_before))
    excess = max(filter(None, found), key=lambda each: each.leaving, default=None)
    if allow or excess is None:
        return plans
    why = f"{excess.leaving} {excess.what} left at once in all spaces of the run, more than {excess.most}"
    return {key: _hold_all(plan, why) for key, plan in plans.items()}


def _hold_all(plan: DeletionPlan, why: str) -> DeletionPlan:
    leaving = (*plan.new, *plan.hidden_before)
    if not leaving:
        return plan
    held = sorted((*plan.held, *leaving), key=lambda decision: decision.page_id)
    reason = "; ".join(filter(None, (plan.held_reason, why)))
    remove = tuple(each for each in plan.remove if each.was_allowed)
    return replace(plan, held=tuple(held), remove=remove, unconfirmed=(), held_reason=reason)
