"""What the mirror holds of a space in full detail, for the drift audit. Read only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hr_sync.store.tables import ConfluencePage, PageBody


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    """One stored row."""

    id: str
    title: str
    version: int
    status: str
    parent_id: str | None
    url: str
    content_hash: str
    live: bool


def audit_rows(session: Session, space_key: str) -> dict[str, AuditRow]:
    """Return the rows of a space that are not removed, by page id."""
    page = ConfluencePage
    rows = session.execute(
        select(
            page.id,
            page.title,
            page.version,
            page.status,
            page.parent_id,
            page.url,
            page.content_hash,
            page.hidden_at.is_(None),
        ).where(page.space_key == space_key, page.removed_at.is_(None))
    )
    return {
        page_id: AuditRow(
            id=page_id,
            title=title,
            version=version,
            status=status,
            parent_id=parent_id,
            url=url,
            content_hash=content_hash,
            live=live,
        )
        for page_id, title, version, status, parent_id, url, content_hash, live in rows
    }


def live_elsewhere(session: Session, space_keys: Collection[str]) -> list[tuple[str, str]]:
    """Return id and space of every row that is live in a space other than these, sorted."""
    page = ConfluencePage
    live = (page.hidden_at.is_(None), page.removed_at.is_(None), page.space_key.not_in(space_keys))
    rows = session.execute(select(page.id, page.space_key).where(*live).order_by(page.space_key, page.id))
    return [(page_id, space_key) for page_id, space_key in rows]


def stored_bodies(session: Session, page_ids: Sequence[str]) -> dict[str, str]:
    """Return the stored bodies of these pages, by page id."""
    rows = session.execute(select(PageBody.page_id, PageBody.storage).where(PageBody.page_id.in_(page_ids)))
    return {page_id: storage for page_id, storage in rows}  # noqa: C416 -- dict() does not take rows for pairs
