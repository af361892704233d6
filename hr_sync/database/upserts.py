"""The statements that write a page, its body and its change, and the rows that go into them. Executes nothing."""

from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.dml import Insert, Update

from hr_sync.database.tables import ConfluencePage, PageBody, PageChange
from hr_sync.model.change import Before, facets
from hr_sync.model.page import Head, metadata_digest

_PAGES = cast("Table", ConfluencePage.__table__)
_BODIES = cast("Table", PageBody.__table__)
_CHANGES = cast("Table", PageChange.__table__)

_HEAD_COLUMNS = (
    "title",
    "space_key",
    "space_id",
    "last_updated",
    "version",
    "url",
    "parent_id",
    "parent_type",
    "status",
    "metadata_digest",
    "last_seen_run",
)
# A page that is written is listed, so it is live again, whatever it was.
_SHOWN: dict[str, Any] = {"missing_since_run": None, "hidden_at": None, "removed_at": None, "removed_reason": None}


def upsert_pages() -> Insert:
    """Insert pages, or overwrite the rows that are there; takes rows of `head_row` with a `content_hash`."""
    statement = upsert(_PAGES)
    fresh = {name: statement.excluded[name] for name in (*_HEAD_COLUMNS, "content_hash")}
    return statement.on_conflict_do_update(index_elements=["id"], set_=fresh | _SHOWN | {"synced_at": func.now()})


def update_heads() -> Update:
    """Overwrite heads where the body stays; takes rows of `head_row` with `page_id` in place of `id`."""
    fresh: dict[str, Any] = {name: bindparam(name) for name in _HEAD_COLUMNS}
    return update(_PAGES).where(_PAGES.c.id == bindparam("page_id")).values(fresh | _SHOWN | {"synced_at": func.now()})


def upsert_bodies() -> Insert:
    """Insert or overwrite bodies; takes `page_id` and `storage`."""
    statement = upsert(_BODIES)
    return statement.on_conflict_do_update(index_elements=["page_id"], set_={"storage": statement.excluded.storage})


def insert_changes() -> Insert:
    """Add to the feed; takes rows of `change_row`."""
    return insert(_CHANGES)


def head_row(head: Head, run_id: int) -> dict[str, Any]:
    """Give the columns that a head fills."""
    return {
        "id": head.id,
        "title": head.title,
        "space_key": head.space_key,
        "space_id": head.space_id,
        "last_updated": head.last_updated,
        "version": head.version,
        "url": head.url,
        "parent_id": head.parent_id,
        "parent_type": head.parent_type,
        "status": head.status,
        "metadata_digest": metadata_digest(head),
        "last_seen_run": run_id,
    }


def change_row(
    head: Head, run_id: int, *, action: str, reason: str, content_hash: str | None, before: Before | None
) -> dict[str, Any]:
    """Give the feed row of a written page."""
    return {
        "page_id": head.id,
        "space_key": head.space_key,
        "run_id": run_id,
        "action": action,
        "facets": list(facets(before, head, content_hash)),
        "version": head.version,
        "reason": reason,
    }
