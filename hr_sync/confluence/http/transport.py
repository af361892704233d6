"""The last gate before the network: which host is spoken to, and how much of an answer is read.

It sits below the client library, in requests' transport adapter, so that no path through the library goes around it:
the library would follow any address with the token (ADR 0002) and read any answer to its end.
"""

import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from hr_sync.confluence.http.watchdog import RequestWatchdog
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
    """Speaks to one origin only, and reads an answer within a limit of decoded bytes and of seconds. For one thread."""

    def __init__(
        self,
        origin: str,
        cutter: RequestWatchdog,
        *,
        max_answer_bytes: int,
        timeout_seconds: float,
        deadline_seconds: float,
    ) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)  # one session per thread
        self._origin = origin_of(origin)
        self._max_answer_bytes = max_answer_bytes
        self._timeout_seconds = timeout_seconds
        self._deadline_seconds = deadline_seconds
        self._cutter = cutter
        self._connection: Any = None  # urllib3's; the last one made
        self._was_cut = False

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
        self._was_cut = False
        # The library cuts its own timeout to whole seconds.
        kwargs |= {"stream": True, "timeout": self._timeout_seconds}
        with self._cutter.watching(self._cut, ends_at):
            try:
                response = super().send(request, *args, **kwargs)
                try:
                    body = self._read(response, ends_at)
                finally:
                    response.close()
            except (requests.RequestException, AnswerNotTrusted) as error:
                if self._was_cut:
                    raise self._too_late() from error
                raise
        if self._was_cut:  # within headers, or a body that the closing ends, the rest may look whole
            raise self._too_late()
        response.__class__ = ReadAnswer
        state: dict[str, Any] = response.__dict__
        state.update(_content=body, _content_consumed=True)
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections; which connection it makes is noted, since only its socket can be woken."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = partial(self._note, type(pool).ConnectionCls)
        return pool

    def _note(self, make: Callable[..., Any], **how: Any) -> Any:
        self._connection = make(**how)
        return self._connection

    def _cut(self) -> None:
        """Wake the thread that waits for the answer, from another one."""
        self._was_cut = True
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                # Not TLS's own shutdown: that would take the encryption off, and the thread could read on without.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

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
                raise self._too_late()
            body += chunk
        return body

    def _too_late(self) -> AnswerBroken:
        return AnswerBroken(f"the answer took longer than {self._deadline_seconds:g} s")


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
    """Return (scheme, host, port) of a URL, ('', '', 0) for one that has none or is malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
