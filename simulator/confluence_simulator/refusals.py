"""Every error answer of Confluence and of what stands in front of it, in its own shape."""

from typing import Any
from urllib.parse import quote

from confluence_simulator.messages import Answer

HTML = "text/html;charset=UTF-8"

LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Log In - Confluence</title></head><body>"
    b'<form name="loginform" action="/dologin.action" method="post"><input name="os_username">'
    b'<input name="os_password" type="password"></form></body></html>'
)
SITE_GONE_PAGE = (
    b"<!DOCTYPE html><html><head><title>Atlassian Cloud Notifications - Page Unavailable</title></head>"
    b"<body><h1>Your Atlassian Cloud site is currently unavailable.</h1></body></html>"
)

WEB_FILTER_PAGE = (
    b"<!DOCTYPE html><html><head><title>Request blocked</title></head>"
    b"<body><h1>Sorry, you have been blocked</h1><p>This website uses a security service.</p></body></html>"
)
ANONYMOUS = "anonymous"
USER_HEADER = "X-AUSERNAME"
"""Data Center names in it the account that an answer was made for."""


class RefusedError(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class BadParameterError(ValueError):
    """A query parameter that the API does not accept; each API version words its own 400."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(
            f"Provided value {{{value}}} for '{name}' is not the correct type. Expected type is {expected}"
        )


def v2_refusal(status: int, code: str, title: str) -> Answer:
    error = {"status": status, "code": code, "title": title, "detail": None}
    return Answer(status=status, document={"errors": [error]})


def v2_not_found(what: str, content_id: str) -> Answer:
    return v2_refusal(404, "NOT_FOUND", f"No {what} found with id : {content_id}")


def v1_refusal(status: int, exception: str, message: str, *, authorized: bool = True, reason: str = "") -> Answer:
    """`reason` is added by Data Center, e.g. "Not Found"."""
    document: dict[str, Any] = {
        "statusCode": status,
        "data": {"authorized": authorized, "valid": True, "errors": [], "successful": False},
        "message": f"com.atlassian.confluence.api.service.exceptions.{exception}: {message}",
    }
    if reason:
        document["reason"] = reason
    return Answer(status=status, document=document)


def v1_gone() -> Answer:
    document = {
        "statusCode": 410,
        "data": {"authorized": True, "valid": True, "errors": [], "successful": True},
        "message": "com.atlassian.confluence.api.service.exceptions.GoneException: "
        "This deprecated endpoint has been removed.",
    }
    return Answer(status=410, document=document)


def not_permitted() -> Answer:
    """Return the refusal of Cloud's v1 for a wrong token or an account without access to the site."""
    return Answer(status=403, document={"message": "Current user not permitted to use Confluence", "statusCode": 403})


def forbidden(path: str) -> Answer:
    """Return Confluence's refusal of one thing to an account that it knows, in the shape of the API that was asked."""
    if "/api/v2/" in path:
        return v2_refusal(403, "FORBIDDEN", "Current user is not permitted to view this content")
    return v1_refusal(403, "PermissionException", "Not permitted to view this content", authorized=False)


def not_found(path: str, content_id: str = "1") -> Answer:
    """Return what Confluence answers for content that is absent or hidden, in the shape of the API that was asked."""
    if "/api/v2/" in path:
        return v2_not_found("content", f"{content_id} and status [current, archived]")
    message = f"No content found with id: ContentId{{id={content_id}}}"
    return v1_refusal(404, "NotFoundException", message, authorized=False)


def web_filter_page() -> Answer:
    """Return the page of a web application firewall in front of Confluence."""
    return Answer(status=403, body=WEB_FILTER_PAGE, content_type=HTML)


def foreign_refusal(status: int, path: str) -> Answer:
    """Return the JSON of a gateway in front of Confluence; nothing in it is Confluence's."""
    error = {403: "Forbidden", 404: "Not Found"}[status]
    document = {
        "timestamp": "2026-03-02T08:00:00.234600367Z",
        "status": status,
        "error": error,
        "message": "No message available",
        "path": path,
    }
    return Answer(status=status, document=document)


def captcha_by_header() -> Answer:
    """Return Data Center's refusal after too many failed logins, where one header alone says so."""
    headers = (("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE"),)
    return Answer(status=403, body=b"", content_type=HTML, headers=headers)


def unauthorized() -> Answer:
    return Answer(status=401, document={"code": 401, "message": "Unauthorized"})


def oauth_wanted(site_url: str) -> Answer:
    """Return Cloud's refusal of a token where it takes sessions of browsers alone. What its body holds is not known."""
    challenge = (("WWW-Authenticate", f'OAuth realm="{quote(site_url, safe=":/")}"'),)
    return Answer(status=401, body=b"", content_type=HTML, headers=challenge)


def scope_mismatch() -> Answer:
    """Return the gateway's refusal of a token that lacks a scope."""
    return Answer(status=401, document={"code": 401, "message": "Unauthorized; scope does not match"})


def unknown_cloud_id(path: str) -> Answer:
    document = {
        "timestamp": "2026-03-02T08:00:00.234600367Z",
        "status": 404,
        "error": "Not Found",
        "message": "No message available",
        "path": path,
    }
    return Answer(status=404, document=document, headers=(("X-Failure-Category", "FAILURE_CLIENT_TCS"),))


def site_gone(status: int = 404) -> Answer:
    """Return the edge's page for a suspended site or a removed product; it was seen as 404 and as 503."""
    return Answer(status=status, body=SITE_GONE_PAGE, content_type="text/html", headers=(("Atl-Missing-Tcs", "true"),))


def no_such_page() -> Answer:
    """Return the answer to a path that no API of this site has."""
    return Answer(status=404, body=b"<html><head><title>Page not found</title></head></html>", content_type=HTML)


def login_page() -> Answer:
    return Answer(body=LOGIN_PAGE, content_type=HTML)


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status=status, body=b"", content_type=HTML, headers=(("Location", location),))


def login_needed(context: str, target: str) -> Answer:
    """Return Data Center's redirect of somebody who is not logged in."""
    return redirect(f"{context}/login.action?os_destination={target.replace('/', '%2F').replace('?', '%3F')}")


def seraph_refusal() -> Answer:
    """Return Data Center's refusal of a wrong password where basic authentication is on."""
    return Answer(
        status=401,
        body=b"<html><head><title>Unauthorized (401)</title></head></html>",
        content_type=HTML,
        headers=(
            ("WWW-Authenticate", 'Basic realm="protected-area"'),
            ("X-Seraph-LoginReason", "AUTHENTICATED_FAILED"),
        ),
    )
