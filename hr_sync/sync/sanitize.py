"""What comes in from Confluence is cleaned here, once, before anything compares, hashes or stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hr_sync.domain.content import Head, Listing, Page, RecentChanges, Space
from hr_sync.domain.sanitize import content_hash, sanitize, sanitize_line


@dataclass(frozen=True, kw_only=True, slots=True)
class SanitizedPage:
    """A page ready to be stored: every text cleaned, the hash over the cleaned storage body."""

    head: Head
    storage: str
    content_hash: str


def sanitize_space(space: Space) -> Space:
    """Clean what people typed into a space."""
    return replace(space, name=sanitize_line(space.name))


def sanitize_head(head: Head) -> Head:
    """Clean what people typed into a head."""
    title, url = sanitize_line(head.title), sanitize_line(head.url)
    return head if (title, url) == (head.title, head.url) else replace(head, title=title, url=url)


def matches_request(head: Head, space: Space) -> bool:
    """Return True if a head is what was asked for: a current page of this space.

    A server that shows others has not listened. They count as not shown, so that a stored page is asked about by id,
    and leaves by evidence and under the guard, not by a word in a list.
    """
    return head.status == "current" and head.space_id == space.id


def sanitize_listing(listing: Listing) -> Listing:
    """Clean every head of a listing, and leave out those that do not belong there."""
    return replace(listing, heads=_clean_heads(listing.heads, listing.space))


def sanitize_recent(recent: RecentChanges) -> RecentChanges:
    """Clean the heads of pages that changed lately, and leave out those that do not belong there."""
    return replace(recent, heads=_clean_heads(recent.heads, recent.space))


def sanitize_page(page: Page) -> SanitizedPage:
    """Clean a page and hash its body."""
    storage = sanitize(page.storage)
    return SanitizedPage(head=sanitize_head(page.head), storage=storage, content_hash=content_hash(storage))


def sanitize_labels(labels: frozenset[str] | None) -> frozenset[str] | None:
    """Clean labels; one of which nothing is left is none. Not known stays not known."""
    return None if labels is None else frozenset(map(sanitize_line, labels)) - {""}


def _clean_heads(heads: Mapping[str, Head], space: Space) -> dict[str, Head]:
    return {page_id: sanitize_head(head) for page_id, head in heads.items() if matches_request(head, space)}
