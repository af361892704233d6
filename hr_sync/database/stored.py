"""What the mirror holds of a space, as far as a plan needs it. Read only, no body."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hr_sync.database.tables import ConfluencePage
from hr_sync.model.page import StoredPage


def stored_of_space(session: Session, space_key: str) -> dict[str, StoredPage]:
    """Give every row of a space, hidden and removed ones too, by page id."""
    return _stored(session, ConfluencePage.space_key == space_key)


def stored_by_id(session: Session, ids: Iterable[str]) -> dict[str, StoredPage]:
    """Give the rows of these pages, whatever space they are in."""
    return _stored(session, ConfluencePage.id == func.any(list(ids)))


def _stored(session: Session, condition: ColumnElement[bool]) -> dict[str, StoredPage]:
    page = ConfluencePage
    rows = session.execute(
        select(
            page.id,
            page.space_key,
            page.version,
            page.metadata_digest,
            page.hidden_at.is_not(None),
            page.removed_at.is_not(None),
        ).where(condition)
    )
    return {
        page_id: StoredPage(
            id=page_id, space_key=space_key, version=version, metadata_digest=digest, hidden=hidden, removed=removed
        )
        for page_id, space_key, version, digest, hidden, removed in rows
    }
