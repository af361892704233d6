"""Errors of the driver: classified, and described without any of the data or the password."""

import socket
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, Executable, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from hr_sync.errors import (
    ConfigurationError,
    DatabaseConflict,
    DatabaseCredentialsRefused,
    DatabaseUnavailable,
    HrSyncError,
)
from hr_sync.store.db_errors import database_errors, describe_error, is_temporary
from hr_sync.store.engine import make_engine, make_sessions, session_scope
from hr_sync.store.tables import ConfluencePage, PageBody
from tests.store.rows import page

CANARY = "SALARY-OF-THE-BOARD"


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Engine on a database with the pages 1 and 2."""
    with session_scope(make_sessions(engine)) as session:
        session.add_all([page("1", title=CANARY), page("2", title=CANARY)])
    return engine


def _values(**values: object) -> dict[str, object]:
    columns = {
        column.name: getattr(page("3", title=CANARY), column.name) for column in ConfluencePage.__table__.columns
    }
    return {name: value for name, value in columns.items() if value is not None} | values


LONG_TITLE = (
    "UPDATE public.confluence_pages SET title = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 900) i)"
)
REFUSED: dict[str, tuple[Callable[[], Executable], str]] = {
    "unique": (
        lambda: insert(ConfluencePage).values(_values(id="1")),
        "UniqueViolation (23505, pk_confluence_pages)",
    ),
    "not null": (lambda: insert(ConfluencePage).values(_values(url=None)), "NotNullViolation (23502)"),
    "foreign key": (
        lambda: insert(PageBody).values(page_id=CANARY, storage=CANARY),
        "ForeignKeyViolation (23503, fk_page_bodies_page_id)",
    ),
    "out of range": (lambda: update(ConfluencePage).values(version=2**40), "NumericValueOutOfRange (22003)"),
    "NUL": (lambda: update(ConfluencePage).values(title=f"{CANARY}\0"), "DataError"),
    "syntax": (lambda: text(f"SELEC '{CANARY}'"), "SyntaxError (42601)"),
    "too long for an index": (lambda: text(LONG_TITLE), "ProgramLimitExceeded (54000)"),
}


def test_a_refused_row_is_described_by_class_state_and_constraint(filled: Engine) -> None:
    """What PostgreSQL refuses is the row's fault: not temporary, and described without the row."""
    for name, (statement, described) in REFUSED.items():
        with pytest.raises(DBAPIError) as caught, database_errors(filled), filled.begin() as connection:
            connection.execute(statement())

        assert describe_error(caught.value) == described, name
        assert not is_temporary(caught.value), name


def test_bound_values_are_hidden_in_the_text_of_an_error(filled: Engine) -> None:
    """Even where an error does get printed, the values that we sent are not in SQLAlchemy's part of it."""
    with pytest.raises(DBAPIError) as caught, filled.begin() as connection:
        connection.execute(insert(ConfluencePage).values(_values(id="1")))

    assert CANARY not in str(caught.value)


def test_an_unreachable_server_is_named_with_the_remedy(engine: Engine) -> None:
    """Refused connection: host, port, database and what to do; neither user's password nor a traceback's chain."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        message = _message(make_engine(engine.url.set(port=port, password="hunter2")))

    assert f"127.0.0.1:{port}/{engine.url.database}" in message
    assert "refused" in message
    assert "Check database.url" in message
    assert "hunter2" not in message


def test_a_wrong_password_ends_with_77(engine: Engine) -> None:
    """A supervisor that tries again at 75 would lock the account."""
    message = _message(make_engine(engine.url.set(password="hunter2")), DatabaseCredentialsRefused)

    assert "password authentication failed" in message
    assert "hunter2" not in message


def test_a_missing_database_is_a_configuration_error(engine: Engine) -> None:
    """A wrong database name ends with 78 and is named."""
    message = _message(make_engine(engine.url.set(database="absent")), ConfigurationError)

    assert 'database "absent" does not exist' in message


def test_a_role_with_too_few_connections_names_the_settings(engine: Engine) -> None:
    """The remedy for a connection limit is a smaller pool, not another address."""
    role = f"limited_{engine.url.database}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'p' CONNECTION LIMIT 0")
    message = _message(make_engine(engine.url.set(username=role, password="p")))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {role}")

    assert "database.pool_size" in message


def test_a_missing_right_is_named(filled: Engine) -> None:
    """A role that may only read gets 78 and the table that it may not write."""
    role = f"reader_{filled.url.database}"
    with filled.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    reader = make_engine(filled.url.set(username=role, password="p"))
    with (
        pytest.raises(ConfigurationError, match=r"permission denied for table confluence_pages.*Grant it"),
        database_errors(reader),
        reader.begin() as connection,
    ):
        connection.execute(update(ConfluencePage).values(version=2))
    reader.dispose()
    with filled.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")


def test_a_read_only_database_says_so(filled: Engine) -> None:
    """A provider that switched writing off, or a standby: temporary, with the cause."""
    with filled.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {filled.url.database} SET default_transaction_read_only = on")
    fresh = make_engine(filled.url)
    with (
        pytest.raises(DatabaseUnavailable, match="read-only"),
        database_errors(fresh),
        fresh.begin() as connection,
    ):
        connection.execute(update(ConfluencePage).values(version=2))
    fresh.dispose()


def test_a_full_pool_names_its_setting(prepared_url: str) -> None:
    """Waiting for a connection ends after pool_timeout_seconds and names pool_size."""
    engine = make_engine(prepared_url, pool_size=1, max_overflow=0, pool_timeout_seconds=0.01)
    with engine.connect():
        message = _message(engine)
    engine.dispose()

    assert "database.pool_size" in message


def test_a_connection_that_breaks_in_a_transaction_is_temporary(engine: Engine) -> None:
    """The server ends our session: DatabaseUnavailable, and the next transaction gets a new connection."""

    def lose_connection() -> None:
        with database_errors(engine), engine.begin() as connection:
            own = connection.scalar(text("SELECT pg_backend_pid()"))
            with engine.begin() as other:
                assert other.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable, match="run again"):
        lose_connection()
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_connection_that_broke_in_the_pool_is_never_noticed(engine: Engine) -> None:
    """Pre-ping replaces what died while nobody used it."""
    with engine.begin() as connection:
        own = connection.scalar(text("SELECT pg_backend_pid()"))
    outside = make_engine(engine.url)
    with outside.begin() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
    outside.dispose()

    with engine.begin() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != own


@pytest.mark.parametrize(
    ("limits", "described"),
    [
        ({"statement_timeout_seconds": 0.05}, "QueryCanceled (57014)"),
        ({"lock_timeout_seconds": 0.05}, "LockNotAvailable (55P03)"),
    ],
)
def test_limits_end_a_statement_that_waits(filled: Engine, limits: dict[str, float], described: str) -> None:
    """A statement that waits for a lock ends at the first of its limits, as a conflict about some rows."""
    waiting = make_engine(filled.url, **limits)  # type: ignore[arg-type] # two of many keywords
    with filled.begin() as holder:
        holder.execute(select(ConfluencePage.id).with_for_update())
        with pytest.raises(DatabaseConflict) as caught, database_errors(waiting), waiting.begin() as connection:
            connection.execute(update(ConfluencePage).values(version=2))
    waiting.dispose()

    assert described in str(caught.value)


def test_a_deadlock_is_temporary(filled: Engine) -> None:
    """One of two writers in opposite order loses, and may try again."""
    first_holds, second_holds = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def write(order: str, holds: threading.Event, other_holds: threading.Event) -> None:
        try:
            with database_errors(filled), filled.begin() as connection:
                connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
                connection.execute(update(ConfluencePage).where(ConfluencePage.id == order[0]).values(version=2))
                holds.set()
                assert other_holds.wait(10)
                connection.execute(update(ConfluencePage).where(ConfluencePage.id == order[1]).values(version=2))
        except DatabaseUnavailable as error:
            raised.append(error)

    writers = [
        threading.Thread(target=write, args=("12", first_holds, second_holds)),
        threading.Thread(target=write, args=("21", second_holds, first_holds)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(20)

    assert [str(error).count("DeadlockDetected (40P01)") for error in raised] == [1]


def test_errors_of_others_pass_as_they_are(engine: Engine) -> None:
    """What is not the database's stays what it is, and is described by its class alone."""
    with pytest.raises(ValueError, match=CANARY) as caught, database_errors(engine):
        raise ValueError(CANARY)

    assert describe_error(caught.value) == "ValueError"


def _message(engine: Engine, expected: type[HrSyncError] = DatabaseUnavailable) -> str:
    with pytest.raises(expected) as caught, database_errors(engine), engine.connect():
        pass
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)
