"""Is this answer one that Confluence meant? Status, content type and shape, judged in one place. Pure.

A login page with status 200, half a JSON document and an error object in place of a list have all been read as an
empty space by other connectors, which then deleted what they did not see.
"""

import json
from typing import Any, Never, TypeAlias

import orjson
import requests

from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    ConfluenceError,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
)

Json: TypeAlias = dict[str, Any]

_NOT_SIGNED_IN = (
    "Check confluence.username and confluence.api_token (or confluence.token), and that it has not expired."
)


def check_status(response: requests.Response) -> None:
    """Return for status 200 with JSON; raise what any other status means. Retried statuses never come here."""
    status = response.status_code
    _check_login(response)
    if status == requests.codes.ok:
        if not _is_json(response):
            raise AnswerNotTrusted(
                "Confluence answered 200 with something that is not JSON, as login and maintenance pages do.",
                remedy="Open confluence.url in a browser to see what it shows.",
            )
        return
    raise _refusal(response)


def _check_login(response: requests.Response) -> None:
    """Heed what Data Center says of our login beside the status, which may be 200 with what anybody may see."""
    reasons = {reason.strip() for reason in response.headers.get("X-Seraph-LoginReason", "").split(",")}
    if "AUTHENTICATION_DENIED" in reasons:
        raise CredentialsRefused(
            "Confluence wants a CAPTCHA from this account after too many failed logins. Log in with it in a browser "
            "once, or use a personal access token (confluence.token); trying again here makes it worse."
        )
    if "AUTHENTICATED_FAILED" in reasons:
        status = response.status_code
        raise CredentialsRefused(f"Confluence refused the credentials (status {status}). {_NOT_SIGNED_IN}")


def _refusal(response: requests.Response) -> ConfluenceError:
    status = response.status_code
    if 300 <= status < 400 and status != requests.codes.not_modified:
        return CredentialsRefused(f"Confluence redirects to a login page (status {status}). {_NOT_SIGNED_IN}")
    match status:
        case 401:
            return CredentialsRefused(f"Confluence refused the credentials (401). {_NOT_SIGNED_IN}")
        case 403:
            return AccessDenied("The account may not read this (403). Check its permissions and its token's scopes.")
        case 404 if _is_json(response) and _says_404(response.content):
            return NotFound("Confluence finds no such thing, or the account may not see it (404).")
        case 404:
            return AnswerNotTrusted(
                "There is no Confluence at this address, or its site is suspended (404).",
                remedy="Check confluence.url.",
            )
        case 410:
            return EndpointRemoved(
                "This Confluence has removed the endpoint (410). Check confluence.flavor and the version."
            )
    return AnswerNotTrusted(f"Confluence refused the request (status {status}).")


def _is_json(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"


def _says_404(content: bytes) -> bool:
    """True for the 404 of Confluence's own API (v2 and v1), not for that of a gateway, an edge or a proxy."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(body, dict):
        return False
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, dict):
        return str(first.get("status")) == "404"
    return body.get("statusCode") == 404


def decode_object(content: bytes, path: str) -> Json:
    """Decode a JSON object. Raises AnswerNotTrusted for anything else, without quoting it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which Confluence does store; cleaning replaces them later.
        value = _decode_with_surrogates(content, path)
    if not isinstance(value, dict):
        raise AnswerNotTrusted(f"Confluence answered {path} with JSON that is no object.")
    return value


def _decode_with_surrogates(content: bytes, path: str) -> Any:
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AnswerNotTrusted(f"Confluence answered {path} with broken JSON ({len(content)} bytes).") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")
