"""Files of attachments: whole, within their limit, and never with credentials for another place than the site."""

import errno
import gzip
import hashlib
import io
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
import requests
from confluence_simulator import Fault, Simulator

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.downloads import (
    MEDIA_ORIGINS,
    FileSink,
    cloud_download_path,
    data_center_download_path,
    media_url,
)
from hr_sync.confluence.http.transport import _public_connection
from hr_sync.errors import (
    AnswerNotTrusted,
    AnswerUnusable,
    ConfigurationError,
    ConfluenceError,
    CredentialsRefused,
    NotFound,
    ServerFailed,
    Stopped,
)
from tests.confluence.clients import BASIC, kinds_fired, open_client, small_world
from tests.confluence.fakes import Fake, Reply, Request, fake_site
from tests.confluence.flavors import FLAVORS

BYTES = b"%PDF-1.7\n" + bytes(range(256)) * 2_000
PATH = "rest/api/content/1/child/attachment/att2/download"
PDF = "application/pdf"


def downloaded(client: HttpClient, path: str = PATH, *, size: int | None = len(BYTES), media_type: str = PDF) -> bytes:
    """Download a file and return its bytes."""
    file = io.BytesIO()
    sink = FileSink(file, 1_000_000)
    client.download(path, sink, media_type=media_type, expected_bytes=size)
    assert (sink.size, sink.sha256) == (len(file.getvalue()), hashlib.sha256(file.getvalue()).hexdigest())
    return file.getvalue()


def file_reply(raw: bytes = BYTES, content_type: str = PDF, **headers: str) -> Reply:
    return Reply(raw=raw, headers={"Content-Type": content_type, **headers})


@contextmanager
def two_sites(first: Any, second: Any, **bounds: Any) -> Iterator[tuple[Fake, Fake, HttpClient]]:
    """Serve a site, a media service, and a client of the first that may be redirected to the second."""
    with ExitStack() as stack:
        media = stack.enter_context(fake_site(second))
        site = stack.enter_context(fake_site(lambda request: first(request, media.origin)))
        client = stack.enter_context(open_client(site.origin, BASIC, media_origins=(media.origin,), **bounds))
        yield site, media, client


def to_media(_: Request, origin: str) -> Reply:
    return Reply(status=302, headers={"Location": f"{origin}/file/a/binary?token=secret"})


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_bytes_of_an_attachment_come_as_they_are(flavor: str) -> None:
    """From Cloud by way of the media service, from Data Center itself."""
    world = small_world()
    page = next(iter(world.pages()))
    made = world.attach(page.id, filename="leave & pay.pdf", payload=BYTES, media_type=PDF)
    with Simulator(world, **FLAVORS[flavor]) as site:
        path = cloud_download_path(page.id, made.id, 1)
        if flavor.startswith("datacenter"):
            link = f"/download/attachments/{page.id}/leave%20%26%20pay.pdf?version=1&api=v2"
            path = data_center_download_path(site.site_url, link)

        with open_client(site.site_url, BASIC, media_origins=(site.media_origin,)) as client:
            assert downloaded(client, path) == BYTES


def test_credentials_stay_at_the_site() -> None:
    """The media service is asked without them, and without cookies."""

    def answer(request: Request, origin: str) -> Reply:
        reply = to_media(request, origin)
        reply.headers["Set-Cookie"] = "session=secret; Path=/"
        return reply

    with two_sites(answer, lambda _: file_reply()) as (site, media, client):
        assert downloaded(client) == BYTES

        assert "authorization" in site.requests[0].headers
        assert {"authorization", "cookie", "referer"}.isdisjoint(media.requests[0].headers)
        assert media.requests[0].query == [("token", "secret")]


def test_downloads_are_counted_and_the_media_service_is_not_the_site() -> None:
    """Its bytes count; its clock and its rate limits are not those of Confluence."""
    media = Reply(raw=BYTES, headers={"Content-Type": PDF, "X-RateLimit-Remaining": "7"})
    with two_sites(to_media, lambda _: media) as (_, _, client):
        downloaded(client)

        counts = client.http_stats.counts()
        assert (counts.requests, counts.bytes) == (2, len(BYTES) + len(b"null"))
        assert client.http_stats.site_headers().rate_limits == {}


@pytest.mark.parametrize(
    "location",
    [
        "https://media.example.com/file",
        "http://api.media.atlassian.com/file",
        "https://api.media.atlassian.com.example.com/file",
        "https://user@api.media.atlassian.com/file",
        "https://api.media.atlassian.com:8443/file",
        "//127.0.0.1:9/file",
        "http://169.254.169.254/latest/meta-data",
        "/login.action?os_destination=x",
        "file:///etc/passwd",
        "https://[half",
        "",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(location: str) -> None:
    """Whether it leads to another host, to a login page or nowhere; it says nothing about the credentials."""
    with fake_site(lambda _: Reply(status=302, headers={"Location": location})) as site:
        with open_client(site.origin) as client, pytest.raises(AnswerNotTrusted, match="redirected"):
            downloaded(client)
        assert len(site.requests) == 1


def test_redirects_end() -> None:
    """A circle is left after three hops."""
    with two_sites(to_media, lambda request: Reply(status=302, headers={"Location": request.path})) as (
        _,
        media,
        client,
    ):
        with pytest.raises(AnswerNotTrusted, match="more than 3 times"):
            downloaded(client)
        assert len(media.requests) == 3


def test_the_list_of_media_origins() -> None:
    """Over https alone; as real addresses look."""
    response = requests.Response()
    response.status_code, response.url = 302, "https://acme.atlassian.net/wiki/x"
    response.headers["Location"] = "https://api.media.atlassian.com/file/9/binary?token=a.b-c&name=x.pdf"

    assert media_url(response, MEDIA_ORIGINS) == response.headers["Location"]
    assert all(origin.startswith("https://") for origin in MEDIA_ORIGINS)


def test_a_media_service_on_a_private_network_is_not_asked() -> None:
    """Its name may lead anywhere; the address that was really connected to counts."""
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(AnswerNotTrusted, match="private network"):
        _public_connection(lambda: socket.create_connection(server.getsockname()))

    with fake_site(lambda _: file_reply()) as site:
        with (
            open_client(site.origin, public_addresses_only=True) as client,
            pytest.raises(AnswerNotTrusted, match="private network"),
        ):
            downloaded(client)
        assert site.requests == []


@pytest.mark.parametrize(
    ("reply", "media_type", "size", "what"),
    [
        (file_reply(b"<html>Log in</html>", "text/html;charset=UTF-8"), PDF, None, "HTML"),
        (file_reply(b"<html>Log in</html>", "text/html"), "text/html", None, "HTML"),
        (file_reply(b"<html>Log in</html>", "text/html"), "text/html", 5_000, "5,000 bytes"),
        (file_reply(BYTES[:-1]), PDF, len(BYTES), "bytes"),
        (file_reply(b""), PDF, len(BYTES), "0 bytes"),
    ],
)
def test_what_is_not_the_file_is_an_error(reply: Reply, media_type: str, size: int | None, what: str) -> None:
    """A login page with status 200, and a file of another size."""
    with (
        fake_site(lambda _: reply) as site,
        open_client(site.origin) as client,
        pytest.raises(AnswerNotTrusted, match=what),
    ):
        downloaded(client, media_type=media_type, size=size)


def test_a_page_of_html_can_be_an_attachment() -> None:
    """Where the listing says so, and its size is that of the listing."""
    page = b"<html>Policy</html>"
    with fake_site(lambda _: file_reply(page, "text/html")) as site, open_client(site.origin) as client:
        assert downloaded(client, media_type="text/html", size=len(page)) == page


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_beyond_the_limit_is_not_read_to_its_end(zipped: bool) -> None:
    """Also where it is small on the wire."""
    raw = gzip.compress(bytes(5_000_000)) if zipped else bytes(5_000_000)
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    file = io.BytesIO()
    with (
        fake_site(lambda _: file_reply(raw, **headers)) as site,
        open_client(site.origin) as client,
        pytest.raises(AnswerUnusable, match="larger than 100,000 bytes"),
    ):
        client.download(PATH, FileSink(file, 100_000), media_type=PDF, expected_bytes=None)
    assert len(file.getvalue()) <= 100_000


class FullDisk(io.BytesIO):
    """Takes so many bytes, as a disk with little room; with a buffer it tells later."""

    def __init__(self, room: int, name: str | int, *, is_buffered: bool) -> None:
        super().__init__()
        self.room, self.name, self.is_buffered = room, name, is_buffered

    def write(self, chunk: Any) -> int:
        self.room -= len(chunk)
        if not self.is_buffered:
            self.flush()
        return super().write(chunk)

    def flush(self) -> None:
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("is_buffered", [False, True])
@pytest.mark.parametrize(("name", "folder"), [("/files/one", "/files"), (7, tempfile.gettempdir())])
def test_a_full_disk_is_an_error_with_its_folder(name: str | int, folder: str, is_buffered: bool) -> None:
    """Also where it shows behind the last byte. The site is asked once: a second answer would not fit either."""
    file = FullDisk(100_000, name, is_buffered=is_buffered)
    with (
        fake_site(lambda _: file_reply()) as site,
        open_client(site.origin) as client,
        pytest.raises(ConfigurationError, match=rf"to {folder}: No space left on device\. Free space .* TMPDIR"),
    ):
        client.download(PATH, FileSink(file, 1_000_000), media_type=PDF, expected_bytes=len(BYTES))
    assert len(site.requests) == 1


#: What may go wrong with any answer, as far as the simulator does it to one that is no JSON.
FAULTS = """
    cut-length cut-chunked cut-between-chunks cut-until-close cut-head close reset-in-body chunked drip stall-in-body
    html-200 login-page-200 redirect-login redirect-other-host redirect-same-host redirect-loop
    empty-200 whitespace-200 null-200 no-content-204 partial-206 not-modified-304 length-too-small garbage
    gzip-bomb gzip-cut gzip-not gzip-spoiled
    error-500 bad-gateway-502 rate-limited-429 not-found-404-gateway forbidden-403 gone-410
"""


@pytest.mark.parametrize("again", [True, False], ids=["once", "always"])
@pytest.mark.parametrize("kind", FAULTS.split())
def test_a_fault_gives_the_file_or_an_error(kind: str, again: bool) -> None:
    """Never other bytes, and never more than the limit; a second try begins the file again."""
    with Simulator(small_world(), flavor="datacenter") as site:
        page = next(iter(site.world.pages()))
        site.world.attach(page.id, filename="a.pdf", payload=BYTES, media_type=PDF)
        site.faults.add(Fault(kind=kind, match="/download/", times=1 if again else 0))
        bounds: dict[str, Any] = {"request_timeout_seconds": 0.3, "request_deadline_seconds": 1, "max_attempts": 2}
        with open_client(site.site_url, BASIC, **bounds) as client:
            try:
                assert downloaded(client, f"download/attachments/{page.id}/a.pdf") == BYTES
            except ConfluenceError:
                assert kind != "cut-length" or not again  # a second try helps
        assert kinds_fired(site)[0] == kind


def _refused(status: int, _: Request) -> Reply:
    return Reply(status=status, document={})


def test_refusals_are_what_they_are_elsewhere() -> None:
    """Confluence's own 404 and 401; what the media service refuses is about the one file."""
    with Simulator(small_world()) as site, open_client(site.site_url, BASIC) as client, pytest.raises(NotFound):
        downloaded(client, cloud_download_path("98304", "att1", 1))
    with (
        fake_site(lambda _: Reply(status=401, document={})) as site_of_401,
        open_client(site_of_401.origin) as client,
        pytest.raises(CredentialsRefused),
    ):
        downloaded(client)
    for status in (401, 403, 404, 410):
        with (
            two_sites(to_media, partial(_refused, status)) as (_, _, client),
            pytest.raises(AnswerUnusable, match="media service"),
        ):
            downloaded(client)


def test_a_media_service_that_is_down_costs_the_one_file() -> None:
    """It is no reason to end the run, as a Confluence that is down is."""
    with two_sites(to_media, lambda _: Reply(status=503, document={})) as (_, media, client):
        with pytest.raises(ServerFailed, match="media service"):
            downloaded(client)
        assert len(media.requests) == 3


def test_a_download_ends_when_asked() -> None:
    """In the middle of a file that drips."""
    cancellation = Cancellation()
    begun = threading.Event()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: 999999\r\n\r\n%PDF"
            )
            begun.set()
            connection.recv(1)  # until the client leaves

    def stop() -> None:
        begun.wait(5)
        cancellation.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        threading.Thread(target=stop).start()
        base = f"http://127.0.0.1:{server.getsockname()[1]}"
        with (
            open_client(base, BASIC, cancellation, request_timeout_seconds=20, request_deadline_seconds=30) as client,
            pytest.raises(Stopped),
        ):
            downloaded(client)
        thread.join()
    assert begun.is_set()


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/download/attachments/1/a%20b.pdf?version=1&api=v2", "download/attachments/1/a%20b.pdf?version=1&api=v2"),
        ("/wiki/download/attachments/1/a.pdf", "download/attachments/1/a.pdf"),
        ("https://acme.example/wiki/download/attachments/1/a..b.pdf", "download/attachments/1/a..b.pdf"),
        ("https://other.example/wiki/download/attachments/1/a.pdf", None),
        ("/other/download/attachments/1/a.pdf", None),
        ("/download/attachments/../../rest/api/x", None),
        ("/download/attachments/1/%2e%2e/%2e%2e/x", None),
        ("/rest/api/content/1", None),
        ("", None),
    ],
)
def test_links_of_data_center_lead_to_its_downloads_alone(link: str, path: str | None) -> None:
    """With or without the context path, never to another place."""
    base = "https://acme.example/wiki"
    if path is None:
        with pytest.raises(AnswerNotTrusted):
            data_center_download_path(base, link)
    else:
        assert data_center_download_path(base, link) == path
