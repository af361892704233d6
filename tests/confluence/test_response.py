"""Which answers Confluence meant, and what the others mean."""

import json

import pytest
import requests

from hr_sync.confluence.http.response import check_status, decode_object
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    ConfluenceError,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
)

JSON = "application/json"
HTML = "text/html;charset=UTF-8"
V2_404 = json.dumps({"errors": [{"status": 404, "code": "NOT_FOUND", "title": "No page", "detail": None}]}).encode()
V1_404 = json.dumps({"statusCode": 404, "message": "NotFoundException: No content"}).encode()
GATEWAY_404 = json.dumps({"status": 404, "error": "Not Found", "path": "/ex/confluence/0"}).encode()
EDGE_404 = b"<html><title>Page Unavailable</title></html>"
CANARY = "canary-of-a-body"


def answer(status: int, content_type: str | None = JSON, body: bytes = b"{}") -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    if content_type is not None:
        response.headers["Content-Type"] = content_type
    return response


@pytest.mark.parametrize("content_type", ["application/json", "application/json;charset=UTF-8", "Application/JSON ; a"])
def test_json_with_200_is_an_answer(content_type: str) -> None:
    """Whatever stands behind the media type."""
    check_status(answer(200, content_type))


@pytest.mark.parametrize("content_type", [HTML, "text/plain", "application/json-seq", "text/json", "", None])
def test_200_without_json_is_not_trusted(content_type: str | None) -> None:
    """Login and maintenance pages come with status 200."""
    with pytest.raises(AnswerNotTrusted, match="not JSON"):
        check_status(answer(200, content_type, EDGE_404))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(301), CredentialsRefused),
        (answer(302, HTML), CredentialsRefused),
        (answer(304), AnswerNotTrusted),
        (answer(308), CredentialsRefused),
        (answer(401), CredentialsRefused),
        (answer(403), AccessDenied),
        (answer(403, HTML), AccessDenied),
        (answer(404, JSON, V2_404), NotFound),
        (answer(404, JSON, V1_404), NotFound),
        (answer(404, JSON, GATEWAY_404), AnswerNotTrusted),
        (answer(404, "text/html", EDGE_404), AnswerNotTrusted),
        (answer(404, HTML, V2_404), AnswerNotTrusted),
        (answer(404, JSON, b"[]"), AnswerNotTrusted),
        (answer(404, JSON, b'{"errors":[]}'), AnswerNotTrusted),
        (answer(404, JSON, b'{"errors":["404"]}'), AnswerNotTrusted),
        (answer(404, JSON, b'{"errors":[{"status":403}]}'), AnswerNotTrusted),
        (answer(404, JSON, b'{"errors":{"status":404}}'), AnswerNotTrusted),
        (answer(404, JSON, b"{"), AnswerNotTrusted),
        (answer(404, JSON, b""), AnswerNotTrusted),
        (answer(410), EndpointRemoved),
        (answer(201), AnswerNotTrusted),
        (answer(204, None, b""), AnswerNotTrusted),
        (answer(206), AnswerNotTrusted),
        (answer(400), AnswerNotTrusted),
        (answer(409), AnswerNotTrusted),
        (answer(414, HTML), AnswerNotTrusted),
        (answer(451), AnswerNotTrusted),
        (answer(599, HTML), AnswerNotTrusted),
    ],
)
def test_status_table(response: requests.Response, expected: type[ConfluenceError]) -> None:
    """Exactly this class: a 404 counts as evidence only when Confluence's own API says it, in both of its ways."""
    with pytest.raises(expected) as caught:
        check_status(response)

    assert type(caught.value) is expected
    assert str(caught.value).endswith(".")


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
        f'{{"{CANARY}":'.encode(),
    ],
)
def test_what_is_no_json_object_is_not_trusted(content: bytes) -> None:
    """Nothing else is raised, and nothing of the answer is quoted."""
    with pytest.raises(AnswerNotTrusted) as caught:
        decode_object(content, "api/v2/pages")

    assert "api/v2/pages" in str(caught.value)
    assert CANARY not in str(caught.value)


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
    """Lone surrogates and control characters come in; cleaning is done behind this module."""
    assert decode_object(content, "api/v2/pages") == expected


def test_a_huge_number_breaks_nothing() -> None:
    """A number of 400 digits is read as some number; whoever needs it checks its range."""
    assert set(decode_object(b'{"a":' + b"9" * 400 + b"}", "x")) == {"a"}
