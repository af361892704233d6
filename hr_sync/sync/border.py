"""What comes in from Confluence is cleaned here, once, before anything compares, hashes or stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hr_sync.model.page import Head, Listing, Page, Recent, Space
from hr_sync.text.cleaning import clean, clean_line, content_hash


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanPage:
    """A page ready to be stored: every text cleaned, the hash over the cleaned storage body."""

    head: Head
    storage: str
    content_hash: str


def clean_space(space: Space) -> Space:
    """Clean what people typed into a space."""
    return replace(space, name=clean_line(space.name))


def clean_head(head: Head) -> Head:
    """Clean what people typed into a head."""
    title, url = clean_line(head.title), clean_line(head.url)
    return head if (title, url) == (head.title, head.url) else replace(head, title=title, url=url)


def belongs(head: Head, space: Space) -> bool:
    """Tell whether a head is what was asked for: a current page of this space.

    A server that shows others has not listened. They count as not shown, so that a stored page is asked about by id,
    and leaves by evidence and under the guard, not by a word in a list.
    """
    return head.status == "current" and head.space_id == space.id


def clean_listing(listing: Listing) -> Listing:
    """Clean every head of a listing, and leave out those that do not belong there."""
    return replace(listing, heads=_clean_heads(listing.heads, listing.space))


def clean_recent(recent: Recent) -> Recent:
    """Clean the heads of pages that changed lately, and leave out those that do not belong there."""
    return replace(recent, heads=_clean_heads(recent.heads, recent.space))


def clean_page(page: Page) -> CleanPage:
    """Clean a page and hash its body."""
    storage = clean(page.storage)
    return CleanPage(head=clean_head(page.head), storage=storage, content_hash=content_hash(storage))


def clean_labels(labels: frozenset[str] | None) -> frozenset[str] | None:
    """Clean labels; one of which nothing is left is none. Not known stays not known."""
    return None if labels is None else frozenset(map(clean_line, labels)) - {""}


def _clean_heads(heads: Mapping[str, Head], space: Space) -> dict[str, Head]:
    return {page_id: clean_head(head) for page_id, head in heads.items() if belongs(head, space)}
