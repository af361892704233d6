"""Tables get into the database at start-up, whoever starts at the same moment; an unfit schema is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.sql.ddl import CreateView
from structlog.testing import capture_logs

import hr_sync.store
from hr_sync.errors import SchemaError
from hr_sync.store.engine import make_engine
from hr_sync.store.orm import SCHEMA_TOKEN, Base
from hr_sync.store.schema import HEAD, REVISIONS, VERSION_TABLE, check_schema, ensure_schema, migrate
from hr_sync.store.store import Store
from hr_sync.store.tables import ConfluencePage
from hr_sync.store.views import create_views
from tests.store.spaces import leased, write

# Forked, so that the processes are real and begin within a millisecond of each other: at the end of file of the gate.
START_TOGETHER = """
import os, sys
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
gate, opened_by_closing = os.pipe()
started = []
for _ in range(8):
    process = os.fork()
    if not process:
        os.close(opened_by_closing)
        os.read(gate, 1)
        ensure_schema(make_engine(sys.argv[1], schema=sys.argv[2]))
        os._exit(0)
    started.append(process)
os.close(opened_by_closing)
print([os.waitpid(process, 0)[1] for process in started])
"""
START = """
import sys
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
print(ensure_schema(make_engine(sys.argv[1])), "alembic" in sys.modules)
"""

# Everything that a column, an index or a constraint is, as PostgreSQL itself tells it.
EVERYTHING = """
    SELECT 'column', c.relname || '.' || a.attname, concat_ws(' | ', a.attnum, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = CAST(:quoted AS regnamespace) AND c.relkind IN ('r', 'v')
    UNION ALL SELECT 'table', c.relname, concat(c.relkind, obj_description(c.oid, 'pg_class'), c.reloptions::text)
    FROM pg_class c WHERE c.relnamespace = CAST(:quoted AS regnamespace)
    UNION ALL SELECT 'index', c.relname, pg_get_indexdef(c.oid)
    FROM pg_class c WHERE c.relnamespace = CAST(:quoted AS regnamespace) AND c.relkind = 'i'
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = CAST(:quoted AS regnamespace) AND contype <> 'n'
    UNION ALL SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = :schema
    UNION ALL SELECT 'function', proname,
        concat(pg_get_functiondef(oid), proacl::text, obj_description(oid, 'pg_proc'))
    FROM pg_proc WHERE pronamespace = CAST(:quoted AS regnamespace)
"""


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """Engine on a database without any table."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def test_a_fresh_database_gets_every_table(empty: Engine) -> None:
    """The first start creates the tables and writes their revision; the second one finds them."""
    assert ensure_schema(empty) == HEAD
    assert check_schema(empty) == HEAD
    assert ensure_schema(empty) == HEAD
    with empty.begin() as connection:
        assert _tables(connection) == {table.name for table in Base.metadata.tables.values()} | {VERSION_TABLE}


def test_eight_processes_start_together_on_an_empty_database(database_url: str) -> None:
    """None of them fails, although even the schema has to be made by one of them."""
    command = [sys.executable, "-c", START_TOGETHER, database_url, "hr"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == f"{[0] * 8}\n", done.stderr


def test_migrated_equals_created(empty: Engine, engine: Engine) -> None:
    """Columns, types, defaults, comments, indexes and constraints are the same, whichever way they came."""
    assert migrate(empty) == HEAD
    with empty.begin() as migrated, engine.begin() as created:
        expected = _everything(created, "public")

        assert _everything(migrated, "public") == expected
        assert len(expected) > 100, "the comparison saw the tables"


def test_another_schema_is_filled_in_the_same_way(empty: Engine, engine: Engine) -> None:
    """`database.schema` moves everything, the version too, and leaves public alone; the schema is made when missing."""
    odd = make_engine(empty.url, schema="Site 'two'")
    assert ensure_schema(odd) == HEAD
    migrated = make_engine(empty.url, schema="three")
    assert migrate(migrated) == HEAD
    with odd.begin() as connection, engine.begin() as created:
        expected = _everything(created, "public")
        assert _everything(connection, "Site 'two'") == expected
        assert _everything(connection, "three") == expected
        assert _tables(connection) == set()
    odd.dispose()
    migrated.dispose()


def test_the_revisions_named_in_the_code_are_those_in_the_folder() -> None:
    """A normal start compares with a constant instead of importing Alembic; it is the folder's head."""
    config = Config()
    config.set_main_option("script_location", str(Path(hr_sync.store.__path__[0]) / "migrations"))
    script = ScriptDirectory.from_config(config)

    assert [revision.revision for revision in script.walk_revisions()] == list(reversed(REVISIONS))
    assert script.get_current_head() == HEAD


def test_a_start_on_current_tables_does_not_import_alembic(prepared_url: str) -> None:
    """Alembic costs a quarter of a second, which cron would pay every few minutes."""
    command = [sys.executable, "-W", "ignore", "-c", START, prepared_url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == f"{HEAD} False\n"


def test_a_newer_revision_is_refused(engine: Engine) -> None:
    """After a roll-back of the image: neither start, check nor migrate touches tables that they do not know."""
    _execute(engine, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for act in (ensure_schema, check_schema, migrate):
        with pytest.raises(SchemaError, match=r"9999.*Deploy the build that migrated it"):
            act(engine)


def test_an_older_revision_asks_for_migrate(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker does not migrate by itself: it says which command does."""
    monkeypatch.setattr("hr_sync.store.schema.REVISIONS", ("0000", HEAD))
    _execute(engine, f"UPDATE {VERSION_TABLE} SET version_num = '0000'")
    for act in (ensure_schema, check_schema):
        with pytest.raises(SchemaError, match=r"revision 0000, this build needs 0001\. Run `hr-sync migrate`"):
            act(engine)


def test_tables_without_a_revision_are_not_adopted(engine: Engine) -> None:
    """They may be another application's: nothing is guessed, nothing is written."""
    _execute(engine, f"DROP TABLE {VERSION_TABLE}")
    for act in (ensure_schema, check_schema, migrate):
        with pytest.raises(SchemaError, match=r"already holds .*confluence_pages, .*Set database\.schema"):
            act(engine)


def test_the_version_of_another_application_is_left_alone(empty: Engine) -> None:
    """In a shared schema an `alembic_version` that is not ours neither confuses us nor changes."""
    _execute(empty, "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('theirs')")
    assert ensure_schema(empty) == HEAD
    assert migrate(empty) == HEAD
    with empty.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM public.alembic_version")) == "theirs"


def test_a_missing_table_is_made_at_the_next_start(engine: Engine) -> None:
    """What is missing is created, what is there is not touched; a read-only check says what is missing."""
    _execute(engine, "DROP TABLE page_failures")
    with pytest.raises(SchemaError, match=r"lacks page_failures\. Run `hr-sync init-db`"):
        check_schema(engine)
    assert ensure_schema(engine) == HEAD
    assert check_schema(engine) == HEAD


def test_bodies_that_were_lost_with_their_table_are_said(engine: Engine) -> None:
    """A restore left the table out: it is made again, the log says so, and a plan sees that the bodies are missing."""
    store = Store(engine)
    with leased(store) as space:
        space.write_pages([write("1")])
    _execute(engine, "DROP TABLE page_bodies CASCADE")
    with capture_logs() as logged:
        assert ensure_schema(engine) == HEAD
        assert ensure_schema(engine) == HEAD

    assert [(line["event"], line["pages"]) for line in logged] == [("schema.bodies_lost", 1)]
    assert not store.stored_by_id(["1"])["1"].has_body


def test_a_missing_column_is_refused_at_start(engine: Engine) -> None:
    """Tables that somebody altered are noticed at the start, not at the first insert."""
    _execute(engine, "ALTER TABLE confluence_pages DROP COLUMN labels")
    for act in (ensure_schema, check_schema):
        with pytest.raises(SchemaError, match=r"lacks confluence_pages\.labels"):
            act(engine)


def test_an_empty_database_is_told_apart_by_the_check(empty: Engine) -> None:
    """The check writes nothing, also where there is nothing."""
    with pytest.raises(SchemaError, match="Run `hr-sync init-db`"):
        check_schema(empty)
    with empty.begin() as connection:
        assert _tables(connection) == set()


def test_a_user_without_the_right_to_create_is_told_what_to_grant(empty: Engine) -> None:
    """PostgreSQL 15 took CREATE on public away from everybody: the message names the ways out."""
    name = f"reader_{empty.url.database}"
    _execute(empty, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'reader'")
    reader = make_engine(empty.url.set(username=name, password="reader"))
    with pytest.raises(SchemaError, match="Grant it CREATE"):
        ensure_schema(reader)
    ensure_schema(empty)
    _execute(empty, f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{name}"')
    assert ensure_schema(reader) == HEAD, "current tables need no right but to read"
    reader.dispose()
    _execute(empty, f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')


def test_a_migration_that_fails_leaves_nothing(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """DDL and version are one transaction."""

    def fail(connection: Connection) -> None:
        raise RuntimeError(str(_tables(connection)))

    monkeypatch.setattr("hr_sync.store.schema.create_views", fail)  # the last step, after every table
    with pytest.raises(RuntimeError, match="confluence_pages"):
        migrate(empty)
    with empty.begin() as connection:
        assert _tables(connection) == set()


def test_views_are_made_in_the_schema_of_the_tables(empty: Engine) -> None:
    """A view over our tables follows `database.schema`, and replacing it keeps what was granted."""
    engine = make_engine(empty.url, schema="two")
    ensure_schema(engine)
    view = CreateView(select(ConfluencePage.id), "some_pages", schema=SCHEMA_TOKEN, or_replace=True)
    with engine.begin() as connection:
        create_views(connection, [view])
        connection.exec_driver_sql("GRANT SELECT ON two.some_pages TO PUBLIC")
        create_views(connection, [view])
        definition: Any = connection.scalar(text("SELECT pg_get_viewdef('two.some_pages'::regclass)"))
        assert "FROM two.confluence_pages" in definition
        grants: Any = connection.scalar(text("SELECT relacl::text FROM pg_class WHERE relname = 'some_pages'"))
        assert grants.count(",=r/") == 1
    engine.dispose()


def _everything(connection: Connection, schema: str) -> set[tuple[str, ...]]:
    quoted = connection.dialect.identifier_preparer.quote(schema)
    rows = connection.execute(text(EVERYTHING), {"quoted": quoted, "schema": schema})
    return {(kind, name, facts.replace(f"{quoted}.", "")) for kind, name, facts in rows}


def _tables(connection: Connection) -> set[str]:
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    return set(connection.scalars(text(tables)))


def _execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path = public")  # ours leaves it out
        for statement in statements:
            connection.exec_driver_sql(statement)
