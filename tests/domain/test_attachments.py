"""The table of what is written, looked up and verified of attachments, line by line."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hr_sync.domain.attachments import Attachment, AttachmentBefore, AttachmentListing, AttachmentLookup, changed_fields
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.content import Space, WithdrawalReason
from hr_sync.domain.deletion import DeletionAction, HoldState, LookupStatus
from hr_sync.domain.page_items import (
    StoredPageItem,
    decide_switched_off,
    decide_unlisted,
    plan_items,
    plan_recent_items,
    write_after_lookup,
)

SPACE = Space(id="1", key="HR", name="")
PAGES = frozenset({"10", "11"})
NO_HOLD = HoldState()


def listed(**values: Any) -> Attachment:
    """Return an attachment of page 10."""
    usual: dict[str, Any] = {
        "id": "att1",
        "page_id": "10",
        "name": "a.pdf",
        "media_type": "application/pdf",
        "size_bytes": 7,
        "version": 2,
        "last_updated": datetime(2026, 3, 1, tzinfo=UTC),
        "download_path": "/download/attachments/10/a.pdf?version=2",
        "status": "current",
    }
    return Attachment(**usual | values)


def row(**values: Any) -> StoredPageItem:
    """Return the stored row of the same attachment."""
    usual: dict[str, Any] = {
        "id": "att1",
        "page_id": "10",
        "space_id": "1",
        "space_key": "HR",
        "version": 2,
        "metadata_digest": listed().metadata_digest,
        "page_is_live": True,
    }
    return StoredPageItem(**usual | values)


def listing(*attachments: Attachment, **unreadable: str) -> AttachmentListing:
    """Return a listing of these."""
    return AttachmentListing(items={each.id: each for each in attachments}, unreadable=unreadable)


GONE = {"hidden_reason": WithdrawalReason.TRASHED, "removed": True}
HIDDEN = {"hidden_reason": WithdrawalReason.NOT_VISIBLE}
OFF = {"hidden_reason": WithdrawalReason.OUT_OF_SCOPE}
WRITES: list[tuple[str, dict[str, Any], dict[str, Any] | None, ChangeAction | None]] = [
    ("new", {}, None, ChangeAction.INSERT),
    ("the same", {}, {}, None),
    ("the same at another address", {"download_path": "/x"}, {}, None),
    ("a newer version", {"version": 3}, {}, ChangeAction.UPDATE),
    ("another name", {"name": "b.pdf"}, {}, ChangeAction.UPDATE),
    ("another page", {"page_id": "11"}, {}, ChangeAction.UPDATE),
    ("another size", {"size_bytes": 8}, {}, ChangeAction.UPDATE),
    ("another type", {"media_type": None}, {}, ChangeAction.UPDATE),
    ("from another space", {}, {"space_id": "2"}, ChangeAction.UPDATE),
    ("switched on again", {}, OFF, ChangeAction.RESTORE),
    ("removed before it was switched off", {}, {**OFF, "removed": True}, None),
    ("an older version", {"version": 1}, {}, None),
    ("hidden", {}, HIDDEN, None),
    ("removed", {}, GONE, None),
    ("on a page that is not mirrored", {"page_id": "99"}, None, None),
    ("on no page", {"page_id": None}, None, None),
]


@pytest.mark.parametrize(("found", "stored", "action"), [each[1:] for each in WRITES], ids=[each[0] for each in WRITES])
def test_what_is_written(found: dict[str, Any], stored: dict[str, Any] | None, action: ChangeAction | None) -> None:
    """In a whole listing and in a list of changes alike."""
    rows = {} if stored is None else {"att1": row(**stored)}
    plan = plan_items(listing(listed(**found)), rows, PAGES, space_id="1")
    recent = plan_recent_items(listing(listed(**found)), rows, PAGES, space_id="1")

    assert [write.action for write in plan.writes] == ([] if action is None else [action])
    assert recent == replace(plan, verify=())
    assert plan.not_mirrored == (found.get("page_id", "10") not in PAGES)


@pytest.mark.parametrize(
    ("found", "stored"), [({"version": 1}, {}), ({}, HIDDEN), ({}, GONE), ({}, {**OFF, "removed": True})]
)
def test_what_a_list_that_may_lag_does_not_decide(found: dict[str, Any], stored: dict[str, Any]) -> None:
    """It is looked up by id, and written as the single read shows it, if it is there."""
    before = row(**stored)
    plan = plan_items(listing(listed(**found)), {"att1": before}, PAGES, space_id="1")

    assert plan.look_up == (before,)
    newer = AttachmentLookup(result=LookupStatus.FOUND, item=listed(version=5))
    write = write_after_lookup(before, newer, PAGES, space_id="1")
    assert write is not None
    assert write.item.version == 5
    for no_answer in (
        AttachmentLookup(result=LookupStatus.NOT_FOUND),
        AttachmentLookup(result=LookupStatus.UNKNOWN),
        AttachmentLookup(result=LookupStatus.FOUND, item=listed(status="trashed")),
        AttachmentLookup(result=LookupStatus.FOUND, item=listed(page_id="99")),
    ):
        assert write_after_lookup(before, no_answer, PAGES, space_id="1") is None
    same = AttachmentLookup(result=LookupStatus.FOUND, item=listed())
    assert write_after_lookup(row(), same, PAGES, space_id="1") is None


ABSENT: list[tuple[str, dict[str, Any], bool]] = [
    ("live", {}, True),
    ("hidden", HIDDEN, True),
    ("removed", GONE, False),
    ("on a page that is not live", {"page_is_live": False}, False),
    ("on a page that was moved away", {"page_id": "99"}, False),
]


@pytest.mark.parametrize(("stored", "is_asked"), [each[1:] for each in ABSENT], ids=[each[0] for each in ABSENT])
def test_what_is_verified(stored: dict[str, Any], is_asked: bool) -> None:
    """Absence is a question, as far as the page is shown here."""
    plan = plan_items(listing(), {"att1": row(**stored)}, PAGES, space_id="1")

    assert bool(plan.verify) is is_asked


def test_what_is_listed_elsewhere_is_verified_and_what_cannot_be_read_is_not() -> None:
    """The list says that it is attached to something that is not mirrored; a lookup decides."""
    rows = {"att1": row()}

    assert plan_items(listing(listed(page_id="99")), rows, PAGES, space_id="1").verify == (row(),)
    assert plan_items(listing(att1="no version"), rows, PAGES, space_id="1").verify == ()


EVIDENCE: list[tuple[LookupStatus, Attachment | None, DeletionAction, WithdrawalReason | None]] = [
    (LookupStatus.NOT_FOUND, None, DeletionAction.HIDE, WithdrawalReason.NOT_VISIBLE),
    (LookupStatus.UNKNOWN, None, DeletionAction.KEEP, None),
    (LookupStatus.FOUND, listed(), DeletionAction.KEEP, None),
    (LookupStatus.FOUND, listed(status="trashed"), DeletionAction.REMOVE, WithdrawalReason.TRASHED),
    (LookupStatus.FOUND, listed(status="sealed"), DeletionAction.KEEP, None),
    (LookupStatus.FOUND, listed(page_id="11"), DeletionAction.REMOVE, WithdrawalReason.MOVED),
    (LookupStatus.FOUND, listed(page_id=None), DeletionAction.REMOVE, WithdrawalReason.MOVED),
]


@pytest.mark.parametrize(("result", "found", "action", "reason"), EVIDENCE)
def test_what_a_lookup_is_evidence_of(
    result: LookupStatus, found: Attachment | None, action: DeletionAction, reason: WithdrawalReason | None
) -> None:
    """By the table of pages; one that is on another page leaves the readers of the first."""
    decision = decide_unlisted(row(), AttachmentLookup(result=result, item=found), space=SPACE, hold=NO_HOLD)

    assert (decision.action, decision.reason, decision.page_id) == (action, reason, "att1")


def test_a_second_run_confirms_what_the_first_could_not_see() -> None:
    """As with pages."""
    lookup = AttachmentLookup(result=LookupStatus.NOT_FOUND)

    assert decide_unlisted(row(**HIDDEN), lookup, space=SPACE, hold=NO_HOLD).action is DeletionAction.CONFIRM


def test_what_is_switched_off_is_hidden_and_never_removed() -> None:
    """It is no evidence."""
    decision = decide_switched_off(row())

    assert (decision.action, decision.reason) == (DeletionAction.HIDE_UNKNOWN, WithdrawalReason.OUT_OF_SCOPE)


def test_changed_fields_are_what_consumers_see() -> None:
    """A new row has all of them; a move of its space has none."""
    before = AttachmentBefore(name="a.pdf", page_id="10", version=2, live=True)

    assert ChangedField.TITLE in changed_fields(None, listed())
    assert changed_fields(before, listed()) == ()
    assert changed_fields(before, listed(name="b")) == (ChangedField.TITLE,)
    assert changed_fields(before, listed(page_id="11")) == (ChangedField.LOCATION,)
    assert changed_fields(before, listed(version=3)) == (ChangedField.VERSION,)
    assert changed_fields(replace(before, live=False), listed()) == (ChangedField.RESTORED,)
