"""Small servers on loopback that send exact bytes, for what no well-behaved server would send."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(kw_only=True)
class Request:
    """What a fake received."""

    path: str
    query: list[tuple[str, str]]
    method: str = "GET"
    body: bytes = b""
    headers: dict[str, str]  #: by name in lower case

    def all(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]


@dataclass(kw_only=True)
class Reply:
    """What a fake sends. A document is sent as JSON, `raw` as it is."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    before: bytes = b""  #: sent before the status line


@dataclass(kw_only=True)
class Fake:
    """A running fake and what it received, in order."""

    origin: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def fake_site(answer: Callable[[Request], Reply]) -> Iterator[Fake]:
    """Serve `answer` at every address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(
                path=parts.path,
                query=parse_qsl(parts.query),
                headers=headers,
                method=self.command,
                body=self.rfile.read(int(headers.get("content-length", "0"))),
            )
            fake.requests.append(request)
            reply = answer(request)
            body = orjson.dumps(reply.document) if reply.raw is None else reply.raw
            self.wfile.write(reply.before)
            self.send_response_only(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake = Fake(origin=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
