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

from hr_sync.store.db_errors import MISSING_RIGHT, database_errors, expected_error, sqlstate
from hr_sync.store.schema import COLUMNS, MIGRATION_LOCK
from hr_sync.store.views import VIEWS

log = structlog.get_logger(__name__)

SCHEMA = "hr_sync_sites"
_MARK = "Made by hr_sync: "
_COLUMNS = {str(view.table.name): [str(column.name) for column in view.table.columns] for view in VIEWS}
_DIGEST = hashlib.sha256(orjson.dumps(_COLUMNS)).hexdigest()[:16]

_MADE_OF = text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')")


def keep_union(engine: Engine, schemas: Mapping[str, str], *, anew: bool = False) -> Sequence[str]:
    """Make the views show these sites: schemas by name. Return the sites that they show.

    A site without tables is left out until it has some. Without sites the views are dropped. A user without the right
    to do so changes nothing, and the log says what to type. `anew`: also where they seem to be as they should.
    """
    with database_errors(engine), engine.begin() as connection:
        before, wanted = _made_of(connection), _with_views(connection, schemas)
    if (before == wanted and not (anew and wanted)) or (before is None and not wanted):
        return list(wanted)
    if not _remake(engine, schemas):
        remedy = "As the owner of the tables: hr-sync init-db"
        log.warning("union.not_made", schema=SCHEMA, sites=list(wanted), remedy=remedy)
        return list(before or ())
    left = {site: schema for site, schema in (before or {}).items() if site not in schemas}
    if left:
        log.warning("union.sites_left", schemas=left, remedy="Their tables stay; drop the schemas to delete them.")
    log.info("union.made", schema=SCHEMA, sites=list(wanted))
    return list(wanted)


def _remake(engine: Engine, schemas: Mapping[str, str]) -> bool:
    """Make the views anew, all or nothing. Return False if the database user has no right to."""
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            _make(connection, _with_views(connection, schemas))
    except DBAPIError as error:
        if sqlstate(error) == MISSING_RIGHT:
            return False
        expected = expected_error(error, engine.url)
        raise expected or error from None
    return True


def _made_of(connection: Connection) -> dict[str, str] | None:
    """Return the sites that the views show, and their schemas; None where there are no such views of this build."""
    comment = connection.scalar(_MADE_OF, {"schema": SCHEMA})
    if comment is None or not comment.startswith(_MARK):
        return None
    found = orjson.loads(comment.removeprefix(_MARK))
    return dict(found["sites"]) if found["views"] == _DIGEST else {}


def _with_views(connection: Connection, schemas: Mapping[str, str]) -> dict[str, str]:
    """Return those of the sites whose schema has every view with every column."""
    found = {}
    for site, schema in schemas.items():
        columns = {name: set(names) for name, names in connection.execute(COLUMNS, {"schema": schema})}
        if all(set(wanted) <= columns.get(name, set()) for name, wanted in _COLUMNS.items()):
            found[site] = schema
    return found


def _make(connection: Connection, sites: Mapping[str, str]) -> None:
    if not sites:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        return
    if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}) is None:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
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


def _literal(value: str) -> str:
    """Return a text as SQL, in which a colon begins no parameter."""
    return "'" + value.replace("'", "''").replace(":", r"\:") + "'"
