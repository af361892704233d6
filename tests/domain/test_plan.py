"""The decision table of `hr_sync.domain.plan`, line by line, for complete listings and for lists of recent changes."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Head, Listing, RecentChanges, Space, StoredPage, metadata_digest
from hr_sync.domain.content import WithdrawalReason as Reason
from hr_sync.domain.plan import WRITES, Action, Plan, Step, decide, make_plan, plan_incremental, step_of

SPACE = Space(id="9", key="HR", name="People")
HEAD = Head(
    id="1",
    title="Leave",
    space_key="HR",
    space_id="9",
    version=3,
    status="current",
    parent_id=None,
    parent_type=None,
    last_updated=datetime(2026, 1, 1, tzinfo=UTC),
    url="https://acme.example/wiki/pages/1",
)
STORED = StoredPage(id="1", space_key="HR", space_id="9", version=3, metadata_digest=metadata_digest(HEAD))
HIDDEN = replace(STORED, hidden_reason=Reason.NOT_VISIBLE)
REMOVED = replace(STORED, removed=True)
MOVED = replace(HEAD, parent_id="7")


def head(page_id: str, version: int = 3) -> Head:
    """Return the head of another page."""
    return replace(HEAD, id=page_id, version=version)


def kept(page_id: str, version: int = 3) -> StoredPage:
    """Return the row of another page, with the same title and place as its head."""
    return replace(STORED, id=page_id, version=version, metadata_digest=metadata_digest(head(page_id)))


def listing(*heads: Head, unreadable: Mapping[str, str] | None = None) -> Listing:
    """Return a complete listing of the space."""
    return Listing(space=SPACE, heads={each.id: each for each in heads}, unreadable=unreadable or {}, began_at=None)


def recent(*heads: Head, unreadable: Mapping[str, str] | None = None) -> RecentChanges:
    """Return a list of pages that changed lately."""
    return RecentChanges(
        space=SPACE, heads={each.id: each for each in heads}, unreadable=unreadable or {}, began_at=None
    )


def incremental(*heads: Head, stored: Collection[StoredPage] = (), due: Collection[str] = ()) -> Plan:
    """Plan an incremental pass."""
    return plan_incremental(recent(*heads), {page.id: page for page in stored}, due=due)


@pytest.mark.parametrize(
    ("shown", "stored", "action", "fetch"),
    [
        (HEAD, None, Action.INSERT, True),
        (HEAD, STORED, Action.NOTHING, False),
        # another version, also a lower one
        (HEAD, replace(STORED, version=2), Action.UPDATE, True),
        (HEAD, replace(STORED, version=4), Action.UPDATE, True),
        (MOVED, replace(STORED, version=2), Action.UPDATE, True),
        # no stored body
        (HEAD, replace(STORED, has_body=False), Action.UPDATE, True),
        (MOVED, replace(STORED, has_body=False), Action.UPDATE, True),
        # the same version elsewhere
        (MOVED, STORED, Action.MOVE, False),
        (replace(HEAD, title="Leave 2"), STORED, Action.MOVE, False),
        (replace(HEAD, url="https://acme.example/wiki/x"), STORED, Action.MOVE, False),
        (replace(HEAD, space_key="IT"), STORED, Action.MOVE, False),
        # hidden or removed
        (HEAD, HIDDEN, Action.RESTORE, False),
        (HEAD, REMOVED, Action.RESTORE, False),
        (MOVED, HIDDEN, Action.RESTORE, False),
        (HEAD, replace(HIDDEN, version=2), Action.RESTORE, True),
        (HEAD, replace(HIDDEN, version=4), Action.RESTORE, True),
        (HEAD, replace(REMOVED, version=2), Action.RESTORE, True),
        (HEAD, replace(HIDDEN, has_body=False), Action.RESTORE, True),
        (HEAD, replace(REMOVED, has_body=False), Action.RESTORE, True),
        (HEAD, replace(HIDDEN, removed=True), Action.RESTORE, False),
        # not listed
        (None, STORED, Action.VERIFY, False),
        (None, HIDDEN, Action.VERIFY, False),
        (None, replace(STORED, has_body=False), Action.VERIFY, False),
        (None, REMOVED, Action.NOTHING, False),
        (None, replace(HIDDEN, removed=True), Action.NOTHING, False),
        (None, None, Action.NOTHING, False),
    ],
)
def test_each_line_of_the_table_gives_its_action(
    shown: Head | None, stored: StoredPage | None, action: Action, *, fetch: bool
) -> None:
    """A body is fetched only where the stored one is not known to be the same."""
    decided, fetches, reason = decide(shown, stored)

    assert (decided, fetches) == (action, fetch)
    assert reason


@pytest.mark.parametrize(
    ("shown", "stored", "reason"),
    [
        (HEAD, replace(STORED, version=2), "version 2 → 3"),
        (HEAD, replace(STORED, has_body=False), "the stored body is missing"),
        (HEAD, HIDDEN, "was hidden, is listed again"),
        (HEAD, REMOVED, "was removed, is listed again"),
        (None, STORED, "stored, not in the listing"),
    ],
)
def test_the_reason_is_worded_without_content(shown: Head | None, stored: StoredPage, reason: str) -> None:
    """It says what differs, and no title."""
    assert decide(shown, stored)[2] == reason


def test_a_plan_is_sorted_and_counts_what_needs_nothing() -> None:
    """Steps come in page id order, whatever order the listing had; unchanged pages make no step."""
    shown = listing(head("3"), head("1"), head("2"), unreadable={"4": "no title"})
    plan = make_plan(shown, {"9": kept("9"), "2": kept("2")})

    assert [(step.page_id, step.action) for step in plan.steps] == [
        ("1", Action.INSERT),
        ("3", Action.INSERT),
        ("4", Action.FAIL),
        ("9", Action.VERIFY),
    ]
    assert plan.unchanged == 1


@pytest.mark.parametrize("stored", [{}, {"1": STORED}, {"1": HIDDEN}, {"1": REMOVED}])
def test_a_page_that_cannot_be_read_fails_and_is_not_absent(stored: Mapping[str, StoredPage]) -> None:
    """The listing names it without describing it, so its last good row stays."""
    plan = make_plan(listing(unreadable={"1": "no title"}), stored, every_page=True)

    assert [(step.action, step.reason, step.head) for step in plan.steps] == [(Action.FAIL, "no title", None)]


def test_the_same_page_again_costs_nothing() -> None:
    """A space in which nothing changed makes an empty plan."""
    plan = make_plan(listing(head("1"), head("2")), {"1": kept("1"), "2": kept("2")})

    assert plan == Plan(steps=(), unchanged=2)


@pytest.mark.parametrize(
    ("shown", "stored", "action"),
    [
        (HEAD, STORED, Action.UPDATE),
        (MOVED, STORED, Action.UPDATE),
        (HEAD, replace(STORED, version=2), Action.UPDATE),
        (HEAD, None, Action.INSERT),
        (HEAD, HIDDEN, Action.RESTORE),
        (HEAD, REMOVED, Action.RESTORE),
        (HEAD, replace(REMOVED, version=2), Action.RESTORE),
    ],
)
def test_a_resync_of_a_space_fetches_every_listed_page(shown: Head, stored: StoredPage | None, action: Action) -> None:
    """Whatever its version is."""
    plan = make_plan(listing(shown), {"1": stored} if stored else {}, every_page=True)

    assert [(step.action, step.fetch) for step in plan.steps] == [(action, True)]
    assert plan.unchanged == 0


def test_a_resync_of_a_space_verifies_what_is_not_listed() -> None:
    """No body is fetched for it."""
    plan = make_plan(listing(), {"1": STORED, "2": replace(REMOVED, id="2")}, every_page=True)

    assert [(step.page_id, step.action, step.fetch) for step in plan.steps] == [("1", Action.VERIFY, False)]


def test_a_step_names_the_space_that_its_row_was_in() -> None:
    """A write is conditional on it. A page that is new, or listed without a description, was in none."""
    elsewhere = replace(kept("1", version=1), space_key="IT")
    shown = listing(head("1"), head("2"), unreadable={"4": "no title"})
    plan = make_plan(shown, {"1": elsewhere, "3": kept("3")})

    assert {step.page_id: step.seen_in_space for step in plan.steps} == {"1": "IT", "2": None, "3": "HR", "4": None}
    assert [step.head for step in plan.steps] == [head("1"), head("2"), None, None]
    assert {step.seen_in_space for step in incremental(head("1"), stored=[elsewhere]).steps} == {"IT"}
    assert step_of(Action.UPDATE, "1", None, elsewhere, "asked for", fetch=True).seen_in_space == "IT"


def test_a_plan_tells_its_steps_apart() -> None:
    """Those with a body to fetch, and those that write a page and keep its stored body."""
    moved = replace(head("2"), parent_id="7")
    stored = {"2": kept("2"), "3": replace(kept("3"), hidden_reason=Reason.TRASHED), "5": kept("5")}
    plan = make_plan(listing(head("1"), moved, head("3"), unreadable={"4": "no title"}), stored)

    assert [step.page_id for step in plan.fetches] == ["1"]
    assert [(step.page_id, step.action) for step in plan.without_body] == [("2", Action.MOVE), ("3", Action.RESTORE)]
    assert [step.page_id for step in plan.having(Action.FAIL, Action.VERIFY)] == ["4", "5"]


@pytest.mark.parametrize("action", list(Action))
def test_an_action_that_writes_a_page_has_a_word_in_the_feed(action: Action) -> None:
    """The others write none."""
    step = Step(action=action, page_id="1", head=HEAD, reason="")

    if action in {Action.FAIL, Action.VERIFY, Action.NOTHING}:
        with pytest.raises(KeyError):
            _ = step.writes
    else:
        assert step.writes is ChangeAction(action.value) is WRITES[action]


# Incremental passes


@pytest.mark.parametrize(
    ("shown", "stored", "action", "fetch"),
    [
        (HEAD, None, Action.INSERT, True),
        (HEAD, replace(STORED, version=2), Action.UPDATE, True),
        (HEAD, replace(STORED, has_body=False), Action.UPDATE, True),
        (MOVED, STORED, Action.MOVE, False),
    ],
)
def test_an_incremental_pass_writes_what_is_new(
    shown: Head, stored: StoredPage | None, action: Action, *, fetch: bool
) -> None:
    """By the same table."""
    plan = incremental(shown, stored=[stored] if stored else [])

    assert [(step.action, step.fetch, step.head) for step in plan.steps] == [(action, fetch, shown)]
    assert plan.unchanged == 0


@pytest.mark.parametrize(
    ("shown", "stored"),
    [
        (HEAD, STORED),
        (HEAD, replace(STORED, version=4)),
        (MOVED, replace(STORED, version=4)),
        (HEAD, replace(STORED, version=4, has_body=False)),
        (HEAD, HIDDEN),
        (HEAD, REMOVED),
        (HEAD, replace(HIDDEN, version=2)),
        (HEAD, replace(REMOVED, version=2)),
        (HEAD, replace(HIDDEN, has_body=False)),
    ],
    ids=[
        "the same",
        "a lower version",
        "a lower version elsewhere",
        "a lower version, body missing",
        "hidden",
        "removed",
        "hidden, new version",
        "removed, new version",
        "hidden, body missing",
    ],
)
def test_an_incremental_pass_goes_back_to_no_older_version_and_shows_no_page_again(
    shown: Head, stored: StoredPage
) -> None:
    """A list that may lag is no evidence; the next full pass decides."""
    assert incremental(shown, stored=[stored]) == Plan(steps=(), unchanged=1)


def test_an_incremental_pass_verifies_no_page() -> None:
    """A stored page that did not change lately is not absent."""
    assert incremental(stored=[STORED, replace(HIDDEN, id="2")]) == Plan(steps=(), unchanged=0)


@pytest.mark.parametrize(
    ("stored", "steps"),
    [
        (None, [(Action.INSERT, True, None)]),
        (STORED, [(Action.UPDATE, True, "HR")]),
        (HIDDEN, []),
        (REMOVED, []),
    ],
)
def test_an_incremental_pass_tries_again_what_failed(
    stored: StoredPage | None, steps: list[tuple[Action, bool, str | None]]
) -> None:
    """Although nothing of it is new. A page that is hidden or removed since waits for the next full pass."""
    plan = incremental(stored=[stored] if stored else [], due=["1"])

    assert [(step.action, step.fetch, step.seen_in_space) for step in plan.steps] == steps


@pytest.mark.parametrize("stored", [[STORED], [replace(STORED, version=4)]])
def test_a_page_that_failed_is_fetched_though_the_list_shows_nothing_new(stored: list[StoredPage]) -> None:
    """Its head is not used, since the list may lag."""
    plan = incremental(HEAD, stored=stored, due=["1"])

    assert [(step.action, step.fetch, step.head) for step in plan.steps] == [(Action.UPDATE, True, None)]
    assert plan.unchanged == 0


def test_a_page_that_failed_and_is_new_in_the_list_makes_one_step() -> None:
    """By what the list shows."""
    steps = incremental(HEAD, stored=[replace(STORED, version=2)], due=["1", "1"]).steps

    assert [(step.action, step.head) for step in steps] == [(Action.UPDATE, HEAD)]


def test_a_page_that_failed_and_cannot_be_read_fails_again() -> None:
    """It is not fetched beside that."""
    plan = plan_incremental(recent(unreadable={"1": "no title"}), {"1": STORED}, due=["1"])

    assert [(step.action, step.reason, step.fetch) for step in plan.steps] == [(Action.FAIL, "no title", False)]


def test_an_incremental_plan_is_sorted() -> None:
    """Whatever order the list and the failures came in."""
    plan = plan_incremental(recent(head("5"), head("2"), unreadable={"3": "no title"}), {}, due=["4", "1"])

    assert [step.page_id for step in plan.steps] == ["1", "2", "3", "4", "5"]


# Arbitrary spaces

_IDS = "abcdef"
_rows = st.builds(
    StoredPage,
    id=st.just(""),
    space_key=st.sampled_from(["HR", "IT"]),
    space_id=st.just("9"),
    version=st.integers(1, 3),
    metadata_digest=st.just(metadata_digest(HEAD)),
    hidden_reason=st.sampled_from([None, *Reason]),
    removed=st.booleans(),
    has_body=st.booleans(),
)
_heads = st.builds(replace, st.sampled_from([HEAD, MOVED]), version=st.integers(1, 3))


@given(
    shown=st.dictionaries(st.sampled_from(_IDS), _heads),
    rows=st.dictionaries(st.sampled_from(_IDS), _rows),
    failed=st.sets(st.sampled_from(_IDS)),
    every_page=st.booleans(),
)
def test_every_page_has_one_step_or_needs_none(
    shown: dict[str, Head], rows: dict[str, StoredPage], failed: set[str], *, every_page: bool
) -> None:
    """No page is forgotten, none is written twice, and a step without a body never stands for another version."""
    heads = {page_id: each for page_id, each in shown.items() if page_id not in failed}
    unreadable = dict.fromkeys(failed, "no title")
    full = make_plan(
        Listing(space=SPACE, heads=heads, unreadable=unreadable, began_at=None), rows, every_page=every_page
    )
    part = plan_incremental(
        RecentChanges(space=SPACE, heads=heads, unreadable=unreadable, began_at=None), rows, due=list(_IDS)
    )

    for plan in (full, part):
        page_ids = [step.page_id for step in plan.steps]
        assert page_ids == sorted(set(page_ids))
        assert len(heads.keys() - set(page_ids)) == plan.unchanged
        for step in plan.without_body:
            row = rows[step.page_id]
            assert row.has_body
            assert row.version == heads[step.page_id].version
    verified = {step.page_id for step in full.having(Action.VERIFY)}
    assert verified == {each for each, row in rows.items() if not row.removed} - heads.keys() - failed
    for step in part.steps:
        row_before = rows.get(step.page_id)
        assert step.action in {Action.INSERT, Action.UPDATE, Action.MOVE, Action.FAIL}
        if step.action is not Action.FAIL and row_before is not None:
            assert row_before.hidden_reason is None
            assert not row_before.removed
            assert step.head is None or step.head.version >= row_before.version
