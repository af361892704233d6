"""Deletes history that nobody needs any more: old runs and old feed rows, a chunk in each transaction."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Select, Table, delete, func, select, union
from sqlalchemy.orm import Session

from hr_sync.store.tables import ContentChange, SyncRun, SyncSpace

MAX_DELETED = 5000  #: rows in one transaction

_RUNS = cast("Table", SyncRun.__table__)
_CHANGES = cast("Table", ContentChange.__table__)


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


def _delete(session: Session, table: Table, old: Select[Any]) -> int:
    statement = delete(table).where(table.c.id.in_(old.limit(MAX_DELETED))).returning(table.c.id)
    deleted: Sequence[Any] = session.scalars(statement).all()
    return len(deleted)
