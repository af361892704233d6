"""A ping reports how a run went, and never costs the run anything."""

import importlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server

import pytest
from structlog.testing import capture_logs

from hr_sync.errors import ConfigurationError
from hr_sync.service import ping
from hr_sync.service.ping import Ping, PingKind


class Listener(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Recorder)
        self.paths: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/canary-uuid"


class Recorder(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_kind_has_its_address(listener: Listener) -> None:
    """/start, the address itself, /fail; a query stays behind the path, a slash at the end is none."""
    assert [Ping(listener.url).send(kind) for kind in (PingKind.START, PingKind.SUCCESS, PingKind.FAILURE)] == [
        True
    ] * 3
    assert Ping(listener.url + "/?create=1").send(PingKind.FAILURE)
    assert listener.paths == ["/canary-uuid/start", "/canary-uuid", "/canary-uuid/fail", "/canary-uuid/fail?create=1"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refused_ping_is_logged_without_its_address(listener: Listener, status: int) -> None:
    """It is a warning in the log, follows no redirect, and keeps the secret that the address is."""
    listener.status = status
    with capture_logs() as logs:
        assert not Ping(listener.url).send(PingKind.START)
    assert listener.paths == ["/canary-uuid/start"]
    assert [(line["event"], line["status"], line["kind"]) for line in logs] == [("ping.failed", status, "start")]
    assert "canary" not in str(logs)


def test_no_proxy_of_the_environment_sees_the_address(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is a secret, and goes to its host alone."""
    with Listener() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("no_proxy", raising=False)
        reloaded = importlib.reload(ping)  # an opener reads the environment when it is made
        try:
            assert reloaded.Ping(listener.url).send(reloaded.PingKind.SUCCESS)
        finally:
            proxy.shutdown()
            thread.join()
    assert (proxy.paths, listener.paths) == ([], ["/canary-uuid"])


def test_a_listener_that_is_silent_costs_a_bounded_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, or somebody who never answers: no exception, and no longer than the limit."""
    monkeypatch.setattr(ping, "TIMEOUT_SECONDS", 0.2)
    with create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        began = time.monotonic()
        assert not Ping(f"http://127.0.0.1:{port}/x").send(PingKind.SUCCESS)
        assert 0.2 <= time.monotonic() - began < 2
    assert not Ping(f"http://127.0.0.1:{port}/x").send(PingKind.SUCCESS)


@pytest.mark.parametrize(
    "url",
    ["http://evil.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "https://", "x", "http://127.0.0.1.evil/"],
)
def test_an_open_address_is_refused(url: str) -> None:
    """Only https, or http within this machine; the message does not repeat the address."""
    with pytest.raises(ConfigurationError, match="must be https") as caught:
        Ping(url)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://hc-ping.com/uuid", "http://localhost:1/x", "http://[::1]:1/x"])
def test_a_closed_address_is_taken(url: str) -> None:
    """Https anywhere, http on loopback by name and by either family."""
    assert Ping(url).url == url
