"""Pages and blog posts: what is a mass of them, one listing of both, and what differs when one becomes the other."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hr_sync.domain.content import ContentKind, Head, Listing, Space, StoredPage, WithdrawalReason, metadata_digest
from hr_sync.domain.deletion import (
    DeletionAction,
    DeletionDecision,
    DeletionPlan,
    HoldState,
    decide_kind_switched_off,
    decide_not_listed,
    plan_deletions,
    withdraw,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.holds import hold_across_spaces
from hr_sync.domain.plan import Action, decide

LIMIT = DeletionLimit(max_removed_pages=2, max_removed_fraction=0.1)
PAGE, POST = ContentKind.PAGE, ContentKind.BLOG_POST
SPACE = Space(id="9", key="HR", name="HR")


def stored(page_id: str, kind: ContentKind, hidden: WithdrawalReason | None = None) -> StoredPage:
    """Return a stored page that is not removed."""
    return StoredPage(
        id=page_id, space_key="HR", space_id="9", version=1, metadata_digest="", hidden_reason=hidden, kind=kind
    )


def leaving(pages: int, posts: int) -> list[DeletionDecision]:
    """Return the removals of so many pages and posts, with evidence."""
    gone = [stored(f"a{number}", PAGE) for number in range(pages)]
    gone += [stored(f"b{number}", POST) for number in range(posts)]
    return [withdraw(each, DeletionAction.REMOVE, WithdrawalReason.TRASHED, "its status is trashed") for each in gone]


def plan(pages: int, posts: int, *, of: tuple[int, int] = (100, 4)) -> DeletionPlan:
    """Plan these removals in a space that has so many pages and posts."""
    decisions = leaving(pages, posts)
    return plan_deletions(decisions, stored_pages=sum(of), stored_posts=of[1], limit=LIMIT, hold=HoldState())


@pytest.mark.parametrize(
    ("pages", "posts", "of", "reason"),
    [
        (10, 0, (100, 4), None),
        (8, 2, (100, 4), None),
        (9, 2, (100, 4), "more than 10 pages left at once"),  # together
        (0, 3, (100, 4), "more than 2 blog posts left at once"),  # one kind, few of all
        (3, 0, (4, 100), "more than 2 pages left at once"),  # and the other way round
        (0, 10, (4, 100), None),
    ],
)
def test_a_mass_is_more_than_the_limit_of_all_or_of_one_kind(
    pages: int, posts: int, of: tuple[int, int], reason: str | None
) -> None:
    """Whichever is more; what is held is hidden all the same."""
    result = plan(pages, posts, of=of)

    assert result.held_reason == reason
    assert len(result.hide) == pages + posts
    assert len(result.held) == (0 if reason is None else pages + posts)


def test_a_mass_of_posts_of_a_whole_run_is_held() -> None:
    """Two of four in each of three spaces, among many pages."""
    plans = {key: plan(0, 2) for key in ("A", "B", "C")}
    assert all(each.held == () for each in plans.values())

    held = hold_across_spaces(plans, LIMIT)
    assert all(len(each.held) == 2 for each in held.values())
    assert "6 blog posts left at once" in (held["A"].held_reason or "")


def test_a_kind_that_is_switched_off_is_hidden_and_in_no_doubt() -> None:
    """However many they are; nothing of it waits to be removed."""
    decisions = [decide_kind_switched_off(stored(f"b{number}", POST)) for number in range(9)]
    result = plan_deletions(decisions, stored_pages=9, stored_posts=9, limit=LIMIT, hold=HoldState())

    assert (len(result.hide), result.remove, result.held, result.doubtful) == (9, (), (), ())
    assert {each.reason for each in result.hide} == {WithdrawalReason.OUT_OF_SCOPE}


def test_what_was_not_listed_goes_on_waiting() -> None:
    """While its space is held; it is neither hidden nor removed otherwise."""
    decision = decide_not_listed(stored("b", POST, WithdrawalReason.TRASHED))
    held = plan_deletions([decision], stored_pages=9, stored_posts=1, limit=LIMIT, hold=HoldState(held=1))
    free = plan_deletions([decision], stored_pages=9, stored_posts=1, limit=LIMIT, hold=HoldState())

    assert ([each.page_id for each in held.held], held.remove) == (["b"], ())
    assert (free.held, free.remove) == ((), ())


def head(page_id: str, kind: ContentKind) -> Head:
    """Return a head."""
    return Head(
        id=page_id,
        title="News",
        space_key="HR",
        space_id="9",
        version=1,
        status="current",
        parent_id=None,
        parent_type=None,
        last_updated=datetime(2026, 1, 1, tzinfo=UTC),
        url="https://acme.example/wiki/1",
        kind=kind,
    )


def test_two_listings_are_one_with_both_kinds() -> None:
    """Each page with its kind; what cannot be read too; the clock is that of the first."""
    began = datetime(2026, 1, 2, tzinfo=UTC)
    pages = Listing(space=SPACE, heads={"1": head("1", PAGE)}, unreadable={"2": "no title"}, began_at=began)
    posts = Listing(
        space=SPACE,
        heads={"3": head("3", POST)},
        unreadable={"4": "no title"},
        began_at=None,
        kinds=frozenset({POST}),
    )
    both = pages.joined(posts)

    assert both.kinds == {PAGE, POST}
    assert {each: both.kind_of(each) for each in ("1", "2", "3", "4")} == {"1": PAGE, "2": PAGE, "3": POST, "4": POST}
    assert both.kind_by_id == {"1": PAGE, "3": POST}
    assert both.began_at == began
    assert all(each in both for each in ("1", "2", "3", "4"))


def test_a_page_that_becomes_a_post_is_written() -> None:
    """Its id and its version may stay the same."""
    page = head("1", PAGE)
    row = replace(stored("1", PAGE), metadata_digest=metadata_digest(page))

    assert decide(page, row)[0] is Action.NOTHING
    assert decide(head("1", POST), row)[0] is Action.MOVE
