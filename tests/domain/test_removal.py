"""The verdict table and the guard of `model.removal`, line by line."""

from dataclasses import replace

import pytest

from hr_sync.domain.content import StoredPage
from hr_sync.domain.deletion import DeletionLimit, LookupResult, LookupStatus, Ruling, Verdict, leaving, rule

LIVE = StoredPage(id="1", space_key="HR", version=3, metadata_digest="", hidden=False, removed=False)
HIDDEN = replace(LIVE, hidden=True)


def seen(status: str, space_id: str = "9") -> LookupResult:
    """Make the evidence of a 200 answer."""
    return LookupResult(page_id="1", status_of_lookup=LookupStatus.FOUND, status=status, space_id=space_id)


NOT_FOUND = LookupResult(page_id="1", status_of_lookup=LookupStatus.NOT_FOUND)
UNKNOWN = LookupResult(page_id="1", status_of_lookup=LookupStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("evidence", "stored", "verdict", "reason"),
    [
        (seen("current"), LIVE, Verdict.KEEP, "the listing was wrong: the page is there"),
        (seen("current"), HIDDEN, Verdict.KEEP, "the listing was wrong: the page is there"),
        (seen("trashed"), LIVE, Verdict.REMOVE, "trashed"),
        (seen("archived"), LIVE, Verdict.REMOVE, "archived"),
        (seen("draft"), HIDDEN, Verdict.REMOVE, "draft"),
        (seen("trashed", "5"), LIVE, Verdict.REMOVE, "trashed"),
        (seen("current", "8"), LIVE, Verdict.LEAVE, "moved to another mirrored space"),
        (seen("current", "5"), LIVE, Verdict.REMOVE, "moved out of scope"),
        (NOT_FOUND, LIVE, Verdict.HIDE, "not visible"),
        (NOT_FOUND, HIDDEN, Verdict.REMOVE, "gone"),
        (UNKNOWN, LIVE, Verdict.KEEP, "no evidence"),
        (UNKNOWN, HIDDEN, Verdict.KEEP, "no evidence"),
        (LookupResult(page_id="1", status_of_lookup=LookupStatus.FOUND), LIVE, Verdict.KEEP, "no evidence"),
    ],
)
def test_verdict_table(evidence: LookupResult, stored: StoredPage, verdict: Verdict, reason: str) -> None:
    """Each line of the table gives its verdict and its reason."""
    ruling = rule(evidence, stored, space_id="9", mirrored_space_ids=frozenset({"8", "9"}))

    assert (ruling.verdict, ruling.reason) == (verdict, reason)


@pytest.mark.parametrize(("live", "limit"), [(0, 20), (100, 20), (200, 20), (201, 20), (210, 21), (1000, 100)])
def test_guard_limit(live: int, limit: int) -> None:
    """The limit is 10 % of the live pages, and never below 20."""
    assert DeletionLimit().limit(live) == limit


def test_only_live_pages_count_as_leaving() -> None:
    """The second strike on a hidden page was counted when it was hidden."""
    rulings = [
        Ruling(page_id="1", space_key="HR", verdict=Verdict.HIDE, reason="", was_live=True),
        Ruling(page_id="2", space_key="HR", verdict=Verdict.REMOVE, reason="", was_live=True),
        Ruling(page_id="3", space_key="HR", verdict=Verdict.REMOVE, reason="", was_live=False),
        Ruling(page_id="4", space_key="HR", verdict=Verdict.KEEP, reason="", was_live=True),
    ]

    assert leaving(rulings) == 2
