"""Asks Confluence about pages and blog posts, about each by the requests of its own kind.

What the requests of one kind answer about an id of the other is evidence of nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hr_sync.confluence.source import Source
from hr_sync.domain.content import ContentKind, KindById, Listing, RecentChanges, Space, StoredPage
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import UNANSWERED
from hr_sync.sync.fetch import BodyFetcher


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedKinds:
    """What was listed of a space. The pages always are; `doubt` says why the blog posts are not."""

    listing: Listing
    doubt: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecentKinds:
    """What changed lately in a space. The pages were read always; `doubt` says why the blog posts were not."""

    changes: RecentChanges
    doubt: str | None = None


def list_kinds(
    source: Source, space: Space, kinds: Collection[ContentKind], pages: Listing | None = None
) -> ListedKinds:
    """List what is mirrored of a space. `pages`: their listing, where it was read already.

    Raise what `Source.listing` raises for the pages. A listing of blog posts that fails costs them alone: the result
    says nothing about any of them. Raise errors about the site.
    """
    listing = source.listing(space) if pages is None else pages
    if ContentKind.BLOG_POST not in kinds:
        return ListedKinds(listing=listing)
    try:
        return ListedKinds(listing=listing.joined(source.listing(space, ContentKind.BLOG_POST)))
    except UNANSWERED as failure:
        source.check_account()  # raises when it is not the blog posts, but the site or our account
        return ListedKinds(listing=listing, doubt=_not_read(space, failure))


def recent_kinds(source: Source, space: Space, since: datetime, kinds: Collection[ContentKind]) -> RecentKinds:
    """Return what changed lately of what is mirrored of a space. Raise as `list_kinds` does."""
    changes = source.recent(space, since)
    if ContentKind.BLOG_POST not in kinds:
        return RecentKinds(changes=changes)
    try:
        posts = source.recent(space, since, ContentKind.BLOG_POST)
    except UNANSWERED as failure:
        source.check_account()
        return RecentKinds(changes=changes, doubt=_not_read(space, failure))
    both = RecentChanges(
        space=space,
        heads={**changes.heads, **posts.heads},
        unreadable={**changes.unreadable, **posts.unreadable},
        began_at=changes.began_at,
    )
    return RecentKinds(changes=both)


def labels_of_kinds(source: Source, space: Space, pages: KindById) -> dict[str, frozenset[str] | None]:
    """Return the labels of these pages of a space; None: not known."""
    labels: dict[str, frozenset[str] | None] = {}
    for kind in ContentKind:
        ids = [page_id for page_id, each in pages.items() if each is kind]
        if ids:
            labels |= source.labels(space, ids, kind)
    return labels


def look_up_each(source: Source, fetcher: BodyFetcher, pages: KindById) -> list[LookupResult]:
    """Look each page up by itself. Return the results in the order of `pages`."""
    return fetcher.ask_each(lambda page: source.lookup(*page), pages.items())


def look_up_stored(
    source: Source,
    fetcher: BodyFetcher,
    page_ids: Iterable[str],
    stored: Mapping[str, StoredPage],
    kinds: Sequence[ContentKind],
) -> list[LookupResult]:
    """Look each page up by itself: a stored one as what it is, any other as each of the kinds. In order of the ids."""

    def ask(page_id: str) -> LookupResult:
        row = stored.get(page_id)
        return look_up(source, page_id, kinds if row is None else (row.kind,))

    return fetcher.ask_each(ask, page_ids)


def look_up(source: Source, page_id: str, kinds: Sequence[ContentKind]) -> LookupResult:
    """Look up one page that is of one of these kinds. NOT_FOUND only if it is not found as any of them."""
    results = []
    for kind in kinds:
        result = source.lookup(page_id, kind)
        if result.result is LookupStatus.FOUND:
            return result
        results.append(result)
    return next((each for each in results if each.result is LookupStatus.UNKNOWN), results[0])


def look_up_many(source: Source, pages: KindById) -> dict[str, LookupResult]:
    """Look pages up by as few requests as possible; those that were not found are absent from the result."""
    found: dict[str, LookupResult] = {}
    for kind in ContentKind:
        ids = [page_id for page_id, each in pages.items() if each is kind]
        if ids:
            found |= source.lookup_many(ids, kind)
    return found


def _not_read(space: Space, failure: Exception) -> str:
    return (
        f"The blog posts of space {space.key} were not listed; they stay as they were: {failure} The next run tries "
        'again; leave blog posts out with confluence.include = ["pages", "attachments"].'
    )
