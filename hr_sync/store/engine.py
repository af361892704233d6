"""The engine of a process and its sessions.

Nothing here knows a table. The engine is made where a process is wired together and handed on.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.errors import ConfigurationError
from hr_sync.store.orm import SCHEMA_TOKEN
from hr_sync.store.tls import tls_args

DRIVER = "postgresql+psycopg"

#: What changes how a value or a name is read, or a statement run, set in each transaction: a role may say otherwise.
PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "array_nulls": "on",
    "jit": "off",  # compiling a statement of ours takes longer than running it
    # Whoever may create in another schema cannot put a function or an operator in the way; our tables are qualified.
    "search_path": "pg_catalog, pg_temp",
}

_TRANSACTION_TIMEOUT_SINCE = (17,)  # older servers do not know the setting, and refuse it


def make_engine(
    url: URL | str,
    *,
    schema: str = "public",
    pool_size: int = 5,
    max_overflow: int = 10,
    pool_timeout_seconds: float = 30,
    pool_recycle_seconds: int = 3600,
    connect_timeout_seconds: int = 10,
    statement_timeout_seconds: float = 60,
    lock_timeout_seconds: float = 15,
    idle_in_transaction_timeout_seconds: float = 60,
    application_name: str = "hr_sync",
    allow_plaintext: bool = False,
) -> Engine:
    """Return an engine whose tables are in `schema`. It connects to nothing yet.

    Parameters in the URL's query (`sslmode`, `connect_timeout`, ...) go to libpq and win over ours. Behind PgBouncer in
    transaction mode everything here works: no start-up `options`, no session settings, no prepared statements.
    `allow_plaintext`: a server on another machine may be spoken to without verified TLS.
    Raises ConfigurationError for a URL that is none, or that asks for less TLS than is allowed.
    """
    where = _psycopg_url(url)
    engine = create_engine(
        where,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout_seconds,
        pool_recycle=pool_recycle_seconds,
        pool_pre_ping=True,
        use_native_hstore=False,  # asks each server for a type that no table of ours has, by three statements
        hide_parameters=True,  # bound values are titles and bodies; without this they stand in every error's text
        isolation_level="READ COMMITTED",  # whatever the server's default: it goes with BEGIN
        connect_args=_connect_args(where, application_name, connect_timeout_seconds)
        | tls_args(where, allow_plaintext=allow_plaintext),
        execution_options={"schema_translate_map": {SCHEMA_TOKEN: schema}},
    )
    settings = PINNED | {
        "statement_timeout": _milliseconds(statement_timeout_seconds),
        "lock_timeout": _milliseconds(lock_timeout_seconds),
        "idle_in_transaction_session_timeout": _milliseconds(idle_in_transaction_timeout_seconds),
    }
    _refuse_other_encodings(engine)
    _set_local_at_begin(engine, settings)
    event.listen(engine, "checkin", _leave_access_mode_to_server)
    return engine


def queue_parameters(url: URL | str, *, schema: str, allow_plaintext: bool = False) -> dict[str, Any]:
    """Return the parameters of psycopg for a library that connects by itself, and has its tables in `schema`.

    The connections are as well protected as those of `make_engine`. They keep settings, so not behind PgBouncer in
    transaction mode. Raises as `make_engine`.
    """
    where = _psycopg_url(url)
    _, given = where.get_dialect()().create_connect_args(where)
    ours = _connect_args(where, "hr_sync queue", connect_timeout_seconds=10)
    del ours["context"]  # for our own statements
    path = f"-c search_path={schema}"
    return dict(given) | ours | tls_args(where, allow_plaintext=allow_plaintext) | {"options": path}


def _leave_access_mode_to_server(connection: psycopg.Connection[Any] | None, record: object) -> None:
    """Let the next transaction write where the server lets it.

    After a read-only transaction SQLAlchemy leaves BEGIN READ WRITE, which a standby refuses with an error of its own,
    and which overrides default_transaction_read_only.
    """
    del record
    if connection is not None and connection.read_only is not None and not connection.closed:
        connection.read_only = None


def _connect_args(where: URL, application_name: str, connect_timeout_seconds: int) -> dict[str, Any]:
    libpq: dict[str, Any] = {
        "application_name": application_name,
        "connect_timeout": connect_timeout_seconds,
        # A peer that vanished is noticed after about a minute instead of the kernel's two hours.
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,  # milliseconds
    }
    ours = {name: value for name, value in libpq.items() if name not in where.query}
    return ours | {
        "client_encoding": "UTF8",  # not the URL's, PGCLIENTENCODING's, the role's or the database's
        "prepare_threshold": None,  # PgBouncer hands one client the statements prepared by another
        "context": _arrays_in_binary(),
    }


def _arrays_in_binary() -> AdaptersMap:
    """Send arrays as they are: in text form every element is quoted, and bodies then cost more here than there."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(list, ListBinaryDumper)
    return adapters


def schema_of(bind: Engine | Connection) -> str:
    """Return the PostgreSQL schema of the tables, for SQL that is written as text; quote it before use."""
    translated: dict[str, str] = bind.get_execution_options()["schema_translate_map"]
    return translated[SCHEMA_TOKEN]


def in_schema(engine: Engine, schema: str) -> Engine:
    """Return an engine with the same connections whose tables are in another schema."""
    return engine.execution_options(schema_translate_map={SCHEMA_TOKEN: schema})


def quoted_schema(connection: Connection) -> str:
    """Return the schema of the tables, quoted for SQL that is written as text."""
    return connection.dialect.identifier_preparer.quote(schema_of(connection))


def lock_key(subject: str) -> int:
    """Return the key of the advisory lock for one thing in the database; the same in every build."""
    return int.from_bytes(hashlib.sha256(f"hr_sync {subject}".encode()).digest()[:8], signed=True)


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return sessions whose objects stay readable after the commit: nothing is fetched again unasked."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def session_scope(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Hold one transaction: committed at the end, rolled back on anything raised (Ctrl-C too), closed in any case."""
    session = sessions()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.close()


def set_local(connection: Connection, **settings: str) -> None:
    """Set PostgreSQL settings until the transaction ends, in one round trip. Times are like "60000ms"; 0 = no limit."""
    calls = ", ".join(f"set_config('{name}', %s, true)" for name in settings)
    connection.exec_driver_sql(f"SELECT {calls}", tuple(settings.values()))


def _set_local_at_begin(engine: Engine, settings: dict[str, str]) -> None:
    # For each transaction, because a session's setting would leak to other clients of a PgBouncer. SQLAlchemy allows
    # statements in this event, and treats their errors as any others: a dead connection is dropped.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_newer = (connection.dialect.server_version_info or ()) >= _TRANSACTION_TIMEOUT_SINCE
        set_local(connection, **settings, **({"transaction_timeout": "0"} if is_newer else {}))


def _refuse_other_encodings(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: psycopg.Connection[Any], _record: object) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            raise ConfigurationError(
                f"the database stores text as {encoding}, which cannot hold every page: create a database with "
                "ENCODING 'UTF8' (and TEMPLATE template0), and name it in database.url"
            )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _psycopg_url(url: URL | str) -> URL:
    """Return the URL with our driver, whichever way PostgreSQL was spelt."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("database.url is not a URL: write postgresql://user@host:5432/database") from None
    if parsed.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ConfigurationError(
            f"database.url begins with {parsed.drivername}://, but hr_sync keeps its mirror in PostgreSQL only: "
            "write postgresql://user@host:5432/database"
        )
    return parsed.set(drivername=DRIVER)
