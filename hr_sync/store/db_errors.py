"""What an error of the driver means, told without a word of the data.

A server's error text quotes the failing row, SQLAlchemy's quotes the bound values: `str(error)` of a statement's error
never leaves this package. What a failed *connection* says (refused, no such database, wrong password) is about the
server alone and is passed on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hr_sync.errors import DatabaseUnavailable

# Classes of SQLSTATE that say "not now" about the server, and nothing about the row that was sent:
# 08 connection, 25 idle-in-transaction timeout (25P03) or a read-only standby (25006), 40 deadlock and serialization,
# 53 resources, 55 lock not available, 57 shutdown and timeouts, 58 disk. https://www.postgresql.org/docs/current/errcodes-appendix.html
TEMPORARY_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})
LONGEST_REASON = 300  # characters


def is_temporary(error: BaseException) -> bool:
    """True when the server or the connection failed, False when the statement or its data did.

    Whoever writes page by page lets a temporary error end the run, instead of blaming fifty pages for it.
    """
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = _sqlstate(error)
    if error.connection_invalidated or (isinstance(error, OperationalError) and state is None):
        return True
    return state is not None and state[:2] in TEMPORARY_CLASSES


def describe_error(error: BaseException) -> str:
    """Class, SQLSTATE and constraint, as in `UniqueViolation (23505, pk_page_bodies)`. Never a message or a value."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    original = error.orig
    constraint = original.diag.constraint_name if isinstance(original, psycopg.Error) else None
    facts = ", ".join(fact for fact in (_sqlstate(error), constraint) if fact)
    name = type(original).__name__
    return f"{name} ({facts})" if facts else name


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Raise `DatabaseUnavailable` for a temporary error of `engine`; everything else passes as it is."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if not is_temporary(error):
            raise
        raise DatabaseUnavailable(f"PostgreSQL {_where(engine.url)}: {_reason(error)}") from None


def _reason(error: DBAPIError | PoolTimeoutError) -> str:
    if isinstance(error, PoolTimeoutError):
        return "no connection of the pool became free. Raise database.pool_size or run fewer workers."
    if error.statement is None:  # raised while connecting
        return (
            f"{_connection_failure(error)}. Check database.url, and that the server runs and can be reached from here."
        )
    return f"{describe_error(error)}. Nothing of the open transaction was kept; run again."


def _connection_failure(error: DBAPIError) -> str:
    """Reason of libpq on one line. It names server, database and user, never a password."""
    lines = [line.strip(" .-") for line in str(error.orig).splitlines()]
    return "; ".join(line for line in lines if line)[:LONGEST_REASON] or type(error.orig).__name__


def _where(url: URL) -> str:
    """Host, port and database of the URL: what one needs to find the server, without user and password."""
    host = url.host or url.query.get("host") or "(local socket)"
    return f"{host}:{url.port or 5432}/{url.database or ''}"


def _sqlstate(error: DBAPIError) -> str | None:
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None
