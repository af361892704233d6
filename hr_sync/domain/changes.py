"""The words of the change feed, one enum each; the database checks the same words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hr_sync.domain.content import ContentKind, Head


class ChangeAction(StrEnum):
    """What was done to one page."""

    INSERT = "insert"
    UPDATE = "update"
    MOVE = "move"  #: title, place, status or address changed; the body stayed
    RESTORE = "restore"
    RELABEL = "relabel"
    RESTRICT = "restrict"
    DERIVE = "derive"  #: its text and its sections were made anew
    HIDE = "hide"
    REMOVE = "remove"
    PURGE = "purge"


class ChangedField(StrEnum):
    """What differs for a consumer."""

    TEXT = "text"
    TITLE = "title"
    LOCATION = "location"  #: space, parent, status or kind
    URL = "url"
    VERSION = "version"
    LABELS = "labels"
    RESTRICTIONS = "restrictions"
    HIDDEN = "hidden"  #: the page is not shown any more
    RESTORED = "restored"  #: the page is shown again
    ERASED = "erased"
    RESOLUTION = "resolution"  #: a comment was resolved or opened again
    SECTIONS = "sections"  #: the text was made from the stored body


class IncludeState(StrEnum):
    """What stands in the text of a page where it includes another one."""

    SHOWN = "shown"  #: the text of the other page
    UNAVAILABLE = "unavailable"  #: a placeholder: it is not mirrored, not live, or its readers are not known
    NO_EXCERPT = "no_excerpt"  #: a placeholder: it has no such excerpt
    CYCLE = "cycle"  #: a placeholder: it is being shown already, around this place
    TOO_DEEP = "too_deep"  #: a placeholder: too many pages around this place
    TOO_MANY = "too_many"  #: a placeholder: too many includes, or too much text of them, in one page


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """A stored row before a write, as far as the changed fields need it."""

    title: str
    content_hash: str
    space_key: str
    parent_id: str | None
    status: str
    url: str
    version: int
    live: bool
    kind: str = ContentKind.PAGE.value


def changed_fields(before: Before | None, head: Head, content_hash: str | None) -> tuple[ChangedField, ...]:
    """Return what a write changes for consumers; empty if nothing they can see.

    `content_hash` is None where no body was fetched, which says that the text is the same.
    """
    if before is None:
        return (ChangedField.TEXT, ChangedField.TITLE, ChangedField.LOCATION, ChangedField.URL, ChangedField.VERSION)
    differs: Mapping[ChangedField, bool] = {
        ChangedField.TEXT: content_hash is not None and content_hash != before.content_hash,
        ChangedField.TITLE: head.title != before.title,
        ChangedField.LOCATION: (head.space_key, head.parent_id, head.status, head.kind)
        != (before.space_key, before.parent_id, before.status, before.kind),
        ChangedField.URL: head.url != before.url,
        ChangedField.VERSION: head.version != before.version,
        ChangedField.RESTORED: not before.live,
    }
    return tuple(name for name, is_different in differs.items() if is_different)
