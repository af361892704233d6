"""A full pass over one space. The dry run calls the same functions (`dry_run.py`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hr_sync.confluence.source import Source
from hr_sync.domain.content import ContentKind, Listing, Space, StoredPage, WithdrawalReason
from hr_sync.domain.deletion import (
    DeletionAction,
    DeletionDecision,
    DeletionPlan,
    HoldState,
    LookupStatus,
    decide_kind_switched_off,
    decide_not_listed,
    decide_out_of_scope,
    plan_deletions,
)
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action, Plan, make_plan
from hr_sync.domain.scope import PageScope, ScopeDecision
from hr_sync.store.space_store import SpaceReader
from hr_sync.store.values import SpaceState
from hr_sync.sync.absence import Hide, verify_absent
from hr_sync.sync.access import sync_access_after
from hr_sync.sync.apply import record_failures, record_unknown_scope, resolve_missing, write_pages
from hr_sync.sync.archived_pages import (
    ArchivedList,
    ArchivedToWrite,
    archived_in_scope,
    rows_aside,
    settle_both,
    sync_archived,
)
from hr_sync.sync.context import SpaceJob, SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import SpaceResult, finish, next_watermark
from hr_sync.sync.item_kinds import MIRRORED
from hr_sync.sync.kinds import look_up_each
from hr_sync.sync.new_space import list_space
from hr_sync.sync.page_items import sync_items
from hr_sync.sync.scope import split_by_scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One space at the beginning of a full pass."""

    listing: Listing  #: everything in the source
    in_scope: Listing  #: the part of it that is mirrored
    others: Mapping[str, ScopeDecision]  #: id → why a listed page is not in scope, or that it is not known
    stored: Mapping[str, StoredPage]  #: rows of this space, and rows of listed pages in other spaces
    not_listed: Sequence[StoredPage] = ()  #: rows of a kind that was not listed; they are in no question
    switched_off: Sequence[StoredPage] = ()  #: those of them that are shown, of a kind that the settings leave out
    keeps_archived: bool = False  #: archived pages are mirrored
    archived: ArchivedToWrite = field(default_factory=ArchivedToWrite)

    @property
    def comparable(self) -> Mapping[str, StoredPage]:
        """Return the stored pages that the plan compares: those that the scope has not decided about."""
        if not self.others:
            return self.stored
        return {page_id: page for page_id, page in self.stored.items() if page_id not in self.others}


def sync_full(run: SpaceRun) -> SpaceReport:
    """Update the mirror of one space. Raise HrSyncError; what was committed before stays valid.

    Items are read before access: a comment is shown under facts that are newer than its text.
    """
    scope = run.context.scope.pages
    listed = list_space(run)
    seen = observe(run.source, run.store, run.fetcher, listed.listing, scope, archived=listed.archived)
    plan = make_plan(
        seen.in_scope,
        seen.comparable,
        every_page=run.job.request.every_page,
        written=listed.written,
        refused=listed.refused,
    )
    _count(run, seen.listing, plan)

    record_failures(run, seen.in_scope.unreadable)
    record_unknown_scope(run, seen.others)
    outside = decide_outside(seen, hide=run.hide)  # first: a later failure must not leave these shown
    missing = write_pages(run, plan)
    withheld = resolve_missing(run, missing, seen.stored, known_pages=seen.listing.kind_by_id)
    absent = decide_unlisted_pages(run.source, run.fetcher, run.job, seen, plan, hold=run.state.hold, hide=run.hide)
    deletions = plan_leaving(run.context, run.job, run.state, [*outside, *withheld, *absent], seen.stored)
    items = {each.table: sync_items(run, each, seen.in_scope) for each in MIRRORED}
    access = sync_access_after(run, seen.listing)
    shows_all = listed.doubt is None and not any(each.action is DeletionAction.KEEP for each in absent)
    return finish(
        run,
        SpaceResult(
            looked_at_all=shows_all,
            listed_all=listed.doubt is None,
            doubt=listed.doubt,
            archive_doubt=sync_archived(run, seen.archived) or listed.archived.doubt,
            decided_hold=True,
            deletions=deletions,
            allowed=run.job.request.allow_mass_delete,
            watermark=next_watermark(seen.listing.began_at, seen.listing.heads.values()),
            looked_from=None if any(each.doubt for each in items.values()) else seen.listing.began_at,
            listing_digest=seen.in_scope.digest if shows_all and not seen.listing.unreadable else None,
            scope_fingerprint=scope.fingerprint,
            access=access,
            items=items,
        ),
    )


def observe(
    source: Source,
    store: SpaceReader,
    fetcher: BodyFetcher,
    listing: Listing,
    scope: PageScope,
    *,
    archived: ArchivedList,
) -> Observed:
    """Read the rest of the input of a full pass. Raise what `Source` raises."""
    listing, archived = settle_both(source, fetcher, listing, archived)
    rows_of_space = store.stored_pages()
    archive = archived_in_scope(source, store, fetcher, archived, rows_of_space, scope=scope)
    aside = rows_aside(rows_of_space, listing, archived) - archive.outside.keys()
    every_row = {page_id: row for page_id, row in rows_of_space.items() if page_id not in aside}
    stored = {page_id: row for page_id, row in every_row.items() if row.kind in listing.kinds or page_id in listing}
    not_listed = [row for page_id, row in sorted(every_row.items()) if page_id not in stored and not row.removed]
    unknown = [page_id for page_id in listing.heads if page_id not in stored]
    elsewhere = store.stored_by_id(unknown) if unknown else {}
    listing = _without_stale_entries(source, fetcher, listing, elsewhere)
    rows = {**stored, **{page_id: page for page_id, page in elsewhere.items() if page_id in listing.heads}}
    scoped = split_by_scope(source, fetcher, listing, rows, scope)
    return Observed(
        listing=listing,
        in_scope=scoped.in_scope,
        others={**archive.outside, **scoped.others},
        stored=rows,
        not_listed=not_listed,
        switched_off=[row for row in not_listed if row.live and row.kind not in scope.kinds],
        keeps_archived=archived.mirrored,
        archived=archive,
    )


def _without_stale_entries(
    source: Source, fetcher: BodyFetcher, listing: Listing, elsewhere: Mapping[str, StoredPage]
) -> Listing:
    """Leave out listed pages that have moved to another space since.

    A listing of a large space takes a while. A page that it shows, and that the mirror has in another space, was moved
    here or has just been moved away; only a lookup by id can tell. A page that gives no such answer is unreadable.
    """
    asked = [page_id for page_id, page in elsewhere.items() if page.space_id != listing.space.id]
    if not asked:
        return listing
    heads, unreadable = dict(listing.heads), dict(listing.unreadable)
    for lookup in look_up_each(source, fetcher, {page_id: listing.heads[page_id].kind for page_id in asked}):
        if lookup.result is not LookupStatus.FOUND:
            unreadable[lookup.page_id] = "it is listed here, was in another space, and a lookup by id does not show it"
        if lookup.space_id != listing.space.id:
            del heads[lookup.page_id]
    return replace(listing, heads=heads, unreadable=unreadable)


def decide_outside(seen: Observed, *, hide: Hide) -> list[DeletionDecision]:
    """Decide about stored pages that are listed and not in scope, or whose scope is not known, and hide them.

    So is what the settings leave out by its kind.
    """
    outside = [
        decide_out_of_scope(page, decision)
        for page_id, decision in sorted(seen.others.items())
        if (page := seen.stored.get(page_id)) is not None and not page.removed
    ]
    outside += [decide_kind_switched_off(page) for page in seen.switched_off]
    hide(outside)
    return outside


def decide_unlisted_pages(
    source: Source, fetcher: BodyFetcher, job: SpaceJob, seen: Observed, plan: Plan, *, hold: HoldState, hide: Hide
) -> list[DeletionDecision]:
    """Decide about stored pages that the listing does not show, and hide those with evidence.

    Nothing is decided about a kind that was not listed; where removals wait, those of this kind go on waiting.
    """
    waiting = [decide_not_listed(page) for page in seen.not_listed if hold.held and _waits(page)]
    decisions = verify_absent(
        source,
        fetcher,
        job.space,
        [seen.stored[step.page_id] for step in plan.having(Action.VERIFY)],
        known_pages=seen.listing.kind_by_id,
        mirrored_space_ids=job.mirrored_space_ids,
        hold=hold,
        hide=hide,
        keeps_archived=seen.keeps_archived,
    )
    return [*decisions, *waiting]


def _waits(page: StoredPage) -> bool:
    """Return True if a hidden page was hidden for what ends in its removal, and not for the settings."""
    return page.hidden_reason not in {None, WithdrawalReason.SCOPE_UNKNOWN, WithdrawalReason.OUT_OF_SCOPE}


def plan_leaving(
    context: SyncContext,
    job: SpaceJob,
    state: SpaceState,
    decisions: Iterable[DeletionDecision],
    stored: Mapping[str, StoredPage],
) -> DeletionPlan:
    """Apply the rules to all decisions about one space (`stored`: its rows)."""
    kept = [page.kind for page in stored.values() if not page.removed and _is_of(page, job.space)]
    return plan_deletions(
        decisions,
        stored_pages=len(kept),
        stored_posts=kept.count(ContentKind.BLOG_POST),
        limit=context.policy.limit,
        hold=state.hold,
        allow=job.request.allow_mass_delete,
        narrowed=state.scope_fingerprint not in {None, context.scope.pages.fingerprint},
    )


def _count(run: SpaceRun, listing: Listing, plan: Plan) -> None:
    posts = sum(head.kind is ContentKind.BLOG_POST for head in listing.heads.values())
    run.counts.listed = len(listing.heads) + len(listing.unreadable)
    run.counts.posts_listed = posts + len(listing.unreadable_posts)
    run.counts.unchanged = plan.unchanged


def _is_of(page: StoredPage, space: Space) -> bool:
    """Return True if a row is of the space, also under a key that the space had before."""
    return page.space_key == space.key or (bool(space.id) and page.space_id == space.id)
