"""Spaces and pages, as Confluence has them and as the mirror has them.

*head*: a page without its body. *page*: head and body. *stored page*: what the mirror knows of a page, as far as a plan
needs it. *live*: shown to consumers; *hidden*: kept, not shown; *removed*: gone for a known reason.

Every text in these values is sanitised already (`sanitize.py`); the decoders of `hr_sync.confluence` do that.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias


class ContentKind(StrEnum):
    """The kind of what is mirrored as a page.

    A *page* is a blog post too, in every name of this package but this one: a post has all that a page has, but a
    parent and pages below it. Ids of both are from one sequence of Confluence; each kind has requests of its own.
    """

    PAGE = "page"
    BLOG_POST = "blog_post"


KindById: TypeAlias = Mapping[str, ContentKind]  #: by page id


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """A space of Confluence. Administrators may change `key`; `id` never changes."""

    id: str
    key: str
    name: str
    alias: str | None = None  #: another key that people may use in settings (Cloud's currentActiveAlias)
    archived: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceList:
    """The spaces in the answer to one request."""

    spaces: Sequence[Space]
    unreadable: Sequence[str]  #: keys of spaces with an invalid description; "?" for one without a key


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentNode:
    """A possible parent of a page: a page, folder, whiteboard, database or embed."""

    id: str
    kind: str | None  #: page, folder, whiteboard, database, embed, or a word that is not known yet; None = not given


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A page without its body, as read from one listing or answer."""

    id: str
    title: str
    space_key: str
    space_id: str
    version: int
    status: str  #: current, archived, trashed, ... as Confluence says it; only `current` is ever live
    parent_id: str | None
    parent_type: str | None  #: kind of the parent; None at the top of a space
    last_updated: datetime  #: when this version was made, aware, UTC
    url: str  #: where people open it
    kind: ContentKind = ContentKind.PAGE


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A head and its body in Confluence's storage format."""

    head: Head
    storage: str
    content_hash: str  #: SHA-256 hex over the UTF-8 bytes of `storage`


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedBody:
    """A page as Confluence shows it to the account of hr_sync, with its macros carried out."""

    version: int
    html: str  #: sanitised


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Every page of one space, read to the end without a fault. Always complete: an incomplete walk raises.

    Complete for `kinds`: it says nothing about pages of another kind.
    """

    space: Space
    heads: Mapping[str, Head]  #: by page id
    unreadable: Mapping[str, str]  #: id → error: listed, with an invalid description
    began_at: datetime | None  #: `Date` of the first answer: the source's clock at the beginning; None if it sent none
    kinds: frozenset[ContentKind] = frozenset({ContentKind.PAGE})
    unreadable_posts: frozenset[str] = frozenset()  #: ids of the unreadable ones that are blog posts, where joined

    @property
    def kind_by_id(self) -> KindById:
        """Return the kinds of the readable pages, by id."""
        return {page_id: head.kind for page_id, head in self.heads.items()}

    def kind_of(self, page_id: str) -> ContentKind:
        """Return the kind of a listed page, readable or not."""
        head = self.heads.get(page_id)
        if head is not None:
            return head.kind
        return ContentKind.BLOG_POST if page_id in self.unreadable_posts else ContentKind.PAGE

    def joined(self, other: "Listing") -> "Listing":
        """Return this listing of pages and one of blog posts as one. What is in both is a blog post by now."""
        return Listing(
            space=self.space,
            heads={**self.heads, **other.heads},
            unreadable={**self.unreadable, **other.unreadable},
            began_at=self.began_at,
            kinds=self.kinds | other.kinds,
            unreadable_posts=frozenset(other.unreadable),
        )

    def __contains__(self, page_id: object) -> bool:
        """Return True if the listing holds the page, readable or not."""
        return page_id in self.heads or page_id in self.unreadable

    @property
    def digest(self) -> str:
        """Return SHA-256 hex over a line `id<TAB>version<TAB>status<TAB>parent` for each readable page, sorted by id.

        No parent is `-`. Equal digests prove that two listings showed the same pages in the same versions and places.
        """
        digest = hashlib.sha256()
        for head in sorted(self.heads.values(), key=lambda head: head.id):
            digest.update(f"{head.id}\t{head.version}\t{head.status}\t{head.parent_id or '-'}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedPages:
    """Some pages of a listing, with the bodies that came along."""

    heads: Mapping[str, Head]  #: by page id
    unreadable: Mapping[str, str]  #: as in `Listing`
    pages: dict[
        str, Page
    ]  #: by page id, to be taken out when they are written; a page whose body cannot be read is among the heads alone
    began_at: datetime | None  #: `Date` of the answer


@dataclass(frozen=True, kw_only=True, slots=True)
class RecentChanges:
    """The pages of one space that changed lately. Says nothing about any other page."""

    space: Space
    heads: Mapping[str, Head]  #: by page id
    unreadable: Mapping[str, str]  #: id → what was wrong
    began_at: datetime | None  #: as in `Listing`

    @classmethod
    def by_space(
        cls, spaces: Sequence[Space], heads: Iterable[Head], began_at: datetime | None
    ) -> "dict[str, RecentChanges]":
        """Return the changes of each of these spaces by its id, from heads of a site, which have no keys of spaces."""
        found: dict[str, dict[str, Head]] = {space.id: {} for space in spaces}
        keys = {space.id: space.key for space in spaces}
        for head in heads:
            if head.space_id in found and head.status == "current":
                found[head.space_id][head.id] = replace(head, space_key=keys[head.space_id])
        return {space.id: cls(space=space, heads=found[space.id], unreadable={}, began_at=began_at) for space in spaces}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """The result of one request for the bodies of several pages of a space."""

    pages: Mapping[str, Page]  #: by page id; current pages of the space that was asked for, nothing else
    unreadable: Mapping[str, str]  #: id → what was wrong
    absent: frozenset[str]  #: asked for, not in the answer

    @classmethod
    def joined(cls, first: "Fetched", second: "Fetched") -> "Fetched":
        """Return both, for a request that was split into halves."""
        return cls(
            pages={**first.pages, **second.pages},
            unreadable={**first.unreadable, **second.unreadable},
            absent=first.absent | second.absent,
        )


class WithdrawalReason(StrEnum):
    """Why a page is hidden or removed."""

    NOT_VISIBLE = "not_visible"  #: a lookup by id answered 404 or 403: deleted for good, restricted, or moved away
    TRASHED = "trashed"
    ARCHIVED = "archived"
    DELETED = "deleted"
    DRAFT = "draft"
    MOVED = "moved"  #: to a space that is not mirrored
    SPACE_ARCHIVED = "space_archived"
    OUT_OF_SCOPE = "out_of_scope"  #: the configured page trees, labels or spaces do not cover it
    SCOPE_UNKNOWN = "scope_unknown"  #: its place or its labels could not be read; hidden, never removed


class ItemKind(StrEnum):
    """The kinds of what belongs to pages, by their words in settings and messages."""

    ATTACHMENTS = "attachments"
    COMMENTS = "comments"

    @property
    def one(self) -> str:
        """Return the word for one of them."""
        return self.value.removesuffix("s")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredItem:
    """What the mirror knows of one page, attachment or comment, as far as its withdrawal needs it."""

    id: str
    space_key: str
    version: int
    metadata_digest: str
    hidden_reason: WithdrawalReason | None = None  #: why it is hidden; None if it is not
    removed: bool = False
    missing_since_run_id: int | None = None  #: run that hid it for its present reason; None if it is shown

    @property
    def hidden(self) -> bool:
        """Return True if it is kept and not shown."""
        return self.hidden_reason is not None

    @property
    def live(self) -> bool:
        """Return True if it is neither hidden nor removed."""
        return self.hidden_reason is None and not self.removed


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPage(StoredItem):
    """What the mirror knows of one page, as far as a plan needs it."""

    space_id: str | None
    has_body: bool = True
    body_in_doubt: bool = False  #: it has had no text for a day, although an older one had some
    kind: ContentKind = ContentKind.PAGE


def metadata_digest(head: Head) -> str:
    """Return SHA-256 hex over what can change without a new version: title, place, status, address and kind.

    A move makes no version, so versions alone would leave a page under its old parent for ever.
    """
    parts = (head.title, head.space_key, head.parent_id, head.parent_type, head.status, head.url, str(head.kind))
    return hashlib.sha256(repr(parts).encode()).hexdigest()
