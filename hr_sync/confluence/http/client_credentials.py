"""OAuth 2.0 client credentials: access tokens of a service account, renewed before they end.

Cloud gives tokens at auth.atlassian.com and accepts them at the API gateway alone; Data Center gives and accepts them
under its own address (support.atlassian.com/user-management/docs/create-oauth-2-0-credential-for-service-accounts,
confluence.atlassian.com/enterprise/service-accounts-overview). Neither the client's secret nor a token is ever part of
a message, a log line or a repr.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import orjson
import requests

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.cloud_id import cloud_base
from hr_sync.confluence.http.credentials import Authentication, Credentials
from hr_sync.confluence.http.response import Json, check_status
from hr_sync.confluence.http.session import Limits
from hr_sync.confluence.http.urls import api_base, is_cloud_site, is_gateway, is_loopback, token_origin_of
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    ConfigurationError,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
)

CLOUD_PATH = "oauth/token"  #: below the origin of `urls.token_origin_of`
DATA_CENTER_PATH = "rest/oauth2/latest/token"  #: below the address of the site
_DATA_CENTER_SCOPE = "READ"
_LONGEST_MARGIN_SECONDS = 300.0
_MARGIN_FRACTION = 0.1  # of a lifetime, for tokens that live for minutes
_DEFAULT_LIFETIME_SECONDS = 300  # RFC 6749 lets a server leave the lifetime out
_LONGEST_LIFETIME_SECONDS = 86_400 * 366
_GRANT_TYPE = "client_credentials"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_REFUSALS = frozenset({400, 401, 403})
_CHECK = "Check confluence.client_id and confluence.client_secret, and that the credential has not been revoked."
_CHECK_URL = "Check confluence.url and confluence.flavor; an older Data Center needs confluence.token instead."
_ERROR_CODE = re.compile("[a-z_]{1,40}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSecret:
    """The id and the secret of an OAuth 2.0 client. Raise ConfigurationError for characters that neither can have."""

    client_id: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in (("client_id", self.client_id), ("client_secret", self.secret)):
            if not (value and value.isascii() and value.isprintable()):
                raise ConfigurationError(
                    f"confluence.{name} holds a character that it cannot have, such as a typographic quote or an "
                    "invisible character from the paste. Copy it again."
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    header: str = field(repr=False)
    renew_at: float  #: monotonic


class ClientCredentials:
    """The `Authentication` of a service account. Safe to use from many threads, which share one token."""

    def __init__(self, ask: Callable[[], Json], clock: Callable[[], float] = time.monotonic) -> None:
        """`ask` requests a token and returns the endpoint's answer."""
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def __repr__(self) -> str:
        """Return a text without the secrets."""
        return "ClientCredentials(...)"

    def header(self) -> str:
        """Return `Bearer` and a token that is not about to end. Raise what the request for one raises."""
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at:
                self._token = self._new_token()
            return self._token.header

    def renew(self, refused: str | None) -> bool:
        """Get another token unless one has taken the place of `refused` already. Return True."""
        with self._lock:
            if self._token is None or self._token.header == refused:
                self._token = self._new_token()
        return True

    def _new_token(self) -> _Token:
        asked_at = self._clock()
        answer = self._ask()
        token, lifetime = answer.get("access_token"), answer.get("expires_in", _DEFAULT_LIFETIME_SECONDS)
        if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
            raise AnswerNotTrusted("The token endpoint answered without an access token.")
        if str(answer.get("token_type", "Bearer")).lower() != "bearer":
            raise AnswerNotTrusted("The token endpoint answered with a token that is no Bearer token.")
        is_number = isinstance(lifetime, int) and not isinstance(lifetime, bool)
        if not is_number or not 0 < lifetime <= _LONGEST_LIFETIME_SECONDS:
            raise AnswerNotTrusted("The token endpoint answered without a valid lifetime of the token.")
        margin = min(_LONGEST_MARGIN_SECONDS, lifetime * _MARGIN_FRACTION)
        return _Token(header=f"Bearer {token}", renew_at=asked_at + lifetime - margin)


def connect_client(
    url: str, secret: ClientSecret, limits: Limits, cancellation: Cancellation, *, is_cloud: bool | None = None
) -> tuple[str, Authentication]:
    """Return the base address for the client credentials of `url`, and what authenticates there.

    `is_cloud` is True or False where the flavour is configured; None: the address decides. A Cloud site is asked for
    its cloud id; no token is requested yet. On a site of this machine, as tests have, the gateway and the tokens are at
    the same origin. Raise what `cloud_base` raises.
    """
    if not (is_gateway(url) or is_cloud_site(url) or is_cloud):
        base = api_base(url)
        endpoint = _Endpoint(base=base, path=DATA_CENTER_PATH, body=_form(secret), media_type=_FORM)
    else:
        local = token_origin_of(url) if is_loopback(url) else None
        base = api_base(url) if is_gateway(url) else cloud_base(url, limits, cancellation, gateway_origin=local)
        endpoint = _Endpoint(base=token_origin_of(base), path=CLOUD_PATH, body=_document(secret), media_type=_JSON)
    return base, ClientCredentials(lambda: _ask(endpoint, limits, cancellation))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Endpoint:
    """Where tokens are requested, and with what."""

    base: str
    path: str
    body: bytes = field(repr=False)
    media_type: str


def _document(secret: ClientSecret) -> bytes:
    return orjson.dumps({"grant_type": _GRANT_TYPE, "client_id": secret.client_id, "client_secret": secret.secret})


def _form(secret: ClientSecret) -> bytes:
    fields = {
        "grant_type": _GRANT_TYPE,
        "client_id": secret.client_id,
        "client_secret": secret.secret,
        "scope": _DATA_CENTER_SCOPE,
    }
    return urlencode(fields).encode()


def _ask(endpoint: _Endpoint, limits: Limits, cancellation: Cancellation) -> Json:
    client = HttpClient(endpoint.base, Credentials(), limits, cancellation)
    try:
        return client.post_secret(endpoint.path, endpoint.body, endpoint.media_type, _check_token_status)
    finally:
        client.close()


def _check_token_status(response: requests.Response) -> None:
    """Raise CredentialsRefused if the endpoint refuses the client.

    No refusal of this endpoint is a NotFound or AccessDenied: the request that needs the token would take it for
    evidence about its page.
    """
    status, code = response.status_code, _error_code(response)
    if status in _REFUSALS and code is not None:
        raise CredentialsRefused(f"The token endpoint refused the client ({status}, {code}). {_CHECK}")
    try:
        check_status(response, with_credentials=False)
    except AccessDenied:
        raise CredentialsRefused(f"The token endpoint refused the client ({status}). {_CHECK}") from None
    except (NotFound, EndpointRemoved):
        raise AnswerNotTrusted(f"There is no token endpoint at this address ({status}).", remedy=_CHECK_URL) from None


def _error_code(response: requests.Response) -> str | None:
    """Return the error code of OAuth 2.0 (RFC 6749, 5.2) in a refusal; None if it holds none."""
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    code = document.get("error") if isinstance(document, dict) else None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None
