"""Holds what leaves in all spaces of a run together. Pure; the rules stand in `deletion.py`.

Several workers may share one round over all spaces. Each of them decides about its own spaces, and counts what the
others have decided in the same round: what is removed in a round is never more than the limit of all its spaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hr_sync.domain.content import ContentKind
from hr_sync.domain.deletion import DeletionPlan, kinds_of
from hr_sync.domain.deletion_limit import DeletionLimit, StoredCount

PAGES, POSTS = "pages", "posts"  #: what leaves, beside the words of `ItemKind`; blog posts are among the pages


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """How many pages leave and are not held, among how many. Of blog posts and items too."""

    new: int = 0  #: begin to leave
    hidden_before: int = 0  #: were hidden by an earlier run, and are removed now
    stored: int = 0  #: that are not removed: what the limit is a share of


NOTHING_LEAVES = Leaving()


def leaving_of(plan: DeletionPlan) -> Leaving:
    """Return how many pages of a plan leave and are not held."""
    return Leaving(new=len(plan.new), hidden_before=len(plan.hidden_before), stored=plan.stored_pages)


def leaving_posts(plan: DeletionPlan) -> Leaving:
    """Return how many of them are blog posts."""
    new, before = (kinds_of(each).count(ContentKind.BLOG_POST) for each in (plan.new, plan.hidden_before))
    return Leaving(new=new, hidden_before=before, stored=plan.stored_posts)


def hold_across_spaces(
    plans: Mapping[str, DeletionPlan],
    limit: DeletionLimit,
    *,
    allow: bool = False,
    what: str = "pages",
    others: Leaving = NOTHING_LEAVES,
    other_posts: Leaving = NOTHING_LEAVES,
) -> Mapping[str, DeletionPlan]:
    """Hold what leaves in all spaces of a run together when it is more than the limit; `plans` by space key.

    As in a space, pages that begin to leave and pages that an earlier run has hidden are counted apart: each page is
    counted when it is hidden, and not again with others when it is removed. What somebody has decided about is removed.
    `others`: what other workers have decided in the same round, `other_posts` of it; it counts, and is not changed.
    """
    stored = StoredCount(
        pages=sum(plan.stored_pages for plan in plans.values()) + others.stored,
        posts=sum(plan.stored_posts for plan in plans.values()) + other_posts.stored,
        limit=limit,
        what=what,
    )
    new = [each for plan in plans.values() for each in plan.new]
    hidden_before = [each for plan in plans.values() for each in plan.hidden_before]
    kind = ContentKind.PAGE if what == PAGES else None
    elsewhere = (
        [kind] * (all_of_it - posts) + [ContentKind.BLOG_POST] * posts
        for all_of_it, posts in ((others.new, other_posts.new), (others.hidden_before, other_posts.hidden_before))
    )
    found = (
        stored.excess([*kinds_of(leaving), *more])
        for leaving, more in zip((new, hidden_before), elsewhere, strict=True)
    )
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
