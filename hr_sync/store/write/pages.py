"""Writes pages: at most 50 in a transaction, fenced by the lease, and one that PostgreSQL refuses costs only itself.

A chunk goes in by one statement inside one savepoint. When PostgreSQL refuses the data, the chunk is replayed with a
savepoint around each page, and what still fails goes to `page_failures`. That is eleven times faster over a network
than a savepoint for each page from the start, and stays below the 64 subtransactions that PostgreSQL keeps in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.domain.changes import Before
from hr_sync.domain.content import Head
from hr_sync.domain.plan import Action
from hr_sync.store.db_errors import describe_error, is_temporary
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.write.failures import Failure, record_failures
from hr_sync.store.write.upserts import PAGES, as_arrays, put_heads, put_pages, row_of

MOST_PAGES = 50  #: in one transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One page to be written, every text of it cleaned. `storage` and `content_hash` are None where no body changed."""

    action: Action
    reason: str
    head: Head
    storage: str | None = None
    content_hash: str | None = None


def apply_pages(
    sessions: sessionmaker[Session], lease: Lease, run_id: int, writes: Sequence[Write]
) -> tuple[Failure, ...]:
    """Write at most 50 pages, sorted by id, and their changes in one transaction. Gives the pages that were refused.

    Raises LeaseLost, and what SQLAlchemy raises when the server or the connection failed: nothing was written then.
    """
    if len(writes) > MOST_PAGES:
        raise ValueError(f"{len(writes)} pages in one transaction; at most {MOST_PAGES}")
    with session_scope(sessions) as session:
        check_lease(session, lease)
        before = _stored_before(session, writes)
        try:
            with session.begin_nested():
                _put(session, run_id, writes, before)
        except DBAPIError as error:
            if is_temporary(error):
                raise
        else:
            return ()
        failures = tuple(_put_one_by_one(session, run_id, writes, before))
        record_failures(session, lease.space_key, run_id, failures)
        return failures


def _put_one_by_one(
    session: Session, run_id: int, writes: Sequence[Write], before: Mapping[str, Before]
) -> Iterator[Failure]:
    for write in writes:
        try:
            with session.begin_nested():
                _put(session, run_id, [write], before)
        except DBAPIError as error:
            if is_temporary(error):
                raise
            yield Failure(
                page_id=write.head.id,
                stage="store",
                error_class=type(error.orig).__name__,
                message=f"PostgreSQL refused the page: {describe_error(error)}",
                version=write.head.version,
            )


def _stored_before(session: Session, writes: Sequence[Write]) -> dict[str, Before]:
    """Read what the rows say now, for the changed_fields of the change. A new page has none."""
    page = PAGES.c
    rows = session.execute(
        select(
            page.id,
            page.title,
            page.content_hash,
            page.space_key,
            page.parent_id,
            page.status,
            (page.hidden_at.is_(None) & page.removed_at.is_(None)).label("shown"),
        ).where(page.id == func.any([write.head.id for write in writes]))
    )
    return {
        page_id: Before(
            title=title, content_hash=digest, space_key=space_key, parent_id=parent_id, status=status, shown=shown
        )
        for page_id, title, digest, space_key, parent_id, status, shown in rows
    }


def _put(session: Session, run_id: int, writes: Sequence[Write], before: Mapping[str, Before]) -> None:
    whole = [write for write in writes if write.storage is not None]
    heads = [write for write in writes if write.storage is None]
    if whole:
        session.execute(put_pages(), _arrays(whole, run_id, before))
    if heads:
        session.execute(put_heads(), _arrays(heads, run_id, before))


def _arrays(writes: Sequence[Write], run_id: int, before: Mapping[str, Before]) -> dict[str, list[Any]]:
    return as_arrays(
        [
            row_of(
                write.head,
                run_id,
                action=write.action,
                reason=write.reason,
                content_hash=write.content_hash,
                storage=write.storage,
                before=before.get(write.head.id),
            )
            for write in writes
        ]
    )
