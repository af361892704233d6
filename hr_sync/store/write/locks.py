"""Locks the rows of pages before they are compared and written: in the order of their ids, so that nobody deadlocks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from hr_sync.domain.changes import Before
from hr_sync.store.tables import ConfluencePage

PAGES = cast("Table", ConfluencePage.__table__)  # statements over classes pass through the ORM, at twice the cost


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPage:
    """A row as it stands until the transaction ends."""

    before: Before
    hidden: bool
    removed: bool
    readers_known: bool


def lock_pages(session: Session, page_ids: Collection[str]) -> dict[str, LockedPage]:
    """Lock the rows of these pages and return them by page id. A page without a row is absent."""
    row = PAGES.c
    query = (
        select(
            row.id,
            row.title,
            row.content_hash,
            row.space_key,
            row.parent_id,
            row.status,
            row.url,
            row.version,
            row.hidden_at.is_not(None),
            row.removed_at.is_not(None),
            row.restriction_digest.is_not(None),
        )
        .where(row.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .order_by(row.id)
        .with_for_update()
    )
    rows = session.execute(query, {"ids": list(page_ids)})
    return {
        page_id: LockedPage(
            before=Before(
                title=title,
                content_hash=content_hash,
                space_key=space_key,
                parent_id=parent_id,
                status=status,
                url=url,
                version=version,
                live=not (hidden or removed),
            ),
            hidden=hidden,
            removed=removed,
            readers_known=readers_known,
        )
        for (
            page_id,
            title,
            content_hash,
            space_key,
            parent_id,
            status,
            url,
            version,
            hidden,
            removed,
            readers_known,
        ) in rows
    }
