"""What a database server says of itself, for people who test a connection. Reads only."""

from dataclasses import dataclass

from sqlalchemy import Engine, text

from hr_sync.store.engine import schema_of

_FACTS = text("""
    SELECT current_setting('server_version') AS version, current_user AS role, current_database() AS name,
           pg_backend_pid() AS backend, pg_is_in_recovery() AS is_standby,
           current_setting('default_transaction_read_only') = 'on' AS is_read_only,
           current_setting('server_encoding') AS encoding, current_setting('max_connections') AS max_connections,
           has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
           (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = :schema) AS may_create_tables,
           (SELECT has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = :schema AND c.relname = 'confluence_pages') AS may_write_pages,
           ARRAY(SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared) AS prepared,
           (SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
            AND xact_start < now() - interval '1 hour' ORDER BY xact_start LIMIT 1) AS old_writer
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFacts:
    """One database, as the role of this connection sees it."""

    version: str
    role: str
    name: str  #: of the database
    encoding: str
    max_connections: int
    is_read_only: bool  #: a standby, or set so for the database or the role
    has_pooler: bool  #: PgBouncer or another pooler is between us and the server
    may_create: bool  #: tables, in the configured schema
    may_write: bool | None  #: pages; None: there is no table yet
    prepared: tuple[str, ...] = ()  #: names of the transactions of this database that are prepared, oldest first
    old_writer: int | None = None  #: process whose transaction has been writing for over an hour, as far as is shown


def read_server(engine: Engine) -> ServerFacts:
    """Return what the server says of itself and of the rights of our role."""
    with engine.connect() as connection:
        found = connection.execute(_FACTS, {"schema": schema_of(connection)}).one()
        driver = connection.connection.driver_connection
        # A pooler gives its own number, since the server behind it changes.
        known_backend = driver.info.backend_pid if driver is not None else found.backend
    may_create = found.may_create_schema if found.may_create_tables is None else found.may_create_tables
    return ServerFacts(
        version=found.version,
        role=found.role,
        name=found.name,
        encoding=found.encoding,
        max_connections=int(found.max_connections),
        is_read_only=found.is_standby or found.is_read_only,
        has_pooler=known_backend != found.backend,
        may_create=may_create,
        may_write=found.may_write_pages,
        prepared=tuple(found.prepared),
        old_writer=found.old_writer,
    )
