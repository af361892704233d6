"""One space in one full run: list, plan, fetch, write, ask, remove, compare badges, record. Reads as the algorithm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from hr_sync.domain.certificate import listing_digest
from hr_sync.domain.content import Listing, StoredPage
from hr_sync.domain.deletion import Ruling, Verdict, out_of_scope
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action, make_plan
from hr_sync.store.engine import session_scope
from hr_sync.store.read.state import position_of_space, stored_by_id, stored_of_space
from hr_sync.sync.access import refresh_access
from hr_sync.sync.apply import SpaceContext, carry_out, note_unreadable, write_bodies, write_heads
from hr_sync.sync.finish import SpaceResult, finish_space
from hr_sync.sync.labels import in_scope
from hr_sync.sync.missing_bodies import ask_for, rule_on_vanished
from hr_sync.sync.sanitize import sanitize_listing


def sync_full(work: SpaceContext) -> SpaceReport:
    """Bring the mirror of one space up to date. Raises HrSyncError; what was committed before stays, and is right."""
    listing = sanitize_listing(work.mirror.reader.listing(work.space))
    stored = stored_pages(work.mirror.sessions, listing)
    live = {page_id for page_id, page in stored.items() if page.live}
    placed = in_scope(work.mirror.reader, listing, work.mirror.scope.pages, live=live)
    plan = make_plan(placed.inside, placed.without_outside(stored), every_page=work.order.every_page)
    work.counts.listed = len(listing.heads) + len(listing.unreadable)
    work.counts.unchanged = plan.unchanged

    note_unreadable(work, placed.inside.unreadable)
    vanished = write_bodies(work, plan.fetches)
    write_heads(work, plan.having(Action.MOVE))

    known_page = next(iter(listing.heads), None)
    gone = rule_on_vanished(work, vanished, stored, known_page=known_page)
    questions = [stored[step.page_id] for step in plan.having(Action.QUESTION)]
    rulings = ask_for(work, questions, known_page=known_page)
    outside = [stored[page_id] for page_id in sorted(placed.outside & stored.keys())]
    left = _leave_scope(work, out_of_scope(outside), live_pages=len(live))
    held = carry_out(work, [*gone, *rulings, *left.by_themselves], live_pages=len(live))
    attributes = refresh_access(work, listing)
    return finish_space(
        work,
        SpaceResult(
            looked_at_all=True,
            listed_all=True,
            wrongly_absent=sum(ruling.verdict is Verdict.KEEP for ruling in rulings),
            held=held,
            narrowed=left.unconfirmed,
            watermark=max((head.last_updated for head in listing.heads.values()), default=None),
            listing_digest=listing_digest(placed.inside.heads.values()),
            scope_fingerprint=work.mirror.scope.pages.fingerprint,
            attributes=attributes,
        ),
    )


def stored_pages(sessions: sessionmaker[Session], listing: Listing) -> Mapping[str, StoredPage]:
    """Read the rows of the space, and those of listed pages that the mirror still has in another space."""
    with session_scope(sessions) as session:
        stored = stored_of_space(session, listing.space.key)
        unknown = [page_id for page_id in listing.heads if page_id not in stored]
        return stored | stored_by_id(session, unknown) if unknown else stored


@dataclass(frozen=True, kw_only=True, slots=True)
class _Left:
    """Pages that are listed outside of the scope and are still there."""

    by_themselves: Sequence[Ruling] = ()  #: moved out of a page tree: ordinary removals, under the guard
    unconfirmed: int = 0  #: a changed configuration put them there; they stay until somebody says that it was meant


def _leave_scope(work: SpaceContext, rulings: Sequence[Ruling], *, live_pages: int) -> _Left:
    """Part the pages that are listed outside of the scope by why they are; remove them when somebody confirmed it."""
    if not rulings:
        return _Left()
    if work.order.accept_narrower_scope:
        carry_out(work, rulings, live_pages=live_pages, confirmed=True)
        return _Left()
    with session_scope(work.mirror.sessions) as session:
        before = position_of_space(session, work.space.key).scope_fingerprint
    if before != work.mirror.scope.pages.fingerprint:
        return _Left(unconfirmed=len(rulings))
    return _Left(by_themselves=rulings)
