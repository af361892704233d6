"""Views over the mirrors of several sites, for consumers of all of them, in a schema of their own.

Each has the columns of the view of one site behind a first column `site`. They are security barriers like those below
them, and are replaced in place, so that grants stay. A revision that takes a column from a view drops these first.
"""

import hashlib
from collections.abc import Mapping, Sequence

import orjson
import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hr_sync.errors import SchemaError
from hr_sync.store.db_errors import MISSING_RIGHT, database_errors, describe_error, expected_error, sqlstate
from hr_sync.store.engine import lock_key, schema_of, set_local
from hr_sync.store.schema import COLUMNS
from hr_sync.store.views import VIEWS

log = structlog.get_logger(__name__)

SCHEMA = "hr_sync_sites"
_MARK = "Made by hr_sync: "
_COLUMNS = {str(view.table.name): [str(column.name) for column in view.table.columns] for view in VIEWS}
_DIGEST = hashlib.sha256(orjson.dumps(_COLUMNS)).hexdigest()[:16]

_PATIENCE = "3s"  # for a lock, of a start that needs no views: who waits for one keeps readers waiting behind it
_OTHER_COLUMNS = "42P16"  # a view whose columns cannot be replaced in place
_IN_USE = "2BP01"  # something else depends on it
_DROPS_ALL = f"DROP SCHEMA {SCHEMA} CASCADE"

_OWNERS = text("""
    SELECT DISTINCT pg_get_userbyid(owner)::text FROM (
        SELECT nspowner AS owner FROM pg_namespace WHERE nspname = :schema
        UNION ALL SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace(:schema) AND relkind = 'v'
    ) AS found ORDER BY 1""")
_MADE_OF = text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')")


def keep_union(engine: Engine, schemas: Mapping[str, str]) -> Sequence[str]:
    """Make the views show these sites, where they do not: schemas by name. Return the sites that they show.

    A site without tables is left out until it has some. Views of other sites alone are not replaced. Where the
    database refuses something, nothing changes, and the log says why and what to type: no site waits for the views.
    """
    before: Mapping[str, str] = {}
    try:
        with engine.begin() as connection:
            before, are_whole = _look(connection)
            wanted = _with_views(connection, schemas)
        if before == wanted and (are_whole or not wanted):
            return list(wanted)
        if before and not set(before.values()) & set(schemas.values()):
            log.warning("union.of_others", schema=SCHEMA, sites=list(before), remedy="To replace them: hr-sync init-db")
            return list(before)
        return _make(engine, schemas, before, patience=_PATIENCE)
    except (DBAPIError, PoolTimeoutError) as error:
        _say_not_made(engine, schemas, error)
        return list(before)


def make_union(engine: Engine, schemas: Mapping[str, str]) -> Sequence[str]:
    """Make the views anew, as `init-db` and `migrate` do. Return the sites that they show. Raise SchemaError.

    Without sites, drop them if the schema of this engine is among theirs: other ones are not of these settings. They
    are kept while somebody else's view is made of one.
    """
    with database_errors(engine), engine.begin() as connection:
        before, _ = _look(connection)
    if not schemas:
        return list(before) if before and not _drop(engine, before) else []
    try:
        return _make(engine, schemas, before)
    except DBAPIError as error:
        if sqlstate(error) == MISSING_RIGHT:
            _say_not_made(engine, schemas, error)
            return list(before)
        if sqlstate(error) == _OTHER_COLUMNS:
            raise SchemaError(
                f"the views in schema {SCHEMA} have other columns than those of this build. Drop them by "
                f"{_DROPS_ALL}, run `hr-sync init-db`, and grant the rights again (scripts/sql/grants-sites.sql)"
            ) from None
        expected = expected_error(error, engine.url)
        raise expected or error from None


def _say_not_made(engine: Engine, schemas: Mapping[str, str], error: DBAPIError | PoolTimeoutError) -> None:
    owners = _owners(engine) if isinstance(error, DBAPIError) and sqlstate(error) == MISSING_RIGHT else []
    remedy = f"As {owners[0] if len(owners) == 1 else 'the owner of the tables'}: hr-sync init-db"
    if len(owners) > 1:
        remedy = f"Give schema {SCHEMA} and its views to one owner ({', '.join(owners)} have them now). {remedy}"
    log.warning("union.not_made", schema=SCHEMA, sites=list(schemas), reason=describe_error(error), remedy=remedy)


def _owners(engine: Engine) -> Sequence[str]:
    """Return who may replace the views: whoever made them, which may be another one than the owner of the tables."""
    try:
        with engine.begin() as connection:
            return list(connection.scalars(_OWNERS, {"schema": SCHEMA}))
    except (DBAPIError, PoolTimeoutError):
        return []


def _make(
    engine: Engine, schemas: Mapping[str, str], before: Mapping[str, str], *, patience: str | None = None
) -> Sequence[str]:
    """Make the views anew, all or nothing. Return the sites that they show.

    `patience`: how long to wait for a lock; None: as everywhere.
    """
    with engine.begin() as connection:
        if patience is not None:
            set_local(connection, lock_timeout=patience)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("views over sites")})
        sites = _with_views(connection, schemas)
        if not sites:
            return []
        created = _write(connection, sites)
    left = {site: schema for site, schema in before.items() if site not in schemas}
    if left:
        log.warning("union.sites_left", schemas=left, remedy="Their tables stay; drop the schemas to delete them.")
    log.info("union.made", schema=SCHEMA, sites=list(sites))
    if created:
        log.warning("union.created", views=created, remedy="Grant the rights: scripts/sql/grants-sites.sql")
    return list(sites)


def _drop(engine: Engine, sites: Mapping[str, str]) -> bool:
    """Drop the views, unless they are of other settings or somebody uses them. Return True if they are gone."""
    if schema_of(engine) not in sites.values():
        log.info("union.of_others", schema=SCHEMA, sites=list(sites))
        return False
    try:
        with engine.begin() as connection:
            there = _columns_in(connection, SCHEMA)
            views = [f"{SCHEMA}.{name}" for name in _COLUMNS if name in there]
            if views:
                connection.execute(text(f"DROP VIEW {', '.join(views)}"))
            connection.execute(text(f"DROP SCHEMA {SCHEMA}"))
    except DBAPIError as error:
        if sqlstate(error) not in {_IN_USE, MISSING_RIGHT}:
            expected = expected_error(error, engine.url)
            raise expected or error from None
        remedy = f"As its owner, with what others have made of the views: {_DROPS_ALL}"
        log.warning("union.not_dropped", schema=SCHEMA, reason=describe_error(error), remedy=remedy)
        return False
    log.info("union.dropped", schema=SCHEMA, sites=list(sites))
    return True


def _look(connection: Connection) -> tuple[dict[str, str], bool]:
    """Return the sites that the views are made of, with their schemas, and whether the views are those of this build.

    They are not where one is missing: who drops the schema of a site with CASCADE drops the views over all.
    """
    comment = connection.scalar(_MADE_OF, {"schema": SCHEMA})
    if comment is None or not comment.startswith(_MARK):
        return {}, False
    try:
        found = orjson.loads(comment.removeprefix(_MARK))
        sites, digest = dict(found["sites"]), found["views"]
    except (ValueError, KeyError, TypeError):  # written by hand
        return {}, False
    return sites, digest == _DIGEST and _columns_in(connection, SCHEMA).keys() >= _COLUMNS.keys()


def _columns_in(connection: Connection, schema: str) -> dict[str, set[str]]:
    """Return the columns of each view and table in a schema."""
    return {name: set(names) for name, names in connection.execute(COLUMNS, {"schema": schema})}


def _with_views(connection: Connection, schemas: Mapping[str, str]) -> dict[str, str]:
    """Return those of the sites whose schema has every view with every column."""
    found = {}
    for site, schema in schemas.items():
        columns = _columns_in(connection, schema)
        if all(set(wanted) <= columns.get(name, set()) for name, wanted in _COLUMNS.items()):
            found[site] = schema
    return found


def _write(connection: Connection, sites: Mapping[str, str]) -> Sequence[str]:
    """Write the views and what they are made of. Return those that were not there."""
    if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}) is None:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    there = _columns_in(connection, SCHEMA)
    created = [name for name in _COLUMNS if name not in there]
    quote = connection.dialect.identifier_preparer.quote
    for name, wanted in _COLUMNS.items():
        columns = ", ".join(map(quote, wanted))
        parts = [
            f"SELECT CAST({_literal(site)} AS text) AS site, {columns} FROM {quote(schema)}.{name}"  # noqa: S608 -- both checked
            for site, schema in sites.items()
        ]
        query = " UNION ALL ".join(parts)
        statement = f"CREATE OR REPLACE VIEW {SCHEMA}.{name} WITH (security_barrier = true) AS {query}"
        connection.execute(text(statement))
        connection.execute(text(f"COMMENT ON VIEW {SCHEMA}.{name} IS 'The view {name} of every site'"))
    mark = _MARK + orjson.dumps({"sites": dict(sites), "views": _DIGEST}).decode()
    connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS {_literal(mark)}"))
    return created


def _literal(value: str) -> str:
    """Return a text as SQL, in which a colon begins no parameter."""
    return "'" + value.replace("'", "''").replace(":", r"\:") + "'"
