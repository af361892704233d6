"""Each fault of the network, of what stands in between and of Confluence itself, as the client meets it."""

import time
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator

from hr_sync.domain.outcome import is_about_every_space
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    AnswerTooSlow,
    AnswerUnusable,
    ConfluenceError,
    ConfluenceUnavailable,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
    ScopeMissing,
    ServerFailed,
)
from tests.confluence.clients import PAGES, TOKEN, RecordedWaits, broken, ids_of, kinds_fired, open_client

PASSING = [
    "rate-limited-429",
    "retry-after-seconds",
    "retry-after-zero",
    "retry-after-negative",
    "retry-after-text",
    "retry-after-fraction",
    "retry-after-date",
    "retry-after-past-date",
    "error-500",
    "error-500-html",
    "bad-gateway-502",
    "unavailable-503",
    "unavailable-503-retry-after",
    "timeout-504",
    "site-gone-503",
    "close",
    "reset",
    "reset-in-body",
    "cut-length",
    "cut-chunked",
    "cut-between-chunks",
    "garbage",
    "gzip-spoiled",
    "gzip-cut",
    "gzip-not",
    "cut-until-close",
    "many-headers",
]
LIMITING = {kind for kind in PASSING if kind.startswith(("retry-after", "rate-limited"))}
UNTRUSTED = [
    "html-200",
    "html-as-json-200",
    "login-page-200",
    "json-as-html",
    "empty-200",
    "no-content-204",
    "whitespace-200",
    "null-200",
    "list-200",
    "string-200",
    "number-200",
    "empty-object-200",
    "error-object-200",
    "no-results",
    "results-null",
    "results-object",
    "results-text",
    "invalid-json",
    "not-a-number-json",
    "deep-json",
    "not-utf8",
    "two-documents",
    "cut-json",
    "cut-head",
    "bad-request-400",
    "partial-206",
    "uri-too-long-414",
    "conflict-409",
    "unknown-status-599",
    "site-gone-404",
    "not-found-404-gateway",
    "forbidden-html-403",
    "forbidden-foreign-json-403",
    "not-found-foreign-json-404",
]
INCOHERENT = [
    "rows-are-text",
    "rows-are-null",
    "row-without-id",
    "row-number-id",
    "row-empty-id",
    "repeated-cursor",
    "cyclic-cursor",
    "next-empty",
    "next-number",
    "next-foreign-host",
    "next-other-scheme",
]
HARMLESS = [
    "chunked",
    "json-with-charset",
    "byte-order-mark",
    "duplicate-rows",
    "reordered-rows",
    "next-absolute",
    "next-without-context",
    "next-only-in-link-header",
    "empty-page-with-next",
    "slow",
    "drip",
    "drip-head",
]
REFUSED: list[tuple[str, type[ConfluenceError]]] = [
    ("unauthorized-401", CredentialsRefused),
    ("unauthorized-401-scope", ScopeMissing),
    ("login-401", CredentialsRefused),
    ("forbidden-403", AccessDenied),
    ("forbidden-json-403", AccessDenied),
    ("anonymous-header", CredentialsRefused),
    ("captcha-header", CredentialsRefused),
    ("captcha-403", CredentialsRefused),
    ("redirect-login", CredentialsRefused),
    ("redirect-same-host", CredentialsRefused),
    ("redirect-permanent", CredentialsRefused),
    ("redirect-loop", CredentialsRefused),
    ("gone-410", EndpointRemoved),
    ("not-found-404-v1", NotFound),
    ("not-found-404-v2", NotFound),
]
ARGUMENTS: dict[str, Any] = {"slow": 0.01, "drip": 0.001, "drip-head": 0.001}


@pytest.fixture
def every_id(site: Simulator) -> list[str]:
    return [page.id for page in site.world.pages()]


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_tried_again(site: Simulator, every_id: list[str], kind: str) -> None:
    """Throttling, server errors and broken answers: the listing is complete, after one more request."""
    broken(site, kind)
    waits = RecordedWaits()

    with open_client(site.site_url, cancellation=waits) as client:
        assert ids_of(client) == every_id

    assert kinds_fired(site) == [kind]
    assert len(waits.seconds) == 1
    assert len(site.requests) == 4


@pytest.mark.parametrize("kind", PASSING)
def test_what_does_not_pass_ends_the_listing(site: Simulator, kind: str) -> None:
    """After exactly the attempts allowed, as temporary."""
    broken(site, kind, times=0)

    with open_client(site.site_url, max_attempts=3) as client, pytest.raises(ConfluenceUnavailable) as caught:
        ids_of(client)

    assert kinds_fired(site) == [kind] * 3
    assert caught.value.exit_code == 75
    assert isinstance(caught.value, ServerFailed) == (kind not in LIMITING)  # about the answer, not about the site
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [*((kind, AnswerUnusable) for kind in UNTRUSTED), *((kind, AnswerNotTrusted) for kind in INCOHERENT)],
)
def test_what_is_no_listing_is_not_trusted(site: Simulator, kind: str, expected: type[ConfluenceError]) -> None:
    """It raises at once and is not asked for again: the same request would get the same answer."""
    broken(site, kind, times=0)

    with open_client(site.site_url) as client, pytest.raises(AnswerNotTrusted) as caught:
        ids_of(client)

    assert set(kinds_fired(site)) == {kind}
    assert len(kinds_fired(site)) <= 2
    assert type(caught.value) is expected
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(("kind", "expected"), REFUSED)
def test_a_refusal_is_named_and_not_retried(site: Simulator, kind: str, expected: type[ConfluenceError]) -> None:
    """Retrying a refusal locks accounts."""
    broken(site, kind, times=0)

    with open_client(site.site_url) as client, pytest.raises(expected) as caught:
        ids_of(client)

    assert type(caught.value) is expected
    assert kinds_fired(site) == [kind]
    assert len(site.requests) == 2


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_only_unusual_is_read(site: Simulator, every_id: list[str], kind: str) -> None:
    """Nothing is lost, nothing raised, nothing asked twice for its sake."""
    broken(site, kind, argument=ARGUMENTS.get(kind))
    waits = RecordedWaits()

    with open_client(site.site_url, cancellation=waits) as client:
        assert set(ids_of(client)) == set(every_id)

    assert kinds_fired(site) == [kind]
    assert waits.seconds == []


@pytest.mark.parametrize("kind", ["stall", "close", "error-500", "html-200", "unauthorized-401-scope"])
def test_what_one_answer_fails_with_is_not_about_every_space(site: Simulator, kind: str) -> None:
    """The run goes on with the next page and the next space."""
    broken(site, kind, times=0)
    with open_client(site.site_url, request_timeout_seconds=0.2) as client, pytest.raises(ConfluenceError) as caught:
        ids_of(client)
    assert not is_about_every_space(caught.value)


def test_a_server_that_falls_silent_is_given_up(site: Simulator) -> None:
    """After the read timeout, twice and no more, whether it fell silent before or within the body."""
    site.faults.add(Fault(kind="stall", at=1), Fault(kind="stall-in-body", at=2))
    began = time.monotonic()

    with (
        open_client(site.site_url, request_timeout_seconds=1, max_attempts=5) as client,
        pytest.raises(AnswerTooSlow, match=r"in time .* tried 2 times"),
    ):
        ids_of(client)

    assert kinds_fired(site) == ["stall", "stall-in-body"]
    assert 1.9 < time.monotonic() - began < 4


@pytest.mark.parametrize("kind", ["drip", "drip-head"])
def test_a_dripping_answer_meets_the_deadline(site: Simulator, kind: str) -> None:
    """The read timeout is never reached, since a piece comes every 50 ms; the deadline is, within headers too."""
    broken(site, kind, at=1, argument=0.05, times=0)
    began = time.monotonic()

    with (
        open_client(site.site_url, request_deadline_seconds=0.2, max_attempts=1) as client,
        pytest.raises(AnswerTooSlow),
    ):
        ids_of(client, **{"body-format": "storage"})

    assert kinds_fired(site) == [kind]
    assert time.monotonic() - began < 0.7


def test_a_bomb_is_not_unpacked(site: Simulator) -> None:
    """8 MB behind a few kilobytes: refused at the limit, and not asked for again."""
    broken(site, "gzip-bomb", at=1, argument=8_000_000, times=0)

    with (
        open_client(site.site_url, max_answer_bytes=100_000) as client,
        pytest.raises(AnswerUnusable, match=r"larger than 100,000 bytes.*max_answer_megabytes"),
    ):
        ids_of(client)

    assert kinds_fired(site) == ["gzip-bomb"]
    assert len(site.requests) == 1


def test_a_plain_answer_has_the_same_limit(site: Simulator) -> None:
    """An honest answer of the same size is refused too."""
    with (
        open_client(site.site_url, max_answer_bytes=1000) as client,
        pytest.raises(AnswerUnusable, match="1,000 bytes"),
    ):
        ids_of(client)


def test_an_unwelcome_encoding_is_not_guessed(site: Simulator) -> None:
    """Only gzip was offered."""
    headers = {"Content-Encoding": "br"}
    broken(site, "status", at=1, argument={"status": 200, "headers": headers, "body": {"results": []}})

    with open_client(site.site_url) as client, pytest.raises(AnswerNotTrusted, match="encoding"):
        ids_of(client)

    assert kinds_fired(site) == ["status"]


@pytest.mark.parametrize("kind", ["next-foreign-host", "redirect-other-host"])
def test_no_other_host_is_spoken_to(site: Simulator, kind: str) -> None:
    """A second server stands where the answer points to and gets no request."""
    with Simulator(site.world) as foreign:
        broken(site, kind, argument=foreign.site_url if kind.startswith("redirect") else foreign.origin)

        with open_client(site.site_url) as client, pytest.raises(ConfluenceError):
            ids_of(client)

        assert kinds_fired(site) == [kind]
        assert len(foreign.requests) == 0


def test_the_last_gate_holds_for_any_path_through_the_library(site: Simulator) -> None:
    """Whoever hands the client a foreign address gets an error out of the transport itself."""
    with Simulator(site.world) as foreign, open_client(site.site_url) as client:
        with pytest.raises(AnswerNotTrusted, match="another host"):
            client._session()._library.request("GET", f"{foreign.site_url}/api/v2/pages", absolute=True)

        assert len(foreign.requests) == 0


def test_permissions_may_empty_some_pages_of_a_listing(site: Simulator, every_id: list[str]) -> None:
    """Three answers without a row in between do not end it."""
    for at in (1, 3, 5):
        broken(site, "empty-page-with-next", at=at)

    with open_client(site.site_url) as client:
        assert ids_of(client) == every_id

    assert kinds_fired(site) == ["empty-page-with-next"] * 3


def test_a_listing_of_nothing_but_empty_pages_ends(site: Simulator) -> None:
    """A server that promises more for ever is not asked for ever."""
    broken(site, "empty-page-with-next", at=1, times=0)

    with open_client(site.site_url) as client, pytest.raises(AnswerNotTrusted, match="no progress"):
        ids_of(client)

    assert 50 < len(kinds_fired(site)) < 500


def test_a_circle_of_empty_pages_is_left_at_once(site: Simulator) -> None:
    """A link to where one has been is enough; nobody waits for a hundred empty pages."""
    broken(site, "empty-list", times=0)
    broken(site, "repeated-cursor", times=0)

    with open_client(site.site_url) as client, pytest.raises(AnswerNotTrusted, match="led back"):
        ids_of(client)

    assert kinds_fired(site) == ["empty-list", "repeated-cursor"]


def test_a_lowered_limit_is_followed_to_the_end(site: Simulator, every_id: list[str]) -> None:
    """Two entries where five were asked for: whoever counts stops here."""
    broken(site, "lowered-limit", at=1, times=0, argument=2)

    with open_client(site.site_url) as client:
        assert ids_of(client) == every_id

    assert len(kinds_fired(site)) == PAGES / 2


@pytest.mark.parametrize("odd", [None, "", 7, True, ["1"], {"a": 1}, "1\x00", "1\n"])
def test_an_id_is_text_that_a_database_can_hold(site: Simulator, odd: object) -> None:
    """Anything else spoils the listing."""
    broken(site, "status", at=1, argument={"status": 200, "body": {"results": [{"id": "1"}, {"id": odd}]}})

    with open_client(site.site_url) as client, pytest.raises(AnswerNotTrusted, match="without an id"):
        ids_of(client)

    assert kinds_fired(site) == ["status"]
