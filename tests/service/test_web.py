"""What is served, to whom, and that no client can keep others from it."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from unittest.mock import ANY

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from hr_sync.errors import DatabaseUnavailable, SchemaError
from hr_sync.service import server
from hr_sync.service.server import MOST_CONNECTIONS, THREADS
from hr_sync.service.ttl_cache import TtlCache
from hr_sync.service.web import MOST_PAGES, start_web
from hr_sync.store.read.history import PageHistory
from hr_sync.store.read.overview import Overview
from tests.service.samples import HELD, HOSTILE, NO_HISTORY, OVERVIEW, SPACE, make_endpoints, web

PATHS = ["/livez", "/readyz", "/healthz", "/metrics", "/", "/pages/12345", "/pages?id=12345", "/nothing"]
TOKEN = "canary-token-ö-0123"


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        given = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, given, answer.read().decode()


def fail() -> None:
    raise SchemaError("The tables are older than this build. Run `hr-sync migrate`.")


def silent() -> Overview:
    raise DatabaseUnavailable("PostgreSQL db:5432/hr: refused. Check database.url.")


def crash() -> Overview:
    raise RuntimeError("canary of a bug")


def test_livez_is_the_scheduler_alone() -> None:
    """Neither the database nor its tables count."""
    with web(replace(make_endpoints(), overview=crash, ready=fail)) as port:
        assert ask(port, "/livez")[0] == 200
    with web(replace(make_endpoints(), alive=lambda: False)) as port:
        assert ask(port, "/livez")[0] == 503


def test_ready_means_the_right_tables() -> None:
    """/readyz is the database, and says what is wrong with it."""
    with web(make_endpoints()) as port:
        assert ask(port, "/readyz")[0] == 200
    with web(replace(make_endpoints(), ready=fail)) as port:
        status, _, body = ask(port, "/readyz")
        assert (status, "migrate" in json.loads(body)["reason"]) == (503, True)


def test_health_names_what_is_wrong_with_its_reasons() -> None:
    """/healthz is 503 with a reason for each cause, and 200 without one."""
    with web(make_endpoints()) as port:
        status, _, body = ask(port, "/healthz")
        document = json.loads(body)
        assert (status, document["ok"], document["state"]) == (503, False, "wrong")
        assert [space["state"] for space in document["spaces"]] == ["well", "wrong"]
        assert document["reasons"][0].startswith("Space ~ann was last complete 2 days, 0:00:00 ago")
        assert document["reasons"][1].startswith("61 pages of space ~ann would be removed")
    with web(make_endpoints(replace(OVERVIEW, spaces=[SPACE]))) as port:
        assert ask(port, "/healthz")[0] == 200


def test_health_is_503_while_removals_are_held_and_names_each_part() -> None:
    """Held, partial, failing pages, freshness and access stand apart, so that a monitor can tell them apart."""
    held = replace(HELD, age=SPACE.age, last_outcome="partial", access_age=SPACE.full_age)
    with web(make_endpoints(replace(OVERVIEW, spaces=[held], shown=[]))) as port:
        status, _, body = ask(port, "/healthz")
    document = json.loads(body)
    assert (status, document["state"]) == (503, "needs a decision")
    assert document["spaces"] == [
        {
            "space_key": "~ann",
            "state": "needs a decision",
            "freshness": {"ok": True, "age_seconds": 300.0, "full_age_seconds": 10_800.0, "full_pass_due": False},
            "access": {"ok": True, "age_seconds": 10_800.0, "viewers_known": None, "shown_pages": None},
            "held": {"removals": 61, "since": ANY, "reason": "61 of 80 pages would be removed; the limit is 20."},
            "partial": True,
            "failing_pages": 1,
            "hidden_pages": 7,
        }
    ]
    assert len(document["notes"]) == 2


def test_a_silent_database_is_told() -> None:
    """Without a database health is red, metrics say so, the page is 503, and liveness stays."""
    with web(replace(make_endpoints(), overview=silent)) as port:
        status, _, body = ask(port, "/healthz")
        assert (status, "db:5432" in body) == (503, True)
        assert ask(port, "/")[0] == 503
        assert ask(port, "/livez")[0] == 200


def test_a_mistake_of_ours_shows_nothing_of_itself() -> None:
    """What is unforeseen is 500 without a word of the exception."""
    with web(replace(make_endpoints(), overview=crash)) as port:
        status, _, body = ask(port, "/")
        assert status == 500
        assert "canary" not in body


def test_metrics_can_be_read_by_prometheus() -> None:
    """/metrics is what the official parser takes, with what the database knows."""
    with web(make_endpoints()) as port:
        _, headers, body = ask(port, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    held = {sample.labels["space"]: sample.value for sample in families["hr_sync_held_removals"].samples}
    assert held == {"HR": 0, "~ann": 61}
    assert headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_guarded(path: str) -> None:
    """No answer may be kept, framed, sniffed, or load anything; HEAD is GET without a body."""
    with web(make_endpoints()) as port:
        status, headers, body = ask(port, path)
        head_status, head, empty = ask(port, path, "HEAD")
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["server"] == "hr_sync"
    assert "via" not in headers
    assert (head_status, empty) == (status, "")
    assert int(headers["content-length"]) == len(body.encode())
    assert abs(int(head["content-length"]) - len(body.encode())) < 100  # times differ


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_nothing_can_be_written(method: str) -> None:
    """Any method but GET and HEAD is 405, on each path."""
    with web(make_endpoints()) as port:
        for path in PATHS:
            status, headers, _ = ask(port, path, method)
            assert (status, headers["allow"]) == (405, "GET, HEAD")


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "may"),
    [
        (None, False),
        ("Bearer wrong", False),
        ("Bearer ", False),
        ("Basic !!!", False),
        ("Digest " + TOKEN, False),
        (basic("wrong"), False),
        (basic(TOKEN + "x"), False),
        (basic(TOKEN), True),
        ("Bearer " + TOKEN, True),
        ("bEARER " + TOKEN, True),
    ],
)
def test_the_token_is_needed(authorization: str | None, may: bool) -> None:
    """With a token, pages and metrics are for whoever shows it; probes and the bare state are for all."""
    headers = {} if authorization is None else {"Authorization": authorization.encode().decode("latin-1")}
    with web(replace(make_endpoints(), token=TOKEN)) as port:
        for path in ("/", "/metrics", "/pages/12345", "/nothing"):
            status, shown, body = ask(port, path, **headers)
            assert (status != 401) is may
            assert may or (shown["www-authenticate"].startswith("Basic") and "HR" not in body)
        assert ask(port, "/livez")[0] == 200
        health = json.loads(ask(port, "/healthz", **headers)[2])
        assert ("reasons" in health) is may
        assert ask(port, f"/?token={TOKEN.replace('ö', '%C3%B6')}")[0] == 401


def test_hostile_words_stay_words() -> None:
    """Whatever a name, a message or a reason holds, no tag and no control comes of it."""
    with web(replace(make_endpoints(), title=lambda _: HOSTILE)) as port:
        for path in ("/", "/pages/12345", "/pages?id=%3Cscript%3E", "/pages/%3Cscript%3E"):
            body = ask(port, path)[2]
            assert "<script" not in body
            assert "<img" not in body
            assert not set("\u202e\x1b") & set(body)


def test_titles_labels_and_readers_are_shown_only_if_configured() -> None:
    """Neither is a title in a heading or in an address, nor the name of a space."""
    secret = "Reduction of staff"
    with web(make_endpoints()) as port:
        quiet = ask(port, "/")[2] + ask(port, "/pages/12345")[2]
    with web(replace(make_endpoints(), title=lambda _: secret)) as port:
        open_ = ask(port, "/")[2] + ask(port, "/pages/12345")[2]
    words = {secret, "Salaries", "Personal", "712020:ann"}
    assert not {word for word in words if word in quiet}
    assert {word for word in words if word in open_} == words


def test_an_unknown_page_is_not_found() -> None:
    """What the mirror never had is 404, as is what is no page."""
    with web(make_endpoints()) as port:
        assert ask(port, "/pages/12345")[0] == 200
        assert [ask(port, path)[0] for path in ("/pages/99", "/pages/x", "/pages?id=", "/favicon.ico")] == [404] * 4


def test_four_hundred_clients_that_send_nothing_keep_nobody_waiting() -> None:
    """A probe is answered at once beside 400 half-open connections, more than may be open at the same time."""
    assert 2 * MOST_CONNECTIONS < 400
    with web(make_endpoints()) as port:
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
        for number, client in enumerate(clients):
            client.sendall(b"GET / HT" if number % 2 else b"")
        began = time.monotonic()
        statuses = [ask(port, "/livez")[0] for _ in range(10)]
        assert time.monotonic() - began < 1
        assert statuses == [200] * 10
        assert threading.active_count() < THREADS + 20
        for client in clients:
            client.close()


def test_a_database_that_hangs_keeps_no_probe_waiting() -> None:
    """However many wait for the database, /livez answers, and one of them at most has asked."""
    asked, release = [], threading.Event()

    def hang() -> Overview:
        asked.append(1)
        release.wait(10)
        return OVERVIEW

    with web(replace(make_endpoints(), overview=TtlCache(hang))) as port:
        clients = [threading.Thread(target=ask, args=(port, "/")) for _ in range(40)]
        for client in clients:
            client.start()
        while not asked:
            time.sleep(0.01)
        assert ask(port, "/livez")[0] == 200
        release.set()
        for client in clients:
            client.join()
    assert len(asked) == 1


def test_pages_that_hang_keep_no_probe_waiting() -> None:
    """The history of a page is asked for each time: few such requests are under way, the others are refused at once."""
    release, statuses = threading.Event(), []

    def hang(_page_id: str) -> PageHistory:
        release.wait(10)
        return NO_HISTORY

    with web(replace(make_endpoints(), history=hang)) as port:
        clients = [
            threading.Thread(target=lambda: statuses.append(ask(port, "/pages/12345")[0])) for _ in range(THREADS + 8)
        ]
        for client in clients:
            client.start()
        while len(statuses) < THREADS + 8 - MOST_PAGES:
            time.sleep(0.01)
        began = time.monotonic()
        assert ask(port, "/livez")[0] == 200
        assert time.monotonic() - began < 1
        release.set()
        for client in clients:
            client.join()
    assert (statuses.count(503), statuses.count(404)) == (THREADS + 8 - MOST_PAGES, MOST_PAGES)


def test_a_client_that_sends_byte_after_byte_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never idle, and has a limited time all the same."""
    monkeypatch.setattr(server, "LONGEST_CONNECTION_SECONDS", 1)
    with web(make_endpoints()) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT012, PT011 -- reset or broken, as the system likes
            while time.monotonic() - began < 8:
                client.sendall(b"x")
                time.sleep(0.05)
                if _is_closed(client):
                    raise ConnectionResetError
        assert 0.9 < time.monotonic() - began < 5


def _is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    finally:
        client.setblocking(True)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("[::1]:8080", 200),
        ("rebind.attacker.example", 421),
        ("127.0.0.1.attacker.example", 421),
        ("", 421),
        ("10.0.0.1", 421),
    ],
)
def test_without_a_token_only_this_machine_is_answered(host: str, status: int) -> None:
    """A web site that has its own name resolved to 127.0.0.1 reads nothing; with a token the name does not matter."""
    with web(make_endpoints()) as port:
        assert ask(port, "/", Host=host)[0] == status
    with web(replace(make_endpoints(), token=TOKEN)) as port:
        assert ask(port, "/", Host=host, Authorization=basic(TOKEN))[0] == 200


def test_refused_tokens_are_logged_without_the_token_and_not_one_by_one() -> None:
    """Whoever tries many is seen, and does not fill the log."""
    with capture_logs() as lines, web(replace(make_endpoints(), token=TOKEN)) as port:
        ask(port, "/")
        assert not [line for line in lines if line["event"] == "web.token_refused"], "a browser asks without one first"
        for number in range(20):
            assert ask(port, "/", Authorization=f"Bearer guess-{number}")[0] == 401
    refused = [line for line in lines if line["event"] == "web.token_refused"]
    assert [(line["address"], line["number"]) for line in refused] == [("127.0.0.1", 1)]
    assert "guess" not in str(lines)


def test_a_flood_of_readyz_reaches_the_database_once_and_keeps_health_answering() -> None:
    """Probes need no token, so that everybody may send them: they cost no slot and no query of their own."""
    asked: list[int] = []

    def ready() -> None:
        asked.append(1)

    endpoints = make_endpoints(replace(OVERVIEW, spaces=[SPACE]))
    with web(replace(endpoints, ready=TtlCache(ready, keep_seconds=60))) as port:
        statuses: list[int] = []
        clients = [
            threading.Thread(target=lambda: statuses.extend(ask(port, "/readyz")[0] for _ in range(10)))
            for _ in range(30)
        ]
        for client in clients:
            client.start()
        assert [ask(port, "/healthz")[0] for _ in range(10)] == [200] * 10
        for client in clients:
            client.join()
    assert len(asked) == 1
    assert statuses == [200] * 300


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", -1), ("no.such.host.invalid", 0), ("192.0.2.1", 0)])
def test_an_address_that_cannot_be_opened_is_an_oserror(host: str, port: int) -> None:
    """Taken, unknown, or of another machine."""
    with (
        web(make_endpoints()) as taken,
        pytest.raises(OSError, match=r"."),
        start_web(host, taken if port < 0 else port, make_endpoints()),
    ):
        pass


def test_the_port_is_free_again_after_the_block() -> None:
    """The server goes with its block, also for whoever starts it again at once."""
    with web(make_endpoints()) as port:
        assert ask(port, "/livez")[0] == 200
    with pytest.raises(OSError, match="refused"):
        ask(port, "/livez")


@pytest.mark.parametrize(("overview", "path", "code"), [(OVERVIEW, "/healthz", 1), (OVERVIEW, "/livez", 0)])
def test_the_health_check_of_the_image(overview: Overview, path: str, code: int) -> None:
    """It ends with 0 for 200 and with 1 for anything else, also when nobody answers."""
    command = [sys.executable, "-m", "hr_sync.service.healthcheck", path]
    with web(make_endpoints(overview)) as port:
        environment = os.environ | {"HR_SYNC_SERVICE__PORT": str(port)}
        assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == code
    assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 1
