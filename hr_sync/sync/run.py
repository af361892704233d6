"""One run over all spaces in scope. The same function behind cron, the container and a manual resync."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Counts, ExitCode, Outcome, RunReport, SpaceReport, conclude, total
from hr_sync.errors import ConfigurationError, HrSyncError
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import session_scope
from hr_sync.store.write.runs import close_run, open_run
from hr_sync.sync.access import sync_access
from hr_sync.sync.by_id import fetch_failed, page_tasks
from hr_sync.sync.context import Mode, SyncContext, SyncRequest
from hr_sync.sync.failure_outcomes import outcome_of
from hr_sync.sync.full import sync_full
from hr_sync.sync.incremental import sync_incremental
from hr_sync.sync.parallel import Task, log_fields, work_on
from hr_sync.sync.spaces import InScope, spaces_in_scope
from hr_sync.sync.unlisted_spaces import departed_spaces, reconcile_inaccessible_space, reconcile_unconfigured_space

log = structlog.get_logger(__name__)


def run(mirror: SyncContext, order: SyncRequest) -> RunReport:
    """Bring the mirror up to date as ordered, and tell how it went.

    What goes wrong with Confluence stands in the report: outcome, error and exit code. Raises DatabaseUnavailable when
    PostgreSQL cannot be reached, since then there is nowhere to write a report.
    """
    began = time.monotonic()
    with database_errors(mirror.engine):
        with session_scope(mirror.sessions) as session:
            run_id = open_run(session, mode=order.mode, worker=mirror.worker, version=mirror.version)
        with structlog.contextvars.bound_contextvars(run_id=run_id):
            log.info("run.started", mode=order.mode)
            with _closed_on_a_crash(mirror, order, run_id):
                report = _run(mirror, order, run_id, began)
            with session_scope(mirror.sessions) as session:
                close_run(session, report)
            log.info(
                "run.ended", duration_seconds=report.duration_seconds, requests=report.requests, **log_fields(report)
            )
    return report


@contextmanager
def _closed_on_a_crash(mirror: SyncContext, order: SyncRequest, run_id: int) -> Iterator[None]:
    """Let no run look as if it still went on after something unforeseen ended it, while the database still answers."""
    try:
        yield
    except Exception as crash:
        report = RunReport(
            run_id=run_id,
            mode=order.mode,
            outcome=Outcome.FAILED,
            exit_code=ExitCode.FAILED,
            spaces=[],
            error=f"Ended by {type(crash).__name__}; the log tells more.",
        )
        with suppress(SQLAlchemyError), session_scope(mirror.sessions) as session:
            close_run(session, report)
        raise


def _run(mirror: SyncContext, order: SyncRequest, run_id: int, began: float) -> RunReport:
    error: str | None = None
    reports: list[SpaceReport] = []
    http_stats = mirror.reader.client.http_stats
    asked_before = http_stats.counts().requests
    try:
        mirror.reader.check_account()
        spaces = spaces_in_scope(mirror.reader, mirror.scope, order)
        tasks = _tasks(mirror, order, spaces)
        reports = work_on(mirror, order, run_id, tasks, spaces.every)
        reports = _with_unseen(reports, spaces.unseen)
        outcome, exit_code = conclude(reports)
        error = next((report.error for report in reports if report.error), None)
    except HrSyncError as failure:
        outcome, exit_code, error = outcome_of(failure), failure.exit_code, str(failure)
    return RunReport(
        run_id=run_id,
        mode=order.mode,
        outcome=outcome,
        exit_code=exit_code,
        spaces=reports,
        counts=total(reports),
        requests=http_stats.counts().requests - asked_before,
        duration_seconds=round(time.monotonic() - began, 3),
        error=error,
    )


def _tasks(mirror: SyncContext, order: SyncRequest, spaces: InScope) -> Mapping[Space, Task]:
    """Choose what is done with each space."""
    if order.page_ids:
        return page_tasks(mirror, order, spaces.every)
    if order.failed_pages:
        return dict.fromkeys(spaces.chosen, fetch_failed)
    if order.mode is Mode.INCREMENTAL:
        return dict.fromkeys(spaces.chosen, sync_incremental)
    if order.mode is Mode.RESTRICTIONS:
        return dict.fromkeys(spaces.chosen, sync_access)
    tasks: dict[Space, Task] = dict.fromkeys(spaces.chosen, sync_full)
    if order.mode is Mode.FULL:
        unseen, dropped = departed_spaces(mirror, spaces)
        tasks |= {
            space: reconcile_inaccessible_space
            for space in unseen
            if not order.space_keys or space.key in order.space_keys
        }
        tasks |= {space: reconcile_unconfigured_space for space in dropped if not order.space_keys}
    return tasks


def _with_unseen(reports: Sequence[SpaceReport], unseen: Sequence[str]) -> list[SpaceReport]:
    """Let no run be complete that did not see a space named in the settings, whatever was done about its pages."""
    by_key = {report.space_key: report for report in reports}
    for key in unseen:
        report = by_key.get(key, SpaceReport(space_key=key, outcome=Outcome.COMPLETE, counts=Counts()))
        if report.outcome is Outcome.COMPLETE:
            error = (
                f"Space {key} is not to be seen, or archived. Check its key in confluence.spaces, and that the account "
                "may view it."
            )
            by_key[key] = replace(report, outcome=Outcome.FAILED, exit_code=ConfigurationError.exit_code, error=error)
    return list(by_key.values())
