"""The items of the pages of one space, one kind at a time: by the rules of `hr_sync.domain.page_items`.

What fails here costs the pages of the space nothing: the run is partial and says why. Items stay as they were then, and
who may read them is decided by their pages as ever.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic

from hr_sync.confluence.source import Source
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Listing, Space
from hr_sync.domain.deletion import (
    DeletionDecision,
    DeletionPlan,
    HoldState,
    LookupStatus,
    plan_deletions,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.page_items import (
    Item,
    ItemListing,
    ItemLookup,
    ItemPlan,
    ItemWrite,
    decide_switched_off,
    decide_unlisted,
    plan_items,
    plan_recent_items,
    write_after_lookup,
)
from hr_sync.errors import UNANSWERED
from hr_sync.store.item_tables import ItemTable
from hr_sync.store.read.page_items import StoredItems
from hr_sync.store.space_store import SpaceReader
from hr_sync.store.values import MAX_PAGES, SpaceState
from hr_sync.sync.absence import Hide, access_lost, check_account_and_space, hide_nothing, in_chunks, spread
from hr_sync.sync.apply import record_failures
from hr_sync.sync.context import SpaceJob, SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import ItemResult


@dataclass(frozen=True, kw_only=True)
class Completed(Generic[Item]):
    """What is written, with everything that a list does not say."""

    writes: Sequence[ItemWrite[Item]]
    unreadable: Mapping[str, str] = field(default_factory=dict)  #: id → why it cannot be written


def write_as_listed(_source: Source, _fetcher: BodyFetcher, writes: Sequence[ItemWrite[Item]]) -> Completed[Item]:
    """Write what the list says: it says everything."""
    return Completed(writes=writes)


@dataclass(frozen=True, kw_only=True)
class MirroredItems(Generic[Item]):
    """One kind of items: how Confluence is asked about it, and where it is stored."""

    table: ItemTable[Item]
    listing: Callable[[Source, Space], ItemListing[Item]]
    recent: Callable[[Source, Sequence[Space], datetime], ItemListing[Item]]
    lookup: Callable[[Source, str], ItemLookup[Item]]
    complete: Callable[[Source, BodyFetcher, Sequence[ItemWrite[Item]]], Completed[Item]] = write_as_listed
    """Read what a list does not say of what is written. What is not there any more is left out."""

    def is_mirrored(self, context: SyncContext) -> bool:
        """Return True if the settings include this kind."""
        return self.table.kind in context.scope.pages.items


def sync_items(run: SpaceRun, kind: MirroredItems[Any], listed: Listing) -> ItemResult:
    """Write and hide what differs from the listing of the items of the space. Removals are planned only.

    `listed`: the pages in scope that the space has just shown.
    """
    if not kind.is_mirrored(run.context):
        _switch_off(run, kind)
        return ItemResult(not_mirrored=0)
    try:
        return _sync(run, kind, listed)
    except UNANSWERED as failure:
        run.source.check_account()  # raises when it is not the items, but the site or our account
        return ItemResult(held=_hold(run.state, kind).held, doubt=_not_read(run.space, kind, str(failure)))


def sync_recent_items(run: SpaceRun, kind: MirroredItems[Any], since: datetime) -> ItemResult:
    """Write the items that have a new version. What is gone, or was and is back, is left to a full run."""
    if not kind.is_mirrored(run.context):
        return ItemResult()
    try:
        recent = partial(kind.recent, run.source)
        listing = _on_pages_here(run, run.changes.items(run.space, run.state, since, kind.table.kind, recent))
        if not listing.items and not listing.unreadable:
            return ItemResult()
        stored = run.store.stored_items(kind.table, listing.items)
        plan = plan_recent_items(listing, stored.by_id, stored.pages, space_id=run.space.id)
        run.counts.count_item(kind.table.kind, "listed", len(listing.items))
        record_failures(run, listing.unreadable, stage=kind.table.stage)
        _write(run, kind, plan.writes)
    except UNANSWERED as failure:
        run.source.check_account()
        return ItemResult(doubt=_not_read(run.space, kind, str(failure)))
    return ItemResult()


def _on_pages_here(run: SpaceRun, listing: ItemListing[Any]) -> ItemListing[Any]:
    """Leave out the items of pages that are not stored in the space."""
    rows = run.store.stored_by_id(sorted({item.page_id for item in listing.items.values()})) if listing.items else {}
    here = {row.id for row in rows.values() if row.space_id == run.space.id or row.space_key == run.space.key}
    return replace(listing, items={each: item for each, item in listing.items.items() if item.page_id in here})


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemPreview:
    """What a full run would do with one kind of items of a space."""

    writes: tuple[ItemWrite[Any], ...] = ()
    deletions: DeletionPlan = field(default_factory=DeletionPlan)


def preview_items(
    context: SyncContext,
    kind: MirroredItems[Any],
    *,
    store: SpaceReader,
    fetcher: BodyFetcher,
    job: SpaceJob,
    state: SpaceState,
    pages: frozenset[str],
) -> ItemPreview:
    """Return what a full run would do whose pages are these; write nothing."""
    if not kind.is_mirrored(context):
        hidden = tuple(decide_switched_off(row) for row in store.shown_items(kind.table))
        return ItemPreview(deletions=DeletionPlan(hide=hidden))
    listing = kind.listing(context.source, job.space)
    stored = _after_the_pages(store.stored_items(kind.table, listing.items), pages)
    plan = plan_items(listing, stored.by_id, pages, space_id=job.space.id)
    again = _look_up_again(context.source, fetcher, kind, job.space, plan, pages=pages)
    hold = _hold(state, kind)
    known = _known(listing, plan)
    decisions = decide_absent_items(context.source, fetcher, kind, job.space, plan, known=known, hold=hold)
    limit, allow = context.policy.limit, job.request.allow_mass_delete
    deletions = _plan_leaving(kind, decisions, stored, limit=limit, hold=hold, allow=allow)
    return ItemPreview(writes=(*plan.writes, *again), deletions=deletions)


def _after_the_pages(stored: StoredItems, pages: frozenset[str]) -> StoredItems:
    """Return what is stored as it is when a run has written these pages, and shows all of them."""
    rows = {each: replace(row, page_is_live=row.page_id in pages) for each, row in stored.by_id.items()}
    return StoredItems(by_id=rows, pages=pages)


def _sync(run: SpaceRun, kind: MirroredItems[Any], listed: Listing) -> ItemResult:
    listing = kind.listing(run.source, run.space)
    stored = run.store.stored_items(kind.table, listing.items)
    stored = replace(stored, pages=frozenset(page_id for page_id in stored.pages if page_id in listed))
    plan = plan_items(listing, stored.by_id, stored.pages, space_id=run.space.id)
    run.counts.count_item(kind.table.kind, "listed", len(listing.items))
    record_failures(run, listing.unreadable, stage=kind.table.stage)
    _write(run, kind, plan.writes)
    _write(run, kind, _look_up_again(run.source, run.fetcher, kind, run.space, plan, pages=stored.pages))

    def hide(decisions: Sequence[DeletionDecision]) -> None:
        run.counts.count_item(kind.table.kind, "hidden", len(run.store.hide_items(kind.table, decisions)))

    hold, known = _hold(run.state, kind), _known(listing, plan)
    decisions = decide_absent_items(run.source, run.fetcher, kind, run.space, plan, known=known, hold=hold, hide=hide)
    limit, allow = run.context.policy.limit, run.job.request.allow_mass_delete
    deletions = _plan_leaving(kind, decisions, stored, limit=limit, hold=hold, allow=allow)
    return ItemResult(deletions=deletions, held=len(deletions.held), not_mirrored=plan.not_mirrored)


def _look_up_again(
    source: Source,
    fetcher: BodyFetcher,
    kind: MirroredItems[Item],
    space: Space,
    plan: ItemPlan[Item],
    *,
    pages: frozenset[str],
) -> list[ItemWrite[Item]]:
    """Look up by id what the list alone does not bring back, and return what is written of it."""
    lookups = fetcher.ask_each(partial(kind.lookup, source), [row.id for row in plan.look_up])
    found = (
        write_after_lookup(row, lookup, pages, space_id=space.id)
        for row, lookup in zip(plan.look_up, lookups, strict=True)
    )
    return [write for write in found if write is not None]


def decide_absent_items(
    source: Source,
    fetcher: BodyFetcher,
    kind: MirroredItems[Item],
    space: Space,
    plan: ItemPlan[Item],
    *,
    known: Sequence[str],
    hold: HoldState,
    hide: Hide = hide_nothing,
) -> list[DeletionDecision]:
    """Look each item up that is to be verified, between two access checks, and hide those with evidence.

    `known` are items that the listing has just shown. Raise AnswerNotTrusted if an access check fails.
    """
    ask = partial(kind.lookup, source)
    decisions: list[DeletionDecision] = []
    for rows in in_chunks(plan.verify):
        _check_access(source, space, ask, known)
        lookups = fetcher.ask_each(ask, [row.id for row in rows])
        _check_access(source, space, ask, known)
        decided = [
            decide_unlisted(row, lookup, space=space, hold=hold) for row, lookup in zip(rows, lookups, strict=True)
        ]
        hide(decided)
        decisions += decided
    return decisions


def _plan_leaving(
    kind: MirroredItems[Any],
    decisions: Sequence[DeletionDecision],
    stored: StoredItems,
    *,
    limit: DeletionLimit,
    hold: HoldState,
    allow: bool,
) -> DeletionPlan:
    """Apply the rules of removals to the items of a space."""
    kept = sum(row.page_id in stored.pages and not row.removed for row in stored.by_id.values())
    what = kind.table.kind.value
    return plan_deletions(decisions, stored_pages=kept, limit=limit, hold=hold, allow=allow, what=what)


def _switch_off(run: SpaceRun, kind: MirroredItems[Any]) -> None:
    decisions = [decide_switched_off(row) for row in run.store.shown_items(kind.table)]
    if decisions:
        run.counts.count_item(kind.table.kind, "hidden", len(run.store.hide_items(kind.table, decisions)))


def _hold(state: SpaceState, kind: MirroredItems[Any]) -> HoldState:
    return state.item_holds.get(kind.table.kind, HoldState())


def _known(listing: ItemListing[Item], plan: ItemPlan[Item]) -> list[str]:
    """Return a few items that the listing shows, and that are in no question."""
    asked = {row.id for row in (*plan.verify, *plan.look_up)}
    return spread([item_id for item_id in listing.items if item_id not in asked])


def _check_access(source: Source, space: Space, ask: Callable[[str], ItemLookup[Item]], known: Sequence[str]) -> None:
    """Check that the account is known, and may view the space and an item that was listed a moment ago."""
    check_account_and_space(source, space)
    if known and not any(ask(each).result is LookupStatus.FOUND for each in known):
        raise access_lost(space)


def _write(run: SpaceRun, kind: MirroredItems[Item], planned: Sequence[ItemWrite[Item]]) -> None:
    completed = kind.complete(run.source, run.fetcher, planned)
    record_failures(run, completed.unreadable, stage=kind.table.stage)
    writes = completed.writes
    for start in range(0, len(writes), MAX_PAGES):
        run.context.cancellation.check()
        chunk = writes[start : start + MAX_PAGES]
        written = run.store.write_items(kind.table, chunk)
        for write in chunk:
            if write.item.id in written:
                run.counts.count_item(kind.table.kind, "updated" if write.action is ChangeAction.UPDATE else "added", 1)


def _not_read(space: Space, kind: MirroredItems[Any], why: str) -> str:
    name = kind.table.kind.value
    return (
        f"The {name} of space {space.key} were not read; they stay as they were: {why} Where the account may not "
        f"search, grant it, or leave {name} out of confluence.include."
    )
