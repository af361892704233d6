"""Faults that answer in the API's place: statuses, waits that are asked for, wrong bodies with 200, redirects."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from confluence_simulator import refusals
from confluence_simulator.faults.kind import FaultContext, Kind
from confluence_simulator.messages import Answer, Pairs

HTML_PAGE = b"<!DOCTYPE html><html><head><title>results</title></head><body>An edge page.</body></html>"
TOMCAT_PAGE = (
    b"<!doctype html><html><head><title>HTTP Status %d</title></head><body><h1>HTTP Status %d</h1></body></html>"
)
QUOTA: Pairs = (
    ("X-RateLimit-Limit", "40000"),
    ("X-RateLimit-Remaining", "0"),
    ("RateLimit-Reason", "confluence-quota-tenant-based"),
)


def _always(answer: Answer) -> Callable[[FaultContext], Answer]:
    return lambda _: answer


def _html(status: int, headers: Pairs = ()) -> Answer:
    return Answer(status=status, body=TOMCAT_PAGE % (status, status), content_type=refusals.HTML, headers=headers)


def _plain(body: bytes, content_type: str = "application/json", status: int = 200) -> Answer:
    return Answer(status=status, body=body, content_type=content_type)


def _retry_after(value: str, status: int = 429) -> Answer:
    return Answer(status=status, body=b"", content_type="text/html", headers=(*QUOTA, ("Retry-After", value)))


def _date(ahead: timedelta) -> str:
    return format_datetime(datetime.now(UTC) + ahead, usegmt=True)


def _status(context: FaultContext) -> Answer:
    """`argument`: a number, or {"status": ..., "headers": {...}, "body": ...}."""
    wanted: dict[str, Any] = (
        context.argument if isinstance(context.argument, dict) else {"status": context.argument or 500}
    )
    status, headers = int(wanted.get("status", 500)), tuple(dict(wanted.get("headers", {})).items())
    body = wanted.get("body", {"statusCode": status, "message": f"HTTP {status}"})
    if isinstance(body, str):
        return Answer(status=status, body=body.encode(), content_type="text/html", headers=headers)
    return Answer(status=status, document=body, headers=headers)


STATUSES = {
    "bad-request-400": ("v2's error object", refusals.v2_refusal(400, "INVALID_REQUEST_PARAMETER", "Invalid")),
    "unauthorized-401": ("the token was revoked or has expired", refusals.unauthorized()),
    "unauthorized-401-scope": ("the gateway misses a scope", refusals.scope_mismatch()),
    "forbidden-403": ("Cloud's v1 to a user without access to the site", refusals.not_permitted()),
    "captcha-403": (
        "Data Center after too many failed logins; retrying makes it worse",
        _html(403, (("X-Seraph-LoginReason", "AUTHENTICATION_DENIED"),)),
    ),
    "login-401": ("Data Center, wrong password", refusals.seraph_refusal()),
    "not-found-404-v1": (
        "as for a page that is absent or hidden",
        refusals.v1_refusal(404, "NotFoundException", "No content found with id: ContentId{id=1}", authorized=False),
    ),
    "not-found-404-v2": ("as for a page that is absent or hidden", refusals.v2_not_found("content", "1")),
    "not-found-404-gateway": ("the gateway does not know the cloud id", refusals.unknown_cloud_id("/ex/confluence/0")),
    "site-gone-404": ("HTML of the edge: the site is suspended or the product removed", refusals.site_gone()),
    "site-gone-503": ("the same page as 503", refusals.site_gone(503)),
    "conflict-409": ("v2's conflict", refusals.v2_refusal(409, "CONFLICT", "Version must be incremented")),
    "gone-410": ("Cloud's v1 after its removal", refusals.v1_gone()),
    "uri-too-long-414": ("a proxy refuses the many ids", _html(414)),
    "rate-limited-429": ("no Retry-After", Answer(status=429, body=b"", content_type="text/html", headers=QUOTA)),
    "rate-limited-403": ("some proxies say 403 when they limit", _html(403, (("Retry-After", "1"),))),
    "retry-after-seconds": ("429, Retry-After: 1", _retry_after("1")),
    "retry-after-zero": ("429, Retry-After: 0, as Data Center sends while tokens are left", _retry_after("0")),
    "retry-after-negative": ("429, Retry-After: -5", _retry_after("-5")),
    "retry-after-huge": ("429, Retry-After: 86400", _retry_after("86400")),
    "retry-after-text": ("429, Retry-After: soon", _retry_after("soon")),
    "retry-after-fraction": ("429, Retry-After: 0.5", _retry_after("0.5")),
    "error-500": ("v2's error object", refusals.v2_refusal(500, "INTERNAL_SERVER_ERROR", "Internal Server Error")),
    "error-500-html": ("Tomcat's page", _html(500)),
    "bad-gateway-502": ("HTML of a proxy", _html(502)),
    "unavailable-503": ("HTML, no Retry-After", _html(503)),
    "unavailable-503-retry-after": ("HTML, Retry-After: 1", _html(503, (("Retry-After", "1"),))),
    "timeout-504": ("HTML of a proxy that gave up", _html(504)),
    "partial-206": ("a cache sends a part", Answer(status=206, document={"results": []})),
    "not-modified-304": ("a cache says that nothing changed", _plain(b"", status=304)),
    "unknown-status-599": ("a status that nobody registered", _html(599)),
}

BODIES = {
    "html-200": ("an edge page in place of JSON", _plain(HTML_PAGE, refusals.HTML)),
    "html-as-json-200": ("an edge page that says it is JSON", _plain(HTML_PAGE)),
    "login-page-200": ("a login page", refusals.login_page()),
    "empty-200": ("no body at all", _plain(b"")),
    "no-content-204": ("204 where a list was asked for", _plain(b"", status=204)),
    "whitespace-200": ("blanks", _plain(b"   \n")),
    "null-200": ("JSON null", _plain(b"null")),
    "list-200": ("a JSON list in place of an object", _plain(b"[]")),
    "string-200": ("a JSON string", _plain(b'"results"')),
    "number-200": ("a JSON number", _plain(b"0")),
    "empty-object-200": ("an object without anything", _plain(b"{}")),
    "error-object-200": ("an error with status 200", _plain(b'{"statusCode":500,"message":"Internal error"}')),
    "results-null": ("results is null", _plain(b'{"results":null,"_links":{}}')),
    "results-object": ("results is an object", _plain(b'{"results":{},"_links":{}}')),
    "results-text": ("results is a text", _plain(b'{"results":"none","_links":{}}')),
    "rows-are-text": ("rows are texts", _plain(b'{"results":["1","2"],"_links":{}}')),
    "rows-are-null": ("rows are null", _plain(b'{"results":[null],"_links":{}}')),
    "invalid-json": ("JSON with a stray comma", _plain(b'{"results":[,],"_links":{}}')),
    "not-a-number-json": ("JSON with NaN", _plain(b'{"results":[NaN],"_links":{}}')),
    "deep-json": ("100,000 nested lists", _plain(b"[" * 100_000 + b"]" * 100_000)),
    "not-utf8": ("a byte that is not UTF-8", _plain(b'{"results":[],"note":"\xff\xfe"}')),
    "two-documents": ("two JSON objects in a row", _plain(b'{"results":[]}{"results":[]}')),
}


def _anonymous_not_found(context: FaultContext) -> Answer:
    answer = refusals.not_found(context.request.path)
    return replace(answer, headers=((refusals.USER_HEADER, refusals.ANONYMOUS),))


REFUSALS = {
    "forbidden-html-403": Kind(
        about="403: HTML of a web application firewall", instead=lambda _: refusals.web_filter_page()
    ),
    "forbidden-json-403": Kind(
        about="403: Confluence's own JSON", instead=lambda context: refusals.forbidden(context.request.path)
    ),
    "forbidden-foreign-json-403": Kind(
        about="403: JSON of a gateway, not Confluence's",
        instead=lambda context: refusals.foreign_refusal(403, context.request.path),
    ),
    "not-found-foreign-json-404": Kind(
        about="404: JSON of a gateway, not Confluence's; no header names it",
        instead=lambda context: refusals.foreign_refusal(404, context.request.path),
    ),
    "anonymous-header": Kind(
        about="404: Confluence's own JSON, made for an anonymous visitor, as the header X-AUSERNAME says",
        instead=_anonymous_not_found,
    ),
    "captcha-header": Kind(
        about="403: only X-Authentication-Denied-Reason: CAPTCHA_CHALLENGE says that a CAPTCHA waits",
        instead=lambda _: refusals.captcha_by_header(),
    ),
}

ANSWERS = {
    "status": Kind(
        about='Any status. argument: a number, or {"status": ..., "headers": {...}, "body": ...}', instead=_status
    ),
    **{
        name: Kind(about=f"{answer.status}: {about}", instead=_always(answer))
        for name, (about, answer) in {**STATUSES, **BODIES}.items()
    },
    **REFUSALS,
    "retry-after-date": Kind(
        about="429, Retry-After is a date in two seconds", instead=lambda _: _retry_after(_date(timedelta(seconds=2)))
    ),
    "retry-after-past-date": Kind(
        about="429, Retry-After is a date of yesterday", instead=lambda _: _retry_after(_date(timedelta(days=-1)))
    ),
    "redirect-same-host": Kind(
        about="302 to another path here", instead=lambda context: refusals.redirect(f"{context.site_url}/login")
    ),
    "redirect-other-host": Kind(
        about="302 to a foreign host (argument: its URL)",
        instead=lambda context: refusals.redirect(context.argument or "https://attacker.invalid/collect"),
    ),
    "redirect-permanent": Kind(
        about="308 to the same address with a slash more",
        instead=lambda context: refusals.redirect(f"{context.origin}/{context.request.target}", 308),
    ),
    "redirect-loop": Kind(about="302 to itself", instead=lambda context: refusals.redirect(context.request.target)),
    "redirect-login": Kind(
        about="302 to the login page, as Data Center does to those not logged in",
        instead=lambda context: refusals.login_needed(context.tenant.context, context.request.target),
    ),
}
