"""Spaces that have stored pages and are not in a run's list of spaces: no longer visible, or no longer configured."""

from collections.abc import Mapping
from dataclasses import replace

from hr_sync.domain.content import ContentKind, Space, StoredPage
from hr_sync.domain.deletion import (
    DeletionDecision,
    DeletionPlan,
    decide_out_of_scope,
    decide_space_archived,
    plan_deletions,
)
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.scope import ScopeDecision
from hr_sync.errors import UNANSWERED
from hr_sync.store.values import SpaceState
from hr_sync.sync.absence import Hide, verify_absent
from hr_sync.sync.context import SpaceJob, SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import SpaceResult, finish

_WHY_LOST = (
    "the account may no longer view the space, most likely because its permission was withdrawn (`hr-sync check`); "
    "if it was really deleted, they may go"
)


def sync_unlisted(run: SpaceRun) -> SpaceReport:
    """Hide the pages of a space that is no longer visible, and decide about their removal."""
    pages = run.store.stored_pages()
    deletions = decide_unlisted(run.context, run.job, run.state, pages, run.fetcher, hide=run.hide)
    return _finish(run, deletions)


def sync_unconfigured(run: SpaceRun) -> SpaceReport:
    """Hide the pages of a space that the settings no longer cover; their removal waits for a decision."""
    pages = run.store.stored_pages()
    deletions = decide_unconfigured(run.context, run.job, run.state, pages, run.fetcher, hide=run.hide)
    return _finish(run, deletions)


def decide_unlisted(
    context: SyncContext,
    job: SpaceJob,
    state: SpaceState,
    stored: Mapping[str, StoredPage],
    fetcher: BodyFetcher,
    *,
    hide: Hide,
) -> DeletionPlan:
    """Decide about a space that no list shows: archived, or not visible to the account.

    The pages of an archived space are removed. Otherwise each page is looked up by id, because pages that the account
    may no longer read must be hidden at once; only the account check guards these lookups.
    """
    pages = _kept(stored)
    archived = _is_archived(context, job.space)
    if archived:
        decisions = [decide_space_archived(page) for page in pages]
        hide(decisions)
    else:
        decisions = verify_absent(
            context.source,
            fetcher,
            _with_id(job.space, pages),
            pages,
            known_pages=None,
            mirrored_space_ids=job.mirrored_space_ids,
            hold=state.hold,
            hide=hide,
        )
    plan = _plan(context, job, state, decisions, pages)
    return replace(plan, held_reason=_WHY_LOST) if plan.held and not archived else plan


def decide_unconfigured(
    context: SyncContext,
    job: SpaceJob,
    state: SpaceState,
    stored: Mapping[str, StoredPage],
    _fetcher: BodyFetcher,
    *,
    hide: Hide,
) -> DeletionPlan:
    """Decide about a space that confluence.spaces no longer covers, or confluence.exclude_spaces names."""
    pages = _kept(stored)
    scope = ScopeDecision(in_scope=False, rule=f"confluence.spaces does not cover space {job.space.key}")
    decisions = [decide_out_of_scope(page, scope) for page in pages]
    hide(decisions)
    return _plan(context, job, state, decisions, pages, narrowed=True)


def _plan(
    context: SyncContext,
    job: SpaceJob,
    state: SpaceState,
    decisions: list[DeletionDecision],
    pages: list[StoredPage],
    *,
    narrowed: bool = False,
) -> DeletionPlan:
    return plan_deletions(
        decisions,
        stored_pages=len(pages),
        stored_posts=sum(page.kind is ContentKind.BLOG_POST for page in pages),
        limit=context.policy.limit,
        hold=state.hold,
        allow=job.request.allow_mass_delete,
        narrowed=narrowed,
    )


def _finish(run: SpaceRun, deletions: DeletionPlan) -> SpaceReport:
    return finish(
        run,
        SpaceResult(
            looked_at_all=False,
            decided_hold=True,
            deletions=deletions,
            allowed=run.job.request.allow_mass_delete,
        ),
    )


def _is_archived(context: SyncContext, space: Space) -> bool:
    if not space.id:
        return False
    try:
        return context.source.find_space(space).archived
    except UNANSWERED:  # each page is then looked up by id, which is evidence without the space
        return False


def _with_id(space: Space, pages: list[StoredPage]) -> Space:
    """Return the space with the id of its pages if its own is not known."""
    known = next((page.space_id for page in pages if page.space_id), None)
    return space if space.id or known is None else replace(space, id=known)


def _kept(stored: Mapping[str, StoredPage]) -> list[StoredPage]:
    return [page for _, page in sorted(stored.items()) if not page.removed]
