"""Labels and readers of live pages, read and written. A write changes nothing else of a row."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.domain.access import AttributeStep, StoredAttributes, acl_digest, as_rows
from hr_sync.domain.plan import Action
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage, ContentChange

_FACETS = {Action.RELABEL: ["labels"], Action.RESTRICT: ["restrictions"]}


def stored_attributes(session: Session, space_key: str) -> dict[str, StoredAttributes]:
    """Return the badges of the live pages of a space, by page id."""
    page = ConfluencePage
    rows = session.execute(
        select(page.id, page.labels, page.restriction_digest).where(LIVE, page.space_key == space_key)
    )
    return {
        page_id: StoredAttributes(labels=None if labels is None else frozenset(labels), acl_digest=digest)
        for page_id, labels, digest in rows
    }


def write_attributes(
    sessions: sessionmaker[Session], lease: Lease, run_id: int, pages: Sequence[Sequence[AttributeStep]]
) -> list[AttributeStep]:
    """Write the steps of each page, and tell of each, in one transaction. Gives those that were written.

    A page that is no longer live in the space of the lease is left alone. Raises LeaseLost.
    """
    written: list[AttributeStep] = []
    with session_scope(sessions) as session:
        check_lease(session, lease)
        for steps in pages:
            version = _update(session, lease, run_id, steps)
            if version is not None:
                session.execute(insert(ContentChange), list(_changes(lease, run_id, version, steps)))
                written += steps
    return written


def _update(session: Session, lease: Lease, run_id: int, steps: Sequence[AttributeStep]) -> int | None:
    """Write one page; None when it is not live there any more, its version otherwise."""
    page = ConfluencePage
    values: dict[str, Any] = {"synced_at": func.now(), "last_written_run_id": run_id}
    for step in steps:
        values |= _columns(step)
    live_here = (LIVE, page.id == steps[0].page_id, page.space_key == lease.space_key)
    return session.scalar(update(page).where(*live_here).values(values).returning(page.version))


def _columns(step: AttributeStep) -> dict[str, Any]:
    if step.action is Action.RELABEL:
        return {"labels": sorted(step.attributes.labels or ())}
    readers = step.attributes.readers
    if readers is None:
        return {"readers": None, "restriction_digest": None}
    return {"readers": as_rows(readers), "restriction_digest": acl_digest(readers)}


def _changes(lease: Lease, run_id: int, version: int, steps: Sequence[AttributeStep]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield {
            "page_id": step.page_id,
            "space_key": lease.space_key,
            "run_id": run_id,
            "action": step.action,
            "changed_fields": _FACETS[step.action],
            "version": version,
            "reason": step.reason,
        }
