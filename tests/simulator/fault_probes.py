"""How to look at what a fault did: over a real client, and over a bare connection."""

import socket
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from confluence_simulator import Simulator

from tests.simulator.sites import Client

PATH = "/api/v2/pages"
Check = Callable[[Simulator, Client], None]


def ask(site: Client, **query: Any) -> requests.Response:
    return site.ask(PATH, **{"limit": 2, "body-format": "storage", **query})


def rows(site: Client, **query: Any) -> Any:
    return ask(site, **query).json()["results"]


def raw(simulator: Simulator, *, gzip: bool = False, wait_seconds: float = 2.0) -> bytes:
    """Everything that comes over one connection until it is closed or nothing more comes."""
    address = urlsplit(simulator.site_url)
    request = (
        f"GET {address.path}{PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        f"Authorization: Bearer simulated-token\r\n{'Accept-Encoding: gzip' if gzip else 'X-Nothing: 1'}\r\n\r\n"
    )
    received = b""
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=wait_seconds) as connection:
        connection.sendall(request.encode())
        try:
            while data := connection.recv(65536):
                received += data
        except (ConnectionResetError, TimeoutError) as error:
            received += type(error).__name__.encode()
    return received


def parts(received: bytes) -> tuple[bytes, bytes]:
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def declared_length(head: bytes) -> int:
    return int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])


def status(expected: int, **headers: str) -> Check:
    """Check the status and these headers (dashes for underscores)."""

    def check(_: Simulator, site: Client) -> None:
        answer = ask(site)
        assert answer.status_code == expected
        for name, value in headers.items():
            assert answer.headers[name.replace("_", "-")] == value

    return check


def without_retry_after(expected: int) -> Check:
    def check(_: Simulator, site: Client) -> None:
        answer = ask(site)
        assert (answer.status_code, "Retry-After" in answer.headers) == (expected, False)

    return check


def body(expected: bytes, content_type: str = "application/json") -> Check:
    """Status 200 with exactly this body."""

    def check(_: Simulator, site: Client) -> None:
        answer = ask(site)
        assert (answer.status_code, answer.content) == (200, expected)
        assert answer.headers["Content-Type"].startswith(content_type)

    return check


def holds(test: Callable[[requests.Response], bool], **query: Any) -> Check:
    def check(_: Simulator, site: Client) -> None:
        assert test(ask(site, **query))

    return check


def row(test: Callable[[dict[str, Any]], bool]) -> Check:
    """Check that the first row is spoiled and the second is not."""

    def check(_: Simulator, site: Client) -> None:
        first, second = rows(site)
        assert test(first)
        assert not test(second)

    return check


def space(test: Callable[[dict[str, Any]], bool]) -> Check:
    """Check that the first space of the list is spoiled and the others are not."""

    def check(_: Simulator, site: Client) -> None:
        first, *others = site.get("/api/v2/spaces")["results"]
        assert test(first)
        assert others
        assert not any(test(other) for other in others)

    return check


def following(test: Callable[[Simulator, Any], bool]) -> Check:
    def check(simulator: Simulator, site: Client) -> None:
        assert test(simulator, ask(site).json()["_links"].get("next", "absent"))

    return check


def location(test: Callable[[Simulator, str], bool], expected: int = 302) -> Check:
    def check(simulator: Simulator, site: Client) -> None:
        answer = ask(site)
        assert answer.status_code == expected
        assert test(simulator, answer.headers["Location"])

    return check


def wire(test: Callable[[bytes], bool], *, gzip: bool = False, wait_seconds: float = 2.0) -> Check:
    def check(simulator: Simulator, _: Client) -> None:
        assert test(raw(simulator, gzip=gzip, wait_seconds=wait_seconds))

    return check


def cut(received: bytes) -> bool:
    head, content = parts(received)
    return 0 < len(content) < declared_length(head)


def no_json(answer: requests.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return True
    return False


def unzips(received: bytes) -> bool:
    try:
        unpacker = zlib.decompressobj(31)
        unpacker.decompress(parts(received)[1])
    except zlib.error:
        return False
    return unpacker.eof
