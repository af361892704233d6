"""Attachments of pages, without their bytes. What becomes of them is decided in `page_items.py`. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from hr_sync.domain.changes import ChangedField
from hr_sync.domain.page_items import ItemListing, ItemLookup, ItemWrite


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file below a page, without its bytes."""

    id: str
    page_id: str | None  #: the page that it is attached to; None where it is attached to something else
    name: str
    media_type: str | None  #: as Confluence says it; None if it says none
    size_bytes: int | None
    version: int
    last_updated: datetime  #: when this version was made, aware, UTC
    download_path: str  #: below the base address of the site, with its query
    status: str  #: as Confluence says it; only `current` is ever shown

    @property
    def metadata_digest(self) -> str:
        """Return SHA-256 hex over what may change without a new version.

        The download path is left out: its query differs between the list and the single read, and it follows the rest.
        """
        parts = (self.name, self.page_id, self.media_type, self.size_bytes)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


AttachmentListing: TypeAlias = ItemListing[Attachment]
AttachmentLookup: TypeAlias = ItemLookup[Attachment]
AttachmentWrite: TypeAlias = ItemWrite[Attachment]


#: What a change names of a file that consumers have never seen.
FIELDS_OF_NEW = (ChangedField.TITLE, ChangedField.LOCATION, ChangedField.URL, ChangedField.VERSION)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentBefore:
    """A stored row before a write, as far as the changed fields need it."""

    name: str
    page_id: str
    version: int
    live: bool


def changed_fields(before: AttachmentBefore | None, after: Attachment) -> tuple[ChangedField, ...]:
    """Return what a write changes for consumers; empty if nothing that they can see."""
    if before is None:
        return FIELDS_OF_NEW
    differs = {
        ChangedField.TITLE: before.name != after.name,
        ChangedField.LOCATION: before.page_id != after.page_id,
        ChangedField.VERSION: before.version != after.version,
        ChangedField.RESTORED: not before.live,
    }
    return tuple(name for name, is_different in differs.items() if is_different)
