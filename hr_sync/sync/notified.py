"""What somebody says has changed: it is looked up, and read again as far as it is in scope.

Nothing is removed here, and nothing is believed: a page or space that Confluence does not show, or that is out of
scope, is ignored.
"""

from collections.abc import Mapping, Sequence

from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.deletion import LookupResult
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.scope import same_space_key
from hr_sync.sync.access import read_access
from hr_sync.sync.by_id import write_by_id
from hr_sync.sync.context import JobKind, Notified, SpaceJob, SpaceRun, SyncContext, SyncRequest
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import AccessResult, SpaceResult, finish
from hr_sync.sync.kinds import look_up_many, look_up_stored


def sync_notified(run: SpaceRun) -> SpaceReport:
    """Write the pages of the job with their own restrictions, then bring the access to their space up to date.

    The pages come first: they are what has changed, and the pass over a large space takes a while.
    """
    page_ids = sorted(set(run.job.page_ids))
    if page_ids:
        write_by_id(run, page_ids, reason="notified")
    access = read_access(run) if run.context.policy.reads_access else AccessResult()
    return finish(run, SpaceResult(looked_at_all=False, access=access))


def notified_jobs(
    context: SyncContext, fetcher: BodyFetcher, request: SyncRequest, spaces: Sequence[Space], *, run_id: int
) -> list[SpaceJob]:
    """Return a job for each of the spaces that has to be read again, with its pages.

    Where the settings do not enforce access, nothing of a space itself is to be read, so that only pages count.
    """
    notified = request.notified or Notified()
    pages = _pages_by_space(context, fetcher, notified.page_ids, spaces)
    named: Sequence[Space] = []
    if context.policy.reads_access:
        located = {page_id for some in pages.values() for page_id in some}
        others = [page_id for page_id in notified.page_ids if page_id not in located]
        named = _named_spaces(context, notified, others, spaces)
    mirrored = frozenset(space.id for space in spaces)
    return [
        SpaceJob(
            kind=JobKind.NOTIFIED,
            space=space,
            run_id=run_id,
            request=request,
            mirrored_space_ids=mirrored,
            page_ids=pages.get(space, ()),
        )
        for space in spaces
        if space in pages or space in named
    ]


def _pages_by_space(
    context: SyncContext, fetcher: BodyFetcher, page_ids: Sequence[str], spaces: Sequence[Space]
) -> dict[Space, list[str]]:
    """Return the pages that are in one of the spaces, or of which the mirror has a row there."""
    ids = list(dict.fromkeys(page_ids))
    if not ids:
        return {}
    by_id = {space.id: space for space in spaces}
    by_key = {space.key: space for space in spaces}
    stored = context.store.stored_by_id(ids)
    found: dict[Space, list[str]] = {}
    for page_id, lookup in _lookups(context, fetcher, ids, stored).items():
        row, space = stored.get(page_id), by_id.get(lookup.space_id or "")
        if row is None and (space is None or not lookup.is_current_in(space)):
            continue
        if space is None and row is not None:
            space = by_id.get(row.space_id or "") or by_key.get(row.space_key)
        if space is not None:
            found.setdefault(space, []).append(page_id)
    return found


def _lookups(
    context: SyncContext, fetcher: BodyFetcher, ids: Sequence[str], stored: Mapping[str, StoredPage]
) -> dict[str, LookupResult]:
    kinds = context.scope.pages.kinds
    found = look_up_many(context.source, {each: stored[each].kind if each in stored else kinds[0] for each in ids})
    others = [page_id for page_id in ids if page_id not in found]
    return found | dict(zip(others, look_up_stored(context.source, fetcher, others, stored, kinds), strict=True))


def _named_spaces(
    context: SyncContext, notified: Notified, other_ids: Sequence[str], spaces: Sequence[Space]
) -> Sequence[Space]:
    """Return the spaces that are named, and those of stored nodes that are: folders have no lookup as pages have."""
    if notified.every_space:
        return spaces
    ids = {*notified.space_ids, *context.store.spaces_of_nodes(other_ids)}

    def is_named(space: Space) -> bool:
        names = [name for name in (space.key, space.alias) if name]
        return space.id in ids or any(same_space_key(key, name) for key in notified.space_keys for name in names)

    return [space for space in spaces if is_named(space)]
