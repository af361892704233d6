"""TLS is always verified: a certificate is trusted because of `ca_file`, never because of the environment."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hr_sync.errors import AnswerTooSlow, ConfluenceUnavailable
from tests.confluence.clients import RecordedWaits, open_client

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes certificates, is absent")
ANSWER = b'{"type":"known"}'


class Answering(BaseHTTPRequestHandler):
    """Answers each GET with the same JSON object."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Dripping(Answering):
    """Sends a header after every so often, for ever, or bytes of a body that only the closing would end."""

    def do_GET(self) -> None:
        if self.path.startswith("/body"):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(200):
            self.wfile.write(b"{")
            time.sleep(0.05)


class Site(ThreadingHTTPServer):
    """Counts who knocked, whether or not the handshake succeeded."""

    knocks = 0
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        self.knocks += 1
        return super().get_request()

    def handle_error(self, *_: object) -> None:
        """Ignore a client that hangs up: these tests are about it."""


def make_certificate(folder: Path, subject: str) -> tuple[Path, Path]:
    """Make a self-signed certificate and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=a site of the tests", "-addext", f"subjectAltName={subject}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def secure_site(certificate: Path, key: Path, answering: type[Answering] = Answering) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Site(("127.0.0.1", 0), answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, "IP:127.0.0.1")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment would have it trusted; once, without a retry, with the remedy."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificate[0]))
    waits = RecordedWaits()

    with secure_site(*certificate) as site:
        base = f"https://127.0.0.1:{site.server_port}"
        with (
            open_client(base, cancellation=waits) as client,
            pytest.raises(ConfluenceUnavailable, match=r"confluence\.ca_file"),
        ):
            client.get("rest/api/user/current")
        assert site.knocks == 1

    assert waits.seconds == []


def test_a_certificate_of_the_own_authority_is_accepted(certificate: tuple[Path, Path]) -> None:
    """By `ca_file`, on every request."""
    with (
        secure_site(*certificate) as site,
        open_client(f"https://127.0.0.1:{site.server_port}", ca_file=str(certificate[0])) as client,
    ):
        for _ in range(2):
            assert client.get("rest/api/user/current") == {"type": "known"}


def test_no_key_of_a_connection_is_written(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever sets SSLKEYLOGFILE could read the token off the network."""
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with (
        secure_site(*certificate) as site,
        open_client(f"https://127.0.0.1:{site.server_port}", ca_file=str(certificate[0])) as client,
    ):
        assert client.get("rest/api/user/current") == {"type": "known"}

    assert not keys.exists()


@pytest.mark.parametrize("path", ["head", "body"])
def test_a_deadline_holds_under_tls(certificate: tuple[Path, Path], path: str) -> None:
    """What is cut off counts as late, and neither as whole nor as a certificate that is not trusted."""
    began = time.monotonic()
    with (
        secure_site(*certificate, Dripping) as site,
        open_client(
            f"https://127.0.0.1:{site.server_port}",
            ca_file=str(certificate[0]),
            request_deadline_seconds=0.3,
            max_attempts=1,
        ) as client,
        pytest.raises(AnswerTooSlow, match=r"0\.3 s in all"),
    ):
        client.get(path)
    assert time.monotonic() - began < 2


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    """Whoever vouches for it."""
    certificate = make_certificate(tmp_path, "DNS:elsewhere.example")

    with secure_site(*certificate) as site:
        base = f"https://127.0.0.1:{site.server_port}"
        with (
            open_client(base, ca_file=str(certificate[0])) as client,
            pytest.raises(ConfluenceUnavailable, match="TLS"),
        ):
            client.get("rest/api/user/current")
