"""Locks the rows of pages before they are compared and written, in the order of their ids to avoid deadlocks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from hr_sync.domain.changes import Before
from hr_sync.store.tables import ConfluencePage

PAGES = cast("Table", ConfluencePage.__table__)  # statements over classes pass through the ORM, at twice the cost


_OWN_SET = func.nullif(func.coalesce(PAGES.c.own_access_set_id, PAGES.c.access_set_id), 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPage:
    """A locked row."""

    before: Before
    hidden: bool
    removed: bool
    access_known: bool  #: its own set is
    space_id: str | None


def lock_pages(session: Session, page_ids: Collection[str]) -> dict[str, LockedPage]:
    """Lock the rows of these pages and return them by page id. A page without a row is absent."""
    row = PAGES.c
    query = (
        select(
            row.id,
            row.kind,
            row.title,
            row.content_hash,
            row.space_key,
            row.space_id,
            row.parent_id,
            row.status,
            row.url,
            row.version,
            row.hidden_at.is_not(None).label("hidden"),
            row.removed_at.is_not(None).label("removed"),
            _OWN_SET.is_not(None).label("access_known"),
        )
        .where(row.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .order_by(row.id)
        .with_for_update()
    )
    rows = session.execute(query, {"ids": list(page_ids)})
    return {found.id: _locked(found) for found in rows}


def _locked(found: Any) -> LockedPage:
    return LockedPage(
        before=Before(
            title=found.title,
            content_hash=found.content_hash,
            space_key=found.space_key,
            parent_id=found.parent_id,
            status=found.status,
            url=found.url,
            version=found.version,
            live=not (found.hidden or found.removed),
            kind=found.kind,
        ),
        hidden=found.hidden,
        removed=found.removed,
        access_known=found.access_known,
        space_id=found.space_id,
    )
