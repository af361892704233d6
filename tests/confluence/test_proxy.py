"""Requests through a proxy: those of `confluence.proxy`, never one of the environment."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hr_sync.errors import ConfluenceUnavailable
from hr_sync.settings import Settings
from hr_sync.settings.redacted import secret_values
from tests.confluence.clients import open_client
from tests.confluence.test_tls import make_certificate, secure_site


@dataclass
class Seen:
    """What a proxy was asked."""

    port: int = 0
    targets: list[str] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)


@contextmanager
def proxying(status: int = 200) -> Iterator[Seen]:
    """Run a proxy that opens tunnels, or refuses them all with a status."""
    seen = Seen()

    class Tunnels(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.targets.append(self.path)
            seen.authorization.append(self.headers["Proxy-Authorization"])
            if status != 200:
                self.send_error(status)
                return
            host, _, port = self.path.partition(":")
            with socket.create_connection((host, int(port)), 10) as there:
                self.send_response(200)
                self.end_headers()
                pair = [self.connection, there]
                while ready := select.select(pair, [], [], 10)[0]:
                    for one in ready:
                        data = one.recv(1 << 16)
                        if not data:
                            return
                        pair[1 - pair.index(one)].sendall(data)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Tunnels) as server:
        seen.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


def test_requests_go_through_the_proxy_and_verify_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the proxy go to the proxy alone; TLS is with the site; the environment's proxy is not used."""
    certificate, key = make_certificate(tmp_path, "IP:127.0.0.1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with secure_site(certificate, key) as site, proxying() as seen:
        base = f"https://127.0.0.1:{site.server_port}"
        proxy = f"http://bot:hunter2@127.0.0.1:{seen.port}"
        with open_client(base, ca_file=str(certificate), proxy=proxy) as client:
            assert client.get("api/v2/pages") == {"type": "known"}
        with open_client(base, proxy=proxy) as client, pytest.raises(ConfluenceUnavailable, match="certificate"):
            client.get("api/v2/pages")

    assert seen.targets[0] == f"127.0.0.1:{site.server_port}"
    assert seen.authorization[0] == "Basic Ym90Omh1bnRlcjI="


@pytest.mark.parametrize("status", [407, None])
def test_a_proxy_that_fails_is_named_without_its_password(status: int | None) -> None:
    """It refuses the tunnel, or nothing listens there."""
    with proxying(status or 200) as seen:
        port = seen.port if status else 9
        proxy = f"http://bot:hunter2@127.0.0.1:{port}"
        with (
            open_client("https://127.0.0.1:10", proxy=proxy) as client,
            pytest.raises(ConfluenceUnavailable, match=r"the proxy of confluence\.proxy failed") as raised,
        ):
            client.get("api/v2/pages")

    assert "hunter2" not in str(raised.value)
    assert ("407" in str(raised.value)) == (status == 407)
    assert bool(seen.targets) == (status is not None)


@pytest.mark.parametrize("wrong", ["proxy.acme.com:3128", "http://proxy.acme.com", "socks5://h:1", "http://h:1/path"])
def test_what_is_no_address_of_a_proxy_is_refused(wrong: str) -> None:
    """By the key's name."""
    with pytest.raises(ValueError, match="must be like http"):
        Settings(confluence={"url": "https://acme.atlassian.net", "spaces": ["HR"], "proxy": wrong})  # type: ignore[arg-type]


def test_the_password_of_the_proxy_reaches_no_log() -> None:
    """As it is written, and as it is meant."""
    settings = Settings(
        confluence={  # type: ignore[arg-type] # checked within
            "url": "https://acme.atlassian.net",
            "username": "a@b.c",
            "api_token": "canary",
            "spaces": ["HR"],
            "proxy": "http://bot:hunter%402@proxy.acme.com:3128",
        }
    )
    assert {"hunter%402", "hunter@2"} <= set(secret_values(settings))
