"""Certificates, drift, changed_fields, page addresses and what a run comes to."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hr_sync.domain.certificate import listing_digest
from hr_sync.domain.changes import Before, changed_fields
from hr_sync.domain.content import Head, RecentChanges, Space, StoredPage, metadata_digest
from hr_sync.domain.drift import DriftKind, compare
from hr_sync.domain.outcome import Counts, Outcome, SpaceReport, conclude, total
from hr_sync.domain.page_ref import page_id_of
from hr_sync.domain.plan import Action, plan_recent
from hr_sync.errors import UsageError

HEAD = Head(
    id="1",
    title="Leave",
    space_key="HR",
    space_id="9",
    version=3,
    status="current",
    parent_id="7",
    parent_type="page",
    last_updated=datetime(2026, 1, 1, tzinfo=UTC),
    url="https://acme.example/wiki/pages/1",
)
SPACE = Space(id="9", key="HR", name="People", type="global", status="current")
STORED = StoredPage(
    id="1", space_key="HR", version=3, metadata_digest=metadata_digest(HEAD), hidden=False, removed=False
)
BEFORE = Before(title="Leave", content_hash="a", space_key="HR", parent_id="7", status="current", shown=True)


def test_the_certificate_can_be_computed_by_hand() -> None:
    """It is SHA-256 over lines sorted by id, so that anybody can check it."""
    heads = [replace(HEAD, id="20", parent_id=None), HEAD]
    by_hand = hashlib.sha256(b"1\t3\tcurrent\t7\n20\t3\tcurrent\t-\n").hexdigest()

    assert listing_digest(heads) == listing_digest(reversed(heads)) == by_hand


@pytest.mark.parametrize("change", [{"version": 4}, {"status": "archived"}, {"parent_id": "8"}, {"id": "2"}])
def test_the_certificate_tells_listings_apart(change: dict[str, Any]) -> None:
    """Another version, status, place or page gives another root."""
    assert listing_digest([HEAD]) != listing_digest([replace(HEAD, **change)])


@pytest.mark.parametrize(
    ("before", "head", "content_hash", "log_fields"),
    [
        (None, HEAD, "a", ("text", "title", "location")),
        (BEFORE, HEAD, "a", ()),
        (BEFORE, HEAD, None, ()),
        (BEFORE, HEAD, "b", ("text",)),
        (BEFORE, replace(HEAD, title="Time off"), None, ("title",)),
        (BEFORE, replace(HEAD, parent_id="8"), None, ("location",)),
        (BEFORE, replace(HEAD, space_key="IT"), "b", ("text", "location")),
        (replace(BEFORE, shown=False), HEAD, "a", ("restored",)),
    ],
)
def test_facets_name_what_changed(
    before: Before | None, head: Head, content_hash: str | None, log_fields: Sequence[str]
) -> None:
    """A consumer can tell from the changed_fields whether it has to read the text again."""
    assert changed_fields(before, head, content_hash) == log_fields


@pytest.mark.parametrize(
    ("given", "page_id"),
    [
        ("12345", "12345"),
        (" 12345 ", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/12345/Annual+leave", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/12345", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/~7120/pages/edit-v2/12345?draft=1", "12345"),
        ("https://wiki.acme.com/confluence/pages/viewpage.action?spaceKey=HR&pageId=12345", "12345"),
    ],
)
def test_a_page_is_named_by_id_or_address(given: str, page_id: str) -> None:
    """What the browser shows is understood."""
    assert page_id_of(given) == page_id


@pytest.mark.parametrize(
    "given", ["", "leave", "https://acme.atlassian.net/wiki/x/YIAB", "-5", "١٢٣", "https://acme.example/pages/x/1"]
)
def test_what_names_no_page_is_refused(given: str) -> None:
    """A short link, a title or a number in other digits is no id."""
    with pytest.raises(UsageError, match="neither a page id nor"):
        page_id_of(given)


def recent(**heads: Head) -> RecentChanges:
    """Make a look at the newest pages."""
    return RecentChanges(space=SPACE, heads={head.id: head for head in heads.values()}, unreadable={})


def test_an_incremental_run_asks_no_question_and_goes_back_to_no_older_version() -> None:
    """A stored page that is not among the newest is not absent, and a lower version is a stale read."""
    stored = {"1": replace(STORED, version=4), "2": replace(STORED, id="2")}

    assert plan_recent(recent(a=HEAD), stored, due=()).steps == ()


def test_an_incremental_run_tries_again_what_is_due() -> None:
    """A page that failed before is fetched, though nothing of it is new."""
    steps = plan_recent(recent(a=HEAD), {"1": STORED}, due=["1", "5"]).steps

    assert [(step.page_id, step.action) for step in steps] == [("1", Action.UPDATE), ("5", Action.INSERT)]


def test_an_incremental_run_takes_what_is_new() -> None:
    """New pages, higher versions and hidden pages that changed are fetched."""
    heads = recent(a=HEAD, b=replace(HEAD, id="2", version=9), c=replace(HEAD, id="3"))
    stored = {"2": replace(STORED, id="2"), "3": replace(STORED, id="3", hidden=True)}

    steps = plan_recent(heads, stored, due=()).steps

    assert [step.action for step in steps] == [Action.INSERT, Action.UPDATE, Action.RESTORE]


class Row:
    """A stored row as the audit sees it."""

    def __init__(self, head: Head, *, live: bool = True) -> None:
        self.version, self.title, self.parent_id = head.version, head.title, head.parent_id
        self.status, self.url, self.live = head.status, head.url, live


@pytest.mark.parametrize(
    ("heads", "rows", "kinds"),
    [
        ({"1": HEAD}, {"1": Row(HEAD)}, []),
        ({"1": HEAD}, {}, [DriftKind.MISSING]),
        ({"1": HEAD}, {"1": Row(HEAD, live=False)}, [DriftKind.MISSING]),
        ({}, {"1": Row(HEAD)}, [DriftKind.GHOST]),
        ({}, {"1": Row(HEAD, live=False)}, []),
        ({"1": replace(HEAD, version=4, title="x")}, {"1": Row(HEAD)}, [DriftKind.VERSION]),
        ({"1": replace(HEAD, title="x")}, {"1": Row(HEAD)}, [DriftKind.TITLE]),
        ({"1": replace(HEAD, parent_id=None)}, {"1": Row(HEAD)}, [DriftKind.PLACE]),
        ({"1": replace(HEAD, status="archived")}, {"1": Row(HEAD)}, [DriftKind.STATUS]),
        ({"1": replace(HEAD, url="x")}, {"1": Row(HEAD)}, [DriftKind.ADDRESS]),
    ],
)
def test_drift_is_named(heads: dict[str, Head], rows: dict[str, Row], kinds: list[DriftKind]) -> None:
    """Each way to differ has its name, and two equal sides have none."""
    assert [drift.kind for drift in compare("HR", heads, rows)] == kinds


def report(outcome: Outcome, exit_code: int) -> SpaceReport:
    """Make the report of one space."""
    return SpaceReport(space_key="HR", outcome=outcome, exit_code=exit_code, counts=Counts(inserted=2))


COMPLETE, PARTIAL, HELD = report(Outcome.COMPLETE, 0), report(Outcome.PARTIAL, 3), report(Outcome.HELD, 4)
STOPPED, REFUSED = report(Outcome.STOPPED, 75), report(Outcome.FAILED, 77)
SHUT_OUT = replace(REFUSED, ends_run=True)


@pytest.mark.parametrize(
    ("reports", "outcome", "exit_code"),
    [
        ([], Outcome.COMPLETE, 0),
        ([COMPLETE, COMPLETE], Outcome.COMPLETE, 0),
        ([COMPLETE, PARTIAL], Outcome.PARTIAL, 3),
        ([PARTIAL, HELD, COMPLETE], Outcome.HELD, 4),
        ([COMPLETE, REFUSED], Outcome.PARTIAL, 3),
        ([HELD, REFUSED], Outcome.HELD, 4),
        ([REFUSED, REFUSED], Outcome.FAILED, 77),
        ([COMPLETE, STOPPED], Outcome.STOPPED, 75),
        ([COMPLETE, HELD, SHUT_OUT], Outcome.FAILED, 77),
    ],
)
def test_a_run_ends_as_its_spaces_did(reports: list[SpaceReport], outcome: Outcome, exit_code: int) -> None:
    """One space that cannot be read makes a run partial; when it is so with all, the run ends as they did."""
    assert conclude(reports) == (outcome, exit_code)


def test_counts_add_up() -> None:
    """The counts of a run are those of its spaces."""
    assert total([COMPLETE, PARTIAL]) == Counts(inserted=4)
