"""Labels and readers of live pages, read and written. A write changes nothing else of a row."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.database.engine import session_scope
from hr_sync.database.lease import Lease, check_lease
from hr_sync.database.pages import LIVE
from hr_sync.database.tables import ConfluencePage, PageChange
from hr_sync.model.badge import BadgeStep, StoredBadge
from hr_sync.model.plan import Action
from hr_sync.model.readers import as_rows, readers_digest

_FACETS = {Action.RELABEL: ["labels"], Action.RESTRICT: ["restrictions"]}


def stored_badges(session: Session, space_key: str) -> dict[str, StoredBadge]:
    """Give the badges of the live pages of a space, by page id."""
    page = ConfluencePage
    rows = session.execute(
        select(page.id, page.labels, page.restriction_digest).where(LIVE, page.space_key == space_key)
    )
    return {
        page_id: StoredBadge(labels=None if labels is None else frozenset(labels), readers_digest=digest)
        for page_id, labels, digest in rows
    }


def write_badges(
    sessions: sessionmaker[Session], lease: Lease, run_id: int, pages: Sequence[Sequence[BadgeStep]]
) -> list[BadgeStep]:
    """Write the steps of each page, and tell of each, in one transaction. Gives those that were written.

    A page that is no longer live in the space of the lease is left alone. Raises LeaseLost.
    """
    written: list[BadgeStep] = []
    with session_scope(sessions) as session:
        check_lease(session, lease)
        for steps in pages:
            version = _update(session, lease, run_id, steps)
            if version is not None:
                session.execute(insert(PageChange), list(_changes(lease, run_id, version, steps)))
                written += steps
    return written


def _update(session: Session, lease: Lease, run_id: int, steps: Sequence[BadgeStep]) -> int | None:
    """Write one page; None when it is not live there any more, its version otherwise."""
    page = ConfluencePage
    values: dict[str, Any] = {"synced_at": func.now(), "last_seen_run": run_id}
    for step in steps:
        values |= _columns(step)
    live_here = (LIVE, page.id == steps[0].page_id, page.space_key == lease.space_key)
    return session.scalar(update(page).where(*live_here).values(values).returning(page.version))


def _columns(step: BadgeStep) -> dict[str, Any]:
    if step.action is Action.RELABEL:
        return {"labels": sorted(step.badge.labels or ())}
    readers = step.badge.readers
    if readers is None:
        return {"readers": None, "restriction_digest": None}
    return {"readers": as_rows(readers), "restriction_digest": readers_digest(readers)}


def _changes(lease: Lease, run_id: int, version: int, steps: Sequence[BadgeStep]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield {
            "page_id": step.page_id,
            "space_key": lease.space_key,
            "run_id": run_id,
            "action": step.action,
            "facets": _FACETS[step.action],
            "version": version,
            "reason": step.reason,
        }
