"""One space in one incremental run: what changed since the last pass, as far as versions tell. Removes nothing."""

from collections.abc import Mapping
from dataclasses import replace

from hr_sync.domain.content import RecentChanges, StoredPage
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action, plan_recent
from hr_sync.store.engine import session_scope
from hr_sync.store.read.state import position_of_space, stored_by_id
from hr_sync.store.write.failures import due
from hr_sync.sync.apply import SpaceContext, note_unreadable, write_bodies, write_heads
from hr_sync.sync.finish import SpaceResult, finish_space
from hr_sync.sync.full import sync_full
from hr_sync.sync.missing_bodies import rule_on_vanished
from hr_sync.sync.requested_pages import out_of_scope
from hr_sync.sync.sanitize import sanitize_recent


def sync_incremental(work: SpaceContext) -> SpaceReport:
    """Bring in what changed lately, and try again what failed and is due.

    The first pass over a space, and the first under another scope, is a full one.
    """
    with session_scope(work.mirror.sessions) as session:
        position = position_of_space(session, work.space.key)
        due_again = due(session, work.space.key)
    if position.watermark is None or position.scope_fingerprint != work.mirror.scope.pages.fingerprint:
        return sync_full(work)
    others = out_of_scope(work.mirror.reader, work.space, due_again, work.mirror.scope.pages)
    due_again = [page_id for page_id in due_again if page_id not in others]
    work = replace(work, since=position.watermark)
    recent = sanitize_recent(work.mirror.reader.recent(work.space, position.watermark - work.mirror.overlap))
    stored = _stored(work, recent, due_again)
    recent = _in_scope(work, recent, stored)
    plan = plan_recent(recent, stored, due=due_again)
    work.counts.listed = len(recent.heads)
    work.counts.unchanged = plan.unchanged

    note_unreadable(work, recent.unreadable)
    vanished = write_bodies(work, plan.fetches)
    write_heads(work, plan.having(Action.MOVE))
    # What is gone stays as it is until a full run asks; what is there and was not given is remembered.
    rule_on_vanished(work, vanished, stored, known_page=next(iter(recent.heads), None))
    newest = max((head.last_updated for head in recent.heads.values()), default=position.watermark)
    return finish_space(work, SpaceResult(looked_at_all=True, watermark=max(newest, position.watermark)))


def _stored(work: SpaceContext, recent: RecentChanges, due_again: list[str]) -> Mapping[str, StoredPage]:
    with session_scope(work.mirror.sessions) as session:
        parents = [head.parent_id for head in recent.heads.values() if head.parent_id is not None]
        return stored_by_id(session, {*recent.heads, *due_again, *parents})


def _in_scope(work: SpaceContext, recent: RecentChanges, stored: Mapping[str, StoredPage]) -> RecentChanges:
    """Leave to the full run the pages of which only a whole listing tells whether they lie in a page tree.

    What is live is in scope until a full run says otherwise, and so is what lies directly below something live. Labels
    are asked of the page itself.
    """
    scope, reader = work.mirror.scope.pages, work.mirror.reader
    live = {page_id for page_id, page in stored.items() if page.live}
    heads = recent.heads
    if scope.by_tree:
        heads = {
            page_id: head
            for page_id, head in heads.items()
            if page_id not in scope.exclude_page_trees and (page_id in live or head.parent_id in live)
        }
    if scope.by_label:
        heads = {
            page_id: head
            for page_id, head in heads.items()
            if page_id in live or scope.covers_labels(reader.labels_of(page_id))
        }
    return replace(recent, heads=heads)
