"""Writes archived pages: rows with their bodies that are hidden from the first moment, and have no access set.

No row of the feed, no node and no text is written: consumers see none of it. A live row is left alone: the decision
about it hides it (`deletions.py`), and the write of a current page shows it again (`pages.py`).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from hr_sync.domain.content import WithdrawalReason
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.values import MAX_PAGES, PageWrite
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.locks import PAGES, LockedPage, lock_pages
from hr_sync.store.write.page_rows import HEAD_COLUMNS, head_row, put_bodies, sections_of_text
from hr_sync.store.write.refused_rows import put_or_divide

_REASON = WithdrawalReason.ARCHIVED.value
_NOT_LIVE = or_(PAGES.c.hidden_at.is_not(None), PAGES.c.removed_at.is_not(None))


def write_archived(session: Session, lease: Lease, run_id: int, writes: Sequence[PageWrite]) -> frozenset[str]:
    """Write at most `MAX_PAGES` archived pages. Return the ids of those that the database refused.

    What is live, in another space than the plan saw, or of another version than a head without a body is left alone.
    Raises LeaseLost, and what SQLAlchemy raises when the server or the connection failed.
    """
    if len(writes) > MAX_PAGES:
        raise ValueError(f"{len(writes)} pages in one transaction; at most {MAX_PAGES}")
    check_lease(session, lease)
    locked = lock_pages(session, [write.head.id for write in writes])
    current = [write for write in writes if _may_write(write, locked.get(write.head.id))]
    whole = [_row(write, run_id) for write in current if write.storage is not None]
    heads = [_row(write, run_id) for write in current if write.storage is None]
    return _put(session, _whole(), whole, {"locked_ids": list(locked)}) | _put(session, _heads(), heads, {})


def _may_write(write: PageWrite, locked: LockedPage | None) -> bool:
    if locked is None:
        return write.seen_in_space is None and write.storage is not None
    if locked.before.live or (write.storage is None and write.head.version != locked.before.version):
        return False
    return locked.before.space_key in {write.seen_in_space, write.head.space_key}


def _put(
    session: Session, statement: Any, rows: Sequence[Mapping[str, Any]], others: Mapping[str, Any]
) -> frozenset[str]:
    """Write rows. Return the ids of what PostgreSQL refuses."""

    def put(some: Sequence[Mapping[str, Any]]) -> None:
        session.execute(statement, as_arrays(some) | dict(others))

    return frozenset(row["id"] for row, _ in put_or_divide(session, rows, put))


def _row(write: PageWrite, run_id: int) -> dict[str, Any]:
    row = head_row(write, run_id)
    return row if write.storage is None else row | {"content_hash": write.content_hash, "storage": write.storage}


def _hidden(run_id: ColumnElement[int]) -> dict[str, Any]:
    """Return the values of a row that is there: hidden as archived, since when it is, and read by nobody."""
    is_kept = and_(PAGES.c.hidden_reason == _REASON, PAGES.c.removed_at.is_(None))
    return {
        "hidden_at": case((is_kept, PAGES.c.hidden_at), else_=func.now()),
        "hidden_reason": _REASON,
        "missing_since_run_id": case((is_kept, PAGES.c.missing_since_run_id), else_=run_id),
        "removed_at": null(),
        "removed_reason": null(),
        "access_set_id": null(),
        "own_access_set_id": case((PAGES.c.own_access_set_id.is_not(None), 0)),
        "synced_at": func.now(),
    }


@cache
def _whole() -> Select[tuple[str]]:
    """Return the statement that inserts pages with their bodies, or overwrites what is there and not live."""
    names = ("id", *HEAD_COLUMNS, "content_hash")
    given = unnested({name: PAGES.c[name] for name in names})
    hidden = (func.now(), literal(_REASON), given.c.last_written_run_id)
    rows = select(*(given.c[name] for name in names), sections_of_text(given), *hidden)
    pages = upsert(PAGES).from_select([*names, "sections", "hidden_at", "hidden_reason", "missing_since_run_id"], rows)
    fresh = {name: pages.excluded[name] for name in (*names[1:], "sections")}
    pages = pages.on_conflict_do_update(
        index_elements=["id"],
        set_=fresh | _hidden(pages.excluded.last_written_run_id),
        where=and_(
            _NOT_LIVE,
            or_(
                PAGES.c.space_key == pages.excluded.space_key,
                PAGES.c.id == func.any(bindparam("locked_ids", type_=ARRAY(Text))),
            ),
        ),
    )
    written = pages.returning(PAGES.c.id).cte("written_pages")
    return select(written.c.id).add_cte(put_bodies(written).cte("written_bodies"))


@cache
def _heads() -> Any:
    """Return the statement that overwrites the heads of pages whose bodies stay."""
    given = unnested({name: PAGES.c[name] for name in ("id", *HEAD_COLUMNS)})
    fresh: dict[str, Any] = {name: given.c[name] for name in HEAD_COLUMNS}
    return update(PAGES).where(PAGES.c.id == given.c.id, _NOT_LIVE).values(fresh | _hidden(given.c.last_written_run_id))
