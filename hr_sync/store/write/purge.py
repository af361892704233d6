"""Deletes pages permanently: row, body, failure and feed rows. One feed row remains: the page was erased."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import ColumnElement, Select, Table, delete, func, select, union
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.access_tables import ContentNode
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import ContentChange, PageFailure
from hr_sync.store.write.access_sets import derive_sets
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.included_access import withdraw_from_hosts
from hr_sync.store.write.locks import PAGES, lock_pages

MAX_PURGED = 500  #: pages in one transaction

_FAILURES = cast("Table", PageFailure.__table__)


def pages_to_purge(
    session: Session,
    *,
    page_ids: Sequence[str],
    space_keys: Sequence[str],
    removed_for: timedelta | None,
) -> dict[str, list[str]]:
    """Return the ids that a purge would erase, by space: these pages, these spaces, or what was removed so long ago.

    A page that only ever failed has no row and is found by its failure.
    """
    if not (page_ids or space_keys or removed_for is not None):
        return {}
    pages = _chosen(PAGES.c.space_key, PAGES.c.id, page_ids, space_keys)
    if removed_for is None:
        failures = _chosen(_FAILURES.c.space_key, _FAILURES.c.page_id, page_ids, space_keys)
        rows = session.execute(union(pages, failures)).all()
    else:
        rows = session.execute(pages.where(PAGES.c.removed_at < func.now() - removed_for)).all()
    chosen: dict[str, list[str]] = {}
    for space_key, found_id in sorted((key, page_id) for key, page_id in rows):
        chosen.setdefault(space_key, []).append(found_id)
    return chosen


def _chosen(
    space_key: ColumnElement[str], page_id: ColumnElement[str], page_ids: Sequence[str], space_keys: Sequence[str]
) -> Select[str, str]:
    query = select(space_key, page_id)
    if page_ids:
        query = query.where(page_id.in_(page_ids))
    keys = [key.lower() for key in space_keys]  # Confluence's keys do not differ by case
    return query.where(func.lower(space_key).in_(keys)) if space_keys else query


def purge_pages(
    session: Session, lease: Lease, run_id: int, page_ids: Sequence[str], *, only_if_removed_before: timedelta | None
) -> int:
    """Erase pages of the leased space, and what was recorded of pages that have no row. Return how many there were.

    The conditions are part of the statement: a page that was restored or moved since it was chosen is left alone.
    Raises LeaseLost.
    """
    check_lease(session, lease)
    locked = lock_pages(session, page_ids)
    own = [PAGES.c.id.in_(list(locked)), PAGES.c.space_key == lease.space_key]
    if only_if_removed_before is not None:
        own.append(PAGES.c.removed_at < func.now() - only_if_removed_before)
    erased = sorted(session.scalars(delete(PAGES).where(*own).returning(PAGES.c.id)))
    without_row = [] if only_if_removed_before is not None else [each for each in page_ids if each not in locked]
    failures = delete(PageFailure).where(
        PageFailure.page_id.in_([*erased, *without_row]),
        PageFailure.page_id.in_(erased) | (PageFailure.space_key == lease.space_key),
    )
    failed = set(session.scalars(failures.returning(PageFailure.page_id)))
    if erased:
        session.execute(delete(ContentChange).where(ContentChange.page_id.in_(erased)))
        session.execute(delete(ContentNode).where(ContentNode.id.in_(erased)))
        withdraw_from_hosts(session, run_id, erased)
        derive_sets(session, run_id, erased)  # what is below has no known way up until the next access pass
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=page_id,
                space_key=lease.space_key,
                action=ChangeAction.PURGE,
                changed_fields=(
                    (ChangedField.ERASED, ChangedField.HIDDEN)
                    if locked[page_id].before.live
                    else (ChangedField.ERASED,)
                ),
                version=None,
                reason="erased on request",
            )
            for page_id in erased
        ],
    )
    return len(failed.union(erased))


def rest_of_space(session: Session, space_key: str) -> list[str]:
    """Return ids of the space that are still to be purged: rows first, then pages that only failed; a chunk of them."""
    rows = list(session.scalars(select(PAGES.c.id).where(PAGES.c.space_key == space_key).limit(MAX_PURGED)))
    failed = select(PageFailure.page_id).where(PageFailure.space_key == space_key).limit(MAX_PURGED)
    return rows or list(session.scalars(failed))
