"""What an error of the driver means, in words without any of the data.

A server's error text quotes the failing row, SQLAlchemy's quotes the bound values: `str(error)` of a statement's error
never leaves this package. What a failed *connection* says (refused, no such database, wrong password) is about the
server alone and is passed on; so is what a missing right or a missing table says, which names a table and nothing else.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hr_sync.errors import (
    ConfigurationError,
    DatabaseConflict,
    DatabaseCredentialsRefused,
    DatabaseUnavailable,
    HrSyncError,
    SchemaError,
)

# Classes of SQLSTATE that say "not now" about the server, and nothing about the row that was sent:
# 08 connection, 25 idle-in-transaction timeout (25P03) or a read-only standby (25006), 40 deadlock and serialization,
# 53 resources, 55 lock not available, 57 shutdown and timeouts, 58 disk. https://www.postgresql.org/docs/current/errcodes-appendix.html
TEMPORARY_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})
#: lock time-out, deadlock, serialisation failure, statement time-out: worth a second try, about a few rows only
CONFLICTS = frozenset({"55P03", "40P01", "40001", "57014"})
CANCELLED = "57014"
MISSING_RIGHT = "42501"
#: undefined table, column or function, and schema that does not exist: our statements name nothing else
NOT_THERE = frozenset({"42P01", "42703", "42883", "3F000"})
READ_ONLY = "25006"
LONGEST_REASON = 300  # characters

# The protocol gives the client no SQLSTATE for a connection that fails, only a text. A server that speaks another
# language is taken for one that cannot be reached, which is tried again.
_CREDENTIALS_REFUSED = re.compile(r"password authentication failed|no password supplied")
_MISCONFIGURED = re.compile(
    r"(database|role) \".*\" does not exist|no pg_hba\.conf entry|authentication failed for user|"
    r"authentication method|server does not support SSL|certificate|is not permitted to log in|"
    r"permission denied for database"
)
_MEANINGS = {
    "40P01": "a deadlock with somebody else's transaction",
    "53100": "the disk of the server is full; free some of it",
    "53200": "the server is out of memory",
    "55P03": "somebody else held a lock for longer than database.lock_timeout_seconds",
    "57014": "a statement took longer than database.statement_timeout_seconds, or somebody cancelled it",
}
_TOO_MANY = re.compile(r"too many (connections|clients)|remaining connection slots")


def is_temporary(error: BaseException) -> bool:
    """Return True if the server or the connection failed, False if the statement or its data did.

    A temporary error ends a chunk of pages instead of being blamed on each of them.
    """
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = sqlstate(error)
    if error.connection_invalidated or (isinstance(error, OperationalError) and state is None):
        return True
    return state is not None and state[:2] in TEMPORARY_CLASSES


def is_conflict(error: BaseException) -> bool:
    """Return True for a lock, a deadlock, a serialisation failure or a statement time-out."""
    return isinstance(error, DBAPIError) and sqlstate(error) in CONFLICTS


def describe_error(error: BaseException) -> str:
    """Return class, SQLSTATE and constraint, as in `UniqueViolation (23505, pk_page_bodies)`; no message, no value."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    original = error.orig
    constraint = original.diag.constraint_name if isinstance(original, psycopg.Error) else None
    facts = ", ".join(fact for fact in (sqlstate(error), constraint) if fact)
    name = type(original).__name__
    return f"{name} ({facts})" if facts else name


def sqlstate(error: DBAPIError) -> str | None:
    """Return the SQLSTATE of an error; None if the server gave none."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Raise what an operator can do something about as an error of `hr_sync.errors`; pass on the rest."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        expected = expected_error(error, engine.url)
        if expected is None:
            raise
        raise expected from None


def expected_error(error: DBAPIError | PoolTimeoutError, url: URL) -> HrSyncError | None:
    """Return the error of `hr_sync.errors` that this one means; None if it is about a statement or its data."""
    where = f"PostgreSQL {place_of(url)}"
    if isinstance(error, PoolTimeoutError):
        remedy = "no connection of the pool became free. Raise database.pool_size or run fewer workers."
        return DatabaseUnavailable(f"{where}: {remedy}")
    state = sqlstate(error)
    if state == MISSING_RIGHT and isinstance(error.orig, psycopg.Error):
        return ConfigurationError(
            f"{where}: {error.orig.diag.message_primary}. Grant it to the database user, or use the user that owns the "
            "tables."
        )
    if state in NOT_THERE and isinstance(error.orig, psycopg.Error):
        return SchemaError(
            f"{where}: {error.orig.diag.message_primary}. The tables are not those of this build: run "
            "`hr-sync init-db`, or `hr-sync migrate` for older ones."
        )
    if not is_temporary(error):
        return None
    if error.statement is None and state is None:  # raised while connecting
        return _connection_error(where, _connection_failure(error))
    if state == READ_ONLY:
        return DatabaseUnavailable(
            f"{where}: the server or the database user is read-only ({describe_error(error)}): a standby, or "
            "default_transaction_read_only is on. Connect to the primary."
        )
    kind = DatabaseConflict if is_conflict(error) else DatabaseUnavailable
    what = f"{_MEANINGS[state]}: {describe_error(error)}" if state in _MEANINGS else describe_error(error)
    return kind(f"{where}: {what}. Nothing of the open transaction was kept; run again.")


def _connection_error(where: str, reason: str) -> HrSyncError:
    if _CREDENTIALS_REFUSED.search(reason):
        return DatabaseCredentialsRefused(f"{where}: {reason}. Check user and password in database.url.")
    if "authentication method requirement" in reason:
        return ConfigurationError(
            f"{where}: {reason}. hr_sync gives its password only to a server that proves by SCRAM that it knows it. "
            "Set SCRAM there (password_encryption, pg_hba.conf, PgBouncer's auth_type); where a server is meant to do "
            "without, add require_auth=none or require_auth=md5 to the query of database.url."
        )
    if _MISCONFIGURED.search(reason):
        return ConfigurationError(
            f"{where}: {reason}. Check database.url, and what the server allows this user (roles, databases, "
            "pg_hba.conf, TLS)."
        )
    if _TOO_MANY.search(reason):
        return DatabaseUnavailable(
            f"{where}: {reason}. Lower database.pool_size and database.max_overflow, or raise the limit of the server "
            "or role."
        )
    return DatabaseUnavailable(
        f"{where}: {reason}. Check database.url, and that the server runs and can be reached from here."
    )


def _connection_failure(error: DBAPIError) -> str:
    """Return libpq's reason on one line. It names server, database and user, never a password."""
    lines = [line.strip(" .,-\t") for line in str(error.orig).splitlines() if not line.strip().startswith("Is the")]
    reason = "; ".join(line for line in lines if line).replace(":;", ":")
    return reason[:LONGEST_REASON] or type(error.orig).__name__


def place_of(url: URL) -> str:
    """Return host, port and database of the URL: what finds the server, without user and password."""
    hosts = url.query.get("host")
    if url.host or not hosts:
        return f"{url.host or '(local socket)'}:{url.port or 5432}/{url.database or ''}"
    return f"{hosts if isinstance(hosts, str) else ', '.join(hosts)} / {url.database or ''}"


def is_refusal(error: DBAPIError | UnicodeEncodeError) -> bool:
    """Return True if the error is about one row. A missing right would refuse every row."""
    if isinstance(error, UnicodeEncodeError):
        return True
    return not is_temporary(error) and sqlstate(error) != MISSING_RIGHT


@contextmanager
def queue_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable where a task queue cannot reach the database; it connects by itself."""
    try:
        yield
    except Exception as error:
        if not any(isinstance(each, psycopg.OperationalError) for each in (error, error.__cause__)):
            raise
        raise DatabaseUnavailable(
            "The PostgreSQL of the task queue could not be reached. Check database.url of the first settings file, and "
            "type the same again."
        ) from None
