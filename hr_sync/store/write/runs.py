"""Writes runs: a row when a run begins, one for each of its spaces, its end, and the position of a space."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    case,
    delete,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.content import ItemKind, Space
from hr_sync.domain.outcome import NOTHING_CHANGED, Counts, Mode, Outcome, RunReport, SpaceReport
from hr_sync.domain.rounds import Round
from hr_sync.store.access_tables import ContentNode, SpacePermission
from hr_sync.store.due import due_after, leaving_values
from hr_sync.store.lease import CLOCKS, Lease, check_lease
from hr_sync.store.tables import ConfluencePage, PageFailure, SyncRun, SyncRunSpace, SyncSpace
from hr_sync.store.values import FailureStage, Held, SpaceRecord, Worker
from hr_sync.store.write.failures import forget_failures_before
from hr_sync.store.write.purge import unname_space
from hr_sync.store.write.recency import tell_recency

_RUNS = cast("Table", SyncRun.__table__)
_SPACES = cast("Table", SyncSpace.__table__)
_RUN_SPACES = cast("Table", SyncRunSpace.__table__)


def open_run(session: Session, mode: Mode, worker: Worker, version: str) -> int:
    """Write that a run begins. Return its id."""
    statement = _RUNS.insert().values(mode=mode.value, worker=worker.display, version=version)
    run_id: int = session.execute(statement.returning(_RUNS.c.id)).scalar_one()
    return run_id


def close_run(session: Session, report: RunReport) -> None:
    """Write how a run ended."""
    values = {
        "finished_at": func.now(),
        "outcome": report.outcome.value,
        "exit_code": int(report.exit_code),
        "error": report.error,
        "requests": report.requests,
        "not_shown": report.not_shown,
        **asdict(report.counts),
    }
    session.execute(update(_RUNS).where(_RUNS.c.id == report.run_id).values(values))


def discard_run(session: Session, run_id: int) -> None:
    """Remove the row of a run that has no spaces."""
    session.execute(delete(_RUNS).where(_RUNS.c.id == run_id))


def finish_space(
    session: Session,
    lease: Lease,
    run_id: int,
    make_record: Callable[[int], SpaceRecord],
    *,
    clear_old_failures: bool,
    untried: Collection[FailureStage] = (),
    current: Round | None = None,
) -> SpaceReport:
    """Write how the run ended for a space, together with its position and when it is due next. Raises LeaseLost."""
    check_lease(session, lease, for_update=True)
    tell_recency(session, run_id, space_key=lease.space_key)
    if clear_old_failures:
        forget_failures_before(session, lease.space_key, run_id, untried=untried)
    counted = (PageFailure.space_key == lease.space_key, PageFailure.stage != FailureStage.ATTACHMENT_TEXT)
    failing = select(func.count()).where(*counted).scalar_subquery()
    mode_of_run = select(_RUNS.c.mode).where(_RUNS.c.id == run_id).scalar_subquery()
    outstanding, mode = session.execute(select(failing, mode_of_run)).one()
    record = make_record(outstanding)
    report = record.report
    due = due_after(lease, report, current, looked_at_all=record.looked_at_all, listed_all=record.listed_all)
    held = _write_state(session, lease, _state(run_id, mode, record) | due)
    if not (mode == Mode.INCREMENTAL and _changed_nothing(report)):
        values = _run_values(report) | {
            "held": held,
            "listing_digest": record.listing_digest,
            "requests": record.requests,
        }
        _write_run_space(session, lease, run_id, values)
    tell_recency(session, run_id, space_key=lease.space_key)
    return report


def settle_space(session: Session, lease: Lease, run_id: int, report: SpaceReport, held: Held) -> None:
    """Write outcome and hold of a space anew. Raises LeaseLost."""
    check_lease(session, lease, for_update=True)
    _write_state(session, lease, _outcome(report, is_full=True) | _hold(held))
    _write_run_space(session, lease, run_id, _run_values(report) | {"held": held.total})


def request_full_pass(session: Session, space: Space) -> None:
    """Record that a scheduled full pass did not get the lease. Its holder may use a former key of the space."""
    same = or_(_SPACES.c.space_key == space.key, _SPACES.c.space_id == space.id)
    session.execute(update(_SPACES).where(same).values(full_pass_due=True))


def mark_gone(session: Session, space_keys: Sequence[str]) -> None:
    """Mark those of these spaces as gone that have no page which is not removed, no failure, and nothing held."""
    page, failure, row = ConfluencePage.__table__.c, PageFailure.__table__.c, _SPACES.c
    # Pages that were hidden when the space was renamed still have its former key.
    former = and_(page.space_id == row.space_id, page.space_key == func.any(row.former_keys))
    kept = select(page.id).where(or_(page.space_key == row.space_key, former), page.removed_at.is_(None)).exists()
    failing = select(failure.page_id).where(failure.space_key == row.space_key).exists()
    nothing_left = (~kept, ~failing, row.held == 0, row.gone_at.is_(None))
    session.execute(
        update(_SPACES).where(row.space_key == func.any(list(space_keys)), *nothing_left).values(gone_at=func.now())
    )


def forget_position(session: Session, lease: Lease) -> None:
    """Make the next pass over a space a full one, with nothing held. Raises LeaseLost."""
    check_lease(session, lease, for_update=True)
    names = ("watermark", "scope_fingerprint", "last_full_at", "looked_from", *CLOCKS)
    _write_state(session, lease, dict.fromkeys(names, null()) | {"viewers_known": False} | _hold(Held()))
    _forget_access(session, lease)


def forget_space(session: Session, lease: Lease) -> None:
    """Delete what is known of a space itself, and what earlier runs did in it. Raises LeaseLost.

    No message of a run and no row of the feed names it any more: the key of a personal space is a person's.
    """
    check_lease(session, lease, for_update=True)
    _forget_access(session, lease)
    key = lease.space_key
    session.execute(_RUN_SPACES.delete().where(_RUN_SPACES.c.space_key == key))
    session.execute(_SPACES.delete().where(_SPACES.c.space_key == key))
    unname_space(session, key)


def _forget_access(session: Session, lease: Lease) -> None:
    """Delete the facts of access to a space, of which no page is left."""
    space_id = select(_SPACES.c.space_id).where(_SPACES.c.space_key == lease.space_key).scalar_subquery()
    for facts in (ContentNode, SpacePermission):
        session.execute(delete(facts).where(facts.space_id == space_id).execution_options(synchronize_session=False))


def _state(run_id: int, mode: str | None, record: SpaceRecord) -> dict[str, Any]:
    # A full pass may be part of any run; one that failed is known by the mode of the run alone.
    is_full = mode == Mode.FULL or record.held is not None
    values = {"last_run_id": run_id} | _outcome(record.report, is_full=is_full)
    if record.is_away:
        values |= {"watermark": null(), "looked_from": null()}
    else:
        values["gone_at"] = null()
    if record.looked_at_all:
        values |= {"last_complete_run_id": run_id, "last_complete_at": func.now()}
        values |= {f"{kind}_checked_at": func.now() for kind in record.items_read}
    if record.looked_at_all and record.listed_all:
        values["last_full_at"] = func.now()
    if record.listed_all:
        values["full_pass_due"] = False
    given = {
        "watermark": record.watermark,
        "looked_from": record.looked_from if record.looked_at_all else None,
        "scope_fingerprint": record.scope_fingerprint,
        "attachments_not_mirrored": record.not_mirrored,
    }
    values |= {name: value for name, value in given.items() if value is not None}
    if record.allowed_run:
        values["mass_delete_allowed_run_id"] = run_id
    if record.held is not None:
        values |= _hold(record.held)
        values |= leaving_values(record.leaving) | {"decided_run_id": run_id}
    return values


def _outcome(report: SpaceReport, *, is_full: bool) -> dict[str, Any]:
    """Store the outcome of a full pass in its own columns, so that later incremental runs do not overwrite it."""
    values: dict[str, Any] = {"last_outcome": report.outcome.value, "last_error": report.error}
    if is_full:
        values |= {"last_full_outcome": report.outcome.value, "last_full_error": report.error}
    return values


def _hold(held: Held) -> dict[str, Any]:
    since: ColumnElement[Any] = case((_SPACES.c.held > 0, _SPACES.c.held_since), else_=func.now())
    return {
        "held": held.total,
        "held_attachments": held.items.get(ItemKind.ATTACHMENTS, 0),
        "held_comments": held.items.get(ItemKind.COMMENTS, 0),
        "held_since": since if held.total else null(),
        "held_reason": held.reason if held.total else null(),
    }


def _write_state(session: Session, lease: Lease, values: dict[str, Any]) -> int:
    """Write the row of the space. Return how many removals are held now."""
    own = _SPACES.c.space_key == lease.space_key
    held: int = session.execute(update(_SPACES).where(own).values(values).returning(_SPACES.c.held)).scalar_one()
    return held


def _run_values(report: SpaceReport) -> dict[str, Any]:
    return {"outcome": report.outcome.value, "error": report.error, **asdict(report.counts)}


def _write_run_space(session: Session, lease: Lease, run_id: int, values: dict[str, Any]) -> None:
    statement = insert(_RUN_SPACES).values(
        run_id=run_id, space_key=lease.space_key, started_at=lease.began_at, **values
    )
    statement = statement.on_conflict_do_update(
        index_elements=["run_id", "space_key"], set_=values | {"finished_at": func.now()}
    )
    session.execute(statement)


def _changed_nothing(report: SpaceReport) -> bool:
    """Return True if this run needs no row: otherwise every run of every space would add one."""
    counts = report.counts
    idle = Counts(**{name: getattr(counts, name) for name in NOTHING_CHANGED})
    return report.outcome is Outcome.COMPLETE and report.counts == idle and report.warning is None
