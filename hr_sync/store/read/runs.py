"""The questions that people ask of the runs: what happened last, and how fresh each space is. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from hr_sync.store.read.pages import LIVE
from hr_sync.store.run_tables import SyncRun, SyncRunSpace, SyncSpace
from hr_sync.store.tables import ConfluencePage, PageFailure


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceStatus:
    """How one space stands now."""

    space_key: str
    name: str | None
    last_complete_at: datetime | None  #: end of the last complete run; None = there was none
    age: timedelta | None  #: time since then, on the database's clock: the space's freshness
    full_age: timedelta | None  #: time since the last complete full run: until then nobody looked for what has gone
    access_age: timedelta | None  #: time since labels and readers were last compared; None = they never were
    last_run_id: int | None
    last_outcome: str | None  #: of the last run that recorded this space
    held: int  #: removals that wait for a decision
    held_since: datetime | None  #: when they began to wait
    held_reason: str | None
    error: str | None  #: why that run's work here is not complete, with the remedy
    lease_holder: str | None  #: who is writing now; None when nobody is
    live_pages: int
    failing_pages: int
    hidden_pages: int  #: kept, not shown
    full_pass_due: bool  #: nothing was ever compared as a whole, or something asked for it


def last_runs(session: Session, *, limit: int = 10) -> Sequence[SyncRun]:
    """Return the last runs, newest first, the running and the crashed ones too (`outcome` is None)."""
    return session.scalars(select(SyncRun).order_by(SyncRun.id.desc()).limit(limit)).all()


def spaces_of_run(session: Session, run_id: int) -> Sequence[SyncRunSpace]:
    """Return what a run did in each space, by key."""
    row = SyncRunSpace
    return session.scalars(select(row).where(row.run_id == run_id).order_by(row.space_key)).all()


def status_by_space(session: Session) -> list[SpaceStatus]:
    """Return how each space stands that any run ever took up, by key."""
    space, run = SyncSpace, SyncRunSpace
    rows = session.execute(
        select(
            space,
            run,
            func.statement_timestamp() - space.last_complete_at,
            func.statement_timestamp() - space.last_full_at,
            func.statement_timestamp() - space.access_synced_at,
            space.lease_expires_at > func.statement_timestamp(),
            _count(ConfluencePage.space_key, LIVE),
            _count(PageFailure.space_key),
        )
        .outerjoin(run, and_(run.run_id == space.last_run_id, run.space_key == space.space_key))
        .order_by(space.space_key)
    )
    return [
        SpaceStatus(
            space_key=space_row.space_key,
            name=space_row.name,
            last_complete_at=space_row.last_complete_at,
            age=age,
            full_age=full_age,
            access_age=access_age,
            last_run_id=space_row.last_run_id,
            last_outcome=run_row.outcome if run_row else None,
            held=run_row.held if run_row else 0,
            held_since=None,
            held_reason=None,
            error=run_row.error if run_row else None,
            lease_holder=space_row.lease_holder if leased else None,
            live_pages=live_pages,
            failing_pages=failing_pages,
            hidden_pages=0,
            full_pass_due=space_row.last_full_at is None,
        )
        for space_row, run_row, age, full_age, access_age, leased, live_pages, failing_pages in rows
    ]


def full_pass_is_due(session: Session, interval: timedelta) -> bool:
    """Return True if a space has had no complete full pass for so long, or none at all."""
    space = SyncSpace
    late = or_(space.last_full_at.is_(None), space.last_full_at < func.statement_timestamp() - interval)
    spaces, waiting = session.execute(select(func.count(), func.count().filter(late)).select_from(space)).one()
    return bool(spaces == 0 or waiting)


def _count(space_key: InstrumentedAttribute[str], *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the rows of `space_key`'s table that belong to the space of the outer query."""
    query = select(func.count()).where(space_key == SyncSpace.space_key, *conditions)
    return query.correlate(SyncSpace).scalar_subquery()
