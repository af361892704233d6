"""Deletes old runs, old feed rows, bodies of removed pages and unused access sets; a chunk in each transaction."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Select, Table, delete, func, select, union
from sqlalchemy.orm import Session

from hr_sync.store.access_tables import AccessPolicyRow, AccessSet
from hr_sync.store.tables import ContentChange, PageBody, SyncRun, SyncSpace
from hr_sync.store.text_tables import PageInclude, PageSection, PageText
from hr_sync.store.write.locks import PAGES

MAX_DELETED = 5000  #: rows in one transaction

_RUNS = cast("Table", SyncRun.__table__)
_CHANGES = cast("Table", ContentChange.__table__)
_BODIES = cast("Table", PageBody.__table__)
_SETS = cast("Table", AccessSet.__table__)


def prune_runs(session: Session, *, older_than: timedelta) -> int:
    """Delete a chunk of old runs with their rows of spaces. Return how many runs. The last ones of each space stay."""
    needed = union(
        select(SyncSpace.last_run_id).where(SyncSpace.last_run_id.is_not(None)),
        select(SyncSpace.last_complete_run_id).where(SyncSpace.last_complete_run_id.is_not(None)),
    )
    old = select(_RUNS.c.id).where(_RUNS.c.started_at < func.now() - older_than, _RUNS.c.id.not_in(needed))
    return _delete(session, _RUNS, old.order_by(_RUNS.c.id))


def prune_changes(session: Session, *, older_than: timedelta) -> int:
    """Delete a chunk of old feed rows. Return how many."""
    old = select(_CHANGES.c.id).where(_CHANGES.c.changed_at < func.now() - older_than)
    return _delete(session, _CHANGES, old.order_by(_CHANGES.c.changed_at, _CHANGES.c.id))


def prune_bodies(session: Session, *, removed_for: timedelta) -> int:
    """Delete a chunk of the bodies and texts of pages that have been removed for so long. Return how many.

    The rows stay.

    The rows are locked first, so that a page which is restored meanwhile keeps its new body. A page that is restored
    later is fetched again, as every page without a body is.
    """
    old = (
        select(PAGES.c.id)
        .join(_BODIES, _BODIES.c.page_id == PAGES.c.id)
        .where(PAGES.c.removed_at < func.now() - removed_for)
        .order_by(PAGES.c.id)
        .limit(MAX_DELETED)
        .with_for_update(of=PAGES)
    )
    page_ids = session.scalars(old).all()
    if page_ids:
        for table in (PageSection, PageInclude, PageText):
            session.execute(delete(table).where(table.page_id.in_(page_ids)))
        session.execute(delete(_BODIES).where(_BODIES.c.page_id.in_(page_ids)))
    return len(page_ids)


def prune_access_sets(session: Session) -> int:
    """Delete access sets that no page has. Return how many.

    The policy is locked, so that no page is getting one of them at the same time.
    """
    session.execute(select(AccessPolicyRow.id).with_for_update())
    used = (
        select(PAGES.c.id).where(column == _SETS.c.id).exists()
        for column in (PAGES.c.access_set_id, PAGES.c.own_access_set_id)
    )
    return _delete(session, _SETS, select(_SETS.c.id).where(*(~each for each in used)))


def _delete(session: Session, table: Table, old: Select[Any]) -> int:
    statement = delete(table).where(table.c.id.in_(old.limit(MAX_DELETED))).returning(table.c.id)
    deleted: Sequence[Any] = session.scalars(statement).all()
    return len(deleted)
