"""One engine: its schema in every statement, its limits in every transaction, its sessions always closed."""

import uuid
from collections.abc import Iterator

import pytest
from psycopg.types import TypeInfo
from sqlalchemy import Engine, create_engine, event, func, insert, make_url, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from hr_sync.errors import ConfigurationError
from hr_sync.store.engine import make_engine, make_sessions, schema_of, session_scope
from hr_sync.store.orm import SCHEMA_TOKEN
from hr_sync.store.read.overview import read_overview
from hr_sync.store.read.runs import status_by_space
from hr_sync.store.schema import check_schema, ensure_schema, migrate
from hr_sync.store.store import Store
from hr_sync.store.tables import ConfluencePage, PageBody
from hr_sync.store.values import WriteResult
from tests.store.rows import page
from tests.store.spaces import NOON, leased, record, write

ODD_SCHEMA = 'Site "two"'


@pytest.fixture
def odd_engine(database_url: str) -> Iterator[Engine]:
    """Engine whose tables live in a schema that needs quoting."""
    engine = make_engine(database_url, schema=ODD_SCHEMA)
    ensure_schema(engine)
    yield engine
    engine.dispose()


def test_orm_and_core_name_the_configured_schema_in_every_statement(odd_engine: Engine) -> None:
    """Two sites share a database: no statement depends on search_path, and none shows the symbolic schema."""
    statements: list[str] = []
    event.listen(odd_engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with session_scope(make_sessions(odd_engine)) as session:
        session.add(page("1"))
        session.flush()
        session.execute(insert(PageBody).values(page_id="1", storage="<p/>"))
        assert session.scalar(select(func.count()).select_from(PageBody).join(ConfluencePage)) == 1

    ours = [statement for statement in statements if "pages" in statement or "bodies" in statement]
    assert len(ours) == 3
    assert all('"Site ""two""".' in statement for statement in ours)
    assert not any(SCHEMA_TOKEN in statement for statement in statements)
    assert schema_of(odd_engine) == ODD_SCHEMA


def test_two_schemas_of_one_database_know_nothing_of_each_other(odd_engine: Engine, database_url: str) -> None:
    """The same page id in two sites is two pages."""
    other = make_engine(database_url, schema="public")
    ensure_schema(other)
    with session_scope(make_sessions(odd_engine)) as session:
        session.add(page("1"))
    with session_scope(make_sessions(other)) as session:
        assert session.scalar(select(func.count()).select_from(ConfluencePage)) == 0
        session.add(page("1"))
    other.dispose()


def test_an_engine_without_the_translation_finds_no_table(prepared_url: str) -> None:
    """Whoever makes an engine by hand gets an error instead of another schema's rows."""
    engine = create_engine(prepared_url)
    with engine.connect() as connection, pytest.raises(ProgrammingError, match=SCHEMA_TOKEN):
        connection.execute(select(ConfluencePage.id))
    engine.dispose()


def test_limits_and_zone_hold_inside_the_transaction_only(prepared_url: str) -> None:
    """Timeouts and UTC are set for each transaction, and a pooler's next client inherits none of them."""
    engine = make_engine(prepared_url, statement_timeout_seconds=7, lock_timeout_seconds=0.5)
    show = text(
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), "
        "current_setting('idle_in_transaction_session_timeout'), current_setting('TimeZone')"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET timezone = 'America/New_York'")
    engine.dispose()
    with engine.connect() as connection:
        inside = connection.execute(show).one()
        connection.commit()  # a rollback would undo a session-wide setting as well
        cursor = connection.connection.cursor()
        cursor.execute(str(show))
        outside = cursor.fetchone()
    engine.dispose()

    assert tuple(inside) == ("7s", "500ms", "1min", "UTC")
    assert outside == ("0", "0", "0", "America/New_York")


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'German'",
        "DateStyle = 'SQL, DMY'",
        "DateStyle = 'Postgres'",
        "IntervalStyle = 'iso_8601'",
        "IntervalStyle = 'sql_standard'",
        "IntervalStyle = 'postgres_verbose'",
        "array_nulls = off",
        "TimeZone = 'America/New_York'",
        "default_transaction_isolation = 'serializable'",
        "client_encoding = 'LATIN1'",
    ],
)
def test_settings_of_the_database_change_no_value(prepared_url: str, setting: str) -> None:
    """Pages are written and read the same, whatever a role, a database or a server says about styles and encodings."""
    engine = make_engine(prepared_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET {setting}")
    engine.dispose()
    store = Store(engine)
    with leased(store) as space:
        assert space.write_pages([write("1", title="Ünïcödé 🎉", parent_id=None)]) == WriteResult()
        space.finish(lambda _: record(watermark=NOON, looked_at_all=True), clear_old_failures=False)
        assert space.state().watermark == NOON
    with session_scope(make_sessions(engine)) as session:
        (status,) = status_by_space(session)
        found = session.get(ConfluencePage, "1")
        assert session.scalar(text("SELECT current_setting('transaction_isolation')")) == "read committed"
    engine.dispose()

    assert status.age is not None
    assert found is not None
    assert (found.title, found.parent_id, found.last_updated) == ("Ünïcödé 🎉", None, NOON)


def test_a_limit_of_the_database_ends_no_transaction(prepared_url: str) -> None:
    """PostgreSQL 17 and newer can end a whole transaction; a migration may take longer than any such limit."""
    engine = make_engine(prepared_url)
    with engine.begin() as connection:
        has_setting = (connection.dialect.server_version_info or ()) >= (17,)
        if has_setting:
            connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET transaction_timeout = '200ms'")
    engine.dispose()
    if not has_setting:
        pytest.skip("this server has no transaction_timeout")
    with engine.begin() as connection:
        limit = connection.execute(text("SELECT current_setting('transaction_timeout')")).scalar_one()
        connection.execute(text("SELECT pg_sleep(0.4)"))
    engine.dispose()

    assert limit == "0"


def test_a_client_encoding_of_the_environment_is_not_used(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGCLIENTENCODING is meant for psql."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    engine = make_engine(prepared_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT '🎉'")) == "🎉"
    engine.dispose()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding_is_refused(postgres_server: str, encoding: str) -> None:
    """It cannot hold every page: the start says so, and what to create instead."""
    name = f"test_{uuid.uuid4().hex}"
    server = make_engine(postgres_server)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
        engine = make_engine(server.url.set(database=name))
        for act in (ensure_schema, check_schema, migrate):
            with pytest.raises(ConfigurationError, match="ENCODING 'UTF8'"):
                act(engine)
        engine.dispose()
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


def test_an_operator_in_another_schema_is_not_used(prepared_url: str) -> None:
    """Whoever may create in `public` would otherwise run code as the worker."""
    engine = make_engine(prepared_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION public.taken_over(text, varchar) RETURNS boolean LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'taken over'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = public.taken_over)"
        )
        connection.exec_driver_sql("SET LOCAL search_path = public")
        with pytest.raises(Exception, match="taken over"):
            connection.exec_driver_sql("SELECT 'a'::text = 'a'::varchar")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT 'a'::text = 'a'::varchar").scalar()
        assert connection.exec_driver_sql("SHOW search_path").scalar() == "pg_catalog, pg_temp"
    engine.dispose()


def test_nothing_is_prepared_on_the_server(engine: Engine) -> None:
    """Behind PgBouncer a prepared statement is another client's: none is ever made, however often a query repeats."""
    with engine.begin() as connection:
        for _ in range(12):
            connection.execute(select(ConfluencePage.id).where(ConfluencePage.id == "1"))
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0


def test_the_server_sees_the_application_name(engine: Engine) -> None:
    """A DBA finds our connections by name."""
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT current_setting('application_name')")) == "hr_sync"


def test_parameters_of_the_url_win(prepared_url: str) -> None:
    """What the user wrote into the URL is not overridden."""
    engine = make_engine(make_url(prepared_url).update_query_dict({"application_name": "theirs"}))
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT current_setting('application_name')")) == "theirs"
    engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_understood(scheme: str) -> None:
    """Hosting providers hand out postgres:// as well as postgresql://."""
    assert make_engine(f"{scheme}://host/db").url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["mysql://u:hunter2@host/db", "hunter2", "sqlite:///hunter2.db"])
def test_other_databases_are_refused_without_showing_the_url(url: str) -> None:
    """A wrong URL may hold a password: the message names the key and not the value."""
    with pytest.raises(ConfigurationError, match=r"database\.url") as caught:
        make_engine(url)

    assert "hunter2" not in str(caught.value)


def test_a_session_scope_commits(engine: Engine) -> None:
    """What was added is there afterwards, the objects stay readable, the connection is back."""
    with session_scope(make_sessions(engine)) as session:
        added = page("1")
        session.add(added)

    assert added.title == "Page 1"
    assert _count(engine) == 1
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # QueuePool has it, Pool has not


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_session_scope_rolls_back_on_whatever_is_raised(engine: Engine, error: type[BaseException]) -> None:
    """Ctrl-C in the middle leaves neither a row nor an open connection."""

    def write_and_fail() -> None:
        with session_scope(make_sessions(engine)) as session:
            session.add(page("1"))
            session.flush()
            raise error

    with pytest.raises(error):
        write_and_fail()

    assert _count(engine) == 0
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # QueuePool has it, Pool has not


def _count(engine: Engine) -> int:
    with Session(engine) as session:
        return session.execute(select(func.count()).select_from(ConfluencePage)).scalar_one()


def test_a_new_connection_looks_for_no_type(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy asks each server for hstore, by three statements, unless it is told not to."""
    asked: list[object] = []
    monkeypatch.setattr(TypeInfo, "fetch", lambda *arguments: asked.append(arguments))
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()

    assert asked == []


def test_status_asks_once_where_the_feed_ends(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with session_scope(make_sessions(engine)) as session:
        read_overview(session)

    assert len([each for each in statements if "max(" in each and "content_changes.seq" in each]) == 1
