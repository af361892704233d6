"""The items of pages as consumers see them: lines of `live_attachments` and `live_comments`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveAttachment:
    """A file of a page that consumers are shown, without its bytes. Times are aware, in UTC."""

    id: str
    page_id: str
    name: str
    media_type: str | None  #: as Confluence says it; None if it says none
    size_bytes: int | None
    version: int
    last_updated: datetime  #: when this version was made, on Confluence's clock
    download_path: str  #: below the base address of the site
    page_title: str
    page_url: str
    space_key: str
    synced_at: datetime
    checked_at: datetime | None  #: when the attachments of its space were last read; None: not yet
    access_checked_at: datetime | None
    page_kind: str = "page"  #: page or blog_post


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveComment:
    """A comment about a page that consumers are shown. Times are aware, in UTC."""

    id: str
    page_id: str
    kind: str  #: footer: below the page; inline: about words of the page
    parent_id: str | None  #: the comment that it answers; None: it begins a thread
    version: int
    author_id: str | None  #: account id, or user key on Data Center; None: not known, or erased
    created_at: datetime | None  #: on Confluence's clock, as the next
    last_updated: datetime  #: when this version was made
    resolution: str | None  #: open, reopened, resolved, dangling or unknown; None: it has no such state
    quoted_text: str | None  #: words of the page that it was written about
    storage: str  #: its text in storage format
    content_hash: str  #: SHA-256 of `storage`, 64 hex digits
    page_title: str
    page_url: str
    space_key: str
    synced_at: datetime
    checked_at: datetime | None  #: when the comments of its space were last read; None: not yet
    access_checked_at: datetime | None
    page_kind: str = "page"  #: page or blog_post
