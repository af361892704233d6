"""Fetches single pages again, whatever their version, because somebody asked for them by id."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action, Step
from hr_sync.errors import UsageError
from hr_sync.store.engine import session_scope
from hr_sync.store.read.state import stored_by_id
from hr_sync.store.write.failures import outstanding
from hr_sync.sync.apply import SpaceContext, carry_out, write_bodies
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.finish import SpaceResult, finish_space
from hr_sync.sync.missing_bodies import rule_on_vanished
from hr_sync.sync.requested_pages import out_of_scope


def page_tasks(
    mirror: SyncContext, order: SyncRequest, spaces: Sequence[Space]
) -> dict[Space, Callable[[SpaceContext], SpaceReport]]:
    """Give, for each space that one of the ordered pages is in, the task of fetching them again.

    A page is looked for in Confluence first and in the mirror then, so that one that has gone there is dealt with here.
    Raises UsageError for a page that is in neither, in a space out of scope, or out of scope itself.
    """
    by_id = {space.id: space for space in spaces}
    by_key = {space.key: space for space in spaces}
    with session_scope(mirror.sessions) as session:
        stored = stored_by_id(session, order.page_ids)
    sights = mirror.reader.look(order.page_ids)
    pages: dict[Space, list[str]] = {}
    for page_id in dict.fromkeys(order.page_ids):
        space = by_id.get(sights[page_id].space_id or "")
        if space is None and page_id in stored:
            space = by_key.get(stored[page_id].space_key)
        if space is None:
            raise UsageError(
                f"Page {page_id} is in none of the mirrored spaces, as far as the account can see. "
                "Check its address, and confluence.spaces."
            )
        pages.setdefault(space, []).append(page_id)
    _refuse_others(mirror, pages)
    return {space: partial(fetch_again, page_ids=page_ids) for space, page_ids in pages.items()}


def _refuse_others(mirror: SyncContext, pages: Mapping[Space, Sequence[str]]) -> None:
    for space, page_ids in pages.items():
        for page_id, rule in out_of_scope(mirror.reader, space, page_ids, mirror.scope.pages).items():
            raise UsageError(f"Page {page_id} is out of scope: {rule}. Change the settings, or leave it out.")


def fetch_again(work: SpaceContext, *, page_ids: Sequence[str]) -> SpaceReport:
    """Fetch and write these pages of one space; a page that is not to be had any more is asked about and marked."""
    with session_scope(work.mirror.sessions) as session:
        stored = stored_by_id(session, page_ids)
    vanished = write_bodies(work, [_step(page_id, stored.get(page_id)) for page_id in sorted(page_ids)])
    gone = rule_on_vanished(work, vanished, stored, known_page=None)
    held = carry_out(work, gone, live_pages=0)
    return finish_space(work, SpaceResult(looked_at_all=False, held=held))


def fetch_failed(work: SpaceContext) -> SpaceReport:
    """Fetch the pages of one space that failed, however lately that was, but for those that are out of scope by now."""
    with session_scope(work.mirror.sessions) as session:
        failed = outstanding(session, work.space.key)
    others = out_of_scope(work.mirror.reader, work.space, failed, work.mirror.scope.pages)
    return fetch_again(work, page_ids=[page_id for page_id in failed if page_id not in others])


def _step(page_id: str, stored: StoredPage | None) -> Step:
    known = Action.UPDATE if stored and stored.live else Action.RESTORE
    return Step(action=known if stored else Action.INSERT, page_id=page_id, head=None, reason="asked for")
