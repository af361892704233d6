"""The decision table of `model.plan`, line by line."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hr_sync.domain.content import Head, Listing, Space, StoredPage, metadata_digest
from hr_sync.domain.plan import Action, decide, make_plan

SPACE = Space(id="9", key="HR", name="People", type="global", status="current")
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
STORED = StoredPage(
    id="1", space_key="HR", version=3, metadata_digest=metadata_digest(HEAD), hidden=False, removed=False
)


@pytest.mark.parametrize(
    ("head", "stored", "action"),
    [
        (HEAD, None, Action.INSERT),
        (HEAD, STORED, Action.NOTHING),
        (HEAD, replace(STORED, version=2), Action.UPDATE),
        (HEAD, replace(STORED, version=4), Action.UPDATE),
        (replace(HEAD, parent_id="7"), STORED, Action.MOVE),
        (replace(HEAD, title="Leave 2"), STORED, Action.MOVE),
        (replace(HEAD, url="https://acme.example/wiki/x"), STORED, Action.MOVE),
        (HEAD, replace(STORED, hidden=True), Action.RESTORE),
        (HEAD, replace(STORED, removed=True), Action.RESTORE),
        (HEAD, replace(STORED, removed=True, version=1), Action.RESTORE),
        (None, STORED, Action.QUESTION),
        (None, replace(STORED, hidden=True), Action.QUESTION),
        (None, replace(STORED, removed=True), Action.NOTHING),
        (None, replace(STORED, hidden=True, removed=True), Action.NOTHING),
        (None, None, Action.NOTHING),
    ],
)
def test_decision_table(head: Head | None, stored: StoredPage | None, action: Action) -> None:
    """Each line of the table gives its action."""
    assert decide(head, stored)[0] is action


def test_a_plan_is_sorted_and_counts_what_needs_nothing() -> None:
    """Steps come in page id order, whatever order the listing had; unchanged pages make no step."""
    heads = {page_id: replace(HEAD, id=page_id) for page_id in ("3", "1", "2")}
    stored = {"2": replace(STORED, id="2"), "9": replace(STORED, id="9")}

    plan = make_plan(Listing(space=SPACE, heads=heads, unreadable={"4": "no title"}), stored)

    assert [(step.page_id, step.action) for step in plan.steps] == [
        ("1", Action.INSERT),
        ("3", Action.INSERT),
        ("4", Action.FAIL),
        ("9", Action.QUESTION),
    ]
    assert plan.unchanged == 1


def test_an_unreadable_page_is_not_absent() -> None:
    """A page that the listing names but does not describe is never questioned."""
    plan = make_plan(Listing(space=SPACE, heads={}, unreadable={"1": "no title"}), {"1": STORED})

    assert [step.action for step in plan.steps] == [Action.FAIL]


def test_a_wanted_page_is_fetched_though_unchanged() -> None:
    """A manual resync fetches regardless of version."""
    plan = make_plan(Listing(space=SPACE, heads={"1": HEAD}, unreadable={}), {"1": STORED}, every_page=True)

    assert [step.action for step in plan.fetches] == [Action.UPDATE]
