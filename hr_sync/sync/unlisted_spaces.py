"""Spaces that the mirror holds something of, and that a full run no longer comes by: out of sight, or out of scope."""

from collections.abc import Sequence

from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.deletion import Ruling, Verdict, out_of_scope, rule, space_archived
from hr_sync.domain.outcome import SpaceReport
from hr_sync.errors import AccessDenied, NotFound
from hr_sync.store.engine import session_scope
from hr_sync.store.read.state import spaces_held, stored_of_space
from hr_sync.sync.apply import SpaceContext, carry_out
from hr_sync.sync.context import SyncContext
from hr_sync.sync.finish import SpaceResult, finish_space
from hr_sync.sync.spaces import InScope, covers


def departed_spaces(mirror: SyncContext, spaces: InScope) -> tuple[Sequence[Space], Sequence[Space]]:
    """Return the spaces that the mirror holds something of and that are out of sight, and those out of the scope."""
    with session_scope(mirror.sessions) as session:
        held = spaces_held(session)
    seen = {space.key for space in spaces.every}
    away = [space for space in held if space.key not in seen]
    return (
        [space for space in away if covers(mirror.scope, space.key)],
        [space for space in away if not covers(mirror.scope, space.key)],
    )


def reconcile_inaccessible_space(work: SpaceContext) -> SpaceReport:
    """Deal with a space that no list of spaces shows any more: archived, or out of the account's sight.

    An archived space says so. Otherwise every page is asked about by id, since revoked pages must vanish now; there the
    account alone vouches for the answers. That a whole space leaves at once is for the guard to judge.
    """
    with session_scope(work.mirror.sessions) as session:
        rows = stored_of_space(session, work.space.key)
    stored = [page for page in rows.values() if not page.removed]
    rulings = space_archived(stored) if _is_archived(work) else _ruled_by_id(work, stored)
    held = carry_out(work, rulings, live_pages=sum(page.live for page in stored))
    kept = sum(ruling.verdict is Verdict.KEEP for ruling in rulings)
    departed = not kept and not held
    return finish_space(work, SpaceResult(looked_at_all=False, departed=departed, wrongly_absent=kept, held=held))


def _is_archived(work: SpaceContext) -> bool:
    try:
        return work.mirror.reader.see_space(work.space).status == "archived"
    except (NotFound, AccessDenied):
        return False


def _ruled_by_id(work: SpaceContext, pages: Sequence[StoredPage]) -> list[Ruling]:
    reader = work.mirror.reader
    reader.check_account()
    evidence = reader.look(sorted(page.id for page in pages))
    reader.check_account()
    return [
        rule(evidence[page.id], page, space_id=work.space.id, mirrored_space_ids=work.mirrored_space_ids)
        for page in pages
    ]


def reconcile_unconfigured_space(work: SpaceContext) -> SpaceReport:
    """Remove the pages of a space that the configuration no longer names, once somebody has confirmed it."""
    with session_scope(work.mirror.sessions) as session:
        narrowed = out_of_scope(stored_of_space(session, work.space.key).values())
    if work.order.accept_narrower_scope:
        carry_out(work, narrowed, live_pages=len(narrowed), confirmed=True)
        narrowed = []
    return finish_space(work, SpaceResult(looked_at_all=False, departed=not narrowed, narrowed=len(narrowed)))
