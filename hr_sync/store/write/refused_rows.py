"""Writes rows together, and finds those among them that PostgreSQL refuses.

All go in by one statement inside one savepoint. Where PostgreSQL refuses the data, each half is tried by itself, down
to a savepoint around each row that it refuses: 16 more for one among 250. These are rolled back, and what was accepted
goes in together by one more. So one savepoint is kept, however many rows are refused and wherever they stand:
PostgreSQL holds 64 subtransactions of a transaction in memory, and every other session pays for more.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hr_sync.store.db_errors import is_refusal

Item = TypeVar("Item")
RefusalError: TypeAlias = DBAPIError | UnicodeEncodeError


def put_or_divide(
    session: Session, items: Sequence[Item], put: Callable[[Sequence[Item]], None]
) -> list[tuple[Item, RefusalError]]:
    """Call `put` with all items, or with parts of them. Return the items that PostgreSQL refuses alone, and why.

    What `put` writes is rolled back and written again where another item is refused: its last call for an item counts.
    Raises what SQLAlchemy raises when the server, the connection or a right is missing: that is no row's fault.
    """
    if not items:
        return []
    error = _refusal_of(session, items, put, kept=True)
    if error is None:
        return []
    refused = _refused(session, items, put, error, kept=False)
    accepted = [item for item in items if all(item is not each for each, _ in refused)]
    if not accepted:
        return refused
    error = _refusal_of(session, accepted, put, kept=True)
    # Refused together, and not one by one: as the same row twice is.
    return refused if error is None else refused + _refused(session, accepted, put, error, kept=True)


def _refused(
    session: Session,
    items: Sequence[Item],
    put: Callable[[Sequence[Item]], None],
    error: RefusalError,
    *,
    kept: bool,
) -> list[tuple[Item, RefusalError]]:
    """Return which of these items, which are refused together, PostgreSQL refuses alone."""
    if len(items) == 1:
        return [(items[0], error)]
    middle = len(items) // 2
    refused: list[tuple[Item, RefusalError]] = []
    for half in (items[:middle], items[middle:]):
        of_half = _refusal_of(session, half, put, kept=kept)
        if of_half is not None:
            refused += _refused(session, half, put, of_half, kept=kept)
    return refused


def _refusal_of(
    session: Session, items: Sequence[Item], put: Callable[[Sequence[Item]], None], *, kept: bool
) -> RefusalError | None:
    """Put the items in a savepoint, which is kept or rolled back. Return why PostgreSQL refuses them, None if not."""
    try:
        with session.begin_nested() as savepoint:
            put(items)
            if not kept:
                savepoint.rollback()
    except (DBAPIError, UnicodeEncodeError) as error:
        if not is_refusal(error):
            raise
        return error
    return None
