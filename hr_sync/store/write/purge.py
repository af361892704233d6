"""Erases pages for good: row, body, failure and what the feed told of them. What remains is that it was erased."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import ConfluencePage, ContentChange, PageFailure

_AT_ONCE = 500  # pages in one transaction


def pages_to_purge(
    session: Session,
    *,
    page_ids: Sequence[str] = (),
    space_keys: Sequence[str] = (),
    removed_for: timedelta | None = None,
) -> dict[str, list[str]]:
    """Return the ids that a purge would erase, by space: these pages, these spaces, or what was removed so long ago."""
    page = ConfluencePage
    query = select(page.space_key, page.id).order_by(page.space_key, page.id)
    if page_ids:
        query = query.where(page.id.in_(page_ids))
    if space_keys:
        query = query.where(page.space_key.in_(space_keys))
    if removed_for is not None:
        query = query.where(page.removed_at < func.now() - removed_for)
    if not (page_ids or space_keys or removed_for is not None):
        return {}
    chosen: dict[str, list[str]] = {}
    for space_key, page_id in session.execute(query):
        chosen.setdefault(space_key, []).append(page_id)
    return chosen


def purge_pages(sessions: sessionmaker[Session], lease: Lease, run_id: int, page_ids: Sequence[str]) -> int:
    """Erase these pages of the leased space. Gives how many there were. Raises LeaseLost."""
    erased = 0
    for start in range(0, len(page_ids), _AT_ONCE):
        ids = page_ids[start : start + _AT_ONCE]
        with session_scope(sessions) as session:
            check_lease(session, lease)
            session.execute(delete(PageFailure).where(PageFailure.page_id.in_(ids)))
            session.execute(delete(ContentChange).where(ContentChange.page_id.in_(ids)))
            own = (ConfluencePage.id.in_(ids), ConfluencePage.space_key == lease.space_key)
            gone = session.scalars(delete(ConfluencePage).where(*own).returning(ConfluencePage.id)).all()
            if gone:
                session.execute(
                    insert(ContentChange), [_told(page_id, lease.space_key, run_id) for page_id in sorted(gone)]
                )
            erased += len(gone)
    return erased


def _told(page_id: str, space_key: str, run_id: int) -> dict[str, object]:
    return {
        "page_id": page_id,
        "space_key": space_key,
        "run_id": run_id,
        "action": "purge",
        "changed_fields": ["removed"],
        "reason": "erased on request",
    }
