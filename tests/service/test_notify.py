"""`POST /notify`: who may send what, that no answer says anything, and what a flood does."""

import hashlib
import hmac
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from hr_sync.service.metrics import Metrics
from hr_sync.service.notification import LARGEST_BODY_BYTES, MOST_IDS
from hr_sync.service.web import Endpoints
from hr_sync.sync.context import Notified
from tests.service.samples import make_endpoints, web
from tests.service.test_metrics import samples
from tests.service.test_web import TOKEN, ask, basic

BEARER = f"Bearer {TOKEN}".encode().decode("latin-1")
JSON = "application/json"
BODY = b'{"page_ids": ["1"]}'


@dataclass
class Rig:
    """A served /notify, and what it was given."""

    port: int
    metrics: Metrics
    given: list[Notified] = field(default_factory=list)

    def post(
        self,
        body: bytes = BODY,
        *,
        kind: str | None = JSON,
        authorization: str | None = BEARER,
        signature: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a notification."""
        sent = {"Content-Type": kind, "Authorization": authorization, "X-Hub-Signature": signature}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            named = {name: value for name, value in sent.items() if value is not None}
            connection.request("POST", "/notify", body=body, headers=named)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def counted(self) -> tuple[float, float]:
        """Return how many were accepted and refused."""
        found = samples(self.metrics)
        return found["hr_sync_notifications_total", "accepted"], found["hr_sync_notifications_total", "refused"]


@contextmanager
def serving(endpoints: Endpoints) -> Iterator[Rig]:
    rig = Rig(port=0, metrics=endpoints.metrics)
    with web(replace(endpoints, notify=rig.given.append)) as port:
        rig.port = port
        yield rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Serve with a token."""
    with serving(replace(make_endpoints(), token=TOKEN)) as found:
        yield found


def signature(body: bytes, secret: str = TOKEN) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("authorization", [BEARER, basic(TOKEN)])
def test_a_notification_with_the_token_is_taken_and_answered_with_nothing(rig: Rig, authorization: str) -> None:
    """Status 202, no body, and the headers of every answer."""
    status, headers, body = rig.post(authorization=authorization)
    assert (status, body, headers["content-length"], headers["cache-control"]) == (202, b"", "0", "no-store")
    assert rig.given == [Notified(page_ids=("1",))]
    assert rig.counted() == (1, 0)


def test_a_signature_with_the_token_as_secret_is_as_good(rig: Rig) -> None:
    """Webhooks of Data Center send no token, and sign the body."""
    body = b'{"event": "page_moved", "page": {"id": 123}}'
    assert rig.post(body, authorization=None, signature=signature(body))[0] == 202
    assert rig.given == [Notified(page_ids=("123",))]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": basic("wrong")},
        {"authorization": "Bearer "},
        {"signature": signature(BODY, "another")},
        {"signature": signature(b"{}")},
        {"signature": signature(BODY).replace("sha256", "sha1")},
        {"signature": "sha256="},
        {"signature": "\xe9"},
    ],
)
def test_without_the_token_nothing_is_taken(rig: Rig, headers: dict[str, str]) -> None:
    """Status 401, whatever the body; wrong tokens and signatures are logged without them."""
    with capture_logs() as lines:
        for body in (BODY, b"garbage"):
            status, answered, said = rig.post(
                body, authorization=headers.get("authorization"), signature=headers.get("signature")
            )
            assert (status, said) == (401, b"Unauthorized\n")
            assert answered["www-authenticate"].startswith("Basic")
    assert rig.given == []
    assert rig.counted() == (0, 2)
    assert [line["event"] for line in lines] == (["web.token_refused"] if headers else [])


def test_a_service_without_a_token_takes_none() -> None:
    """Everybody on this machine may read there, and nobody may notify."""
    with serving(make_endpoints()) as rig:
        for authorization in (None, "Bearer ", basic("")):
            assert rig.post(authorization=authorization)[0] == 401
        assert rig.post(authorization=None, signature=signature(BODY, ""))[0] == 401
        assert rig.given == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", JSON, 400),
        (b"garbage", JSON, 400),
        (b"[1]", JSON, 400),
        (b'{"page_ids": ["x"]}', JSON, 400),
        (json.dumps({"page_ids": list(range(MOST_IDS + 1))}).encode(), JSON, 413),
        (b'{"a": "' + b"x" * LARGEST_BODY_BYTES + b'"}', JSON, 413),
        (BODY, None, 415),
        (BODY, "text/plain", 415),
        (BODY, "application/x-www-form-urlencoded", 415),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_garbage_is_refused_without_a_word(rig: Rig, body: bytes, kind: str | None, status: int) -> None:
    """The answer is the phrase of the status."""
    answered, _, said = rig.post(body, kind=kind)
    assert answered == status
    assert said == f"{http.HTTPStatus(status).phrase}\n".encode()
    assert rig.given == []
    assert rig.counted() == (0, 1)


def test_a_body_of_the_largest_size_is_read(rig: Rig) -> None:
    """The limit itself is not beyond the limit; a charset does not matter."""
    body = b'{"page_ids": ["1"], "a": "'
    body += b"x" * (LARGEST_BODY_BYTES - len(body) - 2) + b'"}'
    assert rig.post(body, kind="Application/JSON; charset=utf-8")[0] == 202


def test_a_body_that_is_much_larger_is_not_read(rig: Rig) -> None:
    """The server refuses it by its length, before a byte of it has come."""
    with socket.create_connection(("127.0.0.1", rig.port), timeout=5) as client:
        head = f"POST /notify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {100 * LARGEST_BODY_BYTES}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    assert rig.given == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_post_is_answered(rig: Rig, method: str) -> None:
    """Status 405, also with the token."""
    status, headers, _ = ask(rig.port, "/notify", method, Authorization=BEARER)
    assert (status, headers["allow"]) == (405, "POST")


def test_the_answer_does_not_depend_on_what_is_named(rig: Rig) -> None:
    """What is mirrored, what is not, and what is nothing at all have the same answer."""
    answers = {
        str(rig.post(body))
        for body in (BODY, b'{"page_ids": ["999999"]}', b'{"space_keys": ["NO"]}', b"{}", b'{"test": true}')
    }
    statuses = {answer[:5] for answer in answers}
    assert statuses == {"(202,"}
    assert len({answer.split("'date'")[0] for answer in answers}) == 1


def test_a_flood_is_taken_and_keeps_no_probe_waiting(rig: Rig) -> None:
    """A thousand notifications by twenty clients; /livez answers meanwhile."""
    statuses: list[int] = []
    clients = [threading.Thread(target=lambda: statuses.extend(rig.post()[0] for _ in range(50))) for _ in range(20)]
    for client in clients:
        client.start()
    assert [ask(rig.port, "/livez")[0] for _ in range(10)] == [200] * 10
    for client in clients:
        client.join()
    assert statuses == [202] * 1000
    assert len(rig.given) == 1000
    assert rig.counted() == (1000, 0)
