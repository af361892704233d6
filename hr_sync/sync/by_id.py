"""Pages by id, without a listing: requested, failed, or looked up again by incremental runs.

Nothing is removed here. A page is fetched only where it is known to be in scope.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from hr_sync.domain.content import ContentKind, KindById, Space, StoredPage
from hr_sync.domain.deletion import LookupResult, decide_out_of_scope
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action, Plan, Step, step_of
from hr_sync.errors import UsageError
from hr_sync.sync.apply import record_unknown_scope, resolve_missing, write_pages
from hr_sync.sync.context import SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import SpaceResult, finish
from hr_sync.sync.kinds import look_up_stored
from hr_sync.sync.page_facts import facts_of_pages
from hr_sync.sync.scope import scope_of_pages


def sync_by_id(run: SpaceRun) -> SpaceReport:
    """Fetch and write the requested pages of one space, whatever their version."""
    return _sync(run, sorted(set(run.job.page_ids)), reason="asked for")


def sync_failed(run: SpaceRun) -> SpaceReport:
    """Fetch and write the pages of one space that failed, also those that are not due."""
    return _sync(run, run.store.failing_pages(), reason="failed before, tried again")


def _sync(run: SpaceRun, page_ids: Sequence[str], *, reason: str) -> SpaceReport:
    write_by_id(run, page_ids, reason=reason)
    return finish(run, SpaceResult(looked_at_all=False))


def write_by_id(run: SpaceRun, page_ids: Sequence[str], *, reason: str) -> None:
    """Fetch and write pages of the space, whatever their version; hide those that are gone or out of scope."""
    stored = run.store.stored_by_id(page_ids)
    lookups = look_up_stored(run.source, run.fetcher, page_ids, stored, run.context.scope.pages.kinds)
    present = pages_present(lookups, run.space)
    steps = in_scope_steps(run, present, stored, reason=reason)
    missing = write_pages(run, Plan(steps=tuple(steps), unchanged=0), facts_of=partial(facts_of_pages, run))
    absent = missing | (set(page_ids) - present.keys())
    kinds = {lookup.page_id: lookup.kind for lookup in lookups}
    resolve_missing(run, absent, stored, known_pages=present, kinds=kinds, shown=False)


def pages_present(lookups: Iterable[LookupResult], space: Space) -> dict[str, ContentKind]:
    """Return those of the pages that a lookup by id shows as current pages of the space."""
    return {lookup.page_id: lookup.kind for lookup in lookups if lookup.is_current_in(space)}


def in_scope_steps(run: SpaceRun, pages: KindById, stored: Mapping[str, StoredPage], *, reason: str) -> list[Step]:
    """Return the steps that fetch those of the pages which are in scope.

    A stored page that is not in scope, or whose scope is not known, is hidden.
    """
    scopes = scope_of_pages(run.source, run.fetcher, dict(sorted(pages.items())), run.context.scope.pages)
    record_unknown_scope(run, scopes)
    outside = (
        decide_out_of_scope(stored[page_id], scope)
        for page_id, scope in scopes.items()
        if not scope.in_scope and page_id in stored and not stored[page_id].removed
    )
    run.hide([decision for decision in outside if decision.was_live or decision.is_new])
    run.store.forget_failures([page_id for page_id, scope in scopes.items() if scope.in_scope is False])
    return [
        step_of(
            _action(stored.get(page_id)),
            page_id,
            None,
            stored.get(page_id),
            reason,
            fetch=True,
            parent_id=scope.parent_id,
            kind=pages[page_id],
        )
        for page_id, scope in scopes.items()
        if scope.in_scope
    ]


def _action(page: StoredPage | None) -> Action:
    if page is None:
        return Action.INSERT
    return Action.UPDATE if page.live else Action.RESTORE


def locate_pages(
    context: SyncContext, fetcher: BodyFetcher, page_ids: Sequence[str], spaces: Sequence[Space]
) -> dict[Space, list[str]]:
    """Return the ids of the requested pages by space.

    A page is looked for in Confluence first and in the mirror then, so that one that is gone there can be hidden here.
    Raise UsageError for a page that is in neither, in a space out of scope, or out of scope itself. If the mirror shows
    such a page, it is hidden and nothing is raised.
    """
    by_id = {space.id: space for space in spaces}
    by_key = {space.key: space for space in spaces}
    ids = list(dict.fromkeys(page_ids))
    stored = context.store.stored_by_id(ids)
    found = look_up_stored(context.source, fetcher, ids, stored, tuple(ContentKind))
    lookups = dict(zip(ids, found, strict=True))
    located: dict[Space, list[str]] = {}
    for page_id in ids:
        space = by_id.get(lookups[page_id].space_id or "")
        if space is None and page_id in stored:
            space = by_key.get(stored[page_id].space_key)
        if space is None:
            raise UsageError(
                f"Page {page_id} is in none of the mirrored spaces, as far as the account can see. "
                "Check its address, and confluence.spaces."
            )
        located.setdefault(space, []).append(page_id)
    present = {
        page_id: lookups[page_id].kind
        for space, some in located.items()
        for page_id in some
        if lookups[page_id].is_current_in(space)
    }
    for page_id, scope in scope_of_pages(context.source, fetcher, present, context.scope.pages).items():
        if scope.in_scope is False and not (page_id in stored and stored[page_id].live):
            raise UsageError(f"Page {page_id} is out of scope: {scope.rule}. Change the settings, or leave it out.")
    return located
