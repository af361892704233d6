"""One run over all spaces in scope. The same function behind cron, the container and a manual resync."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import structlog

from hr_sync.domain.content import Space
from hr_sync.domain.not_mirrored import NotMirrored
from hr_sync.domain.outcome import (
    ExitCode,
    Mode,
    Outcome,
    RunReport,
    SpaceReport,
    conclude,
    outcome_of,
    pages_not_shown,
    total,
)
from hr_sync.errors import UNANSWERED, ConfigurationError, ConfluenceError, HrSyncError, UsageError
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.archived_pages import archive_warnings
from hr_sync.sync.by_id import locate_pages
from hr_sync.sync.context import JobKind, SpaceJob, SyncContext, SyncRequest
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.groups import sync_groups
from hr_sync.sync.jobs import Turns, log_fields, run_due, run_jobs
from hr_sync.sync.not_mirrored import count_not_mirrored
from hr_sync.sync.notified import notified_jobs
from hr_sync.sync.removals import settle_removals
from hr_sync.sync.scope import page_trees_not_visible
from hr_sync.sync.shown_pages import with_shown_pages
from hr_sync.sync.spaces import SpaceSelection, jobs_of, select_spaces

log = structlog.get_logger(__name__)


def run(context: SyncContext, request: SyncRequest) -> RunReport:
    """Update the mirror as requested, and return the report.

    Failures of Confluence, or about the rows of one space, are in the report: outcome, error and exit code. Raise
    DatabaseUnavailable if PostgreSQL cannot be reached: then there is nowhere to write a report. Raise UsageError for a
    request that names something unknown; it leaves no run row.
    """
    began = time.monotonic()
    run_id = context.store.open_run(request.mode, context.worker, context.version)
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        log.info("run.started", mode=str(request.mode))
        with _closed_on_a_crash(context, request, run_id):
            try:
                report = _run(context, request, run_id, began)
            except UsageError:
                context.store.discard_run(run_id)
                raise
        for warning in report.warnings:
            log.warning("run.warning", warning=warning)
        may_be_idle = request.notified is not None or request.cadence is not None
        if may_be_idle and report.outcome is Outcome.COMPLETE and not report.spaces:
            # Nothing is in scope, and anybody with the token may repeat it; or others have taken all that was due.
            context.store.discard_run(run_id)
        else:
            context.store.close_run(report)
        log.log(
            _level(report),
            "run.ended",
            duration_seconds=report.duration_seconds,
            requests=report.requests,
            **log_fields(report),
        )
    return report


def record_failed_start(
    store: Store, worker: Worker, version: str, request: SyncRequest, failure: HrSyncError
) -> RunReport:
    """Write and log a run that ended before it began, as its Confluence could not be opened. Return its report."""
    report = RunReport(
        run_id=store.open_run(request.mode, worker, version),
        mode=request.mode,
        outcome=outcome_of(failure),
        exit_code=ExitCode(failure.exit_code),
        spaces=[],
        error=str(failure),
    )
    store.close_run(report)
    with structlog.contextvars.bound_contextvars(run_id=report.run_id):
        log.log(_level(report), "run.ended", **log_fields(report))
    return report


def _level(report: RunReport) -> int:
    return {Outcome.COMPLETE: 20, Outcome.PARTIAL: 30, Outcome.STOPPED: 30}.get(report.outcome, 40)


def _run(context: SyncContext, request: SyncRequest, run_id: int, began: float) -> RunReport:
    asked_before = context.source.client.http_stats.counts().requests
    reports: Sequence[SpaceReport] = []
    warnings: Sequence[str] = []
    not_mirrored: Sequence[NotMirrored] = ()
    error: str | None = None
    took_all = False
    try:
        context.source.check_account()
        warnings = _apply_access_policy(context, request.mode)
        selection = select_spaces(context.source, context.store, context.scope, request)
        warnings = [*warnings, *selection.warnings, *_about_settings(context, request)]
        with BodyFetcher(context.source, context.connections) as fetcher:
            jobs = _jobs(context, request, selection, run_id, fetcher)
            turns = _do(context, request, jobs, fetcher)
            reports, took_all = turns.reports, len(turns.jobs) == len(jobs)
            worked = took_all or bool(reports)
            warnings = [*warnings, *(_sync_groups(context, fetcher, request.mode) if worked else ())]
        reports = _settle(context, request, selection, turns) if worked else []
        if worked and not _is_partial(request):
            not_mirrored = count_not_mirrored(context, selection.every, request.mode, turns.current)
        outcome, exit_code = conclude(reports)
        error = next((report.error for report in reports if report.error), None)
    except UsageError:
        raise
    except HrSyncError as failure:
        outcome, exit_code, error = outcome_of(failure), failure.exit_code, str(failure)
    return RunReport(
        run_id=run_id,
        mode=request.mode,
        outcome=outcome,
        exit_code=exit_code,
        spaces=reports,
        counts=total(reports),
        requests=context.source.client.http_stats.counts().requests - asked_before,
        duration_seconds=round(time.monotonic() - began, 3),
        error=error,
        warnings=warnings,
        not_shown=pages_not_shown(reports) if took_all and not _is_partial(request) else None,
        not_mirrored=not_mirrored,
    )


def _do(context: SyncContext, request: SyncRequest, jobs: Sequence[SpaceJob], fetcher: BodyFetcher) -> Turns:
    """Do the jobs: all of them, or those that are due and no other worker takes."""
    if request.cadence is None or not jobs:
        return Turns(current=None, jobs=jobs, reports=run_jobs(context, fetcher, jobs))
    turns = run_due(context, fetcher, jobs, request.cadence)
    context.cancellation.check()  # what is left is still due, so that no report says it
    return turns


def _settle(
    context: SyncContext, request: SyncRequest, selection: SpaceSelection, turns: Turns
) -> Sequence[SpaceReport]:
    """Remove or hold what leaves, and add to the reports what is about no space that was worked on."""
    reports = settle_removals(context, turns.jobs, turns.reports, turns.current)
    if request.mode is Mode.FULL:
        context.store.mark_gone([job.space.key for job in turns.jobs if job.kind.is_away])
    reports = [*_with_not_visible(reports, selection, request), *_missing(context, request, selection)]
    return with_shown_pages(context, reports, request.mode)


def _about_settings(context: SyncContext, request: SyncRequest) -> Sequence[str]:
    return archive_warnings(context.source, context.scope.pages) if request.mode is Mode.FULL else ()


def _is_partial(request: SyncRequest) -> bool:
    """Return True for a run over some spaces or pages alone."""
    return bool(request.space_keys or request.page_ids or request.failed_pages) or request.notified is not None


def _apply_access_policy(context: SyncContext, mode: Mode) -> Sequence[str]:
    """Store what consumers are shown, and the groups that every licensed user is in one of, where access is read.

    Return warnings.
    """
    licence, warnings = None, list[str]()
    asks = mode in {Mode.FULL, Mode.ACCESS} or not context.store.licence_groups_were_read()
    if context.policy.reads_access and asks:
        try:
            licence = context.source.licence_groups() or frozenset()
        except UNANSWERED as failure:
            warnings.append(
                f"The groups that grant use of Confluence were not read: {failure} Those that were read last count for "
                f"{context.policy.access.max_age_hours} hours (access.max_age_hours)."
            )
    context.store.apply_access_policy(context.policy.access, licence_groups=licence)
    return warnings


def _sync_groups(context: SyncContext, fetcher: BodyFetcher, mode: Mode) -> Sequence[str]:
    """Mirror groups and accounts if they are due. Return warnings: what fails here costs nothing else of the run."""
    interval = context.policy.groups_interval
    if interval is None or mode not in {Mode.FULL, Mode.ACCESS}:
        return []
    try:
        return sync_groups(context.source, context.store, fetcher, interval=interval)
    except ConfluenceError as failure:
        warning = (
            f"Members of groups, or names of groups and accounts, were not read: {failure} Members that were read last "
            f"count for {context.policy.access.max_age_hours} hours (access.max_age_hours)."
        )
        return [warning]


def _jobs(
    context: SyncContext, request: SyncRequest, selection: SpaceSelection, run_id: int, fetcher: BodyFetcher
) -> list[SpaceJob]:
    if request.notified is not None:
        return notified_jobs(context, fetcher, request, selection.every, run_id=run_id)
    if not request.page_ids:
        return jobs_of(request, selection, run_id=run_id)
    located: Mapping[Space, Sequence[str]] = locate_pages(context, fetcher, request.page_ids, selection.every)
    mirrored = frozenset(space.id for space in selection.every)
    return [
        SpaceJob(
            kind=JobKind.BY_ID, space=space, run_id=run_id, request=request, mirrored_space_ids=mirrored, page_ids=some
        )
        for space, some in located.items()
    ]


def _with_not_visible(
    reports: Sequence[SpaceReport], selection: SpaceSelection, request: SyncRequest
) -> list[SpaceReport]:
    """Add a failed report for each named space that is not visible, so that the run is not complete.

    A request to remove the pages of a space that is not visible is complete when they are removed.
    """
    if (request.space_keys and request.allow_mass_delete) or request.notified is not None:
        return list(reports)
    by_key = {report.space_key.casefold(): report for report in reports}
    for key in selection.not_visible:
        report = by_key.get(key.casefold(), SpaceReport(space_key=key, outcome=Outcome.COMPLETE))
        if report.outcome is Outcome.COMPLETE:
            error = (
                f"Space {key} is not visible to the account, or archived. Check its key in confluence.spaces, and that "
                "the account may view it: `hr-sync check`."
            )
            by_key[key.casefold()] = replace(
                report, outcome=Outcome.FAILED, exit_code=ConfigurationError.exit_code, error=error
            )
    return list(by_key.values())


def _missing(context: SyncContext, request: SyncRequest, selection: SpaceSelection) -> Iterator[SpaceReport]:
    """Report what the settings name and Confluence lacks: page trees, invalid spaces, any space at all."""
    if request.notified is not None:
        return
    for key in selection.unreadable:
        error = f"Confluence describes space {key} without a required field; it was left out. Run again later."
        yield SpaceReport(space_key=key, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=error)
    if context.scope.is_every_space and not selection.every:
        error = "The account may view no space that confluence.spaces covers. Check its permissions: `hr-sync check`."
        yield SpaceReport(space_key="*", outcome=Outcome.FAILED, exit_code=ConfigurationError.exit_code, error=error)
    if request.mode is Mode.FULL:
        for root in page_trees_not_visible(context.source, context.scope.pages):
            error = (
                f"Page {root} of confluence.page_trees or exclude_page_trees is not visible to the account. Check its "
                f"id, and that the account may view it: `hr-sync explain {root}`."
            )
            yield SpaceReport(
                space_key=f"page tree {root}",
                outcome=Outcome.FAILED,
                exit_code=ConfigurationError.exit_code,
                error=error,
            )


@contextmanager
def _closed_on_a_crash(context: SyncContext, request: SyncRequest, run_id: int) -> Iterator[None]:
    """Write the end of the run's row when an unexpected error ends the run, if the database still answers."""
    try:
        yield
    except UsageError:
        raise
    except Exception as crash:
        report = RunReport(
            run_id=run_id,
            mode=request.mode,
            outcome=Outcome.FAILED,
            exit_code=ExitCode.FAILED,
            spaces=[],
            error=f"Ended by {type(crash).__name__}; the log says more.",
        )
        with suppress(HrSyncError):
            context.store.close_run(report)
        raise
