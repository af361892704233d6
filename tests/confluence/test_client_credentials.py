"""OAuth 2.0 client credentials: where tokens come from, when they are renewed, and that none is shown."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Thread
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.client_credentials import ClientCredentials, ClientSecret, connect_client
from hr_sync.confluence.http.urls import token_origin_of
from hr_sync.domain.deletion import LookupStatus
from hr_sync.errors import (
    AnswerNotTrusted,
    ConfigurationError,
    ConfluenceError,
    CredentialsRefused,
    ScopeMissing,
    ServerFailed,
)
from tests.confluence.clients import RecordedWaits, limits
from tests.confluence.fakes import Fake, Reply, Request, fake_site

CLOUD_ID = "11111111-2222-4333-8444-555555555555"
SECRET = ClientSecret(client_id="client-of-hr", secret="canary-secret")
GATEWAY = f"/ex/confluence/{CLOUD_ID}/wiki"
SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}


@dataclass(kw_only=True)
class Service:
    """What a fake Confluence does: it gives numbered tokens and accepts only the last one."""

    lifetime: Any = 3600
    answer: Callable[[int], Reply] | None = None  #: of the token endpoint, by the number of the request
    refuses: Callable[[str, str], Reply | None] = lambda path, token: None  # noqa: ARG005
    given: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        if request.path == "/_edge/tenant_info":
            return Reply(document={"cloudId": CLOUD_ID})
        if request.path in {"/oauth/token", "/confluence/rest/oauth2/latest/token"}:
            return self._token()
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if reply := self.refuses(request.path, token):
            return reply
        if not self.given or token != self.given[-1]:
            return Reply(status=401, document={"code": 401, "message": "Unauthorized"})
        return Reply(document={"type": "known", "id": "1"})

    def _token(self) -> Reply:
        number = len(self.given) + 1
        if self.answer is not None:
            self.given.append("")
            return self.answer(number)
        self.given.append(f"canary-token-{number}")
        return Reply(document={"access_token": self.given[-1], "expires_in": self.lifetime, "token_type": "Bearer"})


@contextmanager
def connected(
    service: Service, path: str = "/wiki", *, is_cloud: bool | None = True
) -> Iterator[tuple[HttpClient, Fake]]:
    """Open a client of `service`; no request was sent yet but that for the cloud id."""
    with fake_site(service) as fake:
        waits = RecordedWaits()
        base, authentication = connect_client(f"{fake.origin}{path}", SECRET, limits(), waits, is_cloud=is_cloud)
        client = HttpClient(base, authentication, limits(), waits)
        try:
            yield client, fake
        finally:
            client.close()


def asked(fake: Fake) -> list[str]:
    return [request.path for request in fake.requests]


def test_a_cloud_site_is_read_through_the_gateway() -> None:
    """The cloud id is asked without credentials, a token with the secret, and pages with the token."""
    with connected(Service()) as (client, fake):
        CloudSource(client).check_account()
        CloudSource(client).check_account()
    info, token, *rest = fake.requests

    assert asked(fake) == ["/_edge/tenant_info", "/oauth/token", *[f"{GATEWAY}/rest/api/user/current"] * 2]
    assert not {"authorization", "cookie"} & (info.headers.keys() | token.headers.keys())
    assert token.method == "POST"
    assert json.loads(token.body) == {
        "grant_type": "client_credentials",
        "client_id": SECRET.client_id,
        "client_secret": SECRET.secret,
    }
    assert {request.headers["authorization"] for request in rest} == {"Bearer canary-token-1"}


def test_a_gateway_address_needs_no_cloud_id() -> None:
    """It holds the id already; whatever flavour is set."""
    with connected(Service(), f"/ex/confluence/{CLOUD_ID}", is_cloud=None) as (client, fake):
        CloudSource(client).check_account()
    assert asked(fake) == ["/oauth/token", f"{GATEWAY}/rest/api/user/current"]


@pytest.mark.parametrize("is_cloud", [None, False])
def test_data_center_gives_its_own_tokens(*, is_cloud: bool | None) -> None:
    """Below the address of the site, for a form."""
    with connected(Service(), "/confluence", is_cloud=is_cloud) as (client, fake):
        DataCenterSource(client).check_account()
    token = fake.requests[0]

    assert asked(fake) == ["/confluence/rest/oauth2/latest/token", "/confluence/rest/api/user/current"]
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(token.body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": SECRET.client_id,
        "client_secret": SECRET.secret,
        "scope": "READ",
    }


@pytest.mark.parametrize(
    ("gateway", "origin"),
    [
        ("https://api.atlassian.com/ex/confluence/1/wiki", "https://auth.atlassian.com"),
        ("https://api.atlassian-us-gov.com/ex/confluence/1/wiki", "https://auth.atlassian-us-gov.com"),
        ("https://proxy.acme.com/ex/confluence/1/wiki", "https://auth.atlassian.com"),
        ("http://127.0.0.1:8090/ex/confluence/1/wiki", "http://127.0.0.1:8090"),
        ("http://localhost:8090/ex/confluence/1/wiki", "http://localhost:8090"),
        ("https://127.0.0.1.acme.com/ex/confluence/1/wiki", "https://auth.atlassian.com"),
    ],
)
def test_the_secret_goes_to_atlassian_alone(gateway: str, origin: str) -> None:
    """Only a gateway on this machine gets it itself."""
    assert token_origin_of(gateway) == origin


def answered(lifetimes: list[Any]) -> tuple[ClientCredentials, list[float], list[float]]:
    """Return credentials, the clock that they go by, and when they asked."""
    now, moments = [0.0], []

    def ask() -> dict[str, Any]:
        moments.append(now[0])
        return {"access_token": f"t{len(moments)}", "expires_in": lifetimes[len(moments) - 1]}

    return ClientCredentials(ask, clock=lambda: now[0]), now, moments


def test_a_token_is_renewed_before_it_ends() -> None:
    """Five minutes before, or a tenth of a short life."""
    credentials, now, moments = answered([3600, 100, 3600])
    headers = []
    for moment in (0, 3299, 3301, 3390, 3392):
        now[0] = moment
        headers.append(credentials.header())

    assert headers == [f"Bearer t{number}" for number in (1, 1, 2, 2, 3)]
    assert moments == [0, 3301, 3392]


def test_a_refused_token_is_renewed_once() -> None:
    """The request is sent again with the next one; a refusal of that one ends it."""
    service = Service()
    with connected(service) as (client, fake):
        client.get("api/v2/pages/1")
        service.given.append("canary-token-of-another")  # the first is accepted no more
        assert client.get("api/v2/pages/1")["id"] == "1"
        assert asked(fake)[3:] == [f"{GATEWAY}/api/v2/pages/1", "/oauth/token", f"{GATEWAY}/api/v2/pages/1"]

        service.refuses = lambda path, token: Reply(status=401, document={"code": 401})  # noqa: ARG005
        before = len(fake.requests)
        with pytest.raises(CredentialsRefused, match="client_id"):
            client.get("api/v2/pages/1")
        assert asked(fake)[before:] == [f"{GATEWAY}/api/v2/pages/1", "/oauth/token", f"{GATEWAY}/api/v2/pages/1"]


def test_many_threads_renew_a_token_once() -> None:
    """Each of them was refused with the same one."""
    credentials, _, moments = answered([3600] * 20)
    refused = credentials.header()
    barrier = Barrier(8)

    def work() -> None:
        barrier.wait()
        credentials.renew(refused)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(moments) == 2


def test_a_missing_scope_renews_nothing() -> None:
    """Every token of the client has the same scopes."""
    service = Service(refuses=lambda path, token: Reply(status=401, document=SCOPE))  # noqa: ARG005
    with connected(service) as (client, fake), pytest.raises(ScopeMissing):
        client.get("api/v2/pages/1")
    assert asked(fake).count("/oauth/token") == 1


OWN_403 = {"statusCode": 403, "message": "Current user not permitted to use Confluence"}
OWN_404 = {"errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=401, document={"error": "access_denied", "error_description": "x"}), CredentialsRefused),
        (Reply(status=403, document={"error": "unauthorized_client"}), CredentialsRefused),
        (Reply(status=400, document={"error": "invalid_client"}), CredentialsRefused),
        (Reply(status=401, document={}), CredentialsRefused),
        (Reply(status=403, document=OWN_403), CredentialsRefused),
        (Reply(status=404, document=OWN_404), AnswerNotTrusted),
        (Reply(status=410, document={}), AnswerNotTrusted),
        (Reply(raw=b"<html>", headers={"Content-Type": "text/html"}), AnswerNotTrusted),
        (Reply(status=500, document={}), ServerFailed),
        (Reply(document={}), AnswerNotTrusted),
        (Reply(document={"access_token": ""}), AnswerNotTrusted),
        (Reply(document={"access_token": "a\nb"}), AnswerNotTrusted),
        (Reply(document={"access_token": "canary", "expires_in": 0}), AnswerNotTrusted),
        (Reply(document={"access_token": "canary", "expires_in": True}), AnswerNotTrusted),
        (Reply(document={"access_token": "canary", "expires_in": "3600"}), AnswerNotTrusted),
        (Reply(document={"access_token": "canary", "token_type": "mac"}), AnswerNotTrusted),
    ],
)
def test_an_endpoint_that_gives_no_token_says_nothing_about_a_page(reply: Reply, error: type[ConfluenceError]) -> None:
    """Its 403 or 404 would be taken for evidence that the page is gone."""
    service = Service(answer=lambda number: reply)  # noqa: ARG005
    with connected(service) as (client, fake):
        with pytest.raises(error) as caught:
            client.get("api/v2/pages/1")
        try:
            found = CloudSource(client).lookup("1").result
        except ConfluenceError:
            found = LookupStatus.UNKNOWN
        assert found is LookupStatus.UNKNOWN
    assert type(caught.value) in {CredentialsRefused, ServerFailed} or isinstance(caught.value, AnswerNotTrusted)
    assert "canary" not in str(caught.value)
    assert f"{GATEWAY}/api/v2/pages/1" not in asked(fake)


def test_no_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in a log at any level, nor in an error with its traceback, nor in a repr."""
    for logger in ("", "atlassian.rest_client", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=logger)
    service = Service()
    shown = []
    with connected(service) as (client, fake):
        client.get("api/v2/pages/1")
        client.post("rest/api/content/1/permission/check", {"operation": "read"})
        service.refuses = lambda path, token: Reply(status=401, document={"token": token})  # noqa: ARG005
        for service.answer in (None, lambda number: Reply(status=401, document={"error": "canary_secret!"})):  # noqa: ARG005
            with pytest.raises(CredentialsRefused) as caught:
                client.get("api/v2/pages/1")
            shown += traceback.format_exception(caught.value)
        shown += [repr(client._credentials), str(client._credentials), repr(SECRET), repr(vars(client))]
    assert any(b"canary-secret" in request.body for request in fake.requests)
    assert "curl" in caplog.text  # the library writes what it sends at this level
    assert "canary" not in caplog.text + "".join(shown)


@pytest.mark.parametrize("secret", ["", "a\u200bb", "\u201ccanary\u201d", "a\nb"])
def test_a_secret_from_a_bad_paste_is_refused(secret: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="client_secret") as caught:
        ClientSecret(client_id="a", secret=secret)
    assert "canary" not in str(caught.value)
