"""What the store must know of each kind of items of pages: its table, its own columns, and what consumers see of it.

The tables share these columns: `id`, `page_id`, `space_id`, `version`, `metadata_digest`, those of withdrawals and of
runs. `read/page_items.py` and `write/page_items.py` do the same with each of them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, cast

from sqlalchemy import ColumnElement, Table, and_, case, func
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

from hr_sync.domain.attachments import FIELDS_OF_NEW as FIELDS_OF_NEW_FILES
from hr_sync.domain.attachments import Attachment, AttachmentBefore, changed_fields
from hr_sync.domain.changes import ChangedField
from hr_sync.domain.comments import FIELDS_OF_NEW as FIELDS_OF_NEW_COMMENTS
from hr_sync.domain.comments import Comment, CommentBefore
from hr_sync.domain.comments import changed_fields as changed_fields_of_comment
from hr_sync.domain.content import ItemKind
from hr_sync.domain.page_items import Item
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.values import FailureStage
from hr_sync.store.write.attachment_texts import ShownSections, delete_attachment_texts, shown_sections
from hr_sync.store.write.comment_sections import comments_on, delete_sections_of_comments, sections_of_comments
from hr_sync.store.write.comment_threads import derive_threads


def nothing_beside(_session: Session, _page_ids: Collection[str]) -> Sequence[str]:
    """Return no item: those of a page are shown one by one."""
    return ()


def nothing_derived(_session: Session, _page_ids: Collection[str]) -> None:
    """Derive nothing from the items of a page."""


@dataclass(frozen=True, kw_only=True, eq=False)
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
    delete_texts: Callable[[Session, Sequence[str]], None]  #: the sections of items with these ids, and what is beside
    erased: Mapping[str, Any]  #: the values of its own columns once an item is erased
    whole_by: str  #: a text column that is empty once an item is erased
    overwritten: Callable[[Insert], Mapping[str, Any]]  #: columns that do not take the new value as it is
    fields_of_new: Sequence[ChangedField]  #: what a change names of an item that consumers have never seen
    beside: Callable[[Session, Collection[str]], Sequence[str]] = nothing_beside
    """The items of pages with these ids whose sections come and go with those of others."""
    derive: Callable[[Session, Collection[str]], None] = nothing_derived
    """Bring up to date what follows from all items of pages with these ids together."""


def _known_since(table: Table, is_same: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return since when a row is known as it is: as before where it is the same, and was not withdrawn meanwhile."""
    row = table.c
    stays = and_(is_same, row.hidden_at.is_(None), row.removed_at.is_(None))
    return case((stays, row.known_since), else_=func.now())


_FILE = ("name", "media_type", "size_bytes", "last_updated", "download_path")


def _file_row(file: Attachment) -> Mapping[str, Any]:
    return {name: getattr(file, name) for name in _FILE}


def _file_changed(row: Mapping[str, Any] | None, live: bool, after: Attachment) -> Sequence[ChangedField]:
    before = None
    if row is not None:
        before = AttachmentBefore(name=row["name"], page_id=row["page_id"], version=row["version"], live=live)
    return changed_fields(before, after)


def _file_overwritten(statement: Insert) -> Mapping[str, Any]:
    table, given = ATTACHMENTS.table, statement.excluded
    same = (table.c.version == given.version) & (table.c.metadata_digest == given.metadata_digest)
    return {"known_since": _known_since(table, same)}


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
    delete_texts=delete_attachment_texts,
    erased={"name": "", "media_type": None, "size_bytes": None, "download_path": ""},
    whole_by="download_path",
    overwritten=_file_overwritten,
    fields_of_new=FIELDS_OF_NEW_FILES,
)

_COMMENT = (
    "kind",
    "parent_id",
    "author_id",
    "created_at",
    "last_updated",
    "resolution",
    "quoted_text",
    "storage",
    "content_hash",
)


def _comment_row(comment: Comment) -> Mapping[str, Any]:
    return {name: getattr(comment, name) for name in _COMMENT}


def _comment_changed(row: Mapping[str, Any] | None, live: bool, after: Comment) -> Sequence[ChangedField]:
    before = None
    if row is not None:
        names = ("page_id", "version", "content_hash", "resolution")
        before = CommentBefore(live=live, **{name: row[name] for name in names})
    return changed_fields_of_comment(before, after)


def _comment_overwritten(statement: Insert) -> Mapping[str, Any]:
    """Keep who wrote it and when, where an answer does not say so; and since when a text is known, while it stays."""
    row, given = COMMENTS.table.c, statement.excluded
    same = and_(
        row.content_hash == given.content_hash,
        row.page_id == given.page_id,
        row.quoted_text.is_not_distinct_from(given.quoted_text),
    )
    kept = {name: func.coalesce(given[name], row[name]) for name in ("author_id", "created_at")}
    return kept | {"known_since": _known_since(COMMENTS.table, same)}


COMMENTS = ItemTable[Comment](
    kind=ItemKind.COMMENTS,
    table=cast("Table", PageComment.__table__),
    subject="comment_id",
    of_page="a comment of it",
    stage=FailureStage.COMMENT,
    columns=_COMMENT,
    row=_comment_row,
    compared=("content_hash", "resolution"),
    changed=_comment_changed,
    shown_sections=sections_of_comments,
    delete_texts=delete_sections_of_comments,
    erased={"author_id": None, "quoted_text": None, "storage": "", "content_hash": ""},
    whole_by="content_hash",
    overwritten=_comment_overwritten,
    fields_of_new=FIELDS_OF_NEW_COMMENTS,
    beside=comments_on,
    derive=derive_threads,
)

#: Every kind of items that a mirror may hold.
ITEM_TABLES: tuple[ItemTable[Any], ...] = (ATTACHMENTS, COMMENTS)
