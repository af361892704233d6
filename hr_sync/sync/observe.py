"""The input of a full pass: the listing of a space, its stored rows, and the scope. Read only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Listing, Space, StoredPage
from hr_sync.domain.deletion import LookupStatus
from hr_sync.domain.scope import PageScope, ScopeDecision
from hr_sync.store.space_store import SpaceReader
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.scope import split_by_scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One space at the beginning of a full pass."""

    listing: Listing  #: everything in the source
    in_scope: Listing  #: the part of it that is mirrored
    others: Mapping[str, ScopeDecision]  #: id → why a listed page is not in scope, or that it is not known
    stored: Mapping[str, StoredPage]  #: rows of this space, and rows of listed pages in other spaces

    @property
    def comparable(self) -> Mapping[str, StoredPage]:
        """Return the stored pages that the plan compares: those that the scope has not decided about."""
        if not self.others:
            return self.stored
        return {page_id: page for page_id, page in self.stored.items() if page_id not in self.others}


def observe(source: Source, store: SpaceReader, fetcher: BodyFetcher, space: Space, scope: PageScope) -> Observed:
    """Read the input of a full pass. Raise what `Source` raises."""
    listing = source.listing(space)
    stored = store.stored_pages()
    unknown = [page_id for page_id in listing.heads if page_id not in stored]
    elsewhere = store.stored_by_id(unknown) if unknown else {}
    listing = _without_stale_entries(source, fetcher, listing, elsewhere)
    rows = {**stored, **{page_id: page for page_id, page in elsewhere.items() if page_id in listing.heads}}
    scoped = split_by_scope(source, fetcher, listing, rows, scope)
    return Observed(listing=listing, in_scope=scoped.in_scope, others=scoped.others, stored=rows)


def _without_stale_entries(
    source: Source, fetcher: BodyFetcher, listing: Listing, elsewhere: Mapping[str, StoredPage]
) -> Listing:
    """Leave out listed pages that have moved to another space since.

    A listing of a large space takes a while. A page that it shows, and that the mirror has in another space, was moved
    here or has just been moved away; only a lookup by id can tell. A page that gives no such answer is unreadable.
    """
    asked = [page_id for page_id, page in elsewhere.items() if page.space_id != listing.space.id]
    if not asked:
        return listing
    heads, unreadable = dict(listing.heads), dict(listing.unreadable)
    for lookup in fetcher.ask_each(source.lookup, asked):
        if lookup.result is not LookupStatus.FOUND:
            unreadable[lookup.page_id] = "it is listed here, was in another space, and a lookup by id does not show it"
        if lookup.space_id != listing.space.id:
            del heads[lookup.page_id]
    return replace(listing, heads=heads, unreadable=unreadable)
