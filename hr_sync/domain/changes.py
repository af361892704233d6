"""What changed about a page, told to consumers as changed_fields. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from hr_sync.domain.content import Head


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """The stored page as it was, as far as changed_fields need it."""

    title: str
    content_hash: str
    space_key: str
    parent_id: str | None
    status: str
    shown: bool  #: neither hidden nor removed


def changed_fields(before: Before | None, head: Head, content_hash: str | None) -> tuple[str, ...]:
    """Name what changed: text, title, location, restored. Empty for a new version that changed nothing of these.

    `content_hash` is None where no body was fetched, which says that the text is the same.
    """
    if before is None:
        return ("text", "title", "location")
    changed: Mapping[str, bool] = {
        "text": content_hash is not None and content_hash != before.content_hash,
        "title": head.title != before.title,
        "location": (head.space_key, head.parent_id, head.status)
        != (before.space_key, before.parent_id, before.status),
        "restored": not before.shown,
    }
    return tuple(name for name, is_changed in changed.items() if is_changed)
