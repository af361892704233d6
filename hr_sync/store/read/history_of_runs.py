"""Reads the runs of the last days, for a plot of them. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hr_sync.store.tables import SyncRun


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRun:
    """A run that has ended, in numbers."""

    mode: str
    outcome: str
    started_at: datetime
    finished_at: datetime
    new: int
    changed: int
    gone: int  #: no longer live; a page that is hidden first and removed later counts once
    not_shown: int | None  #: live pages of all spaces that consumers were not shown; None: not about all spaces


def read_past_runs(session: Session, *, since: timedelta) -> Sequence[PastRun]:
    """Return the runs that began since then and have ended, oldest first."""
    run = SyncRun
    rows = session.scalars(
        select(run)
        .where(run.started_at > func.now() - since, run.finished_at.is_not(None))
        .order_by(run.started_at, run.id)
    )
    return [
        PastRun(
            mode=row.mode,
            outcome=row.outcome,
            started_at=row.started_at,
            finished_at=row.finished_at,
            new=row.inserted + row.restored,  # type: ignore[attr-defined] # columns of Counts
            changed=row.updated + row.moved,  # type: ignore[attr-defined]
            gone=row.withdrawn,  # type: ignore[attr-defined]
            not_shown=row.not_shown,
        )
        for row in rows
        if row.outcome is not None and row.finished_at is not None
    ]
