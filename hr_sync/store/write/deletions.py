"""Hides and removes pages: rows are marked, never dropped, and each mark is told to consumers."""

from collections.abc import Sequence

from sqlalchemy import func, insert, update
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.domain.deletion import Ruling, Verdict
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.tables import ConfluencePage, ContentChange


def apply_rulings(sessions: sessionmaker[Session], lease: Lease, run_id: int, rulings: Sequence[Ruling]) -> list[str]:
    """Carry out HIDE and REMOVE in one transaction. Gives the ids of the pages that were marked.

    The conditions are asked again in the statement itself: a page that another space's pass has taken over since it was
    ruled on, or that is removed already, is left alone. The lease may be of another space than the page: one that moved
    out of scope is ruled on where it is listed now. Raises LeaseLost.
    """
    marked: list[str] = []
    with session_scope(sessions) as session:
        check_lease(session, lease)
        for ruling in sorted(rulings, key=lambda ruling: ruling.page_id):
            if _mark(session, run_id, ruling):
                marked.append(ruling.page_id)
                session.execute(insert(ContentChange).values(_change(run_id, ruling)))
    return marked


def _mark(session: Session, run_id: int, ruling: Ruling) -> bool:
    page = ConfluencePage
    values: dict[str, object]
    if ruling.verdict is Verdict.HIDE:
        values = {"hidden_at": func.now(), "missing_since_run_id": run_id}
    else:
        values = {"removed_at": func.now(), "removed_reason": ruling.reason}
    values |= {"readers": None, "restriction_digest": None}  # nobody looks after them until it is live again
    statement = (
        update(page)
        .where(page.id == ruling.page_id, page.space_key == ruling.space_key, page.removed_at.is_(None))
        .values(values | {"synced_at": func.now(), "last_written_run_id": run_id})
        .returning(page.id)
    )
    return session.scalar(statement) is not None


def _change(run_id: int, ruling: Ruling) -> dict[str, object]:
    return {
        "page_id": ruling.page_id,
        "space_key": ruling.space_key,
        "run_id": run_id,
        "action": ruling.verdict,
        "changed_fields": ["removed"],
        "reason": ruling.reason,
    }
