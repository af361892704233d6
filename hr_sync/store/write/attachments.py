"""Writes attachments: at most 50 in a transaction, fenced by the lease; one that PostgreSQL refuses fails alone.

The rows of the pages are locked first, then those of the attachments, each in the order of their ids. What is on a page
that is not in the space any more, or that is gone, is dropped: the pass over its space writes it.

What is withdrawn, or gets another version, shows its sections no more in the same transaction, and its page has a row
in the feed for them; what comes back shows them again.

The feed tells of an attachment while its page is neither hidden nor removed. What hides or restores the page tells of
the page alone.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hr_sync.domain.attachments import AttachmentWrite, attachment_digest, changed_fields
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.db_errors import describe_error, is_refusal
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import PageFailure
from hr_sync.store.values import MAX_PAGES, Failure, FailureStage
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.attachment_locks import (
    LockedAttachment,
    LockedPage,
    lock_attachments,
    lock_pages_of_attachments,
)
from hr_sync.store.write.attachment_texts import record_section_changes, shown_sections
from hr_sync.store.write.changes import Change, action_told, record_changes
from hr_sync.store.write.failures import forget_failures, record_failures

_ATTACHMENTS = cast("Table", PageAttachment.__table__)
_FAILURES = cast("Table", PageFailure.__table__)
_COLUMNS = (
    "page_id",
    "space_id",
    "name",
    "media_type",
    "size_bytes",
    "version",
    "last_updated",
    "download_path",
    "metadata_digest",
    "last_written_run_id",
)
_REPLACED = "was replaced, moved or restored"
_WITHDRAWN = "was withdrawn"
_SHOWN: dict[str, Any] = dict.fromkeys(
    ("missing_since_run_id", "hidden_at", "hidden_reason", "removed_at", "removed_reason")
)


def write_attachments(
    session: Session, lease: Lease, run_id: int, space_id: str, writes: Sequence[AttachmentWrite]
) -> frozenset[str]:
    """Write at most 50 attachments and their changes. Return the ids of those that were written. Raises LeaseLost."""
    if len(writes) > MAX_PAGES:
        raise ValueError(f"{len(writes)} attachments in one transaction; at most {MAX_PAGES}")
    check_lease(session, lease)
    pages = lock_pages_of_attachments(session, [write.attachment.page_id or "" for write in writes])
    current = [write for write in writes if _page_of(write, pages, lease) is not None]
    ids = [write.attachment.id for write in current]
    locked = lock_attachments(session, ids)
    shown = shown_sections(session, ids)
    written, failures = _put(session, run_id, space_id, current)
    done = [write for write in current if write.attachment.id in written]
    changes = (_change(write, locked.get(write.attachment.id), _page_of(write, pages, lease)) for write in done)
    record_changes(session, run_id, [change for change in changes if change is not None])
    record_section_changes(session, run_id, shown, shown_sections(session, ids), reason=_REPLACED)
    forget_failures(session, sorted(written))
    record_failures(session, lease.space_key, run_id, failures)
    return written


def hide_attachments(
    session: Session, lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]
) -> frozenset[str]:
    """Hide attachments. Return the ids of those that were shown with their page. Raises LeaseLost."""
    marked = _lock_decided(session, lease, decisions)
    shown = shown_sections(session, _ids(marked))
    given = unnested({"id": _ATTACHMENTS.c.id, "reason": _ATTACHMENTS.c.hidden_reason})
    statement = update(_ATTACHMENTS).where(
        _ATTACHMENTS.c.id == given.c.id, _ATTACHMENTS.c.hidden_reason.is_distinct_from(given.c.reason)
    )
    values = {
        "hidden_at": func.coalesce(_ATTACHMENTS.c.hidden_at, func.now()),
        "hidden_reason": given.c.reason,
        "missing_since_run_id": run_id,
        "synced_at": func.now(),
        "last_written_run_id": run_id,
    }
    if marked:
        session.execute(statement.values(values), _reasons(marked))
    live = [each for each in marked if each[1].before.live]
    _record(session, run_id, ChangeAction.HIDE, live)
    record_section_changes(session, run_id, shown, {}, reason=_WITHDRAWN)
    return frozenset(decision.page_id for decision, _ in live)


def remove_attachments(
    session: Session, lease: Lease, run_id: int, decisions: Sequence[DeletionDecision]
) -> frozenset[str]:
    """Mark attachments as removed. Return the ids of those that were. Raises LeaseLost."""
    marked = _lock_decided(session, lease, decisions)
    shown = shown_sections(session, _ids(marked))
    given = unnested({"id": _ATTACHMENTS.c.id, "reason": _ATTACHMENTS.c.removed_reason})
    values = {
        "removed_at": func.now(),
        "removed_reason": given.c.reason,
        "synced_at": func.now(),
        "last_written_run_id": run_id,
    }
    if marked:
        statement = update(_ATTACHMENTS).where(_ATTACHMENTS.c.id == given.c.id)
        session.execute(statement.values(values), _reasons(marked))
    _record(session, run_id, ChangeAction.REMOVE, [each for each in marked if each[1].before.live])
    record_section_changes(session, run_id, shown, {}, reason=_WITHDRAWN)
    return frozenset(decision.page_id for decision, _ in marked)


_Marked = tuple[DeletionDecision, LockedAttachment]


def _page_of(write: AttachmentWrite, pages: Mapping[str, LockedPage], lease: Lease) -> LockedPage | None:
    page = pages.get(write.attachment.page_id or "")
    return page if page is not None and page.space_key == lease.space_key else None


def _put(
    session: Session, run_id: int, space_id: str, writes: Sequence[AttachmentWrite]
) -> tuple[frozenset[str], list[Failure]]:
    """Write the rows together, or one by one if PostgreSQL refuses that. Return what was written, and what failed."""
    rows = [_row(write, run_id, space_id) for write in writes]
    if not rows:
        return frozenset(), []
    try:
        with session.begin_nested():
            session.execute(_upsert(), as_arrays(rows))
    except (DBAPIError, UnicodeEncodeError) as error:
        if not is_refusal(error):
            raise
    else:
        return frozenset(row["id"] for row in rows), []
    failures: list[Failure] = []
    for row in rows:
        try:
            with session.begin_nested():
                session.execute(_upsert(), as_arrays([row]))
        except (DBAPIError, UnicodeEncodeError) as error:
            if not is_refusal(error):
                raise
            failures.append(_failure(row, error))
    return frozenset(row["id"] for row in rows) - {failure.page_id for failure in failures}, failures


def _row(write: AttachmentWrite, run_id: int, space_id: str) -> dict[str, Any]:
    attachment = write.attachment
    return {
        "id": attachment.id,
        "page_id": attachment.page_id,
        "space_id": space_id,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size_bytes": attachment.size_bytes,
        "version": attachment.version,
        "last_updated": attachment.last_updated,
        "download_path": attachment.download_path,
        "metadata_digest": attachment_digest(attachment),
        "last_written_run_id": run_id,
    }


@cache
def _upsert() -> Insert:
    names = ("id", *_COLUMNS)
    given = select(unnested({name: _ATTACHMENTS.c[name] for name in names}))
    statement = upsert(_ATTACHMENTS).from_select(names, given)
    fresh = {name: statement.excluded[name] for name in _COLUMNS}
    return statement.on_conflict_do_update(index_elements=["id"], set_=fresh | _SHOWN | {"synced_at": func.now()})


def _failure(row: Mapping[str, Any], error: DBAPIError | UnicodeEncodeError) -> Failure:
    original = error.orig if isinstance(error, DBAPIError) else error
    return Failure(
        page_id=row["id"],
        stage=FailureStage.ATTACHMENT,
        error_class=type(original).__name__,
        message=f"PostgreSQL refused the attachment: {describe_error(error)}",
        version=row["version"],
    )


def _change(write: AttachmentWrite, locked: LockedAttachment | None, page: LockedPage | None) -> Change | None:
    """Return the change that consumers see; None where they see none, as the page is not shown."""
    if page is None:
        return None
    if not page.live:
        return _change_of_left(write, locked)
    return Change(
        page_id=write.attachment.page_id or "",
        attachment_id=write.attachment.id,
        space_key=page.space_key,
        action=action_told(write.action, is_live=locked.before.live if locked else None),
        changed_fields=changed_fields(locked.before if locked else None, write.attachment),
        version=write.attachment.version,
        reason=write.reason,
    )


def _change_of_left(write: AttachmentWrite, locked: LockedAttachment | None) -> Change | None:
    """Return the change of an attachment that was moved from a page that is shown to one that is not."""
    if locked is None or not (locked.before.live and locked.page.live):
        return None
    return Change(
        page_id=locked.before.page_id,
        attachment_id=write.attachment.id,
        space_key=locked.page.space_key,
        action=ChangeAction.HIDE,
        changed_fields=(ChangedField.HIDDEN, ChangedField.LOCATION),
        version=write.attachment.version,
        reason=write.reason,
    )


def _lock_decided(session: Session, lease: Lease, decisions: Sequence[DeletionDecision]) -> list[_Marked]:
    """Lock the rows, and return the decisions that still are about their row, in the order of the ids."""
    check_lease(session, lease)
    by_id = {decision.page_id: decision for decision in decisions if decision.reason is not None}
    rows = lock_attachments(session, sorted(by_id))
    return [
        (by_id[attachment_id], row)
        for attachment_id, row in sorted(rows.items())
        if not row.removed and row.page.space_key == by_id[attachment_id].space_key
    ]


def _ids(marked: Sequence[_Marked]) -> list[str]:
    return [decision.page_id for decision, _ in marked]


def _reasons(marked: Sequence[_Marked]) -> dict[str, list[Any]]:
    return as_arrays([{"id": decision.page_id, "reason": str(decision.reason)} for decision, _ in marked])


def _record(session: Session, run_id: int, action: ChangeAction, marked: Sequence[_Marked]) -> None:
    changes = [
        Change(
            page_id=row.before.page_id,
            attachment_id=decision.page_id,
            space_key=row.page.space_key,
            action=action,
            changed_fields=(ChangedField.HIDDEN,),
            version=row.before.version,
            reason=f"{decision.reason}: {decision.evidence}",
        )
        for decision, row in marked
        if row.page.live
    ]
    record_changes(session, run_id, changes)
