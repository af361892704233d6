"""Reads the feed of changes: which pages changed since last time. The only place that knows how the feed is read."""

from dataclasses import dataclass
from typing import TypeAlias

import psycopg

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Changes:
    """Pages that changed, and the position to read on from: store both in one transaction."""

    page_ids: list[str]
    position: str


def changes_since(connection: Connection, position: str | None) -> Changes:
    """Return what changed since a position; without one, every page there is.

    Rows of transactions that began earlier may be committed later, so only those below the oldest running transaction
    are read (docs/operations.md, "The feed of changes").
    """
    horizon = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
    assert horizon is not None  # noqa: S101 -- one row by its form
    if position is None:
        pages = connection.execute("SELECT id FROM confluence_pages WHERE removed_at IS NULL")
    else:
        pages = connection.execute(
            "SELECT DISTINCT page_id FROM content_changes "
            "WHERE transaction_id >= %s::xid8 AND transaction_id < %s::xid8",
            [position, horizon[0]],
        )
    return Changes(page_ids=[str(page_id) for (page_id,) in pages], position=str(horizon[0]))
