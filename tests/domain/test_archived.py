"""What is written of archived pages, and that an archived page is kept where the archive is mirrored."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hr_sync.domain.archived import plan_archived
from hr_sync.domain.content import Head, Listing, Space, StoredPage, WithdrawalReason, metadata_digest
from hr_sync.domain.deletion import (
    DeletionAction,
    HoldState,
    LookupResult,
    LookupStatus,
    decide_absent,
    plan_deletions,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.plan import Action
from hr_sync.domain.scope import PageScope

SPACE = Space(id="9", key="HR", name="HR")
HEAD = Head(
    id="1",
    title="Old",
    space_key="HR",
    space_id="9",
    version=3,
    status="archived",
    parent_id=None,
    parent_type=None,
    last_updated=datetime(2026, 1, 1, tzinfo=UTC),
    url="https://wiki.example.com/1",
)
KEPT = StoredPage(
    id="1",
    space_key="HR",
    space_id="9",
    version=3,
    metadata_digest=metadata_digest(HEAD),
    hidden_reason=WithdrawalReason.ARCHIVED,
)
LISTED = Listing(space=SPACE, heads={"1": HEAD}, unreadable={}, began_at=None)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (None, [(Action.INSERT, True)]),
        (KEPT, []),
        (replace(KEPT, version=2), [(Action.UPDATE, True)]),
        (replace(KEPT, has_body=False), [(Action.UPDATE, True)]),
        (replace(KEPT, removed=True), [(Action.RESTORE, False)]),
        (replace(KEPT, hidden_reason=WithdrawalReason.TRASHED), [(Action.RESTORE, False)]),
        (replace(KEPT, hidden_reason=None), [(Action.RESTORE, False)]),
        (replace(KEPT, metadata_digest="another"), [(Action.MOVE, False)]),
    ],
)
def test_the_table(stored: StoredPage | None, expected: list[tuple[Action, bool]]) -> None:
    """Each line of it."""
    plan = plan_archived(LISTED, {} if stored is None else {"1": stored})
    assert [(step.action, step.fetch) for step in plan.steps] == expected


@pytest.mark.parametrize(
    ("status", "space_id", "keeps", "expected"),
    [
        ("archived", "9", True, DeletionAction.ARCHIVE),
        ("archived", "9", False, DeletionAction.REMOVE),
        ("archived", "8", True, DeletionAction.REMOVE),
        ("archived", None, True, DeletionAction.REMOVE),
        ("trashed", "9", True, DeletionAction.REMOVE),
    ],
)
def test_an_archived_page_of_this_space_is_kept(
    status: str, space_id: str | None, keeps: bool, expected: DeletionAction
) -> None:
    """And no other: not one in another space, and not where the archive is not mirrored."""
    lookup = LookupResult(page_id="1", result=LookupStatus.FOUND, status=status, space_id=space_id)
    decided = decide_absent(
        replace(KEPT, hidden_reason=None),
        lookup,
        space_id="9",
        mirrored_space_ids=frozenset({"9"}),
        hold=HoldState(),
        keeps_archived=keeps,
    )
    assert decided.action is expected


def test_a_mass_that_is_archived_is_hidden_and_never_held() -> None:
    """Also while removals of others wait."""
    lookup = LookupResult(page_id="1", result=LookupStatus.FOUND, status="archived", space_id="9")
    rows = [replace(KEPT, id=str(number), hidden_reason=None) for number in range(50)]
    rows.append(replace(KEPT, id="was hidden"))
    hold = HoldState(held=1, reason="others wait")
    decisions = [
        decide_absent(row, lookup, space_id="9", mirrored_space_ids=frozenset(), hold=hold, keeps_archived=True)
        for row in rows
    ]
    plan = plan_deletions(decisions, stored_pages=51, limit=DeletionLimit(), hold=hold)
    assert (len(plan.hide), plan.remove, plan.held, plan.doubtful, plan.new) == (50, (), (), (), ())


def test_the_first_run_with_the_word_is_a_full_one() -> None:
    """An incremental run compares fingerprints of the scope."""
    assert PageScope(archived_pages=True).fingerprint != PageScope().fingerprint
