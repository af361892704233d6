"""One run over all spaces in scope. The same function behind cron, the container and a manual resync."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TypeAlias

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hr_sync.database.engine import session_scope
from hr_sync.database.faults import database_errors
from hr_sync.database.journal import SpaceRecord, close_run, open_run, record_space
from hr_sync.database.lease import Busy
from hr_sync.errors import (
    AccessDenied,
    ConfigurationError,
    ConfluenceUnavailable,
    CredentialsRefused,
    HrSyncError,
    ServerFailed,
    Stopped,
)
from hr_sync.model.page import Space
from hr_sync.model.report import Counts, ExitCode, Outcome, RunReport, SpaceReport, conclude, total
from hr_sync.sync.departed import departed_spaces, sync_dropped, sync_unseen
from hr_sync.sync.leases import leased
from hr_sync.sync.mirror import Mirror, Mode, Order
from hr_sync.sync.recent import sync_recent
from hr_sync.sync.resync import fetch_failed, page_tasks
from hr_sync.sync.scope import InScope, spaces_in_scope
from hr_sync.sync.space import sync_space
from hr_sync.sync.work import Work
from hr_sync.sync.workers import host_and_pid

log = structlog.get_logger(__name__)

Task: TypeAlias = Callable[[Work], SpaceReport]  #: what is done with one space


def run(mirror: Mirror, order: Order) -> RunReport:
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
            log.info("run.ended", duration_seconds=report.duration_seconds, requests=report.requests, **_told(report))
    return report


@contextmanager
def _closed_on_a_crash(mirror: Mirror, order: Order, run_id: int) -> Iterator[None]:
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


def _run(mirror: Mirror, order: Order, run_id: int, began: float) -> RunReport:
    error: str | None = None
    reports: list[SpaceReport] = []
    traffic = mirror.reader.gateway.traffic
    asked_before = traffic.counts().requests
    try:
        mirror.reader.check_account()
        spaces = spaces_in_scope(mirror.reader, mirror.scope, order)
        tasks = _tasks(mirror, order, spaces)
        reports = _work_on(mirror, order, run_id, tasks, spaces.every)
        reports += [_unseen(key) for key in spaces.unseen if key not in {report.space_key for report in reports}]
        outcome, exit_code = conclude(reports)
        error = next((report.error for report in reports if report.error), None)
    except HrSyncError as failure:
        outcome, exit_code, error = _outcome_of(failure), failure.exit_code, str(failure)
    return RunReport(
        run_id=run_id,
        mode=order.mode,
        outcome=outcome,
        exit_code=exit_code,
        spaces=reports,
        counts=total(reports),
        requests=traffic.counts().requests - asked_before,
        duration_seconds=round(time.monotonic() - began, 3),
        error=error,
    )


def _tasks(mirror: Mirror, order: Order, spaces: InScope) -> Mapping[Space, Task]:
    """Choose what is done with each space."""
    if order.page_ids:
        return page_tasks(mirror, order, spaces.every)
    if order.failed_pages:
        return dict.fromkeys(spaces.chosen, fetch_failed)
    if order.mode is Mode.INCREMENTAL:
        return dict.fromkeys(spaces.chosen, sync_recent)
    tasks: dict[Space, Task] = dict.fromkeys(spaces.chosen, sync_space)
    if order.mode is Mode.FULL:
        unseen, dropped = departed_spaces(mirror, spaces)
        tasks |= {space: sync_unseen for space in unseen if not order.space_keys or space.key in order.space_keys}
        tasks |= {space: sync_dropped for space in dropped if not order.space_keys}
    return tasks


def _work_on(
    mirror: Mirror, order: Order, run_id: int, tasks: Mapping[Space, Task], mirrored: Sequence[Space]
) -> list[SpaceReport]:
    """Work on the spaces side by side; all together make no more requests at once than the gateway lets through."""
    if not tasks:
        return []
    side_by_side = min(len(tasks), mirror.connections)
    with (
        ThreadPoolExecutor(side_by_side, thread_name_prefix="space") as workers,
        ThreadPoolExecutor(mirror.connections, thread_name_prefix="fetch") as pool,
    ):
        round_ = _Round(mirror, order, run_id, frozenset(space.id for space in mirrored), pool)
        return list(workers.map(round_.work_on, tasks.keys(), tasks.values()))


class _Round:
    """The spaces of one run. A failure that would meet every space ends it for those that have not begun."""

    def __init__(
        self, mirror: Mirror, order: Order, run_id: int, mirrored_space_ids: frozenset[str], pool: Executor
    ) -> None:
        self._mirror = mirror
        self._order = order
        self._run_id = run_id
        self._mirrored_space_ids = mirrored_space_ids
        self._pool = pool
        self._ended_by: HrSyncError | None = None

    def work_on(self, space: Space, task: Task) -> SpaceReport:
        """Do the task of one space under its lease. What goes wrong is reported and costs only this space."""
        mirror, run_id = self._mirror, self._run_id
        with (
            structlog.contextvars.bound_contextvars(run_id=run_id, space=space.key),
            leased(mirror.sessions, space.key, f"{mirror.worker}:{run_id}") as lease,
        ):
            if isinstance(lease, Busy):
                log.info("space.busy", holder=lease.holder)
                return SpaceReport(
                    space_key=space.key, outcome=Outcome.COMPLETE, counts=Counts(), busy_with=host_and_pid(lease.holder)
                )
            work = Work(
                mirror=mirror,
                order=self._order,
                run_id=run_id,
                space=space,
                mirrored_space_ids=self._mirrored_space_ids,
                pool=self._pool,
                lease=lease,
            )
            report = self._report_of(work, task)
            log.info("space.ended", **_told(report))
            return report

    def _report_of(self, work: Work, task: Task) -> SpaceReport:
        try:
            if self._ended_by is not None:
                raise self._ended_by
            return task(work)
        except HrSyncError as failure:
            if _meets_every_space(failure):
                self._ended_by = failure
            report = SpaceReport(
                space_key=work.space.key,
                outcome=_outcome_of(failure),
                exit_code=failure.exit_code,
                counts=work.counts,
                error=str(failure),
            )
            with session_scope(work.mirror.sessions) as session:
                record_space(session, work.run_id, work.space, SpaceRecord(report=report))
            return report


def _told(report: RunReport | SpaceReport) -> dict[str, object]:
    """Give the fields of a log line: how it ended, and the counts that are not zero."""
    fields: dict[str, object] = {"outcome": str(report.outcome), "exit_code": int(report.exit_code)}
    if report.error is not None:
        fields["error"] = report.error
    return fields | {name: count for name, count in asdict(report.counts).items() if count}


def _meets_every_space(failure: HrSyncError) -> bool:
    """Tell a site that is down or has shut us out from one space that cannot be read."""
    if isinstance(failure, ServerFailed | AccessDenied):
        return False
    return isinstance(failure, ConfluenceUnavailable | CredentialsRefused | Stopped)


def _outcome_of(failure: HrSyncError) -> Outcome:
    if isinstance(failure, Stopped):
        return Outcome.STOPPED
    return Outcome.PARTIAL if failure.exit_code == ExitCode.PARTIAL else Outcome.FAILED


def _unseen(space_key: str) -> SpaceReport:
    error = (
        f"Space {space_key} is not to be seen. Check its key in confluence.spaces, and that the account may view it."
    )
    return SpaceReport(
        space_key=space_key,
        outcome=Outcome.FAILED,
        exit_code=ConfigurationError.exit_code,
        counts=Counts(),
        error=error,
    )
