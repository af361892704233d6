"""What a full run would do, found out by reading alone: no lease, no run row, no page row."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from hr_sync.domain.access import AttributeStep, plan_attributes
from hr_sync.domain.content import Listing, Space
from hr_sync.domain.deletion import Ruling, leaving, out_of_scope
from hr_sync.domain.plan import Action, Plan, make_plan
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import session_scope
from hr_sync.store.write.access import stored_attributes
from hr_sync.sync.absence import ask
from hr_sync.sync.access import effective_attributes
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.fetch import PAGES_PER_REQUEST
from hr_sync.sync.full import stored_pages
from hr_sync.sync.labels import in_scope
from hr_sync.sync.sanitize import sanitize_listing
from hr_sync.sync.spaces import spaces_in_scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """The plan of one space, what the answers about absent pages would lead to, and what carrying it out costs."""

    space_key: str
    plan: Plan
    attributes: Sequence[AttributeStep]  #: where a full run compares labels and readers too
    rulings: Sequence[Ruling]
    would_hold: bool
    requests: int  #: to Confluence, for the bodies


def preview(mirror: SyncContext, order: SyncRequest) -> list[Preview]:
    """Plan every space in scope. Raises HrSyncError when Confluence or the database cannot be read."""
    with database_errors(mirror.engine):
        mirror.reader.check_account()
        spaces = spaces_in_scope(mirror.reader, mirror.scope, order)
        space_ids = frozenset(space.id for space in spaces.every)
        return [_preview(mirror, order, space, space_ids) for space in spaces.chosen]


def _preview(mirror: SyncContext, order: SyncRequest, space: Space, space_ids: frozenset[str]) -> Preview:
    listing = sanitize_listing(mirror.reader.listing(space))
    stored = stored_pages(mirror.sessions, listing)
    live = {page_id for page_id, page in stored.items() if page.live}
    placed = in_scope(mirror.reader, listing, mirror.scope.pages, live=live)
    plan = make_plan(placed.inside, placed.without_outside(stored))
    questions = [stored[step.page_id] for step in plan.having(Action.QUESTION)]
    rulings = ask(
        mirror.reader, space, questions, known_page=next(iter(listing.heads), None), mirrored_space_ids=space_ids
    )
    rulings += out_of_scope(stored[page_id] for page_id in sorted(placed.outside & stored.keys()))
    return Preview(
        space_key=space.key,
        plan=plan,
        attributes=_badges(mirror, listing) if mirror.access_with_full else (),
        rulings=rulings,
        would_hold=leaving(rulings) > mirror.guard.limit(len(live)) and not order.allow_mass_delete,
        requests=ceil(len(plan.fetches) / PAGES_PER_REQUEST),
    )


def _badges(mirror: SyncContext, listing: Listing) -> Sequence[AttributeStep]:
    with session_scope(mirror.sessions) as session:
        stored = stored_attributes(session, listing.space.key)
    return plan_attributes(effective_attributes(mirror.reader, listing, stored).attributes, stored)
