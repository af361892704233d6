"""Runs the jobs of a run in parallel, each under its space's lease; a failure of one does not affect the others."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass

import structlog

from hr_sync.confluence.http.width import Tasks
from hr_sync.domain.content import Space
from hr_sync.domain.outcome import (
    Counts,
    Mode,
    Outcome,
    RunReport,
    SpaceReport,
    is_about_every_space,
    report_of_failure,
)
from hr_sync.domain.rounds import Cadence, Round
from hr_sync.errors import DatabaseConflict, HrSyncError, LeaseHeld
from hr_sync.store.space_store import SpaceStore
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

_MAX_SPACES = 8  # at once; those that fetch no bodies yet are listed ahead, which holds their heads in memory


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """The jobs that this worker did of a run."""

    current: Round | None  #: None: all jobs were done, whether they were due or not
    jobs: Sequence[SpaceJob]
    reports: Sequence[SpaceReport]  #: in the order of the jobs


def run_due(context: SyncContext, fetcher: BodyFetcher, jobs: Sequence[SpaceJob], cadence: Cadence) -> Turns:
    """Run those of the jobs (of one request) that are due, each when its turn comes, until no other one can be taken.

    Other workers take turns too. A request that names spaces is a part of the round. Raise what taking a turn raises.
    """
    request = jobs[0].request
    mode, is_whole = request.mode, not request.space_keys
    current = context.store.due.open_round(mode, [job.space for job in jobs], cadence, is_whole=is_whole)
    runner, queue = JobRunner(context, fetcher, jobs), _DueJobs(jobs)
    threads = min(len(jobs), context.connections, _MAX_SPACES)
    with ThreadPoolExecutor(threads, thread_name_prefix="space") as pool:
        takers = [pool.submit(runner.run_while_due, current, queue) for _ in range(threads)]
    if mode is Mode.FULL and is_whole:
        context.store.due.request_full_passes(current)
    done = sorted((each for taker in takers for each in taker.result()), key=lambda each: each[0].space.key)
    return Turns(current=current, jobs=[job for job, _ in done], reports=[report for _, report in done])


class _DueJobs:
    """The jobs of a run that may be due, found by what is stored of their spaces."""

    def __init__(self, jobs: Sequence[SpaceJob]) -> None:
        self.run_id = jobs[0].run_id
        self.skipped: set[str] = set()  #: stored keys of what was taken, or is no job of this run
        self._by_id = {job.space.id: job for job in jobs if job.space.id}
        self._by_key = {job.space.key: job for job in jobs}
        is_one = len(jobs) == 1 and jobs[0].request.space_keys
        self.only = jobs[0].space if is_one else None  #: no other space is looked for

    def find(self, key: str, space_id: str | None) -> Space | None:
        """Return the space that is stored under this key and id; None if it is no job."""
        job = self._by_id.get(space_id or "") or self._by_key.get(key)
        return None if job is None else job.space

    def of(self, space: Space) -> SpaceJob:
        """Return the job of a space that `find` has returned."""
        return self._by_key[space.key]


class JobRunner:
    """Runs jobs of one process. A failure that is about every space ends those that have not begun."""

    def __init__(self, context: SyncContext, fetcher: BodyFetcher, jobs: Sequence[SpaceJob]) -> None:
        self._context = context
        self._fetcher = fetcher
        self._tasks = Tasks(context.source.client.admission.width)
        self._account = AccountProof(context.source, self._tasks)
        self._roles = Shared(context.source.site_roles)
        asking = [job.space for job in jobs if job.kind is JobKind.INCREMENTAL]
        self._changes = SiteChanges(context.source, asking, context.store.newest_look, context.policy.overlap)
        self._ended_by: HrSyncError | None = None
        self._facts = structlog.contextvars.get_contextvars()  #: of the run and its site, for the log

    def run_while_due(self, current: Round, queue: _DueJobs) -> list[tuple[SpaceJob, SpaceReport]]:
        """Take the spaces that are due, one after the other, and do their jobs. Return them with their reports."""
        done = list[tuple[SpaceJob, SpaceReport]]()
        # A space that waits for its requests holds a lease for nothing, and is lost with its worker.
        while not self._is_over():
            with self._tasks.one(self._is_over):
                if self._is_over():
                    return done
                with (
                    suppress(DatabaseConflict),  # about a space that is skipped now, and still due
                    self._take(current, queue) as store,
                ):
                    if store is None:
                        return done
                    job = queue.of(store.space)
                    done.append((job, self.run(job, store)))
        return done

    def _is_over(self) -> bool:
        return self._ended_by is not None or self._context.cancellation.is_set()

    def _take(self, current: Round, queue: _DueJobs) -> AbstractContextManager[SpaceStore | None]:
        context = self._context
        return context.store.due.leased(
            current,
            queue.find,
            queue.skipped,
            context.worker,
            queue.run_id,
            seconds=context.policy.lease_seconds,
            only=queue.only,
        )

    def run(self, job: SpaceJob, taken: SpaceStore | None = None) -> SpaceReport:
        """Do one job under the lease of its space, which may be `taken`. Return its report; raise only bugs."""
        facts = self._facts | {"run_id": job.run_id, "space": job.space.key}
        with structlog.contextvars.bound_contextvars(**facts):
            try:
                report = self._run_leased(job) if taken is None else self._work(job, taken)
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
            return self._busy(job, store) if isinstance(store, Busy) else self._work(job, store)

    def _work(self, job: SpaceJob, store: SpaceStore) -> SpaceReport:
        context = self._context
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
