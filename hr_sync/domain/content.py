"""A page as Confluence has it, and as the mirror has it.

*head*: a page without its body. *page*: head and body. *stored page*: what the mirror knows of a page, as far as a plan
needs it. *live*: shown to consumers; *hidden*: kept, not shown; *removed*: gone for a known reason.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """A space of Confluence. `key` may be changed by its administrators, `id` never is."""

    id: str
    key: str
    name: str
    type: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A page without its body, as one listing or one answer showed it."""

    id: str
    title: str
    space_key: str
    space_id: str
    version: int
    status: str  #: current, archived, trashed, ... as Confluence says it; only `current` is ever live
    parent_id: str | None
    parent_type: str | None  #: page, folder, whiteboard, database, embed; None for the top of a space
    last_updated: datetime  #: when this version was made, aware, UTC
    url: str  #: where people open it


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A head and its body in Confluence's storage format, cleaned."""

    head: Head
    storage: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Every page of one space, walked to its end without a fault. Complete by definition: half a walk raises."""

    space: Space
    heads: Mapping[str, Head]  #: by page id
    unreadable: Mapping[str, str]  #: id → what was wrong: there, but not properly described

    def __contains__(self, page_id: object) -> bool:
        """True when the listing shows the page, readable or not: only what it does not show may be questioned."""
        return page_id in self.heads or page_id in self.unreadable


@dataclass(frozen=True, kw_only=True, slots=True)
class RecentChanges:
    """The pages of one space that changed lately. Says nothing about those that it does not show."""

    space: Space
    heads: Mapping[str, Head]  #: by page id
    unreadable: Mapping[str, str]  #: id → what was wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What one request for the bodies of several pages brought."""

    pages: Mapping[str, Page]  #: by page id
    unreadable: Mapping[str, str]  #: id → what was wrong
    absent: frozenset[str]  #: asked for, not in the answer

    @classmethod
    def joined(cls, first: "Fetched", second: "Fetched") -> "Fetched":
        """Both, for a request that had to be halved."""
        return cls(
            pages={**first.pages, **second.pages},
            unreadable={**first.unreadable, **second.unreadable},
            absent=first.absent | second.absent,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPage:
    """What the mirror knows of one page, as far as a plan needs it."""

    id: str
    space_key: str
    version: int
    metadata_digest: str
    hidden: bool
    removed: bool

    @property
    def live(self) -> bool:
        """True when consumers see the page."""
        return not self.hidden and not self.removed


def metadata_digest(head: Head) -> str:
    """SHA-256 hex over what can change without a new version: title, place, status and address.

    A move bumps no version, so that versions alone would leave a page under its old parent for ever.
    """
    parts = (head.title, head.space_key, head.parent_id, head.parent_type, head.status, head.url)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
