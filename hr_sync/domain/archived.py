"""What to write of archived pages, where they are mirrored. Pure.

The decision table, first line that fits:

    listed as archived     stored                                     action
    ------------------     ---------------------------------------    ---------
    yes                    no                                         INSERT
    yes                    another version, or no body                UPDATE
    yes                    removed, or not hidden as archived         RESTORE   kept again, with its body
    yes                    other title, place, ...                    MOVE
    yes                    the same                                   NOTHING

A page that is live is hidden first, by its own lookup. What is written here is hidden as archived.
"""

from collections.abc import Mapping

from hr_sync.domain.content import Head, Listing, StoredPage, WithdrawalReason, metadata_digest
from hr_sync.domain.plan import Action, Plan, step_of


def plan_archived(listing: Listing, stored: Mapping[str, StoredPage]) -> Plan:
    """Compare a complete listing of archived pages with the stored rows of these pages, whatever they are."""
    steps = []
    for page_id, head in sorted(listing.heads.items()):
        kept = stored.get(page_id)
        action, fetch, reason = _decide(head, kept)
        if action is not Action.NOTHING:
            steps.append(step_of(action, page_id, head, kept, reason, fetch=fetch))
    return Plan(steps=tuple(steps), unchanged=len(listing.heads) - len(steps))


def is_kept_as_archived(page: StoredPage) -> bool:
    """Return True if a stored page is hidden because it is archived, and not removed."""
    return page.hidden_reason is WithdrawalReason.ARCHIVED and not page.removed


def _decide(head: Head, stored: StoredPage | None) -> tuple[Action, bool, str]:
    if stored is None:
        return Action.INSERT, True, "new, archived"
    if stored.version != head.version or not stored.has_body:
        return Action.UPDATE, True, f"archived, version {stored.version} → {head.version}"
    if not is_kept_as_archived(stored):
        return Action.RESTORE, False, "listed as archived"
    if metadata_digest(head) != stored.metadata_digest:
        return Action.MOVE, False, "archived, title, place, status or address changed"
    return Action.NOTHING, False, "unchanged"
