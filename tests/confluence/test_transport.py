"""Answers as proxies and odd servers send them: read where they are whole, refused where they are not."""

import base64
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from hr_sync import __version__
from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.urls import next_in_header
from hr_sync.errors import (
    AnswerNotTrusted,
    AnswerUnusable,
    ConfigurationError,
    ConfluenceError,
    ConfluenceUnavailable,
    CredentialsRefused,
    ServerFailed,
    Stopped,
)
from tests.confluence.clients import BASIC, open_client
from tests.confluence.fakes import Fake, Reply, Request, fake_site

PAGE = {"id": "1", "note": "x" * 3000}
BYTES = orjson.dumps(PAGE)


@contextmanager
def answering(reply: Reply) -> Iterator[Fake]:
    with fake_site(lambda _: reply) as fake:
        yield fake


def zipped(*parts: bytes) -> bytes:
    """Return one gzip member for each part."""
    return b"".join(gzip.compress(part) for part in parts)


@pytest.mark.parametrize(
    "body",
    [
        zipped(BYTES),
        zipped(BYTES[:50], BYTES[50:]),
        zipped(b"", BYTES, b""),
        zipped(BYTES) + bytes(600),
        zipped(BYTES[:50]) + bytes(8) + zipped(BYTES[50:]),
    ],
    ids=["one", "two", "empty ones", "zeros behind", "zeros between"],
)
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_gzip_in_all_its_forms_is_read(body: bytes, encoding: str) -> None:
    """RFC 1952 allows several members; x-gzip is its old name."""
    with answering(Reply(raw=body, headers={"Content-Encoding": encoding})) as fake, open_client(fake.origin) as client:
        assert client.get("x") == PAGE


@pytest.mark.parametrize("encoding", ["", "none", "utf-8", "identity"])
def test_words_that_mean_no_encoding_are_no_encoding(encoding: str) -> None:
    """As some servers write it."""
    with (
        answering(Reply(raw=BYTES, headers={"Content-Encoding": encoding})) as fake,
        open_client(fake.origin) as client,
    ):
        assert client.get("x") == PAGE


def test_garbage_behind_a_gzip_stream_is_refused_at_once() -> None:
    """A hundred megabytes of it would cost a minute of a processor; it is not read on, and not asked for again."""
    body = zipped(BYTES) + b"garbage" * 3_000_000
    began = time.monotonic()
    with answering(Reply(raw=body, headers={"Content-Encoding": "gzip"})) as fake, open_client(fake.origin) as client:
        with pytest.raises(AnswerUnusable, match="garbage behind"):
            client.get("x")
        assert len(fake.requests) == 1
    assert time.monotonic() - began < 2


def test_empty_gzip_members_for_ever_are_refused() -> None:
    """They decode to nothing, so that only what was received can be counted."""
    body = zipped(b"") * 20_000
    with (
        answering(Reply(raw=body, headers={"Content-Encoding": "gzip"})) as fake,
        open_client(fake.origin, max_answer_bytes=100_000) as client,
        pytest.raises(AnswerUnusable, match="larger than 100,000"),
    ):
        client.get("x")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, CredentialsRefused), (302, CredentialsRefused), (403, AnswerUnusable), (404, AnswerUnusable)],
)
def test_a_refusal_that_says_gzip_and_sends_nothing_is_a_refusal(status: int, expected: type[ConfluenceError]) -> None:
    """It is not taken for half an answer, which would be asked for again."""
    with (
        answering(Reply(raw=b"", status=status, headers={"Content-Encoding": "gzip"})) as fake,
        open_client(fake.origin) as client,
    ):
        with pytest.raises(expected):
            client.get("x")
        assert len(fake.requests) == 1


@pytest.mark.parametrize("interim", [102, 103])
def test_interim_answers_are_skipped(interim: int) -> None:
    """As the standard library skips 100 alone."""
    before = f"HTTP/1.1 {interim} Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n".encode() * 3
    with answering(Reply(document=PAGE, before=before)) as fake, open_client(fake.origin) as client:
        assert client.get("x") == PAGE


def test_interim_answers_for_ever_are_no_answer() -> None:
    """The request is given up after as many tries as any."""
    before = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100
    with answering(Reply(document=PAGE, before=before)) as fake, open_client(fake.origin) as client:
        with pytest.raises(ServerFailed):
            client.get("x")
        assert len(fake.requests) == 3


def test_203_is_read_as_200() -> None:
    """A proxy changed a header on the way."""
    with answering(Reply(document=PAGE, status=203)) as fake, open_client(fake.origin) as client:
        assert client.get("x") == PAGE


def test_the_client_names_itself_and_keeps_no_cookie() -> None:
    """Filters refuse the library's own name; a cookie would carry a session from answer to answer."""
    reply = Reply(document=PAGE, headers={"Set-Cookie": "JSESSIONID=1; Path=/"})
    with answering(reply) as fake, open_client(fake.origin) as client:
        client.get("x")
        client.get("x")
    assert [request.headers["user-agent"] for request in fake.requests] == [f"hr_sync/{__version__}"] * 2
    assert not any("cookie" in request.headers for request in fake.requests)


def test_basic_credentials_are_sent_in_utf8() -> None:
    """As RFC 7617 has it: letters beyond Latin-1 are allowed."""
    with (
        answering(Reply(document=PAGE)) as fake,
        open_client(fake.origin, Credentials(username="zoë", password="łódź€")) as client,
    ):
        client.get("x")
    assert base64.b64decode(fake.requests[0].headers["authorization"].removeprefix("Basic ")).decode() == "zoë:łódź€"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"token": "\u201csecret\u201d"}, r"confluence\.token"),
        ({"token": "secret\u200b"}, r"confluence\.token"),
        ({"token": "secret\n"}, r"confluence\.token"),
        ({"username": "a", "password": "secret\u200b"}, r"confluence\.api_token"),
        ({"username": "a", "password": "\ufeffsecret"}, r"confluence\.api_token"),
        ({"username": "a\u2028", "password": "secret"}, r"confluence\.username"),
        ({"username": "a:b", "password": "secret"}, r"confluence\.username"),
    ],
)
def test_credentials_that_no_header_carries_are_refused_by_name(fields: dict[str, str], named: str) -> None:
    """Before anything is sent, and without showing them."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        Credentials(**fields)
    assert "secret" not in str(caught.value)


def listing(*ids: str, **more: object) -> dict[str, object]:
    return {"results": [{"id": each} for each in ids], **more}


def test_an_answer_with_far_more_entries_than_asked_for_is_refused() -> None:
    """Ten times the limit is more than any server gives by mistake."""
    with (
        answering(Reply(document=listing(*map(str, range(51))))) as fake,
        open_client(fake.origin) as client,
    ):
        with pytest.raises(AnswerUnusable, match="more than 50 entries"):
            list(client.walk("x", {"limit": 5}))
        assert len(list(client.walk("x", {"limit": 6}))) == 1


def test_a_listing_has_an_end() -> None:
    """Ever new ids would fill the memory."""
    numbers = iter(range(10**9))

    def answer(_: object) -> Reply:
        ids = [str(next(numbers)) for _ in range(5)]
        return Reply(document=listing(*ids, _links={"next": f"/api/v2/pages?cursor={ids[0]}"}))

    with fake_site(answer) as fake, open_client(fake.origin, max_pages_per_space=100) as client:
        with pytest.raises(AnswerNotTrusted, match="more than 100 entries"):
            list(client.walk("api/v2/pages", {"limit": 5}))
        assert len(fake.requests) == 21


@pytest.mark.parametrize("size", [0, 3])
def test_a_listing_by_offset_ends_after_many_empty_answers(size: int) -> None:
    """Some Data Centers name a `next` for ever; `has_next` of the last answer says that nothing proves the end."""

    def answer(request: Request) -> Reply:
        start = int(dict(request.query).get("start", "0"))
        rows = ["1", "2"] if start == 0 else []
        links = {"next": f"/rest/api/content?start={start + 2}"}
        return Reply(document=listing(*rows, size=len(rows) or size, _links=links))

    with fake_site(answer) as fake, open_client(fake.origin) as client:
        walk = client.walk("rest/api/content", {"limit": 2}, by_offset=True)
        if size:
            with pytest.raises(AnswerNotTrusted, match="no progress"):
                list(walk)
        else:
            answers = list(walk)
            assert (len(answers), answers[-1].has_next) == (26, True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ('</a?x=1>; rel="next"', "/a?x=1"),
        ("</a>; rel=next", "/a"),
        ('</a>; rel="prev next"; title="x, <y>; z"', "/a"),
        ('<https://x/wiki>; rel="base", </b;jsessionid=1>; REL = "Next"', "/b;jsessionid=1"),
        ('</..;/admin>; rel="next"', "/..;/admin"),
        ('<https://x/wiki>; rel="base"', None),
        ('</a>; rel="nextish"', None),
    ],
)
def test_a_link_header_is_parsed_as_the_standard_says(header: str, expected: str | None) -> None:
    """A semicolon within the address belongs to it."""
    assert next_in_header(header) == expected


@pytest.mark.parametrize(
    "header", ["/a; rel=next", "</a; rel=next", "<</a>; rel=next", '</a>; rel="next', "next", "</a> </b>"]
)
def test_a_link_header_that_cannot_be_parsed_does_not_end_a_listing(header: str) -> None:
    """Half a listing would pass for a whole one."""
    with (
        answering(Reply(document=listing("1"), headers={"Link": header})) as fake,
        open_client(fake.origin) as client,
        pytest.raises(AnswerNotTrusted, match="Link header"),
    ):
        list(client.walk("api/v2/pages", {"limit": 5}))


def refused_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        (
            "http://127.0.0.1:{free}",
            r"at 127\.0\.0\.1:\d+ could not be reached: it refused the connection, tried 3 times",
        ),
        ("https://127.0.0.1:{plain}", r"it does not speak TLS at this port; check https and the port, tried once"),
        (
            "http://no-such-host.invalid",
            r"at no-such-host\.invalid could not be reached: its host name cannot be resolved",
        ),
    ],
)
def test_a_site_that_is_down_is_named_with_host_and_reason(base: str, reason: str) -> None:
    """It is about every space, and no narrower request would help."""
    with answering(Reply(document=PAGE)) as fake:
        address = base.format(free=refused_port(), plain=fake.origin.rpartition(":")[2])
        with open_client(address) as client, pytest.raises(ConfluenceUnavailable, match=reason) as caught:
            client.get("x", max_attempts=2)
    assert not isinstance(caught.value, ServerFailed)
    assert str(BASIC.password) not in str(caught.value)


def test_a_connection_that_is_closed_without_an_answer_is_about_that_answer() -> None:
    """One broken page may do that; asking for less may pass."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def close_each() -> None:
            server.settimeout(0.05)
            while not stop.is_set():
                try:
                    server.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=close_each)
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.getsockname()[1]}"
            with open_client(base) as client, pytest.raises(ServerFailed, match="closed or reset, tried 2 times"):
                client.get("x", max_attempts=2)
        finally:
            stop.set()
            thread.join()


def test_a_large_answer_is_decoded_while_no_other_is() -> None:
    """Small objects take thirty times their size in memory; small answers need not wait."""
    large = {"results": [{"id": "1", "text": "x" * 2_000_000}]}
    with answering(Reply(document=large)) as fake, open_client(fake.origin) as client:
        with client._decoding:
            thread = threading.Thread(target=lambda: client.get("x"))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
        thread.join(5)
        assert not thread.is_alive()


def test_a_cancellation_stops_every_wait_and_check() -> None:
    """Once set it stays set."""
    cancellation = Cancellation()
    cancellation.check()
    assert not cancellation.wait(0)
    cancellation.set()
    assert cancellation.is_set()
    assert cancellation.wait(60)
    with pytest.raises(Stopped):
        cancellation.check()


def test_refusals_of_a_filter_are_not_evidence() -> None:
    """The JSON of an API gateway looks almost like that of v1."""
    body = {"statusCode": 404, "message": "Resource not found"}
    with (
        answering(Reply(document=body, status=404)) as fake,
        open_client(fake.origin) as client,
        pytest.raises(AnswerUnusable),
    ):
        client.get("x")
