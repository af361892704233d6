"""What `hr-sync check` tries of the database: the server, the rights of the role, the tables."""

from typing import TYPE_CHECKING

from hr_sync.store.db_errors import database_errors, place_of
from hr_sync.store.read.server import ServerFacts, read_server
from hr_sync.store.schema import HEAD, has_tables
from hr_sync.store.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.cli.check_steps import Checks
    from hr_sync.settings import DatabaseSettings


def check_database(checks: "Checks", engine: "Engine", settings: "DatabaseSettings") -> Store | None:
    """Return the store; None if there are no tables yet. Raise what the database raises, and SchemaError."""
    with database_errors(engine):
        server = read_server(engine)
    place = "(embedded)" if settings.url is None else f"at {place_of(engine.url)}"
    pooler = ", behind PgBouncer or another pooler" if server.has_pooler else ""
    message = f"Database: reached, PostgreSQL {server.version} {place}, as {server.role}, {server.encoding}{pooler}."
    facts = {
        "version": server.version,
        "role": server.role,
        "database": server.name,
        "encoding": server.encoding,
        "has_pooler": server.has_pooler,
        "max_connections": server.max_connections,
        "prepared_transactions": len(server.prepared),
    }
    if warning := _missing_right(server, settings.schema_name) or _left_open(server):
        checks.warned("database", message, warning=warning, **facts)
    else:
        checks.passed("database", message, **facts)
    with database_errors(engine):
        has_ours = has_tables(engine)
    state = f"tables are at revision {HEAD}" if has_ours else "no tables yet, the first run makes them"
    checks.passed("schema", f"Schema {settings.schema_name}: {state}.", revision=HEAD if has_ours else None)
    return Store(engine) if has_ours else None


def _missing_right(server: ServerFacts, schema: str) -> str | None:
    """Return what the role may not do and needs for a run, with the remedy; None if nothing is missing."""
    if server.is_read_only:
        return (
            "The database or its user is read-only: no run can write there. Connect to the primary, as a user that may."
        )
    if server.may_write is None and not server.may_create:
        return (
            f"{server.role} may not make tables in schema {schema} of database {server.name}: grant it CREATE there, "
            "or make the tables as their owner by `hr-sync init-db`."
        )
    if server.may_write is False:
        return (
            f'{server.role} may not write pages in schema {schema}: a run fails. docs/operations.md, "Roles of the '
            'database", has the grants.'
        )
    return None


def _left_open(server: ServerFacts) -> str | None:
    """Return what keeps locks and dead rows in the database, with the remedy; None if nothing does.

    The feed does not wait for it: its numbers follow the commits.
    """
    if server.prepared:
        names = ", ".join(repr(each) for each in server.prepared[:3])
        return (
            f"Prepared transactions are left over in database {server.name}: {len(server.prepared)}, first {names}. "
            "They keep their locks, also over a restart, so that a run may fail on them. Whoever made them ends them: "
            "COMMIT PREPARED or ROLLBACK PREPARED with that name."
        )
    if server.old_writer is not None:
        return (
            f"A transaction in database {server.name} has been writing for over an hour, and keeps its locks and dead "
            f"rows: process {server.old_writer} of pg_stat_activity. End it there, or by "
            f"SELECT pg_terminate_backend({server.old_writer})."
        )
    return None
