"""Finds out which listed pages lie in the configured page trees. Asks Confluence for folders, which no list shows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Listing, StoredPage
from hr_sync.domain.scope import PageScope, unknown_above
from hr_sync.errors import AccessDenied, NotFound

#: Kinds of parents that stand at the top here: a page tree is not chosen by one, nor by what is above it.
UNLISTED = frozenset({"whiteboard", "database", "embed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A listing, parted by the scope."""

    inside: Listing
    outside: frozenset[str]  #: ids that are listed and out of scope

    def without_outside(self, stored: Mapping[str, StoredPage]) -> Mapping[str, StoredPage]:
        """Leave out the stored pages that are listed outside, since they are not absent."""
        if not self.outside:
            return stored
        return {page_id: page for page_id, page in stored.items() if page_id not in self.outside}


def place(reader: Source, listing: Listing, scope: PageScope) -> Placed:
    """Part a listing into what is in scope and what is not. Raises what the reader raises.

    A page that cannot be read counts as inside, and one whose place cannot be found out as one that cannot be read:
    nothing may be concluded about them.
    """
    if not scope.by_tree:
        return Placed(inside=listing, outside=frozenset())
    parents, lost = chains(reader, listing)
    covered = {page_id: scope.covers(page_id, parents, lost) for page_id in listing.heads}
    inside = {page_id: head for page_id, head in listing.heads.items() if covered[page_id]}
    unplaced = [page_id for page_id in covered if covered[page_id] is None]
    unreadable = {**listing.unreadable, **dict.fromkeys(unplaced, "its place in the page trees cannot be seen")}
    return Placed(
        inside=replace(listing, heads=inside, unreadable=unreadable),
        outside=frozenset(page_id for page_id in covered if covered[page_id] is False),
    )


def chains(reader: Source, listing: Listing) -> tuple[dict[str, str | None], set[str]]:
    """Find the parent of every page and folder up to the top, and those whose parent is not to be seen.

    Parents of kinds that are `UNLISTED` stand at the top. Raises what the reader raises.
    """
    heads = listing.heads.values()
    parents = {head.id: head.parent_id for head in heads}
    for head in heads:
        if head.parent_id is not None and head.parent_type in UNLISTED:
            parents[head.parent_id] = None
    lost = set()
    while unknown := unknown_above(parents):
        for node_id in sorted(unknown):
            try:
                parents[node_id] = reader.parent_of(node_id)
            except (NotFound, AccessDenied):
                parents[node_id] = None
                lost.add(node_id)
    return parents, lost
