"""Locks the items of pages, and their pages, before they are compared and written; each in the order of their ids.

Whoever writes items holds their pages first, alone: as they are written and as they are stored. So no text of the page
is written meanwhile, and what is derived from all items of a page finds their rows free.
"""

from collections.abc import Collection, Mapping, Sequence
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
    removed: bool


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


def lock_pages_of_items(
    session: Session, kind: ItemTable[Any], ids: Collection[str], page_ids: Collection[str] = ()
) -> dict[str, LockedItemPage]:
    """Keep the pages on which these items are stored, and others, as they are until the transaction ends."""
    item, row = kind.table.c, PAGES.c
    given = bindparam("ids", type_=ARRAY(Text))
    stored_on = session.scalars(select(item.page_id).where(item.id == func.any(given)), {"ids": sorted(ids)})
    query = (
        select(row.id, row.space_key, row.removed_at.is_not(None).label("removed"))
        .where(row.id == func.any(given))
        .order_by(row.id)
        .with_for_update(key_share=True)
    )
    rows = session.execute(query, {"ids": sorted({*stored_on, *page_ids})})
    return {found.id: LockedItemPage(space_key=found.space_key, removed=found.removed) for found in rows}


def lock_items(
    session: Session, kind: ItemTable[Any], ids: Sequence[str], pages: Mapping[str, LockedItemPage]
) -> dict[str, LockedItem | None]:
    """Lock the rows of these items and return them by id; None for one that is not on these locked pages any more."""
    row = kind.table.c
    query = (
        select(row.id, row.page_id, row.version, row.hidden_at, row.removed_at)
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
    rows = session.execute(query, {"ids": list(ids)}).mappings()
    return {found["id"]: _locked(dict(found), pages.get(found["page_id"])) for found in rows}


def _locked(found: Mapping[str, Any], page: LockedItemPage | None) -> LockedItem | None:
    if page is None:
        return None
    live = found["hidden_at"] is None and found["removed_at"] is None
    return LockedItem(
        row=found,
        page_id=found["page_id"],
        version=found["version"],
        live=live,
        shown=live and found["page_is_live"] and found["is_known"],
        removed=found["removed_at"] is not None,
        page=page,
    )
