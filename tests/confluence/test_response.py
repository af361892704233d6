"""Which answers Confluence meant, and what the others mean."""

import json
from datetime import UTC, datetime

import pytest
import requests

from hr_sync.confluence.http.response import check_status, date_of, decode_object
from hr_sync.errors import (
    AccessDenied,
    AnswerUnusable,
    ConfluenceError,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
    ScopeMissing,
)

JSON = "application/json"
HTML = "text/html;charset=UTF-8"


def v2(status: object, code: object = "NOT_FOUND") -> bytes:
    return json.dumps({"errors": [{"status": status, "code": code, "title": "No page", "detail": None}]}).encode()


def v1(status: object, **more: object) -> bytes:
    return json.dumps({"statusCode": status, "message": "No content found with id", **more}).encode()


DATA = {"authorized": False, "valid": True, "errors": [], "successful": False}
EXCEPTION = "com.atlassian.confluence.api.service.exceptions.NotFoundException: No content"
NOT_PERMITTED = "Current user not permitted to use Confluence"
GATEWAY_404 = json.dumps({"status": 404, "error": "Not Found", "path": "/ex/confluence/0"}).encode()
SCOPE = json.dumps({"code": 401, "message": "Unauthorized; scope does not match"}).encode()
EDGE_404 = b"<html><title>Page Unavailable</title></html>"
MARKER = "words-of-a-body"


def answer(status: int, content_type: str | None = JSON, body: bytes = b"{}") -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    if content_type is not None:
        response.headers["Content-Type"] = content_type
    return response


@pytest.mark.parametrize("content_type", ["application/json", "application/json;charset=UTF-8", "Application/JSON ; a"])
def test_json_with_200_is_an_answer(content_type: str) -> None:
    """Whatever stands behind the media type; 203 is what a proxy makes of 200."""
    check_status(answer(200, content_type))
    check_status(answer(203, content_type))


@pytest.mark.parametrize("content_type", [HTML, "text/plain", "application/json-seq", "text/json", "", None])
def test_200_without_json_is_not_trusted(content_type: str | None) -> None:
    """Login and maintenance pages come with status 200."""
    with pytest.raises(AnswerUnusable, match="not JSON"):
        check_status(answer(200, content_type, EDGE_404))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(301), CredentialsRefused),
        (answer(302, HTML), CredentialsRefused),
        (answer(304), AnswerUnusable),
        (answer(308), CredentialsRefused),
        (answer(401), CredentialsRefused),
        (answer(401, JSON, SCOPE), ScopeMissing),
        (answer(401, HTML, SCOPE), CredentialsRefused),
        (answer(403, JSON, v2(403, "FORBIDDEN")), AccessDenied),
        (answer(403, JSON, v2("403", "waf_block")), AnswerUnusable),
        (answer(403, JSON, v1(403, data={})), AnswerUnusable),
        (answer(404, JSON, v2("404", "not_found")), AnswerUnusable),
        (answer(404, JSON, v2(404, "NO_ROUTE")), AnswerUnusable),
        (answer(403, JSON, v1(403, data=DATA)), AccessDenied),
        (answer(403, JSON, v1(403, message=NOT_PERMITTED)), AccessDenied),
        (answer(403), AnswerUnusable),
        (answer(403, HTML), AnswerUnusable),
        (answer(403, HTML, v2(403, "FORBIDDEN")), AnswerUnusable),
        (answer(403, JSON, v2(404)), AnswerUnusable),
        (answer(403, JSON, v1(403)), AnswerUnusable),
        (answer(404, JSON, v2(404)), NotFound),
        (answer(404, JSON, v2("404")), NotFound),
        (answer(404, JSON, v1(404, data=DATA)), NotFound),
        (answer(404, JSON, v1("404", data=DATA)), NotFound),
        (answer(404, JSON, v1(404, message=EXCEPTION)), NotFound),
        (answer(404, JSON, v1(404)), AnswerUnusable),
        (answer(404, JSON, v2(404, None)), AnswerUnusable),
        (answer(404, JSON, GATEWAY_404), AnswerUnusable),
        (answer(404, "text/html", EDGE_404), AnswerUnusable),
        (answer(404, HTML, v2(404)), AnswerUnusable),
        (answer(404, JSON, b"[]"), AnswerUnusable),
        (answer(404, JSON, b'{"errors":[]}'), AnswerUnusable),
        (answer(404, JSON, b'{"errors":["404"]}'), AnswerUnusable),
        (answer(404, JSON, v2(403)), AnswerUnusable),
        (answer(404, JSON, b'{"errors":{"status":404}}'), AnswerUnusable),
        (answer(404, JSON, b"{"), AnswerUnusable),
        (answer(404, JSON, b""), AnswerUnusable),
        (answer(410), EndpointRemoved),
        (answer(201), AnswerUnusable),
        (answer(204, None, b""), AnswerUnusable),
        (answer(206), AnswerUnusable),
        (answer(400), AnswerUnusable),
        (answer(409), AnswerUnusable),
        (answer(414, HTML), AnswerUnusable),
        (answer(451), AnswerUnusable),
        (answer(599, HTML), AnswerUnusable),
    ],
)
def test_status_table(response: requests.Response, expected: type[ConfluenceError]) -> None:
    """Exactly this class: 403 and 404 count as evidence only as the JSON of Confluence's own API, v1 or v2."""
    with pytest.raises(expected) as caught:
        check_status(response)

    assert type(caught.value) is expected
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("status", [200, 403, 404])
@pytest.mark.parametrize(
    ("headers", "match"),
    [
        ({"X-AUSERNAME": "anonymous"}, "anonymous visitor"),
        ({"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://x/login"}, "CAPTCHA"),
        ({"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}, "CAPTCHA"),
        ({"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, "refused the credentials"),
    ],
)
def test_an_answer_to_somebody_else_is_refused(status: int, headers: dict[str, str], match: str) -> None:
    """Whatever its status and body: it says nothing about what our account sees."""
    response = answer(status, JSON, v2(status))
    response.headers.update(headers)

    with pytest.raises(CredentialsRefused, match=match) as caught:
        check_status(response)
    assert type(caught.value) is CredentialsRefused


def test_without_credentials_an_anonymous_answer_is_what_was_asked_for() -> None:
    """And an account's own name is no refusal."""
    response = answer(200)
    response.headers["X-AUSERNAME"] = "anonymous"
    check_status(response, with_credentials=False)
    response.headers["X-AUSERNAME"] = "hr-bot"
    check_status(response)


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://login.acme.example/sso?a=b", r"login\.acme\.example"),
        ("/login.action?os_destination=x", "another path of this site"),
        ("http://[", "another path of this site"),
        ("https://\x1b[2J/", "another path of this site"),
    ],
)
def test_a_redirect_names_its_host_and_nothing_else(location: str, named: str) -> None:
    """The path may hold what was asked for."""
    response = answer(302, HTML)
    response.headers["Location"] = location

    with pytest.raises(CredentialsRefused, match=f"redirects to {named},"):
        check_status(response)


def test_words_name_who_refused() -> None:
    """A filter before Confluence, and a token without the scope, are not an account without permission."""
    for response, match in (
        (answer(403, HTML), "filter or proxy before Confluence"),
        (answer(401, JSON, SCOPE), "scopes do not cover"),
    ):
        with pytest.raises(ConfluenceError, match=match):
            check_status(response)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Mon, 02 Mar 2026 08:00:00 GMT", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 09:00:00 +0100", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 08:00:00 -0000", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_the_date_of_an_answer(header: str | None, expected: datetime | None) -> None:
    """Aware and in UTC, or not known."""
    response = answer(200)
    if header is not None:
        response.headers["Date"] = header

    assert date_of(response) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   \n",
        b"null",
        b"[]",
        b'"results"',
        b"0",
        b"{",
        b'{"results":[,]}',
        b'{"results":[NaN]}',
        b'{"results":[Infinity]}',
        b'{"a":-Infinity}',
        b'{"results":[]}{"results":[]}',
        b'{"results":[],"note":"\xff\xfe"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' + b"9" * 10_000 + b',"b":"\\ud800"}',
        f'{{"{MARKER}":'.encode(),
    ],
)
def test_what_is_no_json_object_is_not_trusted(content: bytes) -> None:
    """Nothing else is raised, and nothing of the answer is quoted."""
    with pytest.raises(AnswerUnusable) as caught:
        decode_object(content, "api/v2/pages")

    assert "api/v2/pages" in str(caught.value)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{}", {}),
        (b'{"a":"\\ud800"}', {"a": "\ud800"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":"\\u0000"}', {"a": "\x00"}),
        (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    ],
)
def test_what_confluence_stores_is_read(content: bytes, expected: dict[str, object]) -> None:
    """Lone surrogates and control characters pass; the decoders of pages sanitise them."""
    assert decode_object(content, "api/v2/pages") == expected


def test_a_huge_number_breaks_nothing() -> None:
    """A number of 400 digits is read as some number; whoever needs it checks its range."""
    assert set(decode_object(b'{"a":' + b"9" * 400 + b"}", "x")) == {"a"}
