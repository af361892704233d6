"""What belongs to pages and is listed by space: attachments and comments. What is written, looked up, withdrawn. Pure.

An item is shown with its page and never without it: who may read it is decided by the page alone, and a page that is
hidden or removed hides its items without a word about them in their rows.

Listings of items come from the search index, which lags. Hence the table, first line that fits:

    listing shows it        page         stored                   step
    --------------------    ---------    ---------------------    ------------------------------------------------
    on something else       -            nothing                  counted as not mirrored
    on a page               not stored   nothing                  counted as not mirrored
    elsewhere than stored   not stored   live                     VERIFY   a lookup by id decides
    on a page               stored       nothing                  WRITE    new
    on a page               stored       switched off before      WRITE    nobody had evidence that it was gone
    on a page               stored       hidden or removed        LOOK UP  a list that may lag brings nothing back
    on a page               stored       a newer version          LOOK UP  likewise
    on a page               stored       other version or digest  WRITE
    on a page               stored       of another space         WRITE    its page was moved here
    on a page               stored       the same                 nothing
    unreadable              -            anything                 fails alone; its last good row stays
    no                      live         not removed              VERIFY   absence is a question, not evidence
    no                      not live     anything                 nothing: it is not shown, and asked about later
    no                      moved away   anything                 nothing: the pass over its space decides

Here "on a page, stored" means: a page that the space has just shown and that is not removed. Rows of what is removed
are kept as long as that of their page, and erased in time: without them what an index still lists would be new.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import ItemKind, Space, StoredItem, WithdrawalReason
from hr_sync.domain.deletion import (
    DeletionAction,
    DeletionDecision,
    DeletionPlan,
    HoldState,
    LookupResult,
    LookupStatus,
    decide_absent,
    withdraw,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.holds import NOTHING_LEAVES, Leaving, hold_across_spaces


class PageItem(Protocol):
    """An attachment or a comment, as Confluence describes it."""

    @property
    def id(self) -> str:
        """Confluence's id."""

    @property
    def page_id(self) -> str | None:
        """The page that it belongs to; None where it belongs to something else."""

    @property
    def version(self) -> int:
        """Confluence's version number."""

    @property
    def status(self) -> str:
        """As Confluence says it; only `current` is ever shown."""

    @property
    def metadata_digest(self) -> str:
        """SHA-256 hex over what may change without a new version."""


# Generic values have no slots: Python 3.11 cannot make a frozen one with slots by an alias such as AttachmentListing.
Item = TypeVar("Item", bound=PageItem)


@dataclass(frozen=True, kw_only=True)
class ItemListing(Generic[Item]):
    """What the search index holds of one kind of items of one space, read to the end."""

    items: Mapping[str, Item]  #: by id
    unreadable: Mapping[str, str]  #: id → what was wrong


@dataclass(frozen=True, kw_only=True)
class ItemLookup(Generic[Item]):
    """The answer to the lookup of one item by id."""

    result: LookupStatus
    item: Item | None = None  #: where found


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPageItem(StoredItem):
    """What the mirror knows of one item."""

    page_id: str
    space_id: str | None  #: of the space in whose listing it was last written
    page_is_live: bool  #: its page is neither hidden nor removed

    @property
    def is_switched_off(self) -> bool:
        """Return True if it is hidden because the settings do not include its kind, and for no other reason."""
        return self.hidden_reason is WithdrawalReason.OUT_OF_SCOPE and not self.removed


@dataclass(frozen=True, kw_only=True)
class ItemWrite(Generic[Item]):
    """One item to write."""

    action: ChangeAction  #: INSERT, UPDATE or RESTORE
    reason: str  #: in words for an operator
    item: Item


@dataclass(frozen=True, kw_only=True)
class ItemPlan(Generic[Item]):
    """The steps of one space, each sorted by id."""

    writes: tuple[ItemWrite[Item], ...] = ()
    look_up: tuple[StoredPageItem, ...] = ()  #: listed, and a lookup by id decides what is written
    verify: tuple[StoredPageItem, ...] = ()  #: not listed, or elsewhere: a lookup by id decides what is withdrawn
    not_mirrored: int = 0  #: of what is not mirrored


def plan_items(
    listing: ItemListing[Item], stored: Mapping[str, StoredPageItem], pages: frozenset[str], *, space_id: str
) -> ItemPlan[Item]:
    """Compare a whole listing with the stored items of its space, and of listed ones in other spaces.

    `pages`: the ids of the pages that the space has now and that are stored and not removed. A page that was moved to
    another space takes its items with it.
    """
    plan = plan_recent_items(listing, stored, pages, space_id=space_id)
    verify = [
        row
        for item_id, row in stored.items()
        if row.page_id in pages and row.page_is_live and not row.removed and not _is_listed(listing, item_id, pages)
    ]
    return replace(plan, verify=_by_id(verify))


def plan_recent_items(
    listing: ItemListing[Item], stored: Mapping[str, StoredPageItem], pages: frozenset[str], *, space_id: str
) -> ItemPlan[Item]:
    """Do the same for a list of what changed lately, in which nothing is absent."""
    writes: list[ItemWrite[Item]] = []
    look_up: list[StoredPageItem] = []
    not_mirrored = 0
    for _, found in sorted(listing.items.items()):
        row = stored.get(found.id)
        if found.page_id not in pages:
            not_mirrored += 1
        elif row is None:
            writes.append(ItemWrite(action=ChangeAction.INSERT, reason="new", item=found))
        elif row.is_switched_off:
            reason = "it is mirrored again"
            writes.append(ItemWrite(action=ChangeAction.RESTORE, reason=reason, item=found))
        elif not row.live or found.version < row.version:
            look_up.append(row)
        elif difference := _difference(row, found, space_id):
            writes.append(ItemWrite(action=ChangeAction.UPDATE, reason=difference, item=found))
    return ItemPlan(writes=tuple(writes), look_up=_by_id(look_up), not_mirrored=not_mirrored)


def write_after_lookup(
    row: StoredPageItem, lookup: ItemLookup[Item], pages: frozenset[str], *, space_id: str
) -> ItemWrite[Item] | None:
    """Return what is written of a listed item after its lookup by id; None: nothing."""
    found = lookup.item
    if found is None or found.status != "current" or found.page_id not in pages:
        return None
    if not row.live:
        return ItemWrite(action=ChangeAction.RESTORE, reason="it is listed again", item=found)
    reason = _difference(row, found, space_id)
    return ItemWrite(action=ChangeAction.UPDATE, reason=reason, item=found) if reason else None


def decide_unlisted(
    row: StoredPageItem, lookup: ItemLookup[Item], *, space: Space, hold: HoldState
) -> DeletionDecision:
    """Decide about an item that the listing lacks, by the table of `deletion.py`.

    One that is on another page by now leaves the page that it is stored with, whose readers may be others.
    """
    found = lookup.item
    if found is not None and found.status == "current" and found.page_id != row.page_id:
        return withdraw(row, DeletionAction.REMOVE, WithdrawalReason.MOVED, "it belongs to something else now")
    result = LookupResult(
        page_id=row.id,
        result=lookup.result,
        status=None if found is None else found.status,
        space_id=space.id,
    )
    return decide_absent(row, result, space_id=space.id, mirrored_space_ids=frozenset(), hold=hold)


def decide_switched_off(row: StoredPageItem) -> DeletionDecision:
    """Decide about an item whose kind the settings do not include (any more): hidden, and never removed."""
    evidence = "confluence.include does not name its kind"
    return withdraw(row, DeletionAction.HIDE_UNKNOWN, WithdrawalReason.OUT_OF_SCOPE, evidence)


def hold_items_across_spaces(
    plans: Mapping[str, Mapping[ItemKind, DeletionPlan]],
    limit: DeletionLimit,
    *,
    allow: bool = False,
    others: Mapping[str, Leaving] = MappingProxyType({}),
) -> Mapping[str, Mapping[ItemKind, DeletionPlan]]:
    """Do what `hold_across_spaces` does, for each kind of items by itself; `plans` by space key."""
    held: dict[str, dict[ItemKind, DeletionPlan]] = {key: {} for key in plans}
    for kind in ItemKind:
        of_kind = {key: each[kind] for key, each in plans.items() if kind in each}
        there = others.get(kind.value, NOTHING_LEAVES)
        for key, plan in hold_across_spaces(of_kind, limit, allow=allow, what=kind.value, others=there).items():
            held[key][kind] = plan
    return held


def _is_listed(listing: ItemListing[Item], item_id: str, pages: frozenset[str]) -> bool:
    """Return True if the listing shows an item on a page of the space, or in a way that cannot be read."""
    item = listing.items.get(item_id)
    return item_id in listing.unreadable or (item is not None and item.page_id in pages)


def _difference(row: StoredPageItem, found: PageItem, space_id: str) -> str | None:
    """Return what differs from the row, in words for an operator; None: nothing."""
    if found.version != row.version:
        return f"version {row.version} → {found.version}"
    if found.metadata_digest != row.metadata_digest:
        return "its description or its page changed"
    return None if row.space_id == space_id else "its page was moved to this space"


def _by_id(rows: list[StoredPageItem]) -> tuple[StoredPageItem, ...]:
    return tuple(sorted(rows, key=lambda row: row.id))
