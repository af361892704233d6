"""One space in one full run: list, plan, fetch, write, ask, remove, record. Reads as the algorithm."""

from collections.abc import Mapping

from sqlalchemy.orm import Session, sessionmaker

from hr_sync.database.engine import session_scope
from hr_sync.database.stored import position_of_space, stored_by_id, stored_of_space
from hr_sync.model.certificate import root_hash
from hr_sync.model.page import Listing, StoredPage
from hr_sync.model.plan import Action, make_plan
from hr_sync.model.removal import Ruling, Verdict, out_of_scope
from hr_sync.model.report import SpaceReport
from hr_sync.sync.border import clean_listing
from hr_sync.sync.closing import Findings, close_space
from hr_sync.sync.placing import place
from hr_sync.sync.questions import ask
from hr_sync.sync.vanished import rule_on_vanished
from hr_sync.sync.work import Work, carry_out, note_unreadable, write_bodies, write_heads


def sync_space(work: Work) -> SpaceReport:
    """Bring the mirror of one space up to date. Raises HrSyncError; what was committed before stays, and is right."""
    listing = clean_listing(work.mirror.reader.listing(work.space))
    placed = place(work.mirror.reader, listing, work.mirror.scope.pages)
    stored = stored_pages(work.mirror.sessions, listing)
    plan = make_plan(placed.inside, placed.without_outside(stored), every_page=work.order.every_page)
    work.counts.listed = len(listing.heads) + len(listing.unreadable)
    work.counts.unchanged = plan.unchanged

    note_unreadable(work, listing.unreadable)
    vanished = write_bodies(work, plan.fetches)
    write_heads(work, plan.having(Action.MOVE))

    known_page = next(iter(listing.heads), None)
    gone = rule_on_vanished(work, vanished, stored, known_page=known_page)
    questions = [stored[step.page_id] for step in plan.having(Action.QUESTION)]
    rulings = ask(
        work.mirror.reader,
        work.space,
        questions,
        known_page=known_page,
        mirrored_space_ids=work.mirrored_space_ids,
    )
    narrowed = out_of_scope(stored[page_id] for page_id in sorted(placed.outside & stored.keys()))
    unconfirmed = _unconfirmed(work, narrowed)
    live_pages = sum(page.live for page in stored.values())
    if not unconfirmed:
        carry_out(work, narrowed, live_pages=live_pages, confirmed=work.order.accept_narrower_scope)
    held = carry_out(work, [*gone, *rulings], live_pages=live_pages)
    return close_space(
        work,
        Findings(
            looked_at_all=True,
            listed_all=True,
            wrongly_absent=sum(ruling.verdict is Verdict.KEEP for ruling in rulings),
            held=held,
            narrowed=unconfirmed,
            watermark=max((head.last_updated for head in listing.heads.values()), default=None),
            root_hash=root_hash(placed.inside.heads.values()),
            scope_fingerprint=work.mirror.scope.pages.fingerprint,
        ),
    )


def stored_pages(sessions: sessionmaker[Session], listing: Listing) -> Mapping[str, StoredPage]:
    """Read the rows of the space, and those of listed pages that the mirror still has in another space."""
    with session_scope(sessions) as session:
        stored = stored_of_space(session, listing.space.key)
        unknown = [page_id for page_id in listing.heads if page_id not in stored]
        return stored | stored_by_id(session, unknown) if unknown else stored


def _unconfirmed(work: Work, narrowed: list[Ruling]) -> int:
    """Count the pages that only a changed configuration puts out of scope, unless somebody has confirmed it.

    A page that left a page tree by itself, under an unchanged configuration, is an ordinary removal.
    """
    if not narrowed or work.order.accept_narrower_scope:
        return 0
    with session_scope(work.mirror.sessions) as session:
        before = position_of_space(session, work.space.key).scope_fingerprint
    return len(narrowed) if before != work.mirror.scope.pages.fingerprint else 0
