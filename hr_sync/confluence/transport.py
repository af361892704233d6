"""The last gate before the network: which host is spoken to, and how much of an answer is read.

It sits below the client library, in requests' transport adapter, so that no path through the library goes around it:
the library would follow any address with the token (ADR 0002) and read any answer to its end.
"""

import time
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from hr_sync.errors import AnswerNotTrusted

_CHUNK_BYTES = 1 << 16


class AnswerBroken(requests.RequestException):
    """An answer was cut off, or took longer than its deadline. Worth another try."""


class ReadAnswer(requests.Response):
    """An answer that has been read already.

    `text` is empty: the client library evaluates it on every call for its debug log, which would decode each body
    once more and keep page text within reach of a log. Read `content`.
    """

    @property
    def text(self) -> str:
        return ""


class GuardedAdapter(HTTPAdapter):
    """Speaks to one origin only, and reads an answer within a limit of decoded bytes and of seconds."""

    def __init__(self, origin: str, *, max_answer_bytes: int, timeout_seconds: float, deadline_seconds: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)  # one session per thread
        self._origin = origin_of(origin)
        self._max_answer_bytes = max_answer_bytes
        self._timeout_seconds = timeout_seconds
        self._deadline_seconds = deadline_seconds

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send to the configured origin and read the answer.

        Raises AnswerNotTrusted for another origin or a too large answer, AnswerBroken for one that was cut off or took
        too long, and what requests raises for a connection that could not be made.
        """
        if origin_of(request.url or "") != self._origin:
            raise AnswerNotTrusted(
                "Confluence named an address on another host; nothing was sent there.",
                remedy="Check confluence.url, and who answers for it.",
            )
        ends_at = time.monotonic() + self._deadline_seconds
        # The library cuts its own timeout to whole seconds.
        response = super().send(request, *args, **(kwargs | {"stream": True, "timeout": self._timeout_seconds}))
        try:
            body = self._read(response, ends_at)
        finally:
            response.close()
        response.__class__ = ReadAnswer
        state: dict[str, Any] = response.__dict__
        state.update(_content=body, _content_consumed=True)
        return response

    def _read(self, response: requests.Response, ends_at: float) -> bytearray:
        """Read decoded bytes; requests' read timeout is per byte received and would let a drip go on for ever."""
        body = bytearray()
        for chunk in _decoded(response, self._max_answer_bytes):
            if len(body) + len(chunk) > self._max_answer_bytes:
                raise AnswerNotTrusted(
                    f"An answer of Confluence is larger than {self._max_answer_bytes:,} bytes.",
                    remedy="Raise confluence.max_answer_megabytes if that is right.",
                )
            if time.monotonic() > ends_at:
                raise AnswerBroken(f"the answer took longer than {self._deadline_seconds:g} s")
            body += chunk
        return body


def _decoded(response: requests.Response, limit_bytes: int) -> Iterator[bytes]:
    """Yield the body as it arrives. Gzip is undone here, since urllib3 reads on until a block can be decoded.

    No chunk decodes to much more than the limit, so that a gzip bomb costs no more memory than a large answer.
    """
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise AnswerNotTrusted(f"Confluence answered in an encoding that was not asked for ({encoding[:20]!r}).")
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    while raw := _read_some(response):
        try:
            yield decoder.decompress(raw, limit_bytes + 1) if decoder else raw
        except zlib.error as error:
            raise AnswerBroken("the answer's gzip stream is damaged") from error
    if decoder and not decoder.eof:
        raise AnswerBroken("the answer's gzip stream was cut off")


def _read_some(response: requests.Response) -> bytes:
    """Read what the socket has, at least one byte; empty at the end. Raises AnswerBroken when that came too soon."""
    try:
        return bytes(response.raw.read1(_CHUNK_BYTES, decode_content=False))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise AnswerBroken(f"the answer was cut off ({type(error).__name__})") from error


def origin_of(url: str) -> tuple[str, str, int]:
    """Give (scheme, host, port) of a URL, ('', '', 0) for one that has none or is malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
