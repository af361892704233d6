"""Finds out which listed pages lie in the configured page trees. Asks Confluence for folders, which no list shows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hr_sync.confluence.reader import Reader
from hr_sync.model.page import Listing, StoredPage
from hr_sync.model.tree import PageScope, unknown_above


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


def place(reader: Reader, listing: Listing, scope: PageScope) -> Placed:
    """Part a listing into what is in scope and what is not. Raises what the reader raises.

    A page that cannot be read counts as inside: nothing may be concluded about it.
    """
    if scope.everything:
        return Placed(inside=listing, outside=frozenset())
    parents = {head.id: head.parent_id for head in listing.heads.values()}
    while unknown := unknown_above(parents):
        parents.update((node_id, reader.parent_of(node_id)) for node_id in sorted(unknown))
    inside = {page_id: head for page_id, head in listing.heads.items() if scope.covers(page_id, parents)}
    return Placed(inside=replace(listing, heads=inside), outside=frozenset(listing.heads.keys() - inside.keys()))
