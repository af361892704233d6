"""One space in one incremental run: the pages with a new version since the last pass.

It removes nothing, and restores no hidden page because of a list, which may lag: a page that was hidden or removed, or
that the mirror has in another space, is looked up by id first. Pages that are hidden because they were not visible are
looked up again for a day, so that a passing fault of the source heals in minutes.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from hr_sync.domain.content import ContentKind, RecentChanges, StoredPage, WithdrawalReason
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Plan, plan_incremental
from hr_sync.sync.apply import record_failures, resolve_missing, write_pages
from hr_sync.sync.by_id import in_scope_steps, pages_present
from hr_sync.sync.context import SpaceRun
from hr_sync.sync.finish import SpaceResult, finish, next_watermark
from hr_sync.sync.item_kinds import MIRRORED
from hr_sync.sync.kinds import look_up_many, look_up_stored, recent_kinds
from hr_sync.sync.page_facts import facts_of_pages
from hr_sync.sync.page_items import sync_recent_items

_REVISITED_FOR = timedelta(days=1)  # after that a full run, or a person, finds a page that is visible again
_REVISITED_PAGES = 250  # in one request of Cloud


def sync_incremental(run: SpaceRun) -> SpaceReport | None:
    """Write what changed lately, and try again what failed and is due. Return None if a full pass is needed instead.

    The first pass over a space, the first under another scope, and one after a full pass that could not be done, is a
    full pass. So is one whose position the source's clock contradicts.
    """
    if run.state.watermark is None or _needs_full_pass(run):
        return None
    since = run.state.watermark - run.context.policy.overlap
    kinds = run.context.scope.pages.kinds
    read = recent_kinds(run.source, run.space, partial(run.changes.of, run.space, run.state, since), kinds)
    recent = read.changes
    if recent.began_at is not None and run.state.watermark > recent.began_at:
        return None
    revisited = _visible_again(run)
    if revisited is None:
        return None
    due = frozenset(run.store.failing_pages(due_only=True))
    stored = run.store.stored_by_id({*recent.heads, *due, *revisited})
    recent, doubted = _split_doubted(run, recent, stored)
    lookups = look_up_stored(run.source, run.fetcher, sorted(doubted | due | revisited), stored, kinds)
    present = pages_present(lookups, run.space)
    plan = plan_incremental(recent, stored, due=())
    _count(run, recent, plan)

    record_failures(run, recent.unreadable)
    plan = _in_scope(run, plan, stored)
    again = in_scope_steps(run, present, stored, reason="looked up by id")
    steps = sorted({step.page_id: step for step in (*plan.steps, *again)}.values(), key=lambda step: step.page_id)
    plan = Plan(steps=tuple(steps), unchanged=0)
    missing = write_pages(run, plan, since=run.state.watermark, facts_of=partial(facts_of_pages, run))
    shown = present | {head.id: head.kind for head in recent.heads.values()}
    asked = shown | {lookup.page_id: lookup.kind for lookup in lookups}
    resolve_missing(run, missing, stored, known_pages=shown, kinds=asked)
    resolve_missing(run, due - present.keys(), stored, known_pages=shown, kinds=asked, shown=False)
    items = {each.table: sync_recent_items(run, each, since) for each in MIRRORED}
    return finish(
        run,
        SpaceResult(
            looked_at_all=read.doubt is None,
            doubt=read.doubt,
            watermark=next_watermark(recent.began_at, recent.heads.values(), run.state.watermark),
            looked_from=None if any(each.doubt for each in items.values()) else recent.began_at,
            items=items,
        ),
    )


def _count(run: SpaceRun, recent: RecentChanges, plan: Plan) -> None:
    run.counts.listed = len(recent.heads)
    run.counts.posts_listed = sum(head.kind is ContentKind.BLOG_POST for head in recent.heads.values())
    run.counts.unchanged = plan.unchanged


def _needs_full_pass(run: SpaceRun) -> bool:
    return run.state.full_pass_due or run.state.scope_fingerprint != run.context.scope.pages.fingerprint


def _visible_again(run: SpaceRun) -> frozenset[str] | None:
    """Return pages that were hidden as not visible and that a list holds again; None if a full pass is cheaper.

    The list is a hint: each of them is looked up by itself before it is shown.
    """
    hidden = run.store.hidden_pages(
        WithdrawalReason.NOT_VISIBLE, hidden_within=_REVISITED_FOR, limit=_REVISITED_PAGES + 1
    )
    kinds = run.context.scope.pages.kinds
    asked = {page.id: page.kind for page in hidden[:_REVISITED_PAGES] if page.kind in kinds}
    if not asked:
        return frozenset()
    found = look_up_many(run.source, asked)
    again = frozenset(lookup.page_id for lookup in found.values() if lookup.is_current_in(run.space))
    return None if again and len(hidden) > _REVISITED_PAGES else again


def _split_doubted(
    run: SpaceRun, recent: RecentChanges, stored: Mapping[str, StoredPage]
) -> tuple[RecentChanges, frozenset[str]]:
    """Split off the pages for which a list is not sufficient, and return those of them that need a lookup.

    Not sufficient for pages that are hidden, removed or stored in another space. A hidden or removed page at its stored
    version counts as unchanged and is left to the next full run.
    """
    heads, doubted = {}, set()
    for page_id, head in recent.heads.items():
        page = stored.get(page_id)
        elsewhere = page is not None and page.space_key != run.space.key and page.space_id != run.space.id
        if page is None or (page.live and not elsewhere):
            heads[page_id] = head
        elif elsewhere or head.version > page.version:
            doubted.add(page_id)
    return replace(recent, heads=heads), frozenset(doubted)


def _in_scope(run: SpaceRun, plan: Plan, stored: Mapping[str, StoredPage]) -> Plan:
    """Keep the steps whose pages are in scope, from requests for each page that is about to be written.

    A page whose ancestors lag behind the list, or the other way round, has failed: its place is not known.
    """
    scope = run.context.scope.pages
    written = {step.page_id: step for step in (*plan.fetches, *plan.without_body)}
    if scope.is_everything or not written:
        return plan
    pages = {page_id: step.kind for page_id, step in written.items()}
    asked = {step.page_id: step.parent_id for step in in_scope_steps(run, pages, stored, reason="")}
    moving = [page_id for page_id, parent in asked.items() if scope.by_tree and parent != written[page_id].parent_id]
    record_failures(run, dict.fromkeys(moving, "its ancestors are not those that the list of changes shows"))
    allowed = asked.keys() - moving
    return Plan(
        steps=tuple(step for step in plan.steps if step.page_id in allowed or step.page_id not in written),
        unchanged=plan.unchanged,
    )
