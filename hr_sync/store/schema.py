"""How the tables get into the database: created for a fresh one, checked at every start, moved by revisions.

A normal start costs two queries; Alembic is imported only where a revision is written or run. The version table has a
name of its own, because a database shared with another application may hold that application's `alembic_version`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import ProgrammingError

from hr_sync.errors import SchemaError
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.budget_tables import SiteBudget  # noqa: F401 -- declares a table of ours
from hr_sync.store.db_errors import MISSING_RIGHT, database_errors, sqlstate
from hr_sync.store.engine import lock_key, quoted_schema, schema_of, set_local
from hr_sync.store.feed_tables import FeedState
from hr_sync.store.functions import FUNCTIONS, create_functions
from hr_sync.store.orm import SCHEMA_TOKEN, Base
from hr_sync.store.tables import ConfluencePage, PageBody
from hr_sync.store.views import VIEWS, create_views

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger(__name__)
_NAMED = 5  # missing columns in a message

REVISIONS = ("0001",)  #: oldest first; a test compares them with `migrations/versions`
HEAD = REVISIONS[-1]  #: revision of this build's tables
VERSION_TABLE = "hr_sync_alembic_version"
MIGRATION_LOCK_TIMEOUT = "120s"  # as long as another worker may take to create or migrate

COLUMNS = text("""
    SELECT c.relname, array_agg(a.attname::text)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY c.relname
    UNION ALL SELECT DISTINCT p.proname || '()', CAST('{}' AS text[])
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = :schema""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the configured schema holds. `revision` is None when no version was ever written."""

    schema: str
    revision: str | None
    columns: dict[str, frozenset[str]]  #: by table or view; functions have none, and () behind their names

    @property
    def missing_tables(self) -> list[str]:
        return sorted(table.name for table in Base.metadata.tables.values() if table.name not in self.columns)

    @property
    def missing_views(self) -> list[str]:
        return sorted(view.table.name for view in VIEWS if view.table.name not in self.columns)

    @property
    def missing_functions(self) -> list[str]:
        return sorted(function.name for function in FUNCTIONS if f"{function.name}()" not in self.columns)

    @property
    def missing_columns(self) -> list[str]:
        """Return `table.column` of what our tables lack: someone altered them, or an unreleased build made them."""
        return sorted(
            f"{table.name}.{column.name}"
            for table in Base.metadata.tables.values()
            for column in table.columns
            if column.name not in self.columns.get(table.name, {column.name})
        )


def ensure_schema(engine: Engine) -> str:
    """Create what is missing and return the revision. Any number of processes may do so at the same moment.

    A fresh database is filled and stamped, in one transaction. Raises `SchemaError` for tables of another revision or
    without one (they are another application's, or came from a broken restore: adopting them would be a guess).
    """
    with _schema_transaction(engine) as (connection, found):
        if found.revision is None:
            _refuse_foreign_tables(found)
            _create(connection, found)
            _stamp(connection)
            return HEAD
        _refuse_other_revision(found)
        if found.missing_tables or found.missing_views or found.missing_functions:
            _create(connection, found)
            _warn_of_lost_bodies(connection, found)
    return HEAD


def make_missing_rows(engine: Engine) -> None:
    """Insert the row of each table that must have one, where somebody has deleted it."""
    with database_errors(engine), engine.begin() as connection:
        for table in (AccessPolicyRow, FeedState):
            connection.execute(upsert(table).values(id=1).on_conflict_do_nothing())


def check_schema(engine: Engine) -> str:
    """Return the revision of the tables, reading only. Raises `SchemaError` unless they are this build's."""
    with database_errors(engine), engine.begin() as connection:
        found = _look(connection)
    if found.revision is None:
        _refuse_foreign_tables(found)
        raise SchemaError(f"schema {found.schema} holds no tables of hr_sync yet. Run `hr-sync init-db`.")
    _refuse_other_revision(found)
    if missing := found.missing_tables + found.missing_views + found.missing_functions:
        raise SchemaError(f"schema {found.schema} lacks {', '.join(missing)}. Run `hr-sync init-db`.")
    return found.revision


def has_tables(engine: Engine) -> bool:
    """Return False for a schema without tables of ours, reading only. Raise `SchemaError` if they are of another build.

    A schema that holds other tables of the same names is refused too.
    """
    with database_errors(engine), engine.begin() as connection:
        found = _look(connection)
    if found.revision is None:
        _refuse_foreign_tables(found)
        return False
    check_schema(engine)
    return True


def migrate(engine: Engine) -> str:
    """Move the tables to this build's revision, all or nothing, and return it. Create them in a fresh database."""
    with _schema_transaction(engine) as (connection, found):
        if found.revision is None:
            _refuse_foreign_tables(found)
            _create_schema(connection, found.schema)
        elif found.revision not in REVISIONS:
            _refuse_other_revision(found)
        set_local(connection, statement_timeout="0")  # rewriting a big table takes what it takes
        _upgrade(connection)
        create_views(connection)
        create_functions(connection)
    return HEAD


def migration_lock(schema: str) -> int:
    """Return the key of the advisory lock under which the tables of a schema are made: another schema does not wait."""
    return lock_key(f"tables {schema}")


@contextmanager
def _schema_transaction(engine: Engine) -> Iterator[tuple[Connection, Found]]:
    """Hold one transaction in which nobody else creates or migrates here, and yield it with what is there.

    DDL is transactional: an error leaves nothing.
    """
    with database_errors(engine), engine.begin() as connection:
        set_local(connection, lock_timeout=MIGRATION_LOCK_TIMEOUT, statement_timeout=MIGRATION_LOCK_TIMEOUT)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": migration_lock(schema_of(engine))})
        found = _look(connection)
        try:
            yield connection, found
        except ProgrammingError as error:
            if sqlstate(error) != MISSING_RIGHT:
                raise
            raise SchemaError(
                f"the database user may not create tables in schema {schema_of(engine)}. Grant it CREATE there, set "
                "database.schema to a schema of its own, or run `hr-sync init-db` (or `hr-sync migrate`) as the owner"
            ) from None


def _look(connection: Connection) -> Found:
    schema = schema_of(connection)
    columns = {name: frozenset(names) for name, names in connection.execute(COLUMNS, {"schema": schema})}
    revision = None
    if VERSION_TABLE in columns:
        revision = connection.execute(text(f"SELECT version_num FROM {_qualified(connection, VERSION_TABLE)}")).scalar()  # noqa: S608 -- quoted
    return Found(schema=schema, revision=revision, columns=columns)


def _refuse_foreign_tables(found: Found) -> None:
    ours = sorted({table.name for table in Base.metadata.tables.values()} & set(found.columns))
    if ours:
        raise SchemaError(
            f"schema {found.schema} already holds {', '.join(ours)}, but no {VERSION_TABLE}: they are not hr_sync's, "
            "or the version was lost. Set database.schema to another schema, or remove these tables"
        )


def _refuse_other_revision(found: Found) -> None:
    if found.revision in REVISIONS[:-1]:
        raise SchemaError(
            f"schema {found.schema} is at revision {found.revision}, this build needs {HEAD}. Run `hr-sync migrate`."
        )
    if found.revision != HEAD:
        raise SchemaError(
            f"schema {found.schema} is at revision {found.revision}, which this build ({HEAD}) does not know. "
            "Deploy the build that migrated it, or a newer one"
        )
    if found.missing_columns:
        some, others = found.missing_columns[:_NAMED], len(found.missing_columns) - _NAMED
        more = f" and {others} others" if others > 0 else ""
        raise SchemaError(
            f"schema {found.schema} is at revision {HEAD} but lacks {', '.join(some)}{more}: its tables "
            "were altered by hand or made by an unreleased build. Restore the columns, or start with an empty schema"
        )


def _create(connection: Connection, found: Found) -> None:
    _create_schema(connection, found.schema)
    Base.metadata.create_all(connection)
    if AccessPolicyRow.__tablename__ in found.missing_tables:
        connection.execute(insert(AccessPolicyRow).values(id=1))  # until a worker writes its settings: fail closed
    if FeedState.__tablename__ in found.missing_tables:
        connection.execute(insert(FeedState).values(id=1))  # another epoch than before: positions of old are not valid
    create_views(connection, [view for view in VIEWS if view.table.name in found.missing_views])
    create_functions(connection, [each for each in FUNCTIONS if each.name in found.missing_functions])


def _warn_of_lost_bodies(connection: Connection, found: Found) -> None:
    """Say that bodies were lost with their table: a restore that left it out, or somebody who dropped it."""
    if PageBody.__tablename__ not in found.missing_tables:
        return
    pages = connection.scalar(select(func.count()).select_from(ConfluencePage))
    if pages:
        log.warning("schema.bodies_lost", pages=pages, remedy="The next full run fetches them: hr-sync run --full")


def _create_schema(connection: Connection, schema: str) -> None:
    # Asked first: IF NOT EXISTS demands the right to create schemas even where the schema is there.
    if (
        connection.execute(text("SELECT to_regnamespace(:name)"), {"name": _quoted(connection, schema)}).scalar()
        is None
    ):
        connection.execute(text(f"CREATE SCHEMA {_quoted(connection, schema)}"))


def _stamp(connection: Connection) -> None:
    # As Alembic would: importing it for one row costs a first run 0.1 s and 7 MB. A test lets Alembic read it.
    table = Table(
        VERSION_TABLE,
        MetaData(schema=SCHEMA_TOKEN),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
    )
    table.create(connection)
    connection.execute(table.insert().values(version_num=HEAD))


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 -- 0.3 s that a normal start need not pay

    command.upgrade(_alembic(connection), "head")


def _alembic(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 -- 0.3 s that a normal start need not pay

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes.update(connection=connection, schema=schema_of(connection), version_table=VERSION_TABLE)
    return config


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _qualified(connection: Connection, table: str) -> str:
    return f"{quoted_schema(connection)}.{_quoted(connection, table)}"
