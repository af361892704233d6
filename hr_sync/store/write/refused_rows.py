"""Writes rows together, and finds those among them that PostgreSQL refuses.

All go in by one statement inside one savepoint. Where PostgreSQL refuses the data, each half is tried by itself, down
to a savepoint around each row that it refuses. One refused row among 250 needs 16 savepoints more, of which at most 8
are kept; 8 scattered ones keep up to 40, and from about 16 on it may be more than the 64 of a transaction that
PostgreSQL holds in memory: every other session pays for those until this transaction is committed.
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

    Raises what SQLAlchemy raises when the server, the connection or a right is missing: that is no row's fault.
    """
    if not items:
        return []
    try:
        with session.begin_nested():
            put(items)
    except (DBAPIError, UnicodeEncodeError) as error:
        if not is_refusal(error):
            raise
        if len(items) == 1:
            return [(items[0], error)]
    else:
        return []
    middle = len(items) // 2
    return put_or_divide(session, items[:middle], put) + put_or_divide(session, items[middle:], put)
