"""What the database must hold, worked out from the simulator's world alone and slowly. Shares no code with the worker.

The rule of cleaning is written down again here as a list of characters; hashes are computed by PostgreSQL.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import psycopg
from confluence_simulator import Simulator
from psycopg.rows import dict_row
from sqlalchemy import Engine

NOT_FOUND = (
    *(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"),
    *(chr(code) for code in range(0x7F, 0xA0)),
    *("\u200b", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e"),
    *("\u2060", "\u2061", "\u2062", "\u2063", "\u2064", "\u2066", "\u2067", "\u2068", "\u2069", "\ufeff"),
    *("\ufffe", "\uffff"),
    *(chr(code) for code in range(0xE0000, 0xE0080)),
)

ROWS = """
    SELECT p.id, p.title, p.space_key, p.space_id, p.version, p.status, p.parent_id, p.parent_type,
           p.last_updated, p.url, p.hidden_at, p.removed_at, p.removed_reason, b.storage,
           p.content_hash = encode(sha256(convert_to(b.storage, 'UTF8')), 'hex') AS hash_is_right
    FROM confluence_pages p LEFT JOIN page_bodies b ON b.page_id = p.id ORDER BY p.id
"""


def connect(engine: Engine) -> psycopg.Connection[dict[str, Any]]:
    """Connect past SQLAlchemy; every statement is its own transaction."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def ask(engine: Engine, query: str, *values: object) -> list[dict[str, Any]]:
    """Return the rows of one query."""
    with connect(engine) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def tell(engine: Engine, statements: str) -> None:
    """Execute statements."""
    with connect(engine) as connection:
        connection.execute(statements.encode())


def sanitized(text: str) -> str:
    """Leave out what nobody sees, a character at a time."""
    kept = ""
    for piece in text.splitlines(keepends=True) if len(text) > 1000 else [text]:
        kept += "".join(character for character in piece if character not in NOT_FOUND)
    return kept


def expected_rows(site: Simulator, *space_keys: str) -> list[dict[str, Any]]:
    """Return the rows of a complete mirror of these spaces (all without any), sorted by id as text."""
    world = site.world
    rows = []
    for page in world.pages(status="current"):
        if space_keys and page.space_key not in space_keys:
            continue
        parent = None if page.parent_id is None else world.page(page.parent_id)
        is_home = world.space(page.space_key).homepage_id == page.id
        path = "overview" if is_home else f"pages/{page.id}/{quote_plus(page.title)}"
        rows.append(
            {
                "id": page.id,
                "title": " ".join(sanitized(page.title).split()),
                "space_key": page.space_key,
                "space_id": page.space_id,
                "version": page.version,
                "status": "current",
                "parent_id": page.parent_id,
                "parent_type": None if parent is None else parent.kind,
                "last_updated": milliseconds(page.modified_at),
                "url": f"{site.site_url}/spaces/{page.space_key}/{path}",
                "hidden_at": None,
                "removed_at": None,
                "removed_reason": None,
                "storage": sanitized(page.storage),
                "hash_is_right": True,
            }
        )
    return sorted(rows, key=lambda row: row["id"])


def stored_rows(engine: Engine, *, live_only: bool = False) -> list[dict[str, Any]]:
    """Return what is stored, sorted by id as text."""
    rows = sorted(ask(engine, ROWS), key=lambda row: row["id"])
    return [row for row in rows if not live_only or (row["hidden_at"] is None and row["removed_at"] is None)]


def milliseconds(moment: datetime) -> datetime:
    """Cut to what Confluence's JSON tells of a time."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def state_of(engine: Engine, page_id: str) -> str:
    """Return live, hidden, the reason of the removal, or absent."""
    rows = ask(engine, "SELECT hidden_at, removed_at, removed_reason FROM confluence_pages WHERE id = %s", page_id)
    if not rows:
        return "absent"
    if rows[0]["removed_at"] is not None:
        return str(rows[0]["removed_reason"])
    return "live" if rows[0]["hidden_at"] is None else "hidden"


def changes(engine: Engine, run_id: int) -> list[tuple[str, str, list[str]]]:
    """Return page, action and changed_fields of what a run told consumers, by page."""
    rows = ask(
        engine,
        "SELECT page_id, action, changed_fields FROM content_changes WHERE run_id = %s ORDER BY page_id, id",
        run_id,
    )
    return [(row["page_id"], row["action"], row["changed_fields"]) for row in rows]


def fingerprint(engine: Engine) -> dict[str, str]:
    """Return a digest of every row, system columns included, of each table that holds pages."""
    tables = ("confluence_pages", "page_bodies", "content_changes", "page_failures")
    query = "SELECT md5(string_agg(concat(t.xmin, t.ctid, t::text), '|' ORDER BY t.ctid)) AS digest FROM {} t"
    return {table: ask(engine, query.format(table))[0]["digest"] for table in tables}
