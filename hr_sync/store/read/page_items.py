"""What the mirror holds of the items of a space, as far as a plan needs it. Read only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, func, or_, select
from sqlalchemy.orm import Session

from hr_sync.domain.content import Space, WithdrawalReason
from hr_sync.domain.page_items import StoredPageItem
from hr_sync.store.item_tables import ItemTable
from hr_sync.store.tables import ConfluencePage

_PAGES = cast("Table", ConfluencePage.__table__).c


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredItems:
    """The items of one kind of a space, and the pages that may have some."""

    by_id: dict[str, StoredPageItem]
    pages: frozenset[str]  #: ids of the pages of the space that are not removed


def stored_items(session: Session, kind: ItemTable[Any], space: Space, listed: Iterable[str]) -> StoredItems:
    """Return the rows on pages of the space, and those of listed ones wherever they are."""
    in_space = _is_in(space)
    pages = session.scalars(select(_PAGES.id).where(in_space, _PAGES.removed_at.is_(None)))
    wanted = list(listed)
    rows = _stored(session, kind, or_(in_space, kind.table.c.id == func.any(wanted)) if wanted else in_space)
    return StoredItems(by_id=rows, pages=frozenset(pages))


def shown_items(session: Session, kind: ItemTable[Any], space: Space) -> list[StoredPageItem]:
    """Return the items on pages of the space that are neither hidden nor removed, by id."""
    row = kind.table.c
    shown = and_(_is_in(space), row.hidden_at.is_(None), row.removed_at.is_(None))
    return [row for _, row in sorted(_stored(session, kind, shown).items())]


def _is_in(space: Space) -> ColumnElement[bool]:
    """Return the condition for pages of a space, also under a key that it had before."""
    without_id = and_(_PAGES.space_id.is_(None), _PAGES.space_key == space.key)
    return or_(_PAGES.space_id == space.id, without_id)


def _stored(session: Session, kind: ItemTable[Any], condition: ColumnElement[bool]) -> dict[str, StoredPageItem]:
    item = kind.table.c
    rows = session.execute(
        select(
            item.id,
            item.page_id,
            item.space_id,
            item.version,
            item.metadata_digest,
            item.hidden_reason,
            item.removed_at,
            item.missing_since_run_id,
            _PAGES.space_key,
            and_(_PAGES.hidden_at.is_(None), _PAGES.removed_at.is_(None)).label("page_is_live"),
        )
        .join_from(kind.table, ConfluencePage, _PAGES.id == item.page_id)
        .where(condition)
    )
    return {
        row.id: StoredPageItem(
            id=row.id,
            page_id=row.page_id,
            space_id=row.space_id,
            space_key=row.space_key,
            version=row.version,
            metadata_digest=row.metadata_digest,
            hidden_reason=None if row.hidden_reason is None else WithdrawalReason(row.hidden_reason),
            removed=row.removed_at is not None,
            missing_since_run_id=row.missing_since_run_id,
            page_is_live=row.page_is_live,
        )
        for row in rows
    }
