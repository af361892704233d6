"""One engine: its schema in every statement, its limits in every transaction, its sessions always closed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, event, func, insert, make_url, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from hr_sync.errors import ConfigurationError
from hr_sync.store.engine import make_engine, make_sessions, schema_of, session_scope
from hr_sync.store.orm import SCHEMA_TOKEN
from hr_sync.store.schema import ensure_schema
from hr_sync.store.tables import ConfluencePage, PageBody
from tests.store.rows import page

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
