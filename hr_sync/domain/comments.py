"""Comments of pages. What becomes of them is decided in `page_items.py`, what is text here. Pure.

A comment without a parent begins a thread; a reply belongs to the thread of its parent. A thread is text of its page
while it is open: a footer comment that nobody resolved, an inline comment that is open or was reopened. What was
resolved, or has lost the words that it was about (dangling), is a comment and no text. So is a thread whose state, or
whose beginning, is not known: unknown is never open.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from hr_sync.domain.changes import ChangedField
from hr_sync.domain.page_items import ItemListing, ItemLookup, ItemWrite

DEEPEST = 50  #: replies to replies; Confluence shows fewer


class CommentKind(StrEnum):
    """Where a comment stands."""

    FOOTER = "footer"  #: below the page
    INLINE = "inline"  #: beside words of the page


class Resolution(StrEnum):
    """The state of a comment."""

    OPEN = "open"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    DANGLING = "dangling"  #: the words that it was about are not in the page any more
    UNKNOWN = "unknown"  #: it has one, which is not known here


#: States of a first comment whose thread is text.
OPEN = (None, Resolution.OPEN, Resolution.REOPENED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """A comment, with or without its text."""

    id: str
    page_id: str | None  #: the page that it is about; None where it is about something else
    kind: CommentKind
    parent_id: str | None  #: the comment that it answers; None: it begins a thread
    version: int
    author_id: str | None  #: account id or user key of who wrote it; None: not said
    created_at: datetime | None  #: aware, UTC; None: not said
    last_updated: datetime  #: when this version was made, aware, UTC
    resolution: Resolution | None  #: None: it has no such state, as footer comments
    quoted_text: str | None  #: the words of the page that an inline comment was written about
    status: str  #: as Confluence says it; only `current` is ever shown
    storage: str | None = None  #: None: not read
    content_hash: str | None = None  #: SHA-256 hex over the UTF-8 bytes of `storage`

    @property
    def metadata_digest(self) -> str:
        """Return SHA-256 hex over what may change without a new version."""
        parts = (self.page_id, self.parent_id, self.resolution, self.quoted_text)
        return hashlib.sha256(repr([None if each is None else str(each) for each in parts]).encode()).hexdigest()


CommentListing: TypeAlias = ItemListing[Comment]
CommentLookup: TypeAlias = ItemLookup[Comment]
CommentWrite: TypeAlias = ItemWrite[Comment]


#: What a change names of a comment that consumers have never seen.
FIELDS_OF_NEW = (ChangedField.TEXT, ChangedField.LOCATION, ChangedField.VERSION)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentBefore:
    """A stored row before a write, as far as the changed fields need it."""

    page_id: str
    version: int
    content_hash: str
    resolution: str | None
    live: bool


def changed_fields(before: CommentBefore | None, after: Comment) -> tuple[ChangedField, ...]:
    """Return what a write changes for consumers; empty if nothing that they can see."""
    if before is None:
        return FIELDS_OF_NEW
    differs = {
        ChangedField.TEXT: after.content_hash is not None and before.content_hash != after.content_hash,
        ChangedField.LOCATION: before.page_id != after.page_id,
        ChangedField.VERSION: before.version != after.version,
        ChangedField.RESOLUTION: before.resolution != after.resolution,
        ChangedField.RESTORED: not before.live,
    }
    return tuple(name for name, is_different in differs.items() if is_different)


@dataclass(frozen=True, kw_only=True, slots=True)
class PageComment:
    """A comment of a page, as far as its text needs it."""

    id: str
    kind: CommentKind
    parent_id: str | None
    created_at: datetime | None
    resolution: Resolution | None
    quoted_text: str | None
    storage: str
    content_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadPart:
    """One comment in the text of a page: the headings above it, without "Comments", and its own last."""

    comment: PageComment
    headings: tuple[str, ...]


def comments_as_text(comments: Iterable[PageComment]) -> list[ThreadPart]:
    """Return the comments that are text of their page, each thread together, in the order of their creation.

    `comments`: all of one page that are shown.
    """
    answers: dict[str | None, list[PageComment]] = {}
    for comment in sorted(comments, key=_age):
        answers.setdefault(comment.parent_id, []).append(comment)
    return [part for first in answers.get(None, ()) if first.resolution in OPEN for part in _thread(first, (), answers)]


def _thread(
    comment: PageComment, above: tuple[str, ...], answers: Mapping[str | None, Sequence[PageComment]]
) -> Iterator[ThreadPart]:
    headings = (*above, _heading(comment))
    yield ThreadPart(comment=comment, headings=headings)
    if len(headings) < DEEPEST:
        for answer in answers.get(comment.id, ()):
            yield from _thread(answer, headings, answers)


def _heading(comment: PageComment) -> str:
    if comment.parent_id is not None:
        name = "Reply"
    elif comment.kind is CommentKind.INLINE:
        name = f"Inline comment on \N{LEFT DOUBLE QUOTATION MARK}{comment.quoted_text}\N{RIGHT DOUBLE QUOTATION MARK}"
        name = name if comment.quoted_text else "Inline comment"
    else:
        name = "Comment"
    return name if comment.created_at is None else f"{name} ({comment.created_at.astimezone(UTC):%Y-%m-%d})"


def _age(comment: PageComment) -> tuple[datetime, int, str]:
    return (comment.created_at or datetime.min.replace(tzinfo=UTC), len(comment.id), comment.id)
