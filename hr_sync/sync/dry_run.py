"""The preview of a full run: the run without its writes. No lease, no run row, no page row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import ItemKind, Listing
from hr_sync.domain.deletion import DeletionDecision, DeletionPlan
from hr_sync.domain.holds import hold_across_spaces
from hr_sync.domain.outcome import ExitCode, Mode, is_about_every_space
from hr_sync.domain.page_items import hold_items_across_spaces
from hr_sync.domain.plan import Plan, make_plan, plan_labels
from hr_sync.errors import HrSyncError, UsageError
from hr_sync.store.space_store import SpaceReader
from hr_sync.sync.absence import hide_nothing
from hr_sync.sync.access import facts_of_listing, viewers_of
from hr_sync.sync.archived_pages import list_archived
from hr_sync.sync.context import JobKind, SpaceJob, SyncContext, SyncRequest
from hr_sync.sync.fetch import PAGES_PER_REQUEST, BodyFetcher
from hr_sync.sync.full import decide_outside, decide_unlisted_pages, observe, plan_leaving
from hr_sync.sync.item_kinds import MIRRORED
from hr_sync.sync.kinds import labels_of_kinds, list_kinds
from hr_sync.sync.page_items import ItemPreview, preview_items
from hr_sync.sync.spaces import jobs_of, select_spaces
from hr_sync.sync.unlisted_spaces import decide_unconfigured, decide_unlisted


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributePreview:
    """A change of labels or of access that a full run would write."""

    page_id: str
    action: ChangeAction  #: RELABEL or RESTRICT
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpacePreview:
    """The preview of a full run in one space."""

    space_key: str
    kind: JobKind
    plan: Plan  #: what would be written
    deletions: DeletionPlan  #: what would be hidden, removed and held
    attributes: Sequence[AttributePreview]  #: where a full run reads access and labels too
    items: Mapping[ItemKind, ItemPreview] = field(default_factory=dict)  #: what would become of items of pages
    requests: int  #: to Confluence, for the bodies
    error: str | None = None  #: why the preview failed
    exit_code: int = ExitCode.COMPLETE  #: of that error

    @property
    def would_hold(self) -> bool:
        """Return True if removals would wait for a decision."""
        return bool(self.held)

    def of_kind(self, kind: ItemKind) -> ItemPreview:
        """Return what would become of one kind of items; nothing where the space is not mirrored any more."""
        return self.items.get(kind, ItemPreview())

    @property
    def held(self) -> Sequence[DeletionDecision]:
        """Return the removals that would wait, of pages and of their items."""
        return [*self.deletions.held, *(each for found in self.items.values() for each in found.deletions.held)]

    def with_held(self, deletions: DeletionPlan, items: Mapping[ItemKind, DeletionPlan]) -> "SpacePreview":
        """Return the preview with these plans of what leaves."""
        found = {kind: replace(self.items[kind], deletions=plan) for kind, plan in items.items()}
        return replace(self, deletions=deletions, items=found)


def dry_run(context: SyncContext, request: SyncRequest) -> list[SpacePreview]:
    """Preview every space that a full run would work on; a space that cannot be read does not affect others.

    Raise HrSyncError for what would end the whole run, and UsageError for a request that is no full run.
    """
    if request.mode is not Mode.FULL:
        raise UsageError("Only a full run can be previewed: leave out the other mode.")
    context.source.check_account()
    selection = select_spaces(context.source, context.store, context.scope, request)
    with BodyFetcher(context.source, context.connections) as fetcher:
        previews = [_try_preview(context, job, fetcher) for job in jobs_of(request, selection, run_id=0)]
    plans = hold_across_spaces(
        {preview.space_key: preview.deletions for preview in previews},
        context.policy.limit,
        allow=request.allow_mass_delete,
    )
    items = hold_items_across_spaces(
        {preview.space_key: {kind: found.deletions for kind, found in preview.items.items()} for preview in previews},
        context.policy.limit,
        allow=request.allow_mass_delete,
    )
    return [preview.with_held(plans[preview.space_key], items[preview.space_key]) for preview in previews]


def _try_preview(context: SyncContext, job: SpaceJob, fetcher: BodyFetcher) -> SpacePreview:
    nothing = SpacePreview(
        space_key=job.space.key,
        kind=job.kind,
        plan=Plan(steps=(), unchanged=0),
        deletions=DeletionPlan(),
        attributes=(),
        requests=0,
    )
    try:
        return _preview(context, job, fetcher, nothing)
    except HrSyncError as failure:
        if is_about_every_space(failure):
            raise
        return replace(nothing, error=str(failure), exit_code=failure.exit_code)


def _preview(context: SyncContext, job: SpaceJob, fetcher: BodyFetcher, preview: SpacePreview) -> SpacePreview:
    store = context.store.reader(job.space)
    state = store.state()
    if job.kind is not JobKind.FULL:
        decide = decide_unlisted if job.kind is JobKind.UNLISTED else decide_unconfigured
        deletions = decide(context, job, state, store.stored_pages(), fetcher, hide=hide_nothing)
        return replace(preview, deletions=deletions)
    listed = list_kinds(context.source, job.space, context.scope.pages.kinds)
    archived = list_archived(context.source, job.space, context.scope.pages, state.scope_fingerprint)
    seen = observe(context.source, store, fetcher, listed.listing, context.scope.pages, archived=archived)
    plan = make_plan(seen.in_scope, seen.comparable)
    leaving = [
        *decide_outside(seen, hide=hide_nothing),
        *decide_unlisted_pages(context.source, fetcher, job, seen, plan, hold=state.hold, hide=hide_nothing),
    ]
    pages = frozenset(seen.in_scope.heads)
    preview_of = partial(preview_items, context, store=store, fetcher=fetcher, job=job, state=state, pages=pages)
    return replace(
        preview,
        plan=plan,
        items={each.table.kind: preview_of(each) for each in MIRRORED},
        deletions=plan_leaving(context, job, state, leaving, seen.stored),
        attributes=_attributes(context, store, fetcher, seen.listing) if context.policy.reads_access else (),
        requests=ceil(len(plan.fetches) / PAGES_PER_REQUEST),
    )


def _attributes(
    context: SyncContext, store: SpaceReader, fetcher: BodyFetcher, listing: Listing
) -> Sequence[AttributePreview]:
    kept = context.scope.pages.kinds
    kinds = {page_id: kind for page_id, kind in store.live_kinds().items() if kind in kept}
    sets = {page_id: each for page_id, each in store.stored_access_sets().items() if page_id in kinds}
    viewers = viewers_of(listing.space, context.policy.open_spaces, lambda: context.source.viewers(listing.space))
    facts = facts_of_listing(context.source, fetcher, viewers, listing, kinds)
    steps = [
        AttributePreview(page_id=page_id, action=ChangeAction.RESTRICT, reason="other people may read it")
        for page_id, access_set in facts.access_sets(sets).items()
        if access_set != sets[page_id]
    ]
    if context.policy.compares_labels:
        labels = {page_id: each for page_id, each in store.stored_labels().items() if page_id in kinds}
        steps += [
            AttributePreview(page_id=step.page_id, action=ChangeAction.RELABEL, reason=step.reason)
            for step in plan_labels(labels_of_kinds(context.source, listing.space, kinds), labels)
        ]
    return sorted(steps, key=lambda step: step.page_id)
