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
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hr_sync.errors import DatabaseUnavailable, SchemaError
from hr_sync.service.server import MOST_WAITING
from hr_sync.service.ttl_cache import Snapshot
from hr_sync.store.read.overview import Overview
from tests.service.samples import HOSTILE, OVERVIEW, SPACE, make_endpoints, web

PATHS = ["/livez", "/readyz", "/healthz", "/metrics", "/", "/pages/12345", "/pages?id=12345", "/nothing"]
TOKEN = "canary-token-ö"


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    log_fields = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, log_fields, answer.read().decode()


def fail() -> None:
    raise SchemaError("The tables are older than this build. Run `hr-sync migrate`.")


def silent() -> Overview:
    raise DatabaseUnavailable("PostgreSQL db:5432/hr: refused. Check database.url.")


def crash() -> Overview:
    raise RuntimeError("canary of a bug")


def test_a_probe_tells_whether_the_loop_turns() -> None:
    """/livez is the loop and nothing else."""
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


def test_health_is_red_with_its_reasons() -> None:
    """/healthz is 503 with a reason for each cause, and 200 without one."""
    with web(make_endpoints()) as port:
        status, _, body = ask(port, "/healthz")
        assert status == 503
        assert [space["ok"] for space in json.loads(body)["spaces"]] == [True, False]
        assert json.loads(body)["reasons"][0].startswith("Space ~ann was last complete 2 days, 0:00:00 ago")
    with web(make_endpoints(replace(OVERVIEW, spaces=[SPACE]))) as port:
        assert ask(port, "/healthz")[0] == 200


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
    """With a token, pages and metrics are for who shows it; probes and the bare verdict are for all."""
    headers = {} if authorization is None else {"Authorization": authorization.encode().decode("latin-1")}
    with web(replace(make_endpoints(), token=TOKEN)) as port:
        for path in ("/", "/metrics", "/pages/12345", "/nothing"):
            status, log_fields, body = ask(port, path, **headers)
            assert (status != 401) is may
            assert may or (log_fields["www-authenticate"].startswith("Basic") and "HR" not in body)
        assert ask(port, "/livez")[0] == 200
        verdict = json.loads(ask(port, "/healthz", **headers)[2])
        assert ("reasons" in verdict) is may
        assert ask(port, f"/?token={TOKEN.replace('ö', '%C3%B6')}")[0] == 401


def test_hostile_words_stay_words() -> None:
    """Whatever a name, a message or a reason holds, no tag and no control comes of it."""
    with web(replace(make_endpoints(), title=lambda _: HOSTILE)) as port:
        for path in ("/", "/pages/12345", "/pages?id=%3Cscript%3E", "/pages/%3Cscript%3E"):
            body = ask(port, path)[2]
            assert "<script" not in body
            assert "<img" not in body
            assert not set("\u202e\x1b") & set(body)


def test_titles_are_shown_only_if_meant() -> None:
    """A title is neither in a heading nor in an address, nor the name of a space, unless configured."""
    secret = "Reduction of staff"
    with web(make_endpoints()) as port:
        quiet = ask(port, "/")[2] + ask(port, "/pages/12345")[2]
    with web(replace(make_endpoints(), title=lambda _: secret)) as port:
        open_ = ask(port, "/")[2] + ask(port, "/pages/12345")[2]
    assert not {word for word in (secret, "Salaries", "Personal") if word in quiet}
    assert {word for word in (secret, "Salaries", "Personal") if word in open_} == {secret, "Salaries", "Personal"}


def test_an_unknown_page_is_not_found() -> None:
    """What the mirror never had is 404, as is what is no page."""
    with web(make_endpoints()) as port:
        assert ask(port, "/pages/12345")[0] == 200
        assert [ask(port, path)[0] for path in ("/pages/99", "/pages/x", "/pages?id=", "/favicon.ico")] == [404] * 4


def test_two_hundred_clients_that_say_nothing_keep_nobody_waiting() -> None:
    """A probe is answered at once beside 200 half-open connections, more than may wait at the same time."""
    assert MOST_WAITING < 200
    with web(make_endpoints()) as port:
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(b"GET / HT" if number % 2 else b"")
        began = time.monotonic()
        statuses = [ask(port, "/livez")[0] for _ in range(10)]
        assert time.monotonic() - began < 1
        assert statuses == [200] * 10
        assert threading.active_count() < MOST_WAITING + 20
        for client in clients:
            client.close()


def test_a_database_that_hangs_keeps_no_probe_waiting() -> None:
    """However many wait for the database, /livez answers, and one of them at most has asked."""
    asked, release = [], threading.Event()

    def hang() -> Overview:
        asked.append(1)
        release.wait(10)
        return OVERVIEW

    with web(replace(make_endpoints(), overview=Snapshot(hang))) as port:
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
