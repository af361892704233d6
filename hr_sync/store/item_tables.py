"""What the store must know of each kind of items of pages: its table, its own columns, and what consumers see of it.

The tables share these columns: `id`, `page_id`, `space_id`, `version`, `metadata_digest`, those of withdrawals and of
runs. `read/page_items.py` and `write/page_items.py` do the same with each of them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, cast

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

from hr_sync.domain.attachments import Attachment, AttachmentBefore, changed_fields
from hr_sync.domain.changes import ChangedField
from hr_sync.domain.content import ItemKind
from hr_sync.domain.page_items import Item
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.values import FailureStage
from hr_sync.store.write.attachment_texts import ShownSections, shown_sections


def overwrite_all(_statement: Insert) -> Mapping[str, Any]:
    """Let every column of a row take the new value."""
    return {}


@dataclass(frozen=True, kw_only=True)
class ItemTable(Generic[Item]):
    """One kind of items, as the store keeps it."""

    kind: ItemKind
    table: Table
    subject: str  #: column of the feed that holds its id
    of_page: str  #: one of them, as the feed says it
    stage: FailureStage
    columns: Sequence[str]  #: its own, in the order of `row`
    row: Callable[[Item], Mapping[str, Any]]  #: the values of these columns
    compared: Sequence[str]  #: those of them that `changed` needs
    changed: Callable[[Mapping[str, Any] | None, bool, Item], Sequence[ChangedField]]
    """What a write changes for consumers: of the locked row, if there is one, and whether it was live."""
    shown_sections: Callable[[Session, Collection[str]], Mapping[str, ShownSections]]
    """The sections that consumers see of items with these ids."""
    overwritten: Callable[[Insert], Mapping[str, Any]] = (
        overwrite_all  #: columns that do not take the new value as it is
    )


_FILE = ("name", "media_type", "size_bytes", "last_updated", "download_path")


def _file_row(file: Attachment) -> Mapping[str, Any]:
    return {name: getattr(file, name) for name in _FILE}


def _file_changed(row: Mapping[str, Any] | None, live: bool, after: Attachment) -> Sequence[ChangedField]:
    before = None
    if row is not None:
        before = AttachmentBefore(name=row["name"], page_id=row["page_id"], version=row["version"], live=live)
    return changed_fields(before, after)


ATTACHMENTS = ItemTable[Attachment](
    kind=ItemKind.ATTACHMENTS,
    table=cast("Table", PageAttachment.__table__),
    subject="attachment_id",
    of_page="a file of it",
    stage=FailureStage.ATTACHMENT,
    columns=_FILE,
    row=_file_row,
    compared=("name",),
    changed=_file_changed,
    shown_sections=shown_sections,
)
