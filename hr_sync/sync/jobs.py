"""Runs the jobs of a run in parallel, each under its space's lease; a failure of one does not affect the others."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import structlog

from hr_sync.domain.outcome import (
    Counts,
    Outcome,
    RunReport,
    SpaceReport,
    is_about_every_space,
    report_of_failure,
)
from hr_sync.errors import HrSyncError, LeaseHeld
from hr_sync.store.values import Busy, SpaceRecord
from hr_sync.sync.access import sync_access
from hr_sync.sync.by_id import sync_by_id, sync_failed
from hr_sync.sync.context import AccountProof, JobKind, Shared, SpaceJob, SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.full import sync_full
from hr_sync.sync.incremental import sync_incremental
from hr_sync.sync.notified import sync_notified
from hr_sync.sync.site_changes import SiteChanges
from hr_sync.sync.unlisted_spaces import sync_unconfigured, sync_unlisted

log = structlog.get_logger(__name__)

_MAX_SPACES = 6  # at once; those that fetch no bodies yet are listed ahead, which holds their heads in memory


def _sync_recent(run: SpaceRun) -> SpaceReport:
    return sync_incremental(run) or sync_full(run)


_DO: Mapping[JobKind, Callable[[SpaceRun], SpaceReport]] = {
    JobKind.FULL: sync_full,
    JobKind.INCREMENTAL: _sync_recent,
    JobKind.ACCESS: sync_access,
    JobKind.BY_ID: sync_by_id,
    JobKind.FAILED: sync_failed,
    JobKind.NOTIFIED: sync_notified,
    JobKind.UNLISTED: sync_unlisted,
    JobKind.UNCONFIGURED: sync_unconfigured,
}


def run_jobs(context: SyncContext, fetcher: BodyFetcher, jobs: Sequence[SpaceJob]) -> list[SpaceReport]:
    """Run the jobs in parallel and return their reports in order."""
    if not jobs:
        return []
    runner = JobRunner(context, fetcher, jobs)
    threads = min(len(jobs), context.connections, _MAX_SPACES)
    with ThreadPoolExecutor(threads, thread_name_prefix="space") as pool:
        return list(pool.map(runner.run, jobs))


class JobRunner:
    """Runs jobs of one process. A failure that is about every space ends those that have not begun."""

    def __init__(self, context: SyncContext, fetcher: BodyFetcher, jobs: Sequence[SpaceJob]) -> None:
        self._context = context
        self._fetcher = fetcher
        self._account = AccountProof(context.source)
        self._roles = Shared(context.source.site_roles)
        asking = [job.space for job in jobs if job.kind is JobKind.INCREMENTAL]
        self._changes = SiteChanges(context.source, asking, context.store.newest_look)
        self._ended_by: HrSyncError | None = None

    def run(self, job: SpaceJob) -> SpaceReport:
        """Do one job under the lease of its space. Return its report; raise only bugs."""
        with structlog.contextvars.bound_contextvars(run_id=job.run_id, space=job.space.key):
            try:
                report = self._run_leased(job)
            except HrSyncError as failure:
                report = self._failed(job, failure)
            log_space(report)
            if report.busy_with is not None or report.outcome in {Outcome.FAILED, Outcome.STOPPED}:
                self._context.on_left(job, report)
            return report

    def _run_leased(self, job: SpaceJob) -> SpaceReport:
        if self._ended_by is not None:
            raise self._ended_by
        context = self._context
        with context.store.leased(
            job.space,
            context.worker,
            job.run_id,
            seconds=context.policy.lease_seconds,
            wait_seconds=context.policy.busy_wait_seconds if job.is_order else 0.0,
            cancellation=context.cancellation,
        ) as store:
            if isinstance(store, Busy):
                return self._busy(job, store)
            run = SpaceRun(
                context=context,
                job=job,
                store=store,
                state=store.state(),
                fetcher=self._fetcher,
                account=self._account,
                roles=self._roles,
                changes=self._changes,
                requests_before=context.source.client.http_stats.counts().requests,
            )
            try:
                return _DO[job.kind](run)
            except HrSyncError as failure:
                report = self._failed(job, failure, run)
                record = SpaceRecord(report=report, is_away=job.kind.is_away)
                store.finish(lambda _failing: record, clear_old_failures=False)
                return report

    def _busy(self, job: SpaceJob, busy: Busy) -> SpaceReport:
        """Leave the space to the other worker; a scheduled full pass is due again at the next run of any kind."""
        if job.is_order:
            raise LeaseHeld(
                f"{busy.worker} is at work on space {job.space.key}, and still was after "
                f"{self._context.policy.busy_wait_seconds:g} s (sync.busy_wait_seconds). Try again when it is done.",
                worker=busy.worker,
            )
        if job.kind is JobKind.FULL:
            self._context.store.request_full_pass(job.space)
        return SpaceReport(space_key=job.space.key, outcome=Outcome.COMPLETE, busy_with=busy.worker)

    def _failed(self, job: SpaceJob, failure: HrSyncError, run: SpaceRun | None = None) -> SpaceReport:
        if is_about_every_space(failure) and self._ended_by is None:
            self._ended_by = failure
        return report_of_failure(job.space.key, failure, Counts() if run is None else run.counts)


_LEVELS = {
    Outcome.COMPLETE: 20,
    Outcome.PARTIAL: 30,
    Outcome.HELD: 40,
    Outcome.STOPPED: 30,
    Outcome.FAILED: 40,
}


def log_space(report: SpaceReport) -> None:
    """Log how the work on a space ended, and what is worth knowing about it: a run from cron prints nothing."""
    if report.warning is not None:
        log.warning("run.warning", warning=report.warning)
    log.log(_LEVELS[report.outcome], "space.ended", **log_fields(report))


def log_fields(report: RunReport | SpaceReport) -> dict[str, object]:
    """Return the fields of a log line: how it ended, and the counts that are not zero."""
    fields: dict[str, object] = {"outcome": str(report.outcome), "exit_code": int(report.exit_code)}
    if report.error is not None:
        fields["error"] = report.error
    return fields | {name: count for name, count in asdict(report.counts).items() if count}
