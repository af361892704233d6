"""A full pass over one space. The dry run calls the same functions (`dry_run.py`)."""

from collections.abc import Iterable, Mapping

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.deletion import (
    DeletionAction,
    DeletionDecision,
    DeletionPlan,
    HoldState,
    decide_out_of_scope,
    plan_deletions,
)
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action, Plan, make_plan
from hr_sync.store.values import SpaceState
from hr_sync.sync.absence import Hide, verify_absent
from hr_sync.sync.access import sync_access_after
from hr_sync.sync.apply import record_failures, record_unknown_scope, resolve_missing, write_pages
from hr_sync.sync.context import SpaceJob, SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import SpaceResult, finish, next_watermark
from hr_sync.sync.observe import Observed, observe


def sync_full(run: SpaceRun) -> SpaceReport:
    """Update the mirror of one space. Raise HrSyncError; what was committed before stays valid."""
    scope = run.context.scope.pages
    seen = observe(run.source, run.store, run.fetcher, run.space, scope)
    plan = make_plan(seen.in_scope, seen.comparable, every_page=run.job.request.every_page)
    run.counts.listed = len(seen.listing.heads) + len(seen.listing.unreadable)
    run.counts.unchanged = plan.unchanged

    record_failures(run, seen.in_scope.unreadable)
    record_unknown_scope(run, seen.others)
    outside = decide_outside(seen, hide=run.hide)  # first: a later failure must not leave these shown
    missing = write_pages(run, plan)
    withheld = resolve_missing(run, missing, seen.stored, known_pages=list(seen.listing.heads))
    absent = decide_unlisted_pages(run.source, run.fetcher, run.job, seen, plan, hold=run.state.hold, hide=run.hide)
    deletions = plan_leaving(run.context, run.job, run.state, [*outside, *withheld, *absent], seen.stored)
    access = sync_access_after(run, seen.listing)
    shows_all = not any(each.action is DeletionAction.KEEP for each in absent)
    return finish(
        run,
        SpaceResult(
            looked_at_all=shows_all,
            listed_all=True,
            decided_hold=True,
            deletions=deletions,
            allowed=run.job.request.allow_mass_delete,
            watermark=next_watermark(
                seen.listing.began_at, (head.last_updated for head in seen.listing.heads.values())
            ),
            listing_digest=(seen.in_scope.digest if shows_all and not seen.listing.unreadable else None),
            scope_fingerprint=scope.fingerprint,
            access=access,
        ),
    )


def decide_outside(seen: Observed, *, hide: Hide) -> list[DeletionDecision]:
    """Decide about stored pages that are listed and not in scope, or whose scope is not known, and hide them."""
    outside = [
        decide_out_of_scope(page, decision)
        for page_id, decision in sorted(seen.others.items())
        if (page := seen.stored.get(page_id)) is not None and not page.removed
    ]
    hide(outside)
    return outside


def decide_unlisted_pages(
    source: Source, fetcher: BodyFetcher, job: SpaceJob, seen: Observed, plan: Plan, *, hold: HoldState, hide: Hide
) -> list[DeletionDecision]:
    """Decide about stored pages that the listing does not show, and hide those with evidence."""
    return verify_absent(
        source,
        fetcher,
        job.space,
        [seen.stored[step.page_id] for step in plan.having(Action.VERIFY)],
        known_pages=list(seen.listing.heads),
        mirrored_space_ids=job.mirrored_space_ids,
        hold=hold,
        hide=hide,
    )


def plan_leaving(
    context: SyncContext,
    job: SpaceJob,
    state: SpaceState,
    decisions: Iterable[DeletionDecision],
    stored: Mapping[str, StoredPage],
) -> DeletionPlan:
    """Apply the rules to all decisions about one space (`stored`: its rows)."""
    return plan_deletions(
        decisions,
        stored_pages=sum(not page.removed and _is_of(page, job.space) for page in stored.values()),
        limit=context.policy.limit,
        hold=state.hold,
        allow=job.request.allow_mass_delete,
        narrowed=state.scope_fingerprint not in {None, context.scope.pages.fingerprint},
    )


def _is_of(page: StoredPage, space: Space) -> bool:
    """Return True if a row is of the space, also under a key that the space had before."""
    return page.space_key == space.key or (bool(space.id) and page.space_id == space.id)
