"""The HTTP side: connections, framing, compression, latency, the log, the cache, stopping."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest
import requests
from confluence_simulator import Fault, Simulator, generated_world

from tests.simulator.sites import TOKEN, client, furnished_world, titled

PATH = "/api/v2/pages"


def connect(simulator: Simulator) -> socket.socket:
    address = urlsplit(simulator.origin)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=5)


def request(path: str = "/wiki/api/v2/pages", *, token: str = TOKEN, extra: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{extra}\r\n".encode()


def read_answer(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Head and body of the next answer, not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.readline()
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    return head, stream.read(length)


def test_a_connection_takes_many_requests(cloud: Simulator) -> None:
    """Keep-alive, also for two requests that arrive in one packet and one that arrives in pieces."""
    with connect(cloud) as connection, connection.makefile("rb") as stream:
        connection.sendall(request() + request("/wiki/api/v2/spaces"))
        first, second = read_answer(stream), read_answer(stream)
        for piece in (request()[:20], request()[20:]):
            connection.sendall(piece)
            time.sleep(0.01)
        third = read_answer(stream)

    assert first[1] == third[1] != second[1]
    assert first[0].startswith(b"HTTP/1.1 200 OK")
    assert [record.route for record in cloud.requests] == [PATH, "/api/v2/spaces", PATH]


@pytest.mark.parametrize("extra", ["Connection: close\r\n", ""])
def test_connection_closes_when_asked(cloud: Simulator, extra: str) -> None:
    """Connection: close and HTTP/1.0 end the connection after the answer."""
    with connect(cloud) as connection, connection.makefile("rb") as stream:
        text = request(extra=extra)
        connection.sendall(text if extra else text.replace(b"HTTP/1.1", b"HTTP/1.0"))
        read_answer(stream)

        assert stream.read(1) == b""


@pytest.mark.parametrize(
    "garbage", [b"hello\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"x" * 70_000]
)
def test_garbage_is_answered_with_400(cloud: Simulator, garbage: bytes) -> None:
    """And the connection is closed; the next one is served."""
    with connect(cloud) as connection:
        connection.sendall(garbage)
        assert connection.recv(20).startswith(b"HTTP/1.1 400")

    assert client(cloud).ask(PATH).status_code == 200


def test_gzip_by_accept_encoding(cloud: Simulator) -> None:
    """Only for those who ask, only from some size on, and never with q=0."""
    site = client(cloud)

    def encoding(accepted: str, path: str = PATH) -> str | None:
        site.session.headers["Accept-Encoding"] = accepted
        return site.ask(path).headers.get("Content-Encoding")

    assert encoding("gzip, deflate") == "gzip"
    assert encoding("br, gzip;q=0.5") == "gzip"
    assert encoding("identity") is None
    assert encoding("gzip;q=0") is None
    assert encoding("gzip", "/rest/api/none") is None
    sizes = [record.response_bytes for record in cloud.requests if record.route == PATH]
    assert sizes[0] < sizes[2] / 2


def test_head_and_body_leave_in_one_piece(cloud: Simulator) -> None:
    """One send per answer: the first read holds all of a small answer."""
    with connect(cloud) as connection:
        for _ in range(5):
            connection.sendall(request("/wiki/rest/api/user/current"))
            received = connection.recv(65536)

            head, _, body = received.partition(b"\r\n\r\n")
            assert len(body) == int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])


def test_latency_of_one_does_not_hold_up_others() -> None:
    """Sixteen requests of 50 ms each, at once, take about 50 ms; the log knows that sixteen were under way."""
    with Simulator(furnished_world(), latency_seconds=0.05) as simulator:
        with ThreadPoolExecutor(16) as pool:
            began = time.monotonic()
            answers = list(pool.map(lambda _: client(simulator).ask(PATH).status_code, range(16)))
            took = time.monotonic() - began

        assert answers == [200] * 16
        assert 0.05 <= took < 0.4
        assert simulator.requests.peak_concurrency > 8


def test_one_after_another_is_a_peak_of_one(cloud: Simulator) -> None:
    """Also over new connections."""
    for _ in range(20):
        assert client(cloud).ask(PATH).status_code == 200

    assert cloud.requests.peak_concurrency == 1
    assert len(cloud.requests) == 20


def test_log_tells_what_was_asked(cloud: Simulator) -> None:
    """Method, path, route, repeated parameters, status and bytes; known before the client goes on."""
    site = client(cloud)
    answer = site.ask(PATH, id=["1", "2"], status="current")
    record = cloud.requests[0]

    assert (record.method, record.path, record.route) == ("GET", "/wiki/api/v2/pages", PATH)
    assert record.query == (("id", "1"), ("id", "2"), ("status", "current"))
    assert (record.status, record.response_bytes, record.fault) == (200, len(answer.content), None)
    assert cloud.requests.count(PATH) == cloud.requests.count("/wiki/api") == 1
    assert cloud.requests.response_bytes == len(answer.content)
    assert cloud.requests[0:1] == [record]
    cloud.requests.clear()
    assert len(cloud.requests) == 0


def test_cached_answers_never_outlive_an_edit(cloud: Simulator) -> None:
    """Equal answers are equal bytes until the world changes; another caller gets another answer."""
    site, world = client(cloud), cloud.world
    first, again = site.ask(PATH), site.ask(PATH)
    world.rename_page(titled(world, "Home").id, "Start")
    after = site.ask(PATH)

    assert first.content == again.content != after.content
    assert client(cloud, token="wrong").ask(PATH).status_code == 401


def test_rate_limit_by_switch() -> None:
    """Beyond the rate 429 with Retry-After; in the flavour's own headers."""
    with Simulator(furnished_world(), rate_per_second=3) as simulator:
        answers = [client(simulator).ask(PATH) for _ in range(6)]
    limited = [answer for answer in answers if answer.status_code == 429]

    assert len(limited) >= 2
    assert limited[0].headers["Retry-After"] == "1"
    assert limited[0].headers["RateLimit-Reason"] == "confluence-burst-based"
    with Simulator(furnished_world(), flavor="datacenter", rate_per_second=1) as simulator:
        answers = [client(simulator).ask("/rest/api/content") for _ in range(3)]
        assert answers[-1].headers["X-RateLimit-FillRate"] == "1"


def test_stop_ends_waits_and_threads() -> None:
    """A stalled and a slow request do not keep the simulator from stopping at once."""
    before = set(threading.enumerate())
    simulator = Simulator(furnished_world(), faults=[Fault(kind="stall"), Fault(kind="slow", at=2, argument=60)])
    simulator.start()
    connections = [connect(simulator) for _ in range(2)]
    for connection in connections:
        connection.sendall(request())
        time.sleep(0.02)
    began = time.monotonic()
    simulator.stop()

    assert time.monotonic() - began < 1
    assert len(simulator.faults.fired) == 2
    assert set(threading.enumerate()) <= before
    for connection in connections:
        connection.close()
    with pytest.raises(requests.ConnectionError):
        client(simulator).ask(PATH)


def test_port_can_be_chosen_and_is_freed() -> None:
    """Twice in a row, on the same port; a taken port raises."""
    with Simulator(furnished_world()) as first:
        port = int(urlsplit(first.origin).port or 0)
        with pytest.raises(OSError, match="in use"):
            Simulator(furnished_world(), port=port).start()
    with Simulator(furnished_world(), port=port) as second:
        assert client(second).ask(PATH).status_code == 200


def test_unknown_paths_and_methods(cloud: Simulator) -> None:
    """HTML with 404, as real sites answer."""
    site = client(cloud)

    assert site.ask("/api/v2/search").headers["Content-Type"].startswith("text/html")
    assert site.session.post(cloud.site_url + PATH, timeout=5).status_code == 404
    assert requests.get(f"{cloud.origin}/elsewhere", timeout=5).status_code == 404


def test_readers_and_writers_at_once() -> None:
    """Walks while eight threads edit: every answer is 200 and whole, every listed version exists."""
    world = generated_world(pages=200)
    stop = threading.Event()
    pages = [page.id for page in world.pages()]

    def edit(offset: int) -> None:
        number = offset
        while not stop.is_set():
            world.edit_page(pages[number % len(pages)], storage="<p>x</p>")
            number += 8
            stop.wait(0.001)

    with Simulator(world) as simulator:
        writers = [threading.Thread(target=edit, args=(offset,)) for offset in range(4)]
        for writer in writers:
            writer.start()
        try:
            walks = [client(simulator).walk(PATH, limit=50, sort="id") for _ in range(5)]
        finally:
            stop.set()
            for writer in writers:
                writer.join()

    for rows in walks:
        assert [row["id"] for row in rows] == pages
        assert all(row["version"]["number"] <= world.page(row["id"]).version for row in rows)
