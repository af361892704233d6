"""The views that consumers read, and how they get into the database.

A view is a security barrier: a role that may read it and nothing else cannot see rows that it leaves out by a function
of its own in the query.

A view is a `CreateView` without metadata, over the tables' columns; its columns carry the tables' names. Views hold no
data, so no revision repeats their text: `schema.py` creates what is missing and, after each migration, replaces all of
them by this module's. Replacing keeps the grants that a DBA gave; PostgreSQL lets it add columns at the end only, so a
revision that must take a column away drops the view first.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, SelectBase, select
from sqlalchemy.sql.ddl import CreateView

from hr_sync.store.orm import SCHEMA_TOKEN
from hr_sync.store.tables import ConfluencePage, PageBody

# What a chatbot may answer from: current, in scope (out of scope is removed), neither hidden nor removed, and with its
# body there. It does not depend on readers yet: it shows what the account of hr_sync may read.
_LIVE_PAGES = (
    select(
        ConfluencePage.id,
        ConfluencePage.title,
        ConfluencePage.space_key,
        ConfluencePage.content_hash,
        ConfluencePage.last_updated,
        ConfluencePage.version,
        ConfluencePage.url,
        ConfluencePage.parent_id,
        ConfluencePage.synced_at,
        PageBody.storage,
    )
    .join(PageBody, PageBody.page_id == ConfluencePage.id)
    .where(ConfluencePage.status == "current", ConfluencePage.hidden_at.is_(None), ConfluencePage.removed_at.is_(None))
)


def consumer_view(query: SelectBase, name: str) -> CreateView:
    """Return the statement that creates or replaces a view for consumers."""
    options = {"security_barrier": True}
    return CreateView(query, name, schema=SCHEMA_TOKEN, or_replace=True, postgresql_with=options)


VIEWS: tuple[CreateView, ...] = (consumer_view(_LIVE_PAGES, "live_pages"),)


def create_views(connection: Connection, views: Sequence[CreateView] = VIEWS) -> None:
    """Create or replace `views` in the engine's schema, in the transaction that `connection` is in."""
    for view in views:
        connection.execute(view)
