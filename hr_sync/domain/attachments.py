"""Attachments of pages, without their bytes: what is written, looked up and withdrawn of a space. Pure.

An attachment is shown with its page and never without it: who may read it is decided by the page alone, and a page that
is hidden or removed hides its attachments without a word about them in their rows.

Listings of attachments come from the search index, which lags. Hence the table, first line that fits:

    listing shows it        page         stored                   step
    --------------------    ---------    ---------------------    ------------------------------------------------
    on something else       -            nothing                  counted as not mirrored
    on a page               not stored   nothing                  counted as not mirrored
    elsewhere than stored   not stored   live                     VERIFY   a lookup by id decides
    on a page               stored       nothing                  WRITE    new
    on a page               stored       switched off before      WRITE    nobody had evidence that it was gone
    on a page               stored       hidden or removed        LOOK UP  a list that may lag brings nothing back
    on a page               stored       a newer version          LOOK UP  likewise
    on a page               stored       other version or name    WRITE
    on a page               stored       of another space         WRITE    its page was moved here
    on a page               stored       the same                 nothing
    unreadable              -            anything                 fails alone; its last good row stays
    no                      live         not removed              VERIFY   absence is a question, not evidence
    no                      not live     anything                 nothing: it is not shown, and asked about later
    no                      moved away   anything                 nothing: the pass over its space decides

Here "on a page, stored" means: a page that the space has just shown and that is not removed. Rows of what is removed
are kept as long as that of their page, and erased in time: without them what an index still lists would be new.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.content import Space, StoredItem, WithdrawalReason
from hr_sync.domain.deletion import (
    DeletionAction,
    DeletionDecision,
    HoldState,
    LookupResult,
    LookupStatus,
    decide_absent,
    withdraw,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file below a page, without its bytes."""

    id: str
    page_id: str | None  #: the page that it is attached to; None where it is attached to something else
    name: str
    media_type: str | None  #: as Confluence says it; None if it says none
    size_bytes: int | None
    version: int
    last_updated: datetime  #: when this version was made, aware, UTC
    download_path: str  #: below the base address of the site, with its query
    status: str  #: as Confluence says it; only `current` is ever shown


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentListing:
    """What the search index holds of the attachments of one space, read to the end."""

    attachments: Mapping[str, Attachment]  #: by id
    unreadable: Mapping[str, str]  #: id → what was wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentLookup:
    """The answer to the lookup of one attachment by id."""

    result: LookupStatus
    attachment: Attachment | None = None  #: where found


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAttachment(StoredItem):
    """What the mirror knows of one attachment."""

    page_id: str
    space_id: str | None  #: of the space in whose listing it was last written
    page_is_live: bool  #: its page is neither hidden nor removed

    @property
    def is_switched_off(self) -> bool:
        """Return True if it is hidden because the settings do not include attachments, and for no other reason."""
        return self.hidden_reason is WithdrawalReason.OUT_OF_SCOPE and not self.removed


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentBefore:
    """A stored row before a write, as far as the changed fields need it."""

    name: str
    page_id: str
    version: int
    live: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentWrite:
    """One attachment to write."""

    action: ChangeAction  #: INSERT, UPDATE or RESTORE
    reason: str  #: in words for an operator
    attachment: Attachment


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentPlan:
    """The steps of one space, each sorted by id."""

    writes: tuple[AttachmentWrite, ...] = ()
    look_up: tuple[StoredAttachment, ...] = ()  #: listed, and a lookup by id decides what is written
    verify: tuple[StoredAttachment, ...] = ()  #: not listed, or elsewhere: a lookup by id decides what is withdrawn
    not_mirrored: int = 0  #: attached to what is not mirrored


def attachment_digest(attachment: Attachment) -> str:
    """Return SHA-256 hex over what may change without a new version.

    The download path is left out: its query differs between the list and the single read, and it follows the rest.
    """
    parts = (attachment.name, attachment.page_id, attachment.media_type, attachment.size_bytes)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def plan_attachments(
    listing: AttachmentListing, stored: Mapping[str, StoredAttachment], pages: frozenset[str], *, space_id: str
) -> AttachmentPlan:
    """Compare a whole listing with the stored attachments of its space, and of listed ones in other spaces.

    `pages`: the ids of the pages that the space has now and that are stored and not removed. A page that was moved to
    another space takes its attachments with it.
    """
    plan = plan_recent_attachments(listing, stored, pages, space_id=space_id)
    verify = [
        row
        for attachment_id, row in stored.items()
        if row.page_id in pages
        and row.page_is_live
        and not row.removed
        and not _is_listed(listing, attachment_id, pages)
    ]
    return replace(plan, verify=_by_id(verify))


def plan_recent_attachments(
    listing: AttachmentListing, stored: Mapping[str, StoredAttachment], pages: frozenset[str], *, space_id: str
) -> AttachmentPlan:
    """Do the same for a list of what changed lately, in which nothing is absent."""
    writes: list[AttachmentWrite] = []
    look_up: list[StoredAttachment] = []
    not_mirrored = 0
    for _, found in sorted(listing.attachments.items()):
        row = stored.get(found.id)
        if found.page_id not in pages:
            not_mirrored += 1
        elif row is None:
            writes.append(AttachmentWrite(action=ChangeAction.INSERT, reason="new", attachment=found))
        elif row.is_switched_off:
            reason = "attachments are mirrored again"
            writes.append(AttachmentWrite(action=ChangeAction.RESTORE, reason=reason, attachment=found))
        elif not row.live or found.version < row.version:
            look_up.append(row)
        elif difference := _difference(row, found, space_id):
            writes.append(AttachmentWrite(action=ChangeAction.UPDATE, reason=difference, attachment=found))
    return AttachmentPlan(writes=tuple(writes), look_up=_by_id(look_up), not_mirrored=not_mirrored)


def write_after_lookup(
    row: StoredAttachment, lookup: AttachmentLookup, pages: frozenset[str], *, space_id: str
) -> AttachmentWrite | None:
    """Return what is written of a listed attachment after its lookup by id; None: nothing."""
    found = lookup.attachment
    if found is None or found.status != "current" or found.page_id not in pages:
        return None
    if not row.live:
        return AttachmentWrite(action=ChangeAction.RESTORE, reason="it is listed again", attachment=found)
    reason = _difference(row, found, space_id)
    return AttachmentWrite(action=ChangeAction.UPDATE, reason=reason, attachment=found) if reason else None


def decide_unlisted(
    row: StoredAttachment, lookup: AttachmentLookup, *, space: Space, hold: HoldState
) -> DeletionDecision:
    """Decide about an attachment that the listing lacks, by the table of `deletion.py`.

    One that is on another page by now leaves the page that it is stored with, whose readers may be others.
    """
    found = lookup.attachment
    if found is not None and found.status == "current" and found.page_id != row.page_id:
        return withdraw(row, DeletionAction.REMOVE, WithdrawalReason.MOVED, "it is attached to something else now")
    result = LookupResult(
        page_id=row.id,
        result=lookup.result,
        status=None if found is None else found.status,
        space_id=space.id,
    )
    return decide_absent(row, result, space_id=space.id, mirrored_space_ids=frozenset(), hold=hold)


def decide_switched_off(row: StoredAttachment) -> DeletionDecision:
    """Hide an attachment because the settings do not include attachments. It is never removed for that."""
    rule = "confluence.include does not name attachments"
    return withdraw(row, DeletionAction.HIDE_UNKNOWN, WithdrawalReason.OUT_OF_SCOPE, rule)


def changed_fields(before: AttachmentBefore | None, after: Attachment) -> tuple[ChangedField, ...]:
    """Return what a write changes for consumers; empty if nothing that they can see."""
    if before is None:
        return (ChangedField.TITLE, ChangedField.LOCATION, ChangedField.URL, ChangedField.VERSION)
    differs = {
        ChangedField.TITLE: before.name != after.name,
        ChangedField.LOCATION: before.page_id != after.page_id,
        ChangedField.VERSION: before.version != after.version,
        ChangedField.RESTORED: not before.live,
    }
    return tuple(name for name, is_different in differs.items() if is_different)


def _is_listed(listing: AttachmentListing, attachment_id: str, pages: frozenset[str]) -> bool:
    """Return True if the listing shows an attachment on a page of the space, or in a way that cannot be read."""
    attachment = listing.attachments.get(attachment_id)
    return attachment_id in listing.unreadable or (attachment is not None and attachment.page_id in pages)


def _difference(row: StoredAttachment, found: Attachment, space_id: str) -> str | None:
    """Return what differs from the row, in words for an operator; None: nothing."""
    if found.version != row.version:
        return f"version {row.version} → {found.version}"
    if attachment_digest(found) != row.metadata_digest:
        return "name, page, type or size changed"
    return None if row.space_id == space_id else "its page was moved to this space"


def _by_id(rows: list[StoredAttachment]) -> tuple[StoredAttachment, ...]:
    return tuple(sorted(rows, key=lambda row: row.id))
