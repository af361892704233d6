"""What may leave in all spaces of a run together, and what becomes of pages over several runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.content import StoredPage
from hr_sync.domain.content import WithdrawalReason as Reason
from hr_sync.domain.deletion import (
    DeletionAction,
    DeletionDecision,
    DeletionPlan,
    HoldState,
    LookupResult,
    LookupStatus,
    decide_absent,
    decide_out_of_scope,
    plan_deletions,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.holds import hold_across_spaces
from hr_sync.domain.scope import ScopeDecision

LIMIT = DeletionLimit()  # 20 pages, or a tenth
PAGES = 100  # of each space


def ids(decisions: Sequence[DeletionDecision]) -> set[str]:
    """Return the ids of the pages that these decisions are about."""
    return {decision.page_id for decision in decisions}


def stored(page_id: str, hidden: Reason | None = None, since: int | None = None) -> StoredPage:
    """Return a stored page that is not removed."""
    return StoredPage(
        id=page_id,
        space_key="HR",
        space_id="9",
        version=1,
        metadata_digest="",
        hidden_reason=hidden,
        missing_since_run_id=since,
    )


def decided(
    page: StoredPage,
    status: str | None = None,
    result: LookupStatus = LookupStatus.FOUND,
    hold: HoldState | None = None,
) -> DeletionDecision:
    """Decide about a page that one lookup by id has shown like this."""
    lookup = LookupResult(page_id=page.id, result=result, status=status, space_id="9")
    return decide_absent(page, lookup, space_id="9", mirrored_space_ids=frozenset({"9"}), hold=hold or HoldState())


def trashed(count: int, prefix: str = "t") -> list[DeletionDecision]:
    """Return new positive evidence about so many pages."""
    return [decided(stored(f"{prefix}{number}"), "trashed") for number in range(count)]


def invisible(
    count: int, hidden: Reason | None = None, since: int | None = None, hold: HoldState | None = None, prefix: str = "i"
) -> list[DeletionDecision]:
    """Return decisions about so many pages that are not found by id."""
    pages = (stored(f"{prefix}{number}", hidden, since) for number in range(count))
    return [decided(page, result=LookupStatus.NOT_FOUND, hold=hold) for page in pages]


def plan(decisions: Sequence[DeletionDecision], hold: HoldState | None = None, *, allow: bool = False) -> DeletionPlan:
    """Apply the rules to one space of 100 pages."""
    return plan_deletions(decisions, stored_pages=PAGES, limit=LIMIT, hold=hold or HoldState(), allow=allow)


def spaces(count: int, each: DeletionPlan) -> Mapping[str, DeletionPlan]:
    """Return the plans of a run over so many spaces that are all alike."""
    return {f"S{number}": each for number in range(count)}


# All spaces of a run together


@pytest.mark.parametrize("decisions", [trashed(15), invisible(15), invisible(15, Reason.NOT_VISIBLE, since=3)])
def test_a_mass_over_all_spaces_is_held_in_each_of_them(decisions: list[DeletionDecision]) -> None:
    """15 pages are within the limit of each of 40 spaces; 600 of 4,000 are not within that of the run."""
    before = spaces(40, plan(decisions))
    after = hold_across_spaces(before, LIMIT)

    assert after.keys() == before.keys()
    for key, result in after.items():
        assert ids(result.held) == ids(decisions)
        assert (result.remove, result.unconfirmed, result.hide) == ((), (), before[key].hide)
        assert result.held_reason == "600 pages left at once in all spaces of the run, more than 400"


@pytest.mark.parametrize("decisions", [trashed(10), invisible(10), invisible(10, Reason.NOT_VISIBLE, since=3)])
def test_what_is_within_the_limit_of_the_run_is_left_as_it_is(decisions: list[DeletionDecision]) -> None:
    """400 of 4,000 pages are a tenth."""
    before = spaces(40, plan(decisions))

    assert hold_across_spaces(before, LIMIT) == before


def test_pages_with_evidence_and_invisible_ones_count_together() -> None:
    """Six and six make 480 that begin to leave in 40 spaces."""
    before = spaces(40, plan([*trashed(6), *invisible(6)]))

    assert all(len(result.held) == 12 for result in hold_across_spaces(before, LIMIT).values())


def test_a_page_is_not_counted_again_when_it_is_removed() -> None:
    """12 pages become invisible in one run and 12 others in the next one: neither is a mass, as in each space."""
    before = {"HR": plan([*invisible(12, Reason.NOT_VISIBLE, since=3, prefix="old"), *invisible(12)])}

    assert not before["HR"].held
    assert hold_across_spaces(before, LIMIT) == before


def test_a_permission_releases_a_mass_over_all_spaces() -> None:
    """Somebody has decided."""
    before = spaces(40, plan(trashed(15)))

    assert hold_across_spaces(before, LIMIT, allow=True) == before


@pytest.mark.parametrize("count", [1, 40])
def test_what_an_allowed_run_has_hidden_is_removed_by_the_next_run(count: int) -> None:
    """One space that is lost with all its pages, or forty of them: the decision is not asked for twice."""
    hold = HoldState(allowed_run_id=7)
    before = spaces(count, plan(invisible(PAGES, Reason.NOT_VISIBLE, since=7, hold=hold), hold))

    assert all(len(result.remove) == PAGES for result in before.values())
    assert hold_across_spaces(before, LIMIT) == before


def test_what_was_allowed_is_removed_beside_a_mass_that_is_held() -> None:
    """The new mass waits for a decision of its own."""
    hold = HoldState(allowed_run_id=7)
    allowed = invisible(PAGES, Reason.NOT_VISIBLE, since=7, hold=hold, prefix="a")
    after = hold_across_spaces(spaces(40, plan([*allowed, *trashed(15)], hold)), LIMIT)

    for result in after.values():
        assert ids(result.remove) == ids(allowed)
        assert ids(result.held) == ids(trashed(15))


def test_what_a_space_holds_already_stays_held_and_counts_no_more() -> None:
    """One space holds a mass of its own; what leaves in the others is within the limit."""
    before = {"BIG": plan(trashed(50)), **spaces(3, plan(trashed(5)))}

    assert hold_across_spaces(before, LIMIT) == before


def test_a_space_that_holds_pages_itself_says_both_reasons() -> None:
    """The pages that it held stay, and those that would leave join them in order."""
    both = plan([*trashed(2, "a"), *invisible(30)])
    result = hold_across_spaces({"BOTH": both, **spaces(40, plan(trashed(15)))}, LIMIT)["BOTH"]

    assert [each.page_id for each in result.held] == sorted(ids(both.held) | ids(both.remove))
    assert result.held_reason == (
        "more than 20 pages became invisible at once; 602 pages left at once in all spaces of the run, more than 410"
    )


def test_a_space_in_which_nothing_leaves_is_not_held_by_the_others() -> None:
    """Its plan is the same as before."""
    quiet = plan([decided(stored("k"), result=LookupStatus.UNKNOWN)])

    assert hold_across_spaces({"QUIET": quiet, **spaces(40, plan(trashed(15)))}, LIMIT)["QUIET"] is quiet


def test_a_run_over_no_space_holds_nothing() -> None:
    """There is nothing to add up."""
    assert hold_across_spaces({}, LIMIT) == {}


# One space over several runs, under arbitrary evidence

#: What a run may see of one page: its status by id, or a word of this test.
SIGHTS = ("listed", "current", "trashed", "archived", "sealed", "404", "no answer", "out of scope", "scope not known")
SMALL = DeletionLimit(max_removed_pages=2, max_removed_fraction=0)
IDS = tuple("abcdef")

sights = st.dictionaries(st.sampled_from(IDS), st.sampled_from(SIGHTS), min_size=len(IDS))
hidden_reasons = st.sampled_from([None, None, *Reason])


def judge(page: StoredPage, lookup: str, hold: HoldState) -> DeletionDecision | None:
    """Decide about a page as a run would that saw it like this. None: nothing to decide about."""
    match lookup:
        case "listed":
            return None
        case "404":
            return decided(page, result=LookupStatus.NOT_FOUND, hold=hold)
        case "no answer":
            return decided(page, result=LookupStatus.UNKNOWN)
        case "out of scope":
            return decide_out_of_scope(page, ScopeDecision(in_scope=False, rule="outside"))
        case "scope not known":
            return decide_out_of_scope(page, ScopeDecision(in_scope=None, rule="unknown"))
    return decided(page, lookup)


def judge_all(pages: Mapping[str, StoredPage], seen: Mapping[str, str], hold: HoldState) -> list[DeletionDecision]:
    """Decide about every page that the run does not find listed and in scope."""
    decisions = (judge(page, seen[page_id], hold) for page_id, page in pages.items())
    return [decision for decision in decisions if decision is not None]


@given(
    hidden=st.dictionaries(st.sampled_from(IDS), hidden_reasons, min_size=len(IDS)),
    seen=sights,
    held=st.integers(0, 3),
    allow=st.booleans(),
    narrowed=st.booleans(),
    order=st.permutations(IDS),
)
def test_a_plan_keeps_its_promises_whatever_is_seen(
    hidden: dict[str, Reason | None],
    seen: dict[str, str],
    held: int,
    order: Sequence[str],
    *,
    allow: bool,
    narrowed: bool,
) -> None:
    """For arbitrary pages, evidence and holds of one space."""
    pages = {page_id: stored(page_id, hidden[page_id]) for page_id in IDS}
    hold = HoldState(held=held)
    decisions = judge_all(pages, seen, hold)

    def planned(some: Sequence[DeletionDecision]) -> DeletionPlan:
        return plan_deletions(some, stored_pages=len(IDS), limit=SMALL, hold=hold, allow=allow, narrowed=narrowed)

    result = planned(decisions)
    live = {page_id for page_id in IDS if hidden[page_id] is None}
    closes = {"trashed", "archived", "404", "out of scope", "scope not known"}
    hide, remove, waits, later = (ids(group) for group in (result.hide, result.remove, result.held, result.unconfirmed))

    assert planned(sorted(decisions, key=lambda each: order.index(each.page_id))) == result, "the order matters"
    assert hide == {page_id for page_id in live if seen[page_id] in closes}, "a live page is not hidden, or needlessly"
    assert not remove & waits, "a page is removed and held"
    assert not remove & later, "a page is removed and not confirmed"
    assert not waits & later, "a page is held and not confirmed"
    assert not (remove | waits | later) & live - hide, "a page leaves that is live and not hidden"
    assert not {page_id for page_id in remove | waits if seen[page_id] == "scope not known"}
    assert not {page_id for page_id in remove if seen[page_id] not in closes}, "a page is removed without evidence"
    assert not {page_id for page_id in remove & live if seen[page_id] == "404"}, "a page is removed at its first 404"
    assert ids(result.doubtful) == {
        page_id for page_id in IDS if seen[page_id] in {"current", "sealed", "no answer", "scope not known"}
    }
    assert bool(waits) == bool(result.held_reason)
    if allow:
        assert not waits, "a page is held that somebody allowed to go"
    else:
        assert len(remove & live) <= 2, "more new pages are removed than the limit allows"
        assert not (narrowed and {page_id for page_id in remove if seen[page_id] == "out of scope"})
    if held and not allow:
        before = {page_id for page_id in IDS if hidden[page_id] not in {None, Reason.SCOPE_UNKNOWN}}
        assert not remove & before, "a page that waited is removed"
        assert before <= waits | {page_id for page_id in before if seen[page_id] in {"listed", "scope not known"}}


def next_pages(
    pages: Mapping[str, StoredPage], seen: Mapping[str, str], decisions: Sequence[DeletionDecision], run_id: int
) -> dict[str, StoredPage]:
    """Return the rows after a run has hidden what it decided about, and has shown again what is listed."""
    reasons = {
        each.page_id: each.reason for each in decisions if each.action not in {DeletionAction.KEEP, DeletionAction.SKIP}
    }
    after = {}
    for page_id, page in pages.items():
        if seen[page_id] == "listed":
            after[page_id] = replace(page, hidden_reason=None, missing_since_run_id=None)
        elif page_id in reasons and reasons[page_id] is not page.hidden_reason:
            after[page_id] = replace(page, hidden_reason=reasons[page_id], missing_since_run_id=run_id)
        else:
            after[page_id] = page
    return after


@given(runs=st.lists(st.tuples(sights, st.booleans(), st.integers(0, 9)), min_size=1, max_size=6))
def test_over_several_runs_no_page_escapes_a_hold(runs: list[tuple[dict[str, str], bool, int]]) -> None:
    """A page that is held stays held until it is listed again, its scope is not known, or somebody allows it.

    `allowed` is drawn for every run, and is true in one of ten runs or so.
    """
    pages = {page_id: stored(page_id) for page_id in IDS}
    hold, waiting, covered = HoldState(), set[str](), set[str]()
    for run_id, (seen, interrupted, draw) in enumerate(runs, start=1):
        allowed = draw == 0 and not interrupted
        decisions = judge_all(pages, seen, hold)
        result = plan_deletions(decisions, stored_pages=len(IDS), limit=SMALL, hold=hold, allow=allowed)
        pages = next_pages(pages, seen, decisions, run_id)
        came_back = {page_id for page_id in IDS if seen[page_id] in {"listed", "scope not known"}}
        invisible_now = {page_id for page_id, page in pages.items() if page.hidden_reason is Reason.NOT_VISIBLE}
        if interrupted:  # after it has hidden, before it could remove or record
            waiting, covered = waiting - came_back, covered & invisible_now
            continue
        removed = ids(result.remove)

        if not allowed:
            assert not removed & waiting - covered, "a page that was held is removed"
            assert waiting - came_back - covered <= ids(result.held), "a page that was held waits no longer"
        covered = (invisible_now if allowed else covered & invisible_now) - removed
        waiting = ids(result.held)
        pages = {page_id: page for page_id, page in pages.items() if page_id not in removed}
        hold = HoldState(held=len(result.held), allowed_run_id=run_id if allowed else hold.allowed_run_id)
