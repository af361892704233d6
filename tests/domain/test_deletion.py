"""Both tables and the rules for one space of `hr_sync.domain.deletion`, line by line."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

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
    decide_space_archived,
    plan_deletions,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.scope import ScopeDecision

HERE, MIRRORED, ELSEWHERE = "9", "8", "5"  # ids of spaces
LIMIT = DeletionLimit(max_removed_pages=3, max_removed_fraction=0.1)
MOST = 3  # what LIMIT allows in a space of 20 pages
NOTHING_HELD, HELD = HoldState(), HoldState(held=7)
OUT_OF_SCOPE = ScopeDecision(in_scope=False, rule="it is in none of confluence.page_trees")
SCOPE_UNKNOWN = ScopeDecision(in_scope=None, rule="its labels could not be read")


def page(page_id: str = "1", hidden: Reason | None = None, since: int | None = None) -> StoredPage:
    """Return a stored page of the space HR that is not removed."""
    return StoredPage(
        id=page_id,
        space_key="HR",
        space_id=HERE,
        version=3,
        metadata_digest="",
        hidden_reason=hidden,
        missing_since_run_id=since,
    )


def found(status: str | None, space_id: str | None = HERE) -> LookupResult:
    """Return the result of a lookup that shows a page."""
    return LookupResult(page_id="1", result=LookupStatus.FOUND, status=status, space_id=space_id)


NOT_FOUND = LookupResult(page_id="1", result=LookupStatus.NOT_FOUND)
UNKNOWN = LookupResult(page_id="1", result=LookupStatus.UNKNOWN)


def decided(
    stored: StoredPage, lookup: LookupResult, hold: HoldState = NOTHING_HELD, *, listed: bool = False
) -> DeletionDecision:
    """Decide about a page of a space beside one other mirrored space."""
    return decide_absent(
        stored, lookup, space_id=HERE, mirrored_space_ids=frozenset({HERE, MIRRORED}), listed=listed, hold=hold
    )


def trashed(*ids: str, hidden: Reason | None = None) -> list[DeletionDecision]:
    """Return decisions about pages that say of themselves that they are in the trash."""
    return [decided(page(each, hidden), found("trashed")) for each in ids]


def invisible(
    *ids: str, hidden: Reason | None = None, hold: HoldState = NOTHING_HELD, since: int | None = None
) -> list[DeletionDecision]:
    """Return decisions about pages that are not found by id."""
    return [decided(page(each, hidden, since), NOT_FOUND, hold) for each in ids]


def plan(
    decisions: Iterable[DeletionDecision],
    hold: HoldState = NOTHING_HELD,
    *,
    allow: bool = False,
    narrowed: bool = False,
) -> DeletionPlan:
    """Apply the rules to a space of 20 pages."""
    return plan_deletions(decisions, stored_pages=20, limit=LIMIT, hold=hold, allow=allow, narrowed=narrowed)


def named(count: int, prefix: str = "p") -> tuple[str, ...]:
    """Return so many page ids, in order."""
    return tuple(f"{prefix}{number:02}" for number in range(count))


def ids(decisions: Iterable[DeletionDecision]) -> set[str]:
    """Return the ids of the pages that these decisions are about."""
    return {decision.page_id for decision in decisions}


# The tables


@pytest.mark.parametrize(
    ("lookup", "hidden", "action", "reason"),
    [
        (found("current"), None, DeletionAction.KEEP, None),
        (found("current"), Reason.NOT_VISIBLE, DeletionAction.KEEP, Reason.NOT_VISIBLE),
        (found("trashed"), None, DeletionAction.REMOVE, Reason.TRASHED),
        (found("archived"), None, DeletionAction.REMOVE, Reason.ARCHIVED),
        (found("deleted"), None, DeletionAction.REMOVE, Reason.DELETED),
        (found("draft"), None, DeletionAction.REMOVE, Reason.DRAFT),
        (found("trashed"), Reason.NOT_VISIBLE, DeletionAction.REMOVE, Reason.TRASHED),
        (found("trashed", ELSEWHERE), None, DeletionAction.REMOVE, Reason.TRASHED),
        (found("trashed", MIRRORED), None, DeletionAction.REMOVE, Reason.TRASHED),
        (found("trashed", None), None, DeletionAction.REMOVE, Reason.TRASHED),
        (found("current", MIRRORED), None, DeletionAction.SKIP, None),
        (found("current", MIRRORED), Reason.NOT_VISIBLE, DeletionAction.SKIP, Reason.NOT_VISIBLE),
        (found("current", ELSEWHERE), None, DeletionAction.REMOVE, Reason.MOVED),
        (found("current", ELSEWHERE), Reason.NOT_VISIBLE, DeletionAction.REMOVE, Reason.MOVED),
        (NOT_FOUND, None, DeletionAction.HIDE, Reason.NOT_VISIBLE),
        (NOT_FOUND, Reason.NOT_VISIBLE, DeletionAction.CONFIRM, Reason.NOT_VISIBLE),
        (NOT_FOUND, Reason.TRASHED, DeletionAction.HIDE, Reason.NOT_VISIBLE),
        (NOT_FOUND, Reason.SCOPE_UNKNOWN, DeletionAction.HIDE, Reason.NOT_VISIBLE),
        (UNKNOWN, None, DeletionAction.KEEP, None),
        (UNKNOWN, Reason.NOT_VISIBLE, DeletionAction.KEEP, Reason.NOT_VISIBLE),
        (found("sealed"), None, DeletionAction.KEEP, None),
        (found("sealed", ELSEWHERE), None, DeletionAction.KEEP, None),
        (found("TRASHED"), None, DeletionAction.KEEP, None),
        (found(""), None, DeletionAction.KEEP, None),
        (found(None), None, DeletionAction.KEEP, None),
        (found("current", None), None, DeletionAction.KEEP, None),
        (found("current", ""), None, DeletionAction.KEEP, None),
    ],
)
def test_each_lookup_gives_its_action(
    lookup: LookupResult, hidden: Reason | None, action: DeletionAction, reason: Reason | None
) -> None:
    """An unknown status, a missing space and an answer that is no evidence keep the page."""
    decision = decided(page(hidden=hidden), lookup)

    assert (decision.action, decision.reason) == (action, reason)
    assert (decision.page_id, decision.space_key, decision.was_live) == ("1", "HR", hidden is None)
    assert decision.evidence


def test_a_page_of_a_space_without_a_known_id_has_not_moved() -> None:
    """Where it was before is not known, so where it is now says nothing."""
    decision = decide_absent(
        page(), found("current", ELSEWHERE), space_id="", mirrored_space_ids=frozenset(), hold=NOTHING_HELD
    )

    assert decision.action is DeletionAction.KEEP


@pytest.mark.parametrize("hidden", [None, Reason.NOT_VISIBLE, Reason.TRASHED])
def test_a_page_that_is_listed_is_never_confirmed_as_invisible(hidden: Reason | None) -> None:
    """The listing shows it and only its body is missing: the two disagree, however often."""
    assert decided(page(hidden=hidden), NOT_FOUND, listed=True).action is DeletionAction.HIDE


@pytest.mark.parametrize(
    ("lookup", "action"),
    [
        (found("current"), DeletionAction.KEEP),
        (found("trashed"), DeletionAction.REMOVE),
        (found("current", MIRRORED), DeletionAction.SKIP),
        (found("current", ELSEWHERE), DeletionAction.REMOVE),
        (UNKNOWN, DeletionAction.KEEP),
    ],
)
def test_a_listed_page_without_a_body_follows_the_same_table(lookup: LookupResult, action: DeletionAction) -> None:
    """Only `not found` differs for it."""
    assert decided(page(), lookup, listed=True).action is action


@pytest.mark.parametrize(
    ("hidden", "lookup", "is_new"),
    [
        (None, found("trashed"), True),
        (Reason.TRASHED, found("trashed"), False),
        (Reason.NOT_VISIBLE, found("trashed"), True),
        (None, NOT_FOUND, True),
        (Reason.NOT_VISIBLE, NOT_FOUND, False),
        (Reason.NOT_VISIBLE, UNKNOWN, False),
    ],
)
def test_evidence_is_new_if_the_page_was_not_hidden_for_it_before(
    hidden: Reason | None, lookup: LookupResult, *, is_new: bool
) -> None:
    """Another reason than before is new evidence."""
    assert decided(page(hidden=hidden), lookup).is_new is is_new


@pytest.mark.parametrize("hidden", [None, Reason.NOT_VISIBLE, Reason.OUT_OF_SCOPE, Reason.SCOPE_UNKNOWN])
def test_the_scope_gives_its_action(hidden: Reason | None) -> None:
    """A page out of scope is withdrawn; one whose scope is not known is only hidden."""
    out, unknown = (decide_out_of_scope(page(hidden=hidden), each) for each in (OUT_OF_SCOPE, SCOPE_UNKNOWN))

    assert (out.action, out.reason, out.evidence) == (DeletionAction.REMOVE, Reason.OUT_OF_SCOPE, OUT_OF_SCOPE.rule)
    assert (unknown.action, unknown.reason) == (DeletionAction.HIDE_UNKNOWN, Reason.SCOPE_UNKNOWN)
    assert unknown.evidence == SCOPE_UNKNOWN.rule
    assert out.is_new is (hidden is not Reason.OUT_OF_SCOPE)


def test_a_page_of_an_archived_space_is_withdrawn() -> None:
    """The space says so of itself, which is positive evidence."""
    decision = decide_space_archived(page())

    assert (decision.action, decision.reason) == (DeletionAction.REMOVE, Reason.SPACE_ARCHIVED)


@pytest.mark.parametrize(
    ("since", "allowed_run_id", "hidden", "was_allowed"),
    [
        (5, 5, Reason.NOT_VISIBLE, True),
        (4, 5, Reason.NOT_VISIBLE, True),
        (6, 5, Reason.NOT_VISIBLE, False),
        (None, 5, Reason.NOT_VISIBLE, False),
        (5, None, Reason.NOT_VISIBLE, False),
        (None, None, Reason.NOT_VISIBLE, False),
        (4, 5, Reason.SCOPE_UNKNOWN, False),
        (4, 5, Reason.TRASHED, False),
    ],
)
def test_a_page_was_allowed_to_go_if_an_allowed_run_saw_it_missing(
    since: int | None, allowed_run_id: int | None, hidden: Reason, *, was_allowed: bool
) -> None:
    """The permission covers pages that were hidden as not visible up to that run, and none that came later."""
    hold = HoldState(held=7, allowed_run_id=allowed_run_id)

    assert decided(page(hidden=hidden, since=since), NOT_FOUND, hold).was_allowed is was_allowed


# The limit


@pytest.mark.parametrize(
    ("stored_pages", "most"), [(0, 20), (100, 20), (200, 20), (209, 20), (210, 21), (1_000, 100), (1_009, 100)]
)
def test_the_limit_is_a_tenth_of_the_space_and_never_below_twenty(stored_pages: int, most: int) -> None:
    """The larger of the two counts."""
    assert DeletionLimit().of(stored_pages) == most


def test_a_limit_of_nothing_holds_every_removal() -> None:
    """Zero pages and no fraction leave every removal to a person."""
    limit = DeletionLimit(max_removed_pages=0, max_removed_fraction=0)
    result = plan_deletions(trashed("a"), stored_pages=1_000, limit=limit, hold=NOTHING_HELD)

    assert (ids(result.hide), ids(result.held), result.remove) == ({"a"}, {"a"}, ())


def test_the_limit_counts_the_stored_pages_of_the_space() -> None:
    """A tenth of 100 pages allows ten."""
    ten = plan_deletions(trashed(*named(10)), stored_pages=100, limit=LIMIT, hold=NOTHING_HELD)
    eleven = plan_deletions(trashed(*named(11)), stored_pages=100, limit=LIMIT, hold=NOTHING_HELD)

    assert (len(ten.remove), len(ten.held)) == (10, 0)
    assert (len(eleven.remove), len(eleven.held)) == (0, 11)
    assert ten.stored_pages == 100


# The rules for a space


def test_nothing_to_decide_gives_an_empty_plan() -> None:
    """A space without decisions holds nothing, even if it held something before."""
    assert plan([]) == plan([], HELD) == DeletionPlan(stored_pages=20)


def test_few_pages_with_positive_evidence_are_hidden_and_removed_at_once() -> None:
    """Up to the limit."""
    result = plan(trashed(*named(MOST)))

    assert ids(result.hide) == ids(result.remove) == set(named(MOST))
    assert (result.held, result.unconfirmed, result.doubtful, result.held_reason) == ((), (), (), None)


def test_a_mass_of_positive_evidence_hides_every_page_and_holds_the_removal() -> None:
    """One page more than the limit, and none is removed."""
    result = plan(trashed(*named(MOST + 1)))

    assert ids(result.hide) == ids(result.held) == set(named(MOST + 1))
    assert result.remove == ()
    assert result.held_reason == "more than 3 pages left at once"


def test_few_invisible_pages_are_hidden_and_wait_for_the_next_run() -> None:
    """Nothing is removed because it was not found once."""
    result = plan(invisible(*named(MOST)))

    assert ids(result.hide) == ids(result.unconfirmed) == set(named(MOST))
    assert (result.remove, result.held) == ((), ())


def test_a_mass_of_invisible_pages_hides_every_page_and_holds_the_space() -> None:
    """The account may have lost its permission."""
    result = plan(invisible(*named(MOST + 1)))

    assert ids(result.hide) == ids(result.held) == set(named(MOST + 1))
    assert (result.remove, result.unconfirmed) == ((), ())
    assert result.held_reason == "more than 3 pages became invisible at once"


def test_invisible_pages_count_together_with_those_that_have_gone_at_the_same_time() -> None:
    """Two and two are four; the pages with positive evidence are within the limit and are removed."""
    result = plan([*trashed("a", "b"), *invisible("c", "d")])

    assert ids(result.hide) == {"a", "b", "c", "d"}
    assert ids(result.remove) == {"a", "b"}
    assert ids(result.held) == {"c", "d"}


def test_the_second_run_that_does_not_find_a_page_removes_it() -> None:
    """It is hidden already, so it is not hidden again."""
    result = plan(invisible(*named(MOST), hidden=Reason.NOT_VISIBLE))

    assert ids(result.remove) == set(named(MOST))
    assert (result.hide, result.held) == ((), ())


def test_a_mass_of_confirmed_pages_is_held() -> None:
    """They may have been hidden by several runs, or by one that was interrupted."""
    result = plan(invisible(*named(MOST + 1), hidden=Reason.NOT_VISIBLE))

    assert ids(result.held) == set(named(MOST + 1))
    assert (result.hide, result.remove) == ((), ())


def test_a_mass_that_an_interrupted_run_has_hidden_is_held() -> None:
    """That run ended before it could record that it held them."""
    result = plan(trashed(*named(MOST + 1), hidden=Reason.TRASHED))

    assert ids(result.held) == set(named(MOST + 1))


def test_few_pages_that_an_earlier_pass_has_hidden_are_removed() -> None:
    """An incremental run hides and leaves the removal to the next full run."""
    assert ids(plan(trashed("a", hidden=Reason.TRASHED)).remove) == {"a"}


@pytest.mark.parametrize(
    "waiting",
    [
        trashed("w", hidden=Reason.TRASHED),
        trashed("w", hidden=Reason.NOT_VISIBLE),
        trashed("w", hidden=Reason.ARCHIVED),
        invisible("w", hidden=Reason.NOT_VISIBLE),
        invisible("w", hidden=Reason.TRASHED),
        [decided(page("w", Reason.TRASHED), found("current"))],
        [decided(page("w", Reason.TRASHED), UNKNOWN)],
        [decided(page("w", Reason.NOT_VISIBLE), UNKNOWN)],
        [decide_out_of_scope(page("w", Reason.OUT_OF_SCOPE), OUT_OF_SCOPE)],
        [decide_out_of_scope(page("w", Reason.TRASHED), OUT_OF_SCOPE)],
    ],
    ids=[
        "same evidence",
        "invisible before, trashed now",
        "archived before, trashed now",
        "invisible again",
        "trashed before, invisible now",
        "shown by id, not listed",
        "trashed before, no evidence now",
        "invisible before, no evidence now",
        "out of scope again",
        "trashed before, out of scope now",
    ],
)
def test_in_a_held_space_a_waiting_page_goes_on_waiting(waiting: list[DeletionDecision]) -> None:
    """One page, far below the limit, whatever the evidence about it is by now."""
    result = plan(waiting, HELD)

    assert ids(result.held) == {"w"}
    assert (result.remove, result.unconfirmed) == ((), ())
    assert result.held_reason == "they have waited for a decision since an earlier run"


def test_a_waiting_page_that_moves_to_another_mirrored_space_waits_no_longer() -> None:
    """The pass over that space takes it over."""
    result = plan([decided(page(hidden=Reason.NOT_VISIBLE), found("current", MIRRORED))], HELD)

    assert result == DeletionPlan(stored_pages=20)


def test_new_positive_evidence_about_other_pages_is_not_held_by_a_held_space() -> None:
    """While 21 pages wait, one more that is trashed is removed."""
    waiting = invisible(*named(21), hidden=Reason.NOT_VISIBLE)
    result = plan([*waiting, *trashed("x")], HELD)

    assert ids(result.remove) == ids(result.hide) == {"x"}
    assert ids(result.held) == set(named(21))


def test_new_invisible_pages_in_a_held_space_are_hidden_and_wait_for_the_next_run() -> None:
    """A few of them are no mass by themselves."""
    result = plan([*invisible("w", hidden=Reason.NOT_VISIBLE), *invisible("x")], HELD)

    assert (ids(result.hide), ids(result.unconfirmed), ids(result.held)) == ({"x"}, {"x"}, {"w"})


def test_a_permission_removes_what_is_known_and_hides_what_is_not_confirmed() -> None:
    """Positive evidence, confirmed pages and pages that the settings no longer cover are removed."""
    decisions = [
        *trashed(*named(9, "new")),
        *trashed(*named(9, "waiting"), hidden=Reason.TRASHED),
        *invisible(*named(9, "confirmed"), hidden=Reason.NOT_VISIBLE),
        *invisible(*named(9, "suspect")),
        *(decide_out_of_scope(page(each), OUT_OF_SCOPE) for each in named(9, "scope")),
    ]
    result = plan(decisions, HELD, allow=True, narrowed=True)

    assert ids(result.remove) == {
        each for prefix in ("new", "waiting", "confirmed", "scope") for each in named(9, prefix)
    }
    assert ids(result.unconfirmed) == set(named(9, "suspect"))
    assert ids(result.hide) == {each for prefix in ("new", "suspect", "scope") for each in named(9, prefix)}
    assert (result.held, result.held_reason) == ((), None)


def test_a_permission_holds_no_page_that_gives_no_evidence() -> None:
    """The page stays hidden and is doubtful."""
    result = plan([decided(page(hidden=Reason.NOT_VISIBLE), UNKNOWN)], HELD, allow=True)

    assert (result.held, result.remove, ids(result.doubtful)) == ((), (), {"1"})


@pytest.mark.parametrize("hold", [HoldState(allowed_run_id=5), HoldState(held=7, allowed_run_id=5)])
def test_a_mass_that_an_allowed_run_has_hidden_is_removed_by_the_next_run(hold: HoldState) -> None:
    """The decision was made once, and it is not asked for again, even if the space is held for other pages."""
    pages = named(MOST + 1)

    assert ids(plan(invisible(*pages, hidden=Reason.NOT_VISIBLE, hold=hold, since=5), hold).remove) == set(pages)
    assert ids(plan(invisible(*pages, hidden=Reason.NOT_VISIBLE, hold=hold, since=6), hold).held) == set(pages)


def test_pages_that_were_allowed_to_go_do_not_hold_others() -> None:
    """They do not count to the limit of the confirmed ones."""
    hold = HoldState(allowed_run_id=5)
    result = plan(
        [
            *invisible(*named(9, "old"), hidden=Reason.NOT_VISIBLE, hold=hold, since=5),
            *invisible(*named(MOST, "new"), hidden=Reason.NOT_VISIBLE, hold=hold, since=6),
        ],
        hold,
    )

    assert len(result.remove) == 9 + MOST
    assert result.held == ()


@pytest.mark.parametrize("hidden", [None, Reason.OUT_OF_SCOPE, Reason.SCOPE_UNKNOWN])
def test_what_changed_settings_no_longer_cover_waits_whatever_the_number(hidden: Reason | None) -> None:
    """Also where an interrupted run has hidden the page already."""
    result = plan([decide_out_of_scope(page(hidden=hidden), OUT_OF_SCOPE)], narrowed=True)

    assert ids(result.held) == {"1"}
    assert ids(result.hide) == ({"1"} if hidden is None else set())
    assert (result.remove, result.held_reason) == ((), "the settings no longer cover them")


def test_changed_settings_hold_no_other_evidence() -> None:
    """A trashed page is removed, and pages that wait because of the settings do not count to its limit."""
    outside = [decide_out_of_scope(page(each), OUT_OF_SCOPE) for each in named(9, "s")]
    result = plan([*outside, *trashed(*named(MOST))], narrowed=True)

    assert ids(result.remove) == set(named(MOST))
    assert ids(result.held) == set(named(9, "s"))


def test_a_page_that_left_the_scope_by_itself_is_removed() -> None:
    """It was moved or labelled, and the settings are the same as before."""
    assert ids(plan([decide_out_of_scope(page(), OUT_OF_SCOPE)]).remove) == {"1"}


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("hold", [NOTHING_HELD, HELD])
@pytest.mark.parametrize("hidden", [None, Reason.SCOPE_UNKNOWN])
def test_an_unknown_scope_hides_and_never_removes(hold: HoldState, hidden: Reason | None, *, allow: bool) -> None:
    """However many pages it is, none is removed or held, and every one makes the run partial."""
    pages = named(9)
    decisions = [decide_out_of_scope(page(each, hidden), SCOPE_UNKNOWN) for each in pages]
    result = plan(decisions, hold, allow=allow, narrowed=True)

    assert ids(result.hide) == (set(pages) if hidden is None else set())
    assert ids(result.doubtful) == set(pages)
    assert (result.remove, result.held, result.unconfirmed, result.held_reason) == ((), (), (), None)


def test_an_unknown_scope_does_not_count_to_the_limit() -> None:
    """Nine such pages beside as many trashed and invisible ones as the limit allows hold nothing."""
    unknown = [decide_out_of_scope(page(each), SCOPE_UNKNOWN) for each in named(9, "u")]

    assert plan([*unknown, *trashed(*named(MOST))]).held == ()
    assert plan([*unknown, *invisible(*named(MOST))]).held == ()


@pytest.mark.parametrize(
    ("decision", "removed"),
    [
        (decided(page(hidden=Reason.SCOPE_UNKNOWN), UNKNOWN), False),
        (decided(page(hidden=Reason.SCOPE_UNKNOWN), found("trashed")), True),
    ],
    ids=["no evidence", "trashed now"],
)
def test_a_page_that_was_hidden_for_its_unknown_scope_does_not_wait(
    decision: DeletionDecision, *, removed: bool
) -> None:
    """It never waited to be removed, so a held space does not hold it."""
    result = plan([decision], HELD)

    assert (result.held, bool(result.remove)) == ((), removed)


def test_a_live_page_that_gives_no_evidence_stays_live_and_is_doubtful() -> None:
    """Held or not: the run is partial, and the page is shown."""
    for hold in (NOTHING_HELD, HELD):
        result = plan([decided(page("a"), UNKNOWN), decided(page("b"), found("current"))], hold)

        assert ids(result.doubtful) == {"a", "b"}
        assert (result.hide, result.remove, result.held, result.unconfirmed) == ((), (), (), ())


def test_a_removed_page_does_not_wait() -> None:
    """Its row is kept with the reason for which it was hidden before it was removed."""
    assert plan([decided(replace(page(hidden=Reason.TRASHED), removed=True), UNKNOWN)], HELD).held == ()


def test_every_reason_for_which_pages_are_held_is_said_once() -> None:
    """Joined in one line for an operator."""
    outside = [decide_out_of_scope(page("s"), OUT_OF_SCOPE)]
    before = trashed(*named(4, "b"), hidden=Reason.TRASHED)
    result = plan([*trashed(*named(4, "t")), *before, *invisible(*named(4, "i")), *outside], narrowed=True)

    assert len(result.held) == 13
    assert result.held_reason == (
        "the settings no longer cover them; more than 3 pages left at once; more than 3 pages became invisible at once"
    )


def test_a_plan_is_sorted_by_page_id() -> None:
    """The groups of the rules do not show."""
    confirmed = invisible("g", "e", hidden=Reason.NOT_VISIBLE)
    result = plan([*invisible("d", "b"), *trashed("h", "f", "c", "a"), *confirmed])

    assert [each.page_id for each in result.hide] == ["a", "b", "c", "d", "f", "h"]
    assert [each.page_id for each in result.held] == ["a", "b", "c", "d", "f", "h"]
    assert [each.page_id for each in result.remove] == ["e", "g"]
