"""The views that consumers read, and how they get into the database.

A view is a `CreateView` without metadata, over the tables' columns; its columns carry the tables' names. Views hold no
data, so no revision repeats their text: `schema.py` creates what is missing and, after each migration, replaces all of
them by this module's. Replacing keeps the grants that a DBA gave; PostgreSQL lets it add columns at the end only, so a
revision that must take a column away drops the view first.
"""

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.sql.ddl import CreateView

VIEWS: tuple[CreateView, ...] = ()


def create_views(connection: Connection, views: Sequence[CreateView] = VIEWS) -> None:
    """Create or replace `views` in the engine's schema, in the transaction that `connection` is in."""
    for view in views:
        connection.execute(view)
