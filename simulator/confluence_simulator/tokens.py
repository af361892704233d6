"""OAuth 2.0 client credentials: tokens for the site's one client, which end after a while."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson

from confluence_simulator.messages import JSON_TYPE, Answer, Request
from confluence_simulator.tenant import Tenant

CLOUD_PATH = "/oauth/token"
"""On the authorization server, and on the API gateway."""
RESOURCES_PATH = "/oauth/token/accessible-resources"
DATACENTER_PATH = "/rest/oauth2/latest/token"
"""Below the context path."""
DATACENTER_FROM = (10, 1)
SCOPES = (
    "read:confluence-content.all read:confluence-content.permission read:confluence-groups read:confluence-user "
    "read:content-details:confluence read:page:confluence read:space:confluence search:confluence"
)


class Tokens:
    """The tokens that one site has issued. `clock` gives seconds that never run backwards."""

    def __init__(self, tenant: Tenant, clock: Callable[[], float] = time.monotonic) -> None:
        self._tenant = tenant
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def is_live(self, token: str) -> bool:
        """Return whether this token was issued and has not ended."""
        with self._lock:
            return self._clock() < self._ends.get(token, float("-inf"))

    def end_all(self) -> None:
        """End every token issued so far."""
        with self._lock:
            self._ends.clear()

    def issue(self, request: Request) -> Answer:
        """Answer a request for a token: a JSON object or a form with grant type, client id and secret."""
        given = _parameters(request)
        if given is None or not {"grant_type", "client_id", "client_secret"} <= set(given):
            return _refusal(400, "invalid_request", "Incorrect request parameters")
        if given["grant_type"] != "client_credentials":
            return _refusal(403, "unauthorized_client", "Grant type is not allowed for the client.")
        right = (self._tenant.client_id, self._tenant.client_secret)
        if not self._tenant.client_id or (given["client_id"], given["client_secret"]) != right:
            if self._tenant.flavor == "cloud":
                return _refusal(401, "access_denied", "Unauthorized")
            return _refusal(401, "invalid_client", "Client authentication failed")
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._ends[token] = self._clock() + self._tenant.token_seconds
        scope = SCOPES if self._tenant.flavor == "cloud" else given.get("scope", "READ")
        return Answer(
            document={
                "access_token": token,
                "scope": scope,
                "expires_in": self._tenant.token_seconds,
                "token_type": "Bearer",
            },
            headers=(("Cache-Control", "no-store"),),
        )


def bearer(request: Request) -> str:
    """Return the bearer token of a request, empty if it has none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" else ""


def _parameters(request: Request) -> dict[str, str] | None:
    if request.headers.get("content-type", "").startswith(JSON_TYPE):
        try:
            given: Any = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None
        return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else None
    return dict(parse_qsl(request.body.decode("latin-1")))


def _refusal(status: int, error: str, description: str) -> Answer:
    return Answer(status=status, document={"error": error, "error_description": description})
