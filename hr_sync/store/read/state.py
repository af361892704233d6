"""What the mirror holds of a space, as far as a plan needs it. Read only, no body."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, union
from sqlalchemy.orm import Session

from hr_sync.domain.content import Space, StoredPage
from hr_sync.store.run_tables import SyncSpace
from hr_sync.store.tables import ConfluencePage, PageFailure


def stored_of_space(session: Session, space_key: str) -> dict[str, StoredPage]:
    """Return every row of a space, hidden and removed ones too, by page id."""
    return _stored(session, ConfluencePage.space_key == space_key)


def stored_by_id(session: Session, ids: Iterable[str]) -> dict[str, StoredPage]:
    """Return the rows of these pages, whatever space they are in."""
    return _stored(session, ConfluencePage.id == func.any(list(ids)))


def spaces_held(session: Session) -> list[Space]:
    """Return the spaces of which the mirror has pages that are not removed, or failures, by key."""
    page = ConfluencePage
    keys = union(select(page.space_key).where(page.removed_at.is_(None)), select(PageFailure.space_key))
    rows = session.execute(
        select(SyncSpace.space_key, SyncSpace.space_id, SyncSpace.name)
        .where(SyncSpace.space_key.in_(keys))
        .order_by(SyncSpace.space_key)
    )
    return [
        Space(id=space_id or "", key=key, name=name or "", type="unknown", status="unknown")
        for key, space_id, name in rows
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """How far the mirror of a space has got."""

    watermark: datetime | None  #: newest change stored, on Confluence's clock; None before the first complete pass
    scope_fingerprint: str | None  #: of the last complete pass


def position_of_space(session: Session, space_key: str) -> Position:
    """Read where the last passes over a space left off."""
    row = session.execute(
        select(SyncSpace.watermark, SyncSpace.scope_fingerprint).where(SyncSpace.space_key == space_key)
    ).one_or_none()
    return Position(watermark=row[0] if row else None, scope_fingerprint=row[1] if row else None)


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
