"""How the client behaves: how long it waits, how much it asks at once, its name, its secrets, and what it logs."""

import io
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from confluence_simulator import Fault, Simulator

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.urls import api_base
from hr_sync.errors import AnswerNotTrusted, ConfluenceUnavailable, CredentialsRefused, Stopped
from hr_sync.logs import configure_logging
from tests.confluence.clients import (
    BASIC,
    BEARER,
    PAGES,
    TOKEN,
    USERNAME,
    RecordedWaits,
    broken,
    ids_of,
    kinds_fired,
    open_client,
    small_world,
)

THROTTLED = {"status": 429, "headers": {"Retry-After": "30"}}


@pytest.mark.parametrize("credentials", [BASIC, BEARER], ids=["Basic", "Bearer"])
@pytest.mark.parametrize("way", ["site", "site without /wiki", "gateway"])
def test_ways_in(site: Simulator, credentials: Credentials, way: str) -> None:
    """Basic and Bearer, each by the site's address and by the API gateway's: a whole walk with several pages."""
    base = {
        "site": site.site_url,
        "site without /wiki": site.site_url,
        "gateway": api_base(site.gateway_url.removesuffix("/wiki")),
    }[way]

    with open_client(base, credentials) as client:
        assert len(ids_of(client)) == PAGES
        CloudSource(client).check_account()

    assert len(site.requests) == 4
    assert all(record.path.startswith("/ex/confluence/") == (way == "gateway") for record in site.requests)


def test_a_scoped_token_works_through_the_gateway_alone() -> None:
    """And is refused, not retried, at the site."""
    with Simulator(small_world(), scoped_token=True) as site:
        with open_client(site.gateway_url, BEARER) as client:
            assert len(ids_of(client)) == PAGES
        asked = len(site.requests)
        with open_client(site.site_url, BEARER) as client, pytest.raises(CredentialsRefused):
            ids_of(client)
        assert len(site.requests) == asked + 1


@pytest.mark.parametrize("wrong", [Credentials(username=USERNAME, password="wrong"), Credentials(token="wrong")])
def test_a_wrong_token_is_refused_at_once(site: Simulator, wrong: Credentials) -> None:
    """One request, no retry."""
    with open_client(site.site_url, wrong) as client, pytest.raises(CredentialsRefused) as caught:
        ids_of(client)

    assert len(site.requests) == 1
    assert "wrong" not in str(caught.value)


def test_an_anonymous_session_is_found_out() -> None:
    """A site that answers 200 with what the public sees."""
    with (
        Simulator(small_world(), bad_credentials="anonymous") as site,
        open_client(site.site_url, Credentials(username=USERNAME, password="wrong")) as client,
    ):
        with pytest.raises(CredentialsRefused, match="anonymous"):
            CloudSource(client).check_account()
        assert site.requests[0].status == 200


def test_credentials_show_no_secret() -> None:
    """Neither in their repr nor in that of what holds them."""
    assert TOKEN not in repr(BASIC) + repr(BEARER) + str(BASIC)


def test_what_confluence_asks_for_is_waited(site: Simulator) -> None:
    """30 s, not the half second that would have been ours."""
    broken(site, "status", argument=THROTTLED)
    waits = RecordedWaits()

    with open_client(site.site_url, cancellation=waits) as client:
        ids_of(client)
        assert client.http_stats.counts().throttled_seconds == 30

    assert waits.seconds == [30]


@pytest.mark.parametrize("asked", ["61", "3600", "86400", "1e999"])
def test_nobody_sleeps_through_a_long_wait(site: Simulator, asked: str) -> None:
    """Above the longest wait the run ends at once as temporary, and says when to come back."""
    broken(site, "status", argument={"status": 429, "headers": {"Retry-After": asked}})
    waits = RecordedWaits()

    with open_client(site.site_url, cancellation=waits) as client, pytest.raises(ConfluenceUnavailable) as caught:
        ids_of(client)

    assert kinds_fired(site) == ["status"]
    assert waits.seconds == []
    assert caught.value.retry_after_seconds == min(float(asked), 86_400)


def test_a_stop_ends_a_wait_at_once(site: Simulator) -> None:
    """Also one that Confluence asked for."""
    broken(site, "status", at=1, argument=THROTTLED)
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as pool, open_client(site.site_url, cancellation=cancellation) as client:

        def walk() -> None:
            try:
                ids_of(client)
            finally:
                client.close()

        walking = pool.submit(walk)
        while not site.faults.fired:
            time.sleep(0.005)
        time.sleep(0.03)  # now it waits
        began = time.monotonic()
        cancellation.set()
        with pytest.raises(Stopped):
            walking.result()

    assert time.monotonic() - began < 0.5
    assert len(site.requests) == 1


def test_nothing_is_asked_after_a_stop(site: Simulator) -> None:
    """The event is looked at before each request."""
    cancellation = Cancellation()
    cancellation.set()

    with open_client(site.site_url, cancellation=cancellation) as client, pytest.raises(Stopped):
        ids_of(client)

    assert len(site.requests) == 0


def test_no_more_is_asked_at_once_than_allowed() -> None:
    """Twelve threads, three connections."""
    with (
        Simulator(small_world(), latency_seconds=0.02) as site,
        open_client(site.site_url, max_connections=3) as client,
    ):

        def ask(page_id: str) -> None:
            client.get(f"api/v2/pages/{page_id}")

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(ask, [page.id for page in site.world.pages()] * 3))

        assert site.requests.peak_concurrency == 3
        assert client.http_stats.counts().peak_connections == 3
        assert client.http_stats.counts().requests == len(site.requests) == 3 * PAGES


def test_what_is_counted(site: Simulator) -> None:
    """Each request once, each retry once, every byte after decompression."""
    broken(site, "error-500")

    with open_client(site.site_url) as client:
        ids_of(client)
        counts = client.http_stats.counts()

    assert (counts.requests, counts.retries, counts.throttled_seconds) == (4, 1, 0)
    assert counts.bytes >= sum(record.response_bytes for record in site.requests)


def test_a_failing_batch_is_halved_down_to_the_page(site: Simulator) -> None:
    """One page that breaks every answer keeps none of its neighbours out."""
    ids = [page.id for page in site.world.pages()]
    site.faults.add(Fault(kind="page-breaks-batch", argument=ids[4], times=0))

    with open_client(site.site_url) as client:
        reader = CloudSource(client)
        (space,) = reader.spaces().spaces
        fetched = reader.pages(ids, space)

    assert fetched.pages.keys() == set(ids) - {ids[4]}
    assert fetched.unreadable.keys() == {ids[4]}
    assert fetched.absent == frozenset()
    assert kinds_fired(site)


def test_neither_token_nor_text_is_logged(site: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With our own log at debug, where the client library would print headers and bodies."""
    marker = "words-of-a-body"
    page = site.world.pages()[0]
    site.world.edit_page(page.id, storage=f"<p>{marker}</p>")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log = io.StringIO()
    configure_logging(level="debug", stream=log, secrets=())
    try:
        with open_client(site.site_url) as client:
            answer = client.get(f"api/v2/pages/{page.id}", {"body-format": "storage"})
        with open_client(site.site_url, BEARER) as client:
            ids_of(client, **{"body-format": "storage"})
    finally:
        logging.getLogger().setLevel(logging.WARNING)

    assert marker in answer["body"]["storage"]["value"]
    assert marker not in log.getvalue()
    assert TOKEN not in log.getvalue()
    assert "Authorization" not in log.getvalue()


def test_no_body_is_decoded_for_a_log_of_the_library(
    site: Simulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It evaluates `response.text` on every call; ours gives nothing, even to a log that somebody set to DEBUG."""
    marker = "words-of-a-body"
    page = site.world.pages()[0]
    site.world.edit_page(page.id, storage=f"<p>{marker}</p>")
    evaluated: list[int] = []
    monkeypatch.setattr(requests.Response, "text", property(lambda response: evaluated.append(response.status_code)))

    loud = caplog.at_level(logging.DEBUG, "atlassian")
    with caplog.at_level(logging.DEBUG), loud, open_client(site.site_url) as client:
        client.get(f"api/v2/pages/{page.id}", {"body-format": "storage"})

    assert evaluated == []
    assert "atlassian" in caplog.text
    assert marker not in caplog.text


def test_the_environment_has_no_say(site: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy that nobody configured sees the token."""
    with Simulator(site.world) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")

        with open_client(site.site_url) as client:
            ids_of(client)

        assert len(proxy.requests) == 0


def test_a_redirect_is_not_followed(site: Simulator) -> None:
    """Not even to the same host: the place that it names is never asked for."""
    broken(site, "redirect-same-host", at=1)

    with open_client(site.site_url) as client, pytest.raises(CredentialsRefused, match="302"):
        ids_of(client)

    assert kinds_fired(site) == ["redirect-same-host"]
    assert len(site.requests) == 1


def test_an_answer_that_is_no_object_names_its_path_only(site: Simulator) -> None:
    """The query may hold what people search for, and the answer anything."""
    broken(site, "list-200", at=1)

    with open_client(site.site_url) as client, pytest.raises(AnswerNotTrusted) as caught:
        client.get("api/v2/pages", {"title": "marker"})

    assert kinds_fired(site) == ["list-200"]
    assert "marker" not in str(caught.value)
