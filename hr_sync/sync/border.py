"""What comes in from Confluence is cleaned here, once, before anything compares, hashes or stores it."""

from dataclasses import dataclass, replace

from hr_sync.model.page import Head, Listing, Page, Space
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
    return replace(head, title=clean_line(head.title), url=clean_line(head.url))


def clean_listing(listing: Listing) -> Listing:
    """Clean every head of a listing."""
    return replace(listing, heads={page_id: clean_head(head) for page_id, head in listing.heads.items()})


def clean_page(page: Page) -> CleanPage:
    """Clean a page and hash its body."""
    storage = clean(page.storage)
    return CleanPage(head=clean_head(page.head), storage=storage, content_hash=content_hash(storage))
