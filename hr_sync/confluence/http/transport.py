"""The transport below the client library: limits requests to one origin, and answers to a size and a time.

It sits below the client library, in requests' transport adapter, so that every request of the library uses it: the
library would follow any address with the token (ADR 0002) and read any answer to its end.
"""

import http.client
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from hr_sync.confluence.http.watchdog import RequestWatchdog
from hr_sync.errors import AnswerNotTrusted, AnswerUnusable

_CHUNK_BYTES = 1 << 16
_MAX_INTERIM_ANSWERS = 20  # 1xx before the answer
_GZIP = frozenset({"gzip", "x-gzip"})
_PLAIN = frozenset({"", "identity", "none", "utf-8"})  # what servers write that mean no encoding


class AnswerCutOff(requests.RequestException):
    """The server sent an incomplete or damaged answer. A retry may succeed."""


class DeadlinePassed(AnswerCutOff):
    """The answer took longer than its deadline. A retry may succeed."""


class CompleteResponse(requests.Response):
    """An answer that has been read already.

    `text` is empty: the client library evaluates it on every call for its debug log, which would decode each body
    once more and keep page text within reach of a log. Read `content`.
    """

    @property
    def text(self) -> str:
        return ""

    @property
    def is_redirect(self) -> bool:
        """Return False: requests would prepare the next request, and fail at an address that is none."""
        return False


class _FinalResponse(http.client.HTTPResponse):
    """Skips interim answers (102, 103) as the standard library skips 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM_ANSWERS):
            version, status, reason = super()._read_status()  # type: ignore[misc] # not in the typeshed
            if status in (100, 101) or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("too many interim answers")


class Sink(Protocol):
    """Takes the bytes of an answer in the place of memory."""

    max_bytes: int

    def restart(self) -> None:
        """Drop what was taken before."""

    def take(self, chunk: bytes) -> None:
        """Take a piece. Raise AnswerUnusable beyond the limit."""


class GuardedAdapter(HTTPAdapter):
    """Connects to one origin only, and reads an answer within a limit of decoded bytes and of seconds.

    For one thread.
    """

    def __init__(
        self,
        origin: str,
        watchdog: RequestWatchdog,
        *,
        max_answer_bytes: int,
        timeout_seconds: float,
        deadline_seconds: float,
        public_addresses_only: bool = False,
    ) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)  # one session per thread
        self._origin = origin_of(origin)
        self._max_answer_bytes = max_answer_bytes
        self._timeout_seconds = timeout_seconds
        self._deadline_seconds = deadline_seconds
        self._watchdog = watchdog
        self._tls = _tls_context() if self._origin[0] == "https" else None
        self._public_addresses_only = public_addresses_only
        self._connection: Any = None  # urllib3's; the last one made
        self._sink: Sink | None = None  # of the request that is sent
        self._was_interrupted = False

    @contextmanager
    def receiving(self, sink: Sink | None) -> Iterator[None]:
        """Write the body of an answer with status 200 into `sink` within the block."""
        self._sink = sink
        try:
            yield
        finally:
            self._sink = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send to the configured origin and read the answer.

        Raise AnswerNotTrusted for another origin, AnswerUnusable for a too large answer, AnswerCutOff for half of one,
        DeadlinePassed for one that took too long, and what requests raises for a connection that could not be made.
        """
        if origin_of(request.url or "") != self._origin:
            raise AnswerNotTrusted(
                "Confluence returned an address on another host; nothing was sent there.",
                remedy="Check confluence.url, and the proxies before it.",
            )
        ends_at = time.monotonic() + self._deadline_seconds
        self._was_interrupted = False
        # The library cuts its own timeout to whole seconds.
        kwargs |= {"stream": True, "timeout": self._timeout_seconds}
        with self._watchdog.watching(self._interrupt, ends_at):
            try:
                response = super().send(request, *args, **kwargs)
                try:
                    body = self._read(response, ends_at)
                finally:
                    response.close()
            except (requests.RequestException, AnswerNotTrusted) as error:
                if self._was_interrupted:
                    raise self._too_late() from error
                raise
        if self._was_interrupted:  # within headers, or a body that the closing ends, the rest may look whole
            raise self._too_late()
        response.__class__ = CompleteResponse
        state: dict[str, Any] = response.__dict__
        state.update(_content=body, _content_consumed=True)
        return response

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        """Add a TLS context of our own: urllib3's would write the keys of every connection to SSLKEYLOGFILE."""
        host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, pool if self._tls is None else {**pool, "ssl_context": self._tls}

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections; its last connection is kept, since only its socket can be shut down."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not isinstance(pool.ConnectionCls, partial):
            pool.ConnectionCls = partial(self._note, pool.ConnectionCls)
        return pool

    def _note(self, make: Callable[..., Any], **how: Any) -> Any:
        self._connection = make(**how)
        self._connection.response_class = _FinalResponse
        if self._public_addresses_only:
            # urllib3 has no other place between connecting and sending.
            self._connection._new_conn = partial(_public_connection, self._connection._new_conn)  # noqa: SLF001
        return self._connection

    def _interrupt(self) -> None:
        """Interrupt the thread that waits for the answer, from another one."""
        self._was_interrupted = True
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                # Not TLS's own shutdown: that would take the encryption off, and the thread could read on without.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _read(self, response: requests.Response, ends_at: float) -> bytearray:
        """Read decoded bytes; requests' read timeout is per byte received and never ends an answer that drips."""
        if self._sink is not None and response.status_code == requests.codes.ok:
            self._pass_on(response, ends_at, self._sink)
            return bytearray()
        body = bytearray()
        for chunk in _decoded(response, self._max_answer_bytes):
            if len(body) + len(chunk) > self._max_answer_bytes:
                raise AnswerUnusable(
                    f"An answer of Confluence is larger than {self._max_answer_bytes:,} bytes.",
                    remedy="Raise confluence.max_answer_megabytes if that is right.",
                )
            if time.monotonic() > ends_at:
                raise self._too_late()
            body += chunk
        return body

    def _pass_on(self, response: requests.Response, ends_at: float, sink: Sink) -> None:
        sink.restart()
        for chunk in _decoded(response, sink.max_bytes):
            sink.take(chunk)
            if time.monotonic() > ends_at:
                raise self._too_late()

    def _too_late(self) -> DeadlinePassed:
        return DeadlinePassed(f"the answer took longer than {self._deadline_seconds:g} s")


def _public_connection(connect: Callable[[], socket.socket]) -> socket.socket:
    """Return a connection to an address of the internet. Raise AnswerNotTrusted for one of a network like ours."""
    connection = connect()
    address = ipaddress.ip_address(str(connection.getpeername()[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_global:
        connection.close()
        raise AnswerNotTrusted(
            "The name of Atlassian's media service leads to an address of a private network; nothing was sent there.",
            remedy="Check the name server, or set confluence.proxy.",
        )
    return connection


def _tls_context() -> ssl.SSLContext:
    """Return a context that verifies certificates and host names, and writes no keys anywhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    return context


def _decoded(response: requests.Response, limit_bytes: int) -> Iterator[bytes]:
    """Yield the body as it arrives. Gzip is undone here, since urllib3 reads on until a block can be decoded."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _GZIP:
        return _unzipped(response, limit_bytes)
    if encoding in _PLAIN:
        return iter(partial(_read_some, response), b"")
    raise AnswerUnusable(f"Confluence answered in an encoding that was not requested ({encoding[:20]!r}).")


def _unzipped(response: requests.Response, limit_bytes: int) -> Iterator[bytes]:
    """Yield what a gzip stream holds. It may have several members (RFC 1952), with zeros between and behind them.

    No chunk decodes to much more than the limit, so that a gzip bomb costs no more memory than a large answer.
    """
    received, members = 0, 0
    decoder: Any = None  # of the member that is being read
    while raw := _read_some(response):
        received += len(raw)
        if received > limit_bytes + _CHUNK_BYTES:  # more than it may hold: empty members for ever
            raise AnswerUnusable(f"An answer of Confluence is larger than {limit_bytes:,} bytes.")
        while raw := raw if decoder or not members else raw.lstrip(b"\0"):
            if decoder is None:
                decoder, members = zlib.decompressobj(zlib.MAX_WBITS | 16), members + 1
            try:
                yield decoder.decompress(raw, limit_bytes + 1)
            except zlib.error as error:
                if members == 1:
                    raise AnswerCutOff("the answer's gzip stream is damaged") from error
                raise AnswerUnusable("An answer of Confluence holds garbage behind its gzip stream.") from error
            raw, decoder = (decoder.unused_data, None) if decoder.eof else (b"", decoder)
    is_empty_refusal = received == 0 and response.status_code not in (200, 203)  # it names gzip and sends nothing
    if decoder or (not members and not is_empty_refusal):
        raise AnswerCutOff("the answer's gzip stream was cut off")


def _read_some(response: requests.Response) -> bytes:
    """Read what the socket has, at least one byte; empty at the end. Raise AnswerCutOff if that came too soon."""
    try:
        return bytes(response.raw.read1(_CHUNK_BYTES, decode_content=False))
    except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
        raise DeadlinePassed("the answer stopped in the middle") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise AnswerCutOff(f"the answer was cut off ({type(error).__name__})") from error


def origin_of(url: str) -> tuple[str, str, int]:
    """Return (scheme, host, port) of a URL, ('', '', 0) for one that has none or is malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
