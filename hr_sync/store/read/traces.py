"""Searches every column of every table for a text: what is left of a page or of a person who was erased.

The catalog says which tables and columns there are, so that a table which somebody adds is searched too. Only columns
that cannot hold a text (numbers, times, booleans) are left out. The text is found as a whole word, in any case: a
page's id is not found within a longer number.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from hr_sync.store.engine import quoted_schema, schema_of, set_local
from hr_sync.store.read.live import storable

#: What stays of an erased page, so that consumers learn of it.
_TOMBSTONES = {("content_changes", "page_id"): "t.action <> 'purge'"}

# Categories of types that hold no text: numbers, times, spans of time, booleans, geometry.
_COLUMNS = text("""
    SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
        has_table_privilege(c.oid, 'SELECT') AS may_read
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped AND t.typcategory NOT IN ('N', 'D', 'T', 'B', 'G')
    GROUP BY c.oid, c.relname ORDER BY c.relname""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A column in which the text stands, and in how many rows."""

    table: str
    column: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """Where a text stands in the mirror. `unsearched`: tables that the database user may not read."""

    found: Sequence[Trace]
    columns: int  #: that were searched
    unsearched: Sequence[str]


def find_traces(session: Session, words: str) -> Traces:
    """Return every column of the schema of the tables in which `words` stand. It reads every row of every table."""
    connection = session.connection()
    set_local(connection, statement_timeout="0")  # a large mirror takes minutes
    tables = session.execute(_COLUMNS, {"schema": schema_of(connection)}).all()
    readable = [table for table in tables if table.may_read]
    forms = _forms(storable(words))
    values = {"likes": [f"%{_escaped(each)}%" for each in forms], "word": word_pattern(forms)}
    return Traces(
        found=[trace for table in readable for trace in _search(session, table.name, table.columns, values)],
        columns=sum(len(table.columns) for table in readable),
        unsearched=[table.name for table in tables if not table.may_read],
    )


def _search(session: Session, table: str, columns: Sequence[str], values: Mapping[str, Any]) -> list[Trace]:
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote_identifier
    counts = ", ".join(f"count(*) FILTER (WHERE {_holds(table, column, quote(column))})" for column in columns)
    statement = f"SELECT {counts} FROM {quoted_schema(connection)}.{quote(table)} t"  # noqa: S608 -- quoted
    rows = connection.exec_driver_sql(statement, values).one()
    return [Trace(table=table, column=column, rows=rows[place]) for place, column in enumerate(columns) if rows[place]]


def _holds(table: str, column: str, quoted: str) -> str:
    # A plain comparison first: an expression is much slower over large texts.
    name = f"t.{quoted}::text".replace("%", "%%")
    is_left = _TOMBSTONES.get((table, column), "true")
    return f"{name} ILIKE ANY (%(likes)s) AND {name} ~* %(word)s AND {is_left}"


def _forms(words: str) -> list[str]:
    """Return a text as it stands in a column, in JSON or an array, and in the key of a personal space."""
    in_json = json.dumps(words, ensure_ascii=False)[1:-1]
    in_key = re.sub("[:-]", "", words) if ":" in words else words  # of an account id of Cloud
    return sorted({words, in_json, in_key})


def word_pattern(forms: Sequence[str]) -> str:
    """Return the regular expression of PostgreSQL that finds one of the forms where it is no part of a longer word."""
    any_of = "|".join(re.sub(r"([^\w\s])", r"\\\1", form) for form in forms)
    return f"(?<![[:alnum:]])(?:{any_of})(?![[:alnum:]])"


def _escaped(form: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", form)
