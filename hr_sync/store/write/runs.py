"""Writes what runs did: a row when a run begins, one for each of its spaces, and how it all ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.orm import Session

from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Counts, Outcome, RunReport, SpaceReport
from hr_sync.store.lease import Lease
from hr_sync.store.run_tables import SyncRun, SyncRunSpace, SyncSpace


def open_run(session: Session, *, mode: str, worker: str, version: str) -> int:
    """Write that a run begins. Gives its number."""
    statement = insert(SyncRun).values(mode=mode, worker=worker, version=version).returning(SyncRun.id)
    return session.execute(statement).scalar_one()


def close_run(session: Session, report: RunReport) -> None:
    """Write how a run ended."""
    session.execute(
        update(SyncRun)
        .where(SyncRun.id == report.run_id)
        .values(
            finished_at=func.now(),
            outcome=report.outcome,
            exit_code=report.exit_code,
            error=report.error,
            requests=report.requests,
            **_columns(report.counts),
        )
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceRecord:
    """What is written about one space at the end of a run's work on it."""

    report: SpaceReport
    held: int = 0  #: removals that wait for a decision
    looked_at_all: bool = False  #: everything that may have changed was looked at
    listed_all: bool = False  #: a complete listing was walked
    listing_digest: str | None = None  #: of that listing
    watermark: datetime | None = None  #: None leaves the one that stands
    scope_fingerprint: str | None = None  #: None leaves the one that stands
    compared_access: bool = False  #: labels and readers of every live page were compared


def record_space(session: Session, lease: Lease, run_id: int, space: Space, record: SpaceRecord) -> None:
    """Write what a run did in one space, and where the space stands now, unless another worker has taken it over."""
    report = record.report
    complete = report.outcome is Outcome.COMPLETE
    session.execute(
        insert(SyncRunSpace).values(
            run_id=run_id,
            space_key=report.space_key,
            outcome=report.outcome,
            error=report.error,
            held=record.held,
            listing_digest=record.listing_digest if complete else None,
            finished_at=func.now(),
            **_columns(report.counts),
        )
    )
    values: dict[str, Any] = {"space_id": space.id, "name": space.name, "last_run_id": run_id}
    if complete and record.looked_at_all:
        values |= {"last_complete_run_id": run_id, "last_complete_at": func.now()}
    if complete and record.listed_all:
        values["last_full_at"] = func.now()
    if record.watermark is not None:
        values["watermark"] = record.watermark
    if record.scope_fingerprint is not None:
        values["scope_fingerprint"] = record.scope_fingerprint
    if record.compared_access:
        values["access_synced_at"] = func.now()
    own = (SyncSpace.space_key == report.space_key, SyncSpace.epoch == lease.epoch)
    session.execute(update(SyncSpace).where(*own).values(values))


def _columns(counts: Counts) -> Mapping[str, int]:
    return asdict(counts)
