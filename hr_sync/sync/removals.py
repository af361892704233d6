"""Removes or holds pages at the end of a run, when the number of removals in all spaces is known."""

from collections.abc import Sequence

import structlog

from hr_sync.domain.deletion import DeletionPlan, hold_across_spaces
from hr_sync.domain.outcome import SpaceReport, is_about_every_space, report_of_failure
from hr_sync.errors import DatabaseConflict, HrSyncError
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.values import Busy
from hr_sync.sync.context import SpaceJob, SyncContext
from hr_sync.sync.finish import with_removals

log = structlog.get_logger(__name__)


def settle_removals(
    context: SyncContext, jobs: Sequence[SpaceJob], reports: Sequence[SpaceReport]
) -> list[SpaceReport]:
    """Remove or hold what the reports (one for each job) have decided. Return the reports of what was done.

    All these pages are hidden already. A space that another worker has taken since is left as it is: these decisions
    may be outdated, and its next full pass decides again. A failure that is not about every space affects only its own
    space.
    """
    allow = any(job.request.allow_mass_delete for job in jobs)
    decided = {report.space_key: report.deletions for report in reports}
    plans = hold_across_spaces(decided, context.policy.limit, allow=allow)
    return [_settled(context, job, report, plans[report.space_key]) for job, report in zip(jobs, reports, strict=True)]


def _settled(context: SyncContext, job: SpaceJob, report: SpaceReport, plan: DeletionPlan) -> SpaceReport:
    if not plan.remove and plan == report.deletions:
        return report
    try:
        with context.store.leased(
            job.space,
            context.worker,
            job.run_id,
            seconds=context.policy.lease_seconds,
            wait_seconds=context.policy.busy_wait_seconds,
            cancellation=context.cancellation,
        ) as store:
            if isinstance(store, Busy) or store.state().last_run_id != job.run_id:
                log.warning("removals.left", space=job.space.key)
                return report
            return _carry_out(store, report, plan)
    except HrSyncError as failure:
        if is_about_every_space(failure):
            raise
        return report_of_failure(report.space_key, failure, report.counts)


def _carry_out(store: SpaceStore, report: SpaceReport, plan: DeletionPlan) -> SpaceReport:
    try:
        removed = store.remove(plan.remove)
    except DatabaseConflict as conflict:
        failed = report_of_failure(report.space_key, conflict, report.counts)
        store.settle(failed, len(plan.held), plan.held_reason)
        return failed
    done = with_removals(report, plan, [each.was_live for each in plan.remove if each.page_id in removed])
    store.settle(done, len(plan.held), plan.held_reason)
    return done
