"""Files of attachments: where they are, whether an answer is one, and the file that takes its bytes.

Data Center serves a file itself. Cloud redirects to Atlassian's media service by an address that is signed for a short
time; no credentials go there. Its endpoint `download/attachments` no longer takes API tokens (Atlassian's CHANGE-2735).
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote, urljoin

import requests

from hr_sync.confluence.http.response import check_login, check_status
from hr_sync.confluence.http.transport import origin_of
from hr_sync.confluence.http.urls import below
from hr_sync.errors import AnswerNotTrusted, AnswerUnusable, ConfigurationError

MEDIA_ORIGINS = ("https://api.media.atlassian.com", "https://media-cdn.atlassian.com")
"""Where Cloud may redirect a download to."""
MOST_HOPS = 3

_DOWNLOADS = re.compile(r"/download/attachments/")
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FileSink:
    """Takes the bytes of one answer into a file, up to a limit. A retry begins again at its start."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        """Take an open file that can be read, written and truncated."""
        self.max_bytes = max_bytes
        self.size = 0
        self._file = file
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the digest of the bytes so far, as 64 hex digits."""
        return self._digest.hexdigest()

    def restart(self) -> None:
        """Drop what was taken before. Raise ConfigurationError."""
        with self._writing():
            self._file.seek(0)
            self._file.truncate()
        self.size = 0
        self._digest = hashlib.sha256()

    def take(self, chunk: bytes) -> None:
        """Write a piece. Raise AnswerUnusable beyond the limit, ConfigurationError where the disk does not take it."""
        if self.size + len(chunk) > self.max_bytes:
            raise AnswerUnusable(
                f"An attachment is larger than {self.max_bytes:,} bytes; it was not read.",
                remedy="Its page is mirrored without its text.",
            )
        with self._writing():
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def flush(self) -> None:
        """Write what a buffer keeps. Raise ConfigurationError: a full disk may show only now."""
        with self._writing():
            self._file.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            name = getattr(self._file, "name", None)  # a number for a file without a name
            folder = Path(name).absolute().parent if isinstance(name, str) else tempfile.gettempdir()
            reason = error.strerror or type(error).__name__
            raise ConfigurationError(
                f"An attachment cannot be written to {folder}: {reason}. Free space there, or set the variable "
                "TMPDIR to a folder with more."
            ) from error


def cloud_download_path(page_id: str, attachment_id: str, version: int) -> str:
    """Return the path of one version of an attachment's file on Cloud, relative to the base.

    Without a version the endpoint gives the latest one, which may be newer than the version that was listed.
    """
    page, attachment = quote(page_id, safe=""), quote(attachment_id, safe="")
    return f"rest/api/content/{page}/child/attachment/{attachment}/download?version={version}"


def data_center_download_path(base: str, link: str) -> str:
    """Return the path of an attachment's file on Data Center, relative to `base`, from its `_links.download`.

    Raise AnswerNotTrusted for a link that leads to another host, another path, or nowhere.
    """
    path = below(base, link, _DOWNLOADS)
    if path is None or {".", ".."} & set(unquote(path.partition("?")[0]).split("/")):
        raise AnswerNotTrusted(
            "The download link of an attachment leads away from this Confluence; it was not followed.",
            remedy="Check confluence.url, and any proxy that rewrites answers.",
        )
    return path.lstrip("/")


def media_url(response: requests.Response, origins: Sequence[str]) -> str | None:
    """Return where an answer redirects a download to; None unless that is the media service."""
    if response.status_code not in _REDIRECTS:
        return None
    location = response.headers.get("Location", "")
    if not location.isascii() or not location.isprintable() or "\\" in location:
        return None
    try:
        target = urljoin(response.url or "", location)
        is_media = origin_of(target) in {origin_of(origin) for origin in origins}
    except ValueError:
        return None
    return target if is_media and "@" not in target.partition("?")[0] else None


def check_download(response: requests.Response, origins: Sequence[str], *, with_credentials: bool) -> None:
    """Return for a file, or a redirect to the media service; raise the error of anything else.

    A redirect elsewhere says nothing about the credentials, which listed the attachment a moment ago.
    """
    status = response.status_code
    if media_url(response, origins) is not None:
        return
    check_login(response, with_credentials=with_credentials)
    if status in _REDIRECTS:
        raise AnswerNotTrusted(
            f"The download of an attachment is redirected to another place than Atlassian's media service (status "
            f"{status}); it was not followed.",
            remedy="Run again; if it stays so, open the attachment in a browser with this account.",
        )
    if not with_credentials and status != requests.codes.ok:
        raise AnswerUnusable(f"Atlassian's media service did not return an attachment (status {status}).")
    if status != requests.codes.ok:
        check_status(response)
        raise AnswerUnusable(f"Confluence returned no attachment (status {status}).")


def check_file(response: requests.Response, size: int, *, media_type: str, expected_bytes: int | None) -> None:
    """Raise AnswerNotTrusted where a whole answer is not the file: another size, or a page of HTML in its place."""
    if expected_bytes is not None and size != expected_bytes:
        raise AnswerNotTrusted(f"An attachment of {expected_bytes:,} bytes was returned with {size:,} bytes.")
    is_html = _media_type(response.headers.get("Content-Type", "")) in _HTML
    if is_html and (_media_type(media_type) not in _HTML or expected_bytes is None):
        raise AnswerNotTrusted("A page of HTML was returned in the place of an attachment, as login pages are.")


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()
