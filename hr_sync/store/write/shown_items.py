"""Which items consumers see, and what the feed tells where that follows from access, a move or the mode alone.

An item is shown while its page is neither hidden nor removed, the item itself is not withdrawn, and access to the space
was read after the item was known as it is. Nothing is written to its row when that look comes, or when the mode is
another one, so that no write of it tells the feed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.item_conditions import access_was_read_after, is_in_account_mode, is_known
from hr_sync.store.item_tables import ITEM_TABLES, ItemTable
from hr_sync.store.tables import SyncSpace
from hr_sync.store.write.attachment_texts import ShownSections, record_section_changes
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.locks import PAGES

_NO_RUN = 0  # of the feed: settings belong to no run


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownItem:
    """An item that consumers see."""

    id: str
    page_id: str
    space_key: str
    version: int
    is_new: bool  #: it is as it was when its row was made


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """What consumers see of some items of one kind."""

    items: Mapping[str, ShownItem]
    sections: Mapping[str, ShownSections]


def shown_items(session: Session, kind: ItemTable[Any], ids: Collection[str]) -> dict[str, ShownItem]:
    """Return those of these items that consumers see, by id."""
    if not ids:
        return {}
    query = _live_items(kind).where(kind.table.c.id == _any_of(ids), is_known(kind.table.c.known_since))
    return _by_id(session, query)


def access_read_at(session: Session, space_id: str) -> datetime | None:
    """Return when access to a space was read last, as the views see it; None: never."""
    return session.scalar(select(func.min(SyncSpace.access_checked_at)).where(SyncSpace.space_id == space_id))


def tell_items_known_since(session: Session, run_id: int, space_id: str, before: datetime | None) -> None:
    """Record that consumers see the items of a space that a look at access was later than, and the one `before` not.

    In the mode `account` they saw them before.
    """
    if session.scalar(select(is_in_account_mode())):
        return
    for kind in ITEM_TABLES:
        row = kind.table.c
        is_later = row.known_since > before if before is not None else row.known_since.is_not(None)
        query = _live_items(kind).where(PAGES.c.space_id == space_id, is_later, access_was_read_after(row.known_since))
        items = _by_id(session, query)
        reason = "access to its space was read after it"
        after = _Shown(items=items, sections=kind.shown_sections(session, items))
        _tell(session, run_id, kind, _Shown(items={}, sections={}), after, reason=reason)


class ItemsBesideModes:
    """The items that one mode shows and the other does not, before and after the mode is changed."""

    def __init__(self, session: Session) -> None:
        """Find them. Those of a space of which access was never read go and come with their pages."""
        self._session = session
        was_read = select(SyncSpace.space_key).where(
            SyncSpace.space_id == PAGES.c.space_id, SyncSpace.access_checked_at.is_not(None)
        )
        self._before = []
        for kind in ITEM_TABLES:
            query = _live_items(kind).where(~access_was_read_after(kind.table.c.known_since), was_read.exists())
            ids = list(_by_id(session, query))
            self._before.append((kind, ids, _shown(session, kind, ids)))

    def tell(self) -> None:
        """Record which of them consumers see now, and did not before, and the other way round."""
        for kind, ids, before in self._before:
            after = _shown(self._session, kind, ids)
            _tell(self._session, _NO_RUN, kind, before, after, reason="by the settings of access")


class ItemsOfMovingPages:
    """The items of pages that are about to be written in another space: nobody has read who may read them there."""

    def __init__(self, session: Session, page_ids: Sequence[str]) -> None:
        """Find what is shown of them."""
        self._session = session
        self._page_ids = page_ids
        self._before = []
        for kind in ITEM_TABLES if page_ids else ():
            ids = list(session.scalars(select(kind.table.c.id).where(kind.table.c.page_id == _any_of(page_ids))))
            self._before.append((kind, ids, _shown(session, kind, ids)))

    def wait_for_access(self, run_id: int, moved: Collection[str]) -> None:
        """Let the items of those that were moved wait for the next look at access, and record what is not shown now."""
        for kind, ids, before in self._before:
            row = kind.table.c
            page_ids = [each for each in self._page_ids if each in moved]
            is_on_them = row.page_id == _any_of(page_ids)
            self._session.execute(select(row.id).where(is_on_them).order_by(row.id).with_for_update())
            self._session.execute(update(kind.table).where(is_on_them).values(known_since=func.now()))
            after = _shown(self._session, kind, ids)
            _tell(self._session, run_id, kind, before, after, reason="its page was moved to another space")


def _shown(session: Session, kind: ItemTable[Any], ids: Collection[str]) -> _Shown:
    return _Shown(items=shown_items(session, kind, ids), sections=kind.shown_sections(session, ids) if ids else {})


def _live_items(kind: ItemTable[Any]) -> Select[Any]:
    row = kind.table.c
    is_new = row.known_since == row.first_seen_at
    return (
        select(row.id, row.page_id, PAGES.c.space_key, row.version, is_new.label("is_new"))
        .join_from(kind.table, PAGES, PAGES.c.id == row.page_id)
        .where(row.hidden_at.is_(None), row.removed_at.is_(None))
        .where(PAGES.c.hidden_at.is_(None), PAGES.c.removed_at.is_(None))
    )


def _any_of(values: Collection[str]) -> Any:
    return func.any(literal(list(values), ARRAY(Text)))


def _by_id(session: Session, query: Select[Any]) -> dict[str, ShownItem]:
    return {row["id"]: ShownItem(**row) for row in session.execute(query).mappings()}


def _tell(session: Session, run_id: int, kind: ItemTable[Any], before: _Shown, after: _Shown, *, reason: str) -> None:
    """Record the items and sections that consumers see after something, and did not before, and the other way round."""
    comes = [each for each in after.items.values() if each.id not in before.items]
    goes = [each for each in before.items.values() if each.id not in after.items]
    record_changes(session, run_id, (_change(kind, each, reason, shown=True) for each in comes))
    record_changes(session, run_id, (_change(kind, each, reason, shown=False) for each in goes))
    record_section_changes(session, run_id, before.sections, after.sections, reason=f"{kind.of_page}: {reason}")


def _change(kind: ItemTable[Any], item: ShownItem, reason: str, *, shown: bool) -> Change:
    fields: Sequence[ChangedField]
    if not shown:
        action, fields = ChangeAction.HIDE, (ChangedField.HIDDEN,)
    elif item.is_new:
        action, fields = ChangeAction.INSERT, kind.fields_of_new
    else:
        action, fields = ChangeAction.RESTORE, (ChangedField.RESTORED,)
    return Change(
        page_id=item.page_id,
        space_key=item.space_key,
        action=action,
        changed_fields=fields,
        version=item.version,
        reason=reason,
        **about(kind, item.id),
    )


def about(kind: ItemTable[Any], item_id: str) -> dict[str, Any]:
    """Return the part of a change that names the item."""
    return {kind.subject: item_id}
