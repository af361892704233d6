"""Validates answers: status, headers, content type and JSON shape. Pure.

A login page with status 200, half a JSON document and an error object in place of a list have all been read as an empty
space by other connectors, which then deleted what the answer lacked. A refusal counts as evidence only as Confluence's
own JSON, made for our account: proxies, gateways and filters answer 403 and 404 as well.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Never, TypeAlias
from urllib.parse import urlsplit

import orjson
import requests

from hr_sync.confluence.http.credentials import SETTINGS
from hr_sync.errors import (
    AccessDenied,
    AnswerUnusable,
    ConfluenceError,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
    ScopeMissing,
    SiteMoved,
)

Json: TypeAlias = dict[str, Any]

_CHECK_CREDENTIALS = f"Check {SETTINGS}, and that it has not expired."
_API_PATH = re.compile(r"/(?:rest/api|api/v2|_edge)/.*")
_ID_IN_PATH = re.compile(r"/\d+(?=/|$)")
_PLAIN = re.compile(r"[!-~]{0,300}")  # printable ASCII
_CODE = re.compile("[A-Z]+(?:_[A-Z]+)*")  # of an error of v2
_SLASHES = re.compile("/+")
_ACCEPTED = frozenset({200, 203})  # 203: a proxy changed a header or two on the way


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer of a listing. Its `results` are a list of objects."""

    content: Json
    date: datetime | None  #: the server's clock (`Date`), aware, UTC; None if absent or no date
    has_next: bool  #: the answer names a next one


def check_status(response: requests.Response, *, with_credentials: bool = True) -> None:
    """Return for status 200 or 203 with JSON; raise the error of any other status.

    Retried statuses are handled before.
    """
    check_login(response, with_credentials=with_credentials)
    if response.status_code not in _ACCEPTED:
        raise _refusal(response)
    if not _is_json(response):
        raise AnswerUnusable(
            f"Confluence answered {endpoint_of(response)} with something that is not JSON "
            f"(status {response.status_code}), as login and maintenance pages do.",
            remedy="Open confluence.url in a browser to see what it shows.",
        )


def check_login(response: requests.Response, *, with_credentials: bool) -> None:
    """Check Data Center's headers about the login: the status may be 200 with what an anonymous visitor may view."""
    headers = response.headers
    reasons = {reason.strip() for reason in headers.get("X-Seraph-LoginReason", "").split(",")}
    denied = headers.get("X-Authentication-Denied-Reason", "")
    if "AUTHENTICATION_DENIED" in reasons or denied.startswith("CAPTCHA_CHALLENGE"):
        raise CredentialsRefused(
            "Confluence wants a CAPTCHA from this account after too many failed logins. Log in with it in a browser "
            "once, or use a personal access token (confluence.token); trying again here makes it worse."
        )
    status = response.status_code
    if "AUTHENTICATED_FAILED" in reasons:
        raise CredentialsRefused(f"Confluence refused the credentials (status {status}). {_CHECK_CREDENTIALS}")
    if with_credentials and headers.get("X-AUSERNAME", "").strip().lower() == "anonymous":
        raise CredentialsRefused(
            f"Confluence treated the request as an anonymous visitor's, although credentials were sent "
            f"(status {status}). {_CHECK_CREDENTIALS}"
        )


def _refusal(response: requests.Response) -> ConfluenceError:
    status = response.status_code
    if 300 <= status < 400 and status != requests.codes.not_modified:
        return _redirection(response)
    match status:
        case 401 if "scope does not match" in _message_of(response):
            return ScopeMissing(
                f"The token's scopes do not cover {endpoint_of(response)} (401). Give the token the scopes that "
                "docs/configuration.md lists."
            )
        case 401:
            return CredentialsRefused(f"Confluence refused the credentials (401). {_CHECK_CREDENTIALS}")
        case 403 if _is_own_refusal(response):
            return AccessDenied(
                f"The account may not read {endpoint_of(response)} (403). Check its permissions and its token's scopes."
            )
        case 403:
            return AnswerUnusable(
                "A filter or proxy before Confluence refused the request (403, not Confluence's own answer).",
                remedy="Let requests with the User-Agent hr_sync pass there, or check confluence.url.",
            )
        case 404 if _is_own_refusal(response):
            return NotFound(
                f"Confluence does not find {endpoint_of(response)}, or the account may not view it (404). See what the "
                "account may view: `hr-sync check`."
            )
        case 404:
            return AnswerUnusable(
                "There is no Confluence at this address, its site is suspended, or a filter or proxy before it "
                "answered (404, not Confluence's own answer).",
                remedy="Check confluence.url.",
            )
        case 410:
            return EndpointRemoved(
                f"This Confluence has removed the endpoint {endpoint_of(response)} (410). Check confluence.flavor and "
                "the version."
            )
    return AnswerUnusable(f"Confluence refused the request for {endpoint_of(response)} (status {status}).")


def _redirection(response: requests.Response) -> ConfluenceError:
    status = response.status_code
    if moved_to := _moved_to(response):
        return SiteMoved(
            f"Confluence redirects requests to the same path at {moved_to} (status {status}): the site has moved. "
            "Set confluence.url to that address."
        )
    target = _host_of(response.headers.get("Location", ""))
    return CredentialsRefused(
        f"Confluence redirects to {target}, as to a login page (status {status}). {_CHECK_CREDENTIALS}"
    )


def endpoint_of(response: requests.Response) -> str:
    """Return the endpoint of the API that a request was for, as the API's documentation names it.

    Ids are left out, so that one message is about all pages, and the query is, which may hold titles.
    """
    api = _API_PATH.search(urlsplit(response.url or "").path)
    if api is None or not _PLAIN.fullmatch(api[0]):
        return "the request"
    return _ID_IN_PATH.sub("/{id}", api[0].removeprefix("/"))


def _moved_to(response: requests.Response) -> str | None:
    """Return the base address below which a redirect names the same path of the API; None for any other redirect."""
    own = urlsplit(response.url or "")
    api = _API_PATH.search(own.path)
    try:
        target = urlsplit(response.headers.get("Location", ""))
        host = target.hostname or ""
    except ValueError:
        return None
    if api is None or not target.path.endswith(api[0]) or not _PLAIN.fullmatch(target.netloc + target.path):
        return None
    base = f"{target.scheme or own.scheme}://{(target.netloc if host else own.netloc).rpartition('@')[2]}"
    path = _SLASHES.sub("/", target.path.removesuffix(api[0]))
    is_own = f"{base}{path}" == f"{own.scheme}://{own.netloc}{own.path.removesuffix(api[0])}"
    return None if is_own else f"{base}{path}"


def _host_of(location: str) -> str:
    """Return the host that a redirect leads to, in words fit for a message."""
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        host = ""
    return host if host.isprintable() and 0 < len(host) <= 253 else "another path of this site"


def _is_json(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"


def _object_in(response: requests.Response) -> Mapping[str, Any]:
    """Return the JSON object of a refusal; an empty one for anything else."""
    if not _is_json(response):
        return {}
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _message_of(response: requests.Response) -> str:
    message = _object_in(response).get("message")
    return message if isinstance(message, str) else ""


def _is_own_refusal(response: requests.Response) -> bool:
    """Return True for the 403 or 404 of Confluence's own API, v2 or v1.

    Gateways say `{"status": 404}` or `{"statusCode": 404, "message": ...}`: v1 is known by what its `data` holds or by
    the name of its exception besides. v2 writes a code in capitals and a title; other APIs list errors (JSON:API) too.
    """
    body, status = _object_in(response), str(response.status_code)
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, dict):
        code, title = first.get("code"), first.get("title")
        is_known = code == "NOT_FOUND" if status == "404" else isinstance(code, str) and _CODE.fullmatch(code)
        return str(first.get("status")) == status and bool(is_known) and isinstance(title, str)
    message, data = body.get("message"), body.get("data")
    return (
        str(body.get("statusCode")) == status
        and isinstance(message, str)
        and (
            (isinstance(data, dict) and {"authorized", "valid"} <= data.keys())
            or "com.atlassian.confluence." in message
            or message == "Current user not permitted to use Confluence"
        )
    )


def date_of(response: requests.Response) -> datetime | None:
    """Return the server's clock from the `Date` header, aware, in UTC; None if it is absent or no date."""
    return parse_date(response.headers.get("Date", ""))


def parse_date(text: str) -> datetime | None:
    """Return the moment of an HTTP date, aware, in UTC; None if it is no date."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def decode_object(content: bytes | bytearray, path: str) -> Json:
    """Decode a JSON object. Raise AnswerUnusable for anything else, without quoting it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which Confluence does store; the decoders replace them later.
        value = _decode_with_surrogates(content, path)
    if not isinstance(value, dict):
        raise AnswerUnusable(f"Confluence answered {path} with JSON that is no object.")
    return value


def decode_list(content: bytes | bytearray, path: str) -> list[Json]:
    """Decode a JSON array of objects. Raise AnswerUnusable for anything else, without quoting it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = _decode_with_surrogates(content, path)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise AnswerUnusable(f"Confluence answered {path} with JSON that is no list of objects.")
    return value


def _decode_with_surrogates(content: bytes | bytearray, path: str) -> Any:
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AnswerUnusable(f"Confluence answered {path} with broken JSON ({len(content)} bytes).") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")
