"""Removes or holds pages and their items at the end of a run, when the number of removals in all spaces is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from hr_sync.domain.content import ItemKind
from hr_sync.domain.deletion import DeletionDecision, DeletionPlan
from hr_sync.domain.holds import NOTHING_LEAVES, PAGES, POSTS, Leaving, hold_across_spaces
from hr_sync.domain.outcome import SpaceReport, is_about_every_space, report_of_failure
from hr_sync.domain.page_items import hold_items_across_spaces
from hr_sync.domain.rounds import Round
from hr_sync.errors import DatabaseConflict, HrSyncError
from hr_sync.store.item_tables import ItemTable
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.values import Busy, Held
from hr_sync.sync.context import SpaceJob, SyncContext
from hr_sync.sync.finish import held_reason, with_removals
from hr_sync.sync.item_kinds import MIRRORED

log = structlog.get_logger(__name__)


def settle_removals(
    context: SyncContext, jobs: Sequence[SpaceJob], reports: Sequence[SpaceReport], current: Round | None = None
) -> list[SpaceReport]:
    """Remove or hold what the reports (one for each job) have decided. Return the reports of what was done.

    All these pages are hidden already. A space in which another full pass has decided since is left as it is: these
    decisions are outdated. What another pass has shown again since stays. A failure that is not about every space
    affects only its own space. What other workers have decided about in the same round counts to the limit: `current`.
    """
    others: Mapping[str, Leaving] = {}
    if current is not None and any(_leaves(report) for report in reports):
        others = context.store.due.others_leaving(current, [each.space_key for each in reports])
    allow = any(job.request.allow_mass_delete for job in jobs)
    limit = context.policy.limit
    plans = {each.space_key: each.deletions for each in reports}
    posts = others.get(POSTS, NOTHING_LEAVES)
    there = others.get(PAGES, NOTHING_LEAVES)
    pages = hold_across_spaces(plans, limit, allow=allow, others=there, other_posts=posts)
    found = {each.space_key: each.items for each in reports}
    items = hold_items_across_spaces(found, limit, allow=allow, others=others)
    return [
        _settled(context, job, report, pages[report.space_key], items[report.space_key])
        for job, report in zip(jobs, reports, strict=True)
    ]


def _leaves(report: SpaceReport) -> bool:
    plans = (report.deletions, *report.items.values())
    return any(plan.new or plan.hidden_before for plan in plans)


def _settled(
    context: SyncContext,
    job: SpaceJob,
    report: SpaceReport,
    pages: DeletionPlan,
    items: Mapping[ItemKind, DeletionPlan],
) -> SpaceReport:
    is_decided = pages == report.deletions and items == report.items
    if is_decided and not (pages.remove or any(plan.remove for plan in items.values())):
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
            if isinstance(store, Busy) or store.state().decided_run_id != job.run_id:
                log.warning("removals.left", space=job.space.key)
                return report
            return _carry_out(store, report, pages, items)
    except HrSyncError as failure:
        if is_about_every_space(failure):
            raise
        return report_of_failure(report.space_key, failure, report.counts)


def _carry_out(
    store: SpaceStore, report: SpaceReport, pages: DeletionPlan, items: Mapping[ItemKind, DeletionPlan]
) -> SpaceReport:
    # What this run could not decide about goes on waiting.
    waiting = {kind: max(len(plan.held), report.held_items.get(kind, 0)) for kind, plan in items.items()}
    held = Held(pages=len(pages.held), items=waiting, reason=held_reason(pages, items))
    removed: frozenset[str] = frozenset()
    removed_items: dict[ItemKind, frozenset[str]] = {}
    conflict: DatabaseConflict | None = None
    try:
        removed = store.remove(_still_hidden(store, pages.remove))
        for each in MIRRORED:
            kind = each.table.kind
            decided = _items_still_hidden(store, each.table, items[kind].remove) if kind in items else []
            removed_items[kind] = store.remove_items(each.table, decided)
    except DatabaseConflict as met:
        conflict = met
    done = with_removals(report, pages, items, removed=removed, removed_items=removed_items)
    if conflict is not None:
        done = report_of_failure(report.space_key, conflict, done.counts)
    store.settle(done, held)
    return done


def _still_hidden(store: SpaceStore, decisions: Sequence[DeletionDecision]) -> list[DeletionDecision]:
    """Return the decisions about pages that no pass has shown again since they were hidden."""
    stored = store.stored_by_id([each.page_id for each in decisions]) if decisions else {}
    return [each for each in decisions if each.page_id in stored and stored[each.page_id].hidden]


def _items_still_hidden(
    store: SpaceStore, kind: ItemTable[Any], decisions: Sequence[DeletionDecision]
) -> list[DeletionDecision]:
    shown = {row.id for row in store.shown_items(kind)} if decisions else set()
    return [each for each in decisions if each.page_id not in shown]
