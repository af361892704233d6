"""Locks the items of pages, and their pages, before they are compared and written; each in the order of their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.item_conditions import is_known
from hr_sync.store.item_tables import ItemTable
from hr_sync.store.write.locks import PAGES


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedItemPage:
    """The page of an item."""

    space_key: str
    live: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedItem:
    """A locked row and its page."""

    row: Mapping[str, Any]
    page_id: str
    version: int
    live: bool  #: neither hidden nor removed
    shown: bool  #: with its page, under what is known of its readers
    removed: bool
    page: LockedItemPage


def lock_pages_of_items(session: Session, page_ids: Sequence[str]) -> dict[str, LockedItemPage]:
    """Keep the pages as they are until the transaction ends; a removed page is absent."""
    row = PAGES.c
    query = (
        select(row.id, row.space_key, row.hidden_at.is_(None).label("live"))
        .where(row.id == func.any(bindparam("ids", type_=ARRAY(Text))), row.removed_at.is_(None))
        .order_by(row.id)
        .with_for_update(read=True)
    )
    rows = session.execute(query, {"ids": sorted(set(page_ids))})
    return {found.id: LockedItemPage(space_key=found.space_key, live=found.live) for found in rows}


def lock_items(session: Session, kind: ItemTable[Any], ids: Sequence[str]) -> dict[str, LockedItem]:
    """Lock the rows of these items and return them, with their pages, by id."""
    row = kind.table.c
    query = (
        select(row.id, row.page_id, row.version, row.hidden_at, row.removed_at, PAGES.c.space_key)
        .add_columns(
            (PAGES.c.hidden_at.is_(None) & PAGES.c.removed_at.is_(None)).label("page_is_live"),
            is_known(row.known_since).label("is_known"),
            *(row[name] for name in kind.compared),
        )
        .join_from(kind.table, PAGES, PAGES.c.id == row.page_id)
        .where(row.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .order_by(row.id)
        .with_for_update(of=kind.table)
    )
    return {
        found["id"]: LockedItem(
            row=dict(found),
            page_id=found["page_id"],
            version=found["version"],
            live=found["hidden_at"] is None and found["removed_at"] is None,
            shown=found["hidden_at"] is None
            and found["removed_at"] is None
            and found["page_is_live"]
            and found["is_known"],
            removed=found["removed_at"] is not None,
            page=LockedItemPage(space_key=found["space_key"], live=found["page_is_live"]),
        )
        for found in session.execute(query, {"ids": list(ids)}).mappings()
    }
