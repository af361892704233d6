"""HTTP/1.1 messages: bytes to Request, Answer to bytes. No sockets and no Confluence."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

JSON_TYPE = "application/json"
GZIP_FROM_BYTES = 860
"""Shorter bodies are sent plain, as the edge in front of Cloud does."""

Pairs = tuple[tuple[str, str], ...]


class BadMessageError(ValueError):
    """What came over the connection is not an HTTP request."""


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    target: str
    """Path and query exactly as sent."""
    headers: dict[str, str]
    """Names in lower case; of a repeated header the last counts."""
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """Decoded, without the query."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def query(self) -> Pairs:
        return tuple(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"

    @property
    def accepts_gzip(self) -> bool:
        offers = [offer.replace(" ", "").lower() for offer in self.headers.get("accept-encoding", "").split(",")]
        return any(offer == "gzip" or (offer.startswith("gzip;q=") and offer[7:].strip("0.")) for offer in offers)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Either `document` (sent as JSON) or `body` (sent as it is)."""

    status: int = 200
    document: Any = None
    body: bytes | None = None
    content_type: str = JSON_TYPE
    headers: Pairs = ()
    next_target: str | None = None
    """Path and query of the next page, for the Link header of Cloud's v2."""
    date: str | None = None
    """The `Date` header in place of the world's clock; an empty text sends none."""

    def payload(self) -> bytes:
        return self.body if self.body is not None else orjson.dumps(self.document)


def parse_request(head: bytes) -> Request:
    """`head` is everything before the empty line."""
    try:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, protocol = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    except ValueError as error:
        raise BadMessageError("not an HTTP/1.1 request") from error
    if not protocol.startswith("HTTP/1."):
        raise BadMessageError(f"unknown protocol {protocol}")
    if protocol == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Request(method=method, target=target, headers=headers)


def compress(payload: bytes) -> bytes:
    """Compress at the fastest level: a benchmark of a client must not measure the simulator."""
    return gzip.compress(payload, compresslevel=1, mtime=0)


def encode_head(status: int, headers: Pairs) -> bytes:
    """Status line and headers, with the empty line that ends them."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1")
