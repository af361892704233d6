"""Reads the mirror from Python: what a consumer imports.

    >>> from hr_sync.reading import open_store
    >>> with open_store(url) as store:
    ...     for page in store.iterate_pages(space_key="HR"):
    ...         print(page.title)
    Parental leave
    Remote work

Every question goes to the views and functions of consumers (docs/access.md), so that a role which may use those alone
is enough, and no answer is wider than the audience or the asker. Errors are those of `hr_sync.errors`. The names below
are stable: docs/reading.md says what is promised. Importing this loads neither the client of Confluence nor the
command line.
"""

from hr_sync.domain.feed import FeedChange
from hr_sync.reading.reader import MirrorReader
from hr_sync.reading.store import MirrorStore, open_store, session_scope
from hr_sync.store.read.live import (
    LIVE_ATTACHMENTS,
    LIVE_COMMENTS,
    LIVE_PAGES,
    LIVE_SECTIONS,
    MIRROR_FRESHNESS,
    LivePage,
    LiveSection,
    SpaceFreshness,
    SpaceStatistics,
)
from hr_sync.store.read.live_items import LiveAttachment, LiveComment
from hr_sync.store.read.search import FoundSection
from hr_sync.store.tables import ConfluencePage

__all__ = [
    "LIVE_ATTACHMENTS",
    "LIVE_COMMENTS",
    "LIVE_PAGES",
    "LIVE_SECTIONS",
    "MIRROR_FRESHNESS",
    "ConfluencePage",
    "FeedChange",
    "FoundSection",
    "LiveAttachment",
    "LiveComment",
    "LivePage",
    "LiveSection",
    "MirrorReader",
    "MirrorStore",
    "SpaceFreshness",
    "SpaceStatistics",
    "open_store",
    "session_scope",
]
