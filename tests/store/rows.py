"""Rows for tests: what a test does not name gets a believable value."""

from datetime import UTC, datetime
from typing import Any

from hr_sync.store.tables import ConfluencePage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def page(page_id: str, **values: Any) -> ConfluencePage:
    """Make a live page of space HR."""
    usual: dict[str, Any] = {
        "title": f"Page {page_id}",
        "space_key": "HR",
        "content_hash": "0" * 64,
        "last_updated": NOON,
        "version": 1,
        "url": f"https://wiki.example.org/pages/{page_id}",
        "status": "current",
        "metadata_digest": "1" * 64,
    }
    return ConfluencePage(id=page_id, **(usual | values))
