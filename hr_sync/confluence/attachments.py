"""Attachments of a space, by the search index of v1, which both flavours have.

The only other list of a whole space is that of every attachment of the site, in Cloud's v2. One walk over the index
costs a request for 200 attachments. The index lags, and by offset a walk may skip an entry while others come and go:
what it lacks is a question, which `Source.lookup_attachment` answers.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import IO

from hr_sync.confluence.access import SEARCH, WIDEST_EXPANDED, content_of
from hr_sync.confluence.attachments_json import LIST_PARTS, read_listed
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.downloads import FileSink, cloud_download_path, data_center_download_path
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.pagination import with_smaller_pages
from hr_sync.domain.attachment_texts import AttachmentFile
from hr_sync.domain.attachments import Attachment, AttachmentListing
from hr_sync.domain.content import Space

_INDEX_OVERLAP = timedelta(days=1)  # the index has dates without seconds, in a time zone that is not known


def list_attachments(
    client: HttpClient,
    spaces: Sequence[Space],
    check_site: Callable[[], None],
    *,
    since: datetime | None = None,
    by_offset: bool = False,
) -> AttachmentListing:
    """Walk the index over the current attachments of spaces; with `since` over those of a later version, and others.

    Ordered by when they were made, so that new versions during the walk move none of them.
    """
    changed = "" if since is None else f' and lastmodified >= "{(since - _INDEX_OVERLAP).date().isoformat()}"'
    cql = f"{content_of([space.key for space in spaces], 'attachment')}{changed} order by created"

    def walk(width: int, tries: int | None) -> AttachmentListing:
        found: dict[str, Attachment] = {}
        unreadable: dict[str, str] = {}
        query = {"cql": cql, "limit": width, "expand": LIST_PARTS}
        for answer in client.walk(SEARCH, query, max_attempts=tries, by_offset=by_offset):
            for item in answer.content["results"]:
                _take(item, found, unreadable)
        return AttachmentListing(items=found, unreadable=unreadable)

    return with_smaller_pages(walk, WIDEST_EXPANDED, check_site=check_site)


def download_on_cloud(client: HttpClient, file: AttachmentFile, into: IO[bytes], max_bytes: int) -> str:
    """Implement `Source.download_attachment`: the path of the listing takes sessions of browsers, and no tokens."""
    return _download(client, cloud_download_path(file.page_id, file.id, file.version), file, into, max_bytes)


def download_on_datacenter(client: HttpClient, file: AttachmentFile, into: IO[bytes], max_bytes: int) -> str:
    """Implement `Source.download_attachment`: the path of the listing names the version."""
    return _download(client, data_center_download_path(client.base, file.download_path), file, into, max_bytes)


def _download(client: HttpClient, path: str, file: AttachmentFile, into: IO[bytes], max_bytes: int) -> str:
    sink = FileSink(into, max_bytes)
    client.download(path, sink, media_type=file.media_type or "", expected_bytes=file.size_bytes)
    return sink.sha256


def _take(item: Json, found: dict[str, Attachment], unreadable: dict[str, str]) -> None:
    try:
        attachment = read_listed(item)
    except FieldError as error:
        unreadable[item["id"]] = f"the list of attachments gives no {error}"
        return
    before = found.get(attachment.id)
    if attachment.status == "current" and (before is None or before.version <= attachment.version):
        found[attachment.id] = attachment
