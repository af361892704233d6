"""Locks the pages of attachments, and then their rows, before they are compared and written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Table, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.attachments import AttachmentBefore
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.write.locks import PAGES

_ATTACHMENTS = cast("Table", PageAttachment.__table__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPage:
    """The page of an attachment."""

    space_key: str
    live: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedAttachment:
    """A locked row and its page."""

    before: AttachmentBefore
    removed: bool
    page: LockedPage


def lock_pages_of_attachments(session: Session, page_ids: Sequence[str]) -> dict[str, LockedPage]:
    """Keep the pages as they are until the transaction ends; a removed page is absent."""
    row = PAGES.c
    query = (
        select(row.id, row.space_key, row.hidden_at.is_(None).label("live"))
        .where(row.id == func.any(bindparam("ids", type_=ARRAY(Text))), row.removed_at.is_(None))
        .order_by(row.id)
        .with_for_update(read=True)
    )
    rows = session.execute(query, {"ids": sorted(set(page_ids))})
    return {found.id: LockedPage(space_key=found.space_key, live=found.live) for found in rows}


def lock_attachments(session: Session, ids: Sequence[str]) -> dict[str, LockedAttachment]:
    """Lock the rows of these attachments and return them, with their pages, by id."""
    row = _ATTACHMENTS.c
    query = (
        select(
            row.id,
            row.name,
            row.page_id,
            row.version,
            row.hidden_at,
            row.removed_at,
            PAGES.c.space_key,
            (PAGES.c.hidden_at.is_(None) & PAGES.c.removed_at.is_(None)).label("page_is_live"),
        )
        .join_from(_ATTACHMENTS, PAGES, PAGES.c.id == row.page_id)
        .where(row.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .order_by(row.id)
        .with_for_update(of=_ATTACHMENTS)
    )
    return {
        found.id: LockedAttachment(
            before=AttachmentBefore(
                name=found.name,
                page_id=found.page_id,
                version=found.version,
                live=found.hidden_at is None and found.removed_at is None,
            ),
            removed=found.removed_at is not None,
            page=LockedPage(space_key=found.space_key, live=found.page_is_live),
        )
        for found in session.execute(query, {"ids": list(ids)})
    }
