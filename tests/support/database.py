"""Looks into a database with SQL of the tests' own, past SQLAlchemy and the code under test."""

from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Engine

PAGE_TABLES = ("confluence_pages", "page_bodies", "content_changes", "page_failures")


def connect(engine: Engine) -> psycopg.Connection[dict[str, Any]]:
    """Connect past SQLAlchemy; every statement is its own transaction."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def rows(engine: Engine, query: str, *values: object) -> list[dict[str, Any]]:
    """Return the rows of one query."""
    with connect(engine) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def execute(engine: Engine, statements: str) -> None:
    """Execute statements."""
    with connect(engine) as connection:
        connection.execute(statements.encode())


def state_of(engine: Engine, page_id: str) -> str:
    """Return live, hidden, the reason of the removal, or absent."""
    found = rows(engine, "SELECT hidden_at, removed_at, removed_reason FROM confluence_pages WHERE id = %s", page_id)
    if not found:
        return "absent"
    if found[0]["removed_at"] is not None:
        return str(found[0]["removed_reason"])
    return "live" if found[0]["hidden_at"] is None else "hidden"


def changes(engine: Engine, run_id: int) -> list[tuple[str, str, list[str]]]:
    """Return page, action and changed fields of the feed rows of one run, by page."""
    found = rows(
        engine,
        "SELECT page_id, action, changed_fields FROM content_changes WHERE run_id = %s ORDER BY page_id, seq",
        run_id,
    )
    return [(row["page_id"], row["action"], row["changed_fields"]) for row in found]


def page_rows(engine: Engine, where: str = "true") -> dict[str, dict[str, Any]]:
    """Return every row of a page with its body, by page id."""
    found = rows(
        engine,
        f"SELECT p.*, b.storage FROM confluence_pages p LEFT JOIN page_bodies b ON b.page_id = p.id WHERE {where}",
    )
    return {row["id"]: row for row in found}


def fingerprint(engine: Engine) -> dict[str, str]:
    """Return a digest of every row, system columns included, of each table that holds pages."""
    query = "SELECT md5(string_agg(concat(t.xmin, t.ctid, t::text), '|' ORDER BY t.ctid)) AS digest FROM {} t"
    return {table: rows(engine, query.format(table))[0]["digest"] for table in PAGE_TABLES}
