"""The session of one thread with Confluence: the client library, bounded by our transport.

The client library serves as an authenticated transport and nothing more (ADR 0002).
"""

from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.auth import AuthBase

from hr_sync import __version__
from hr_sync.confluence.http.client_library import client_library
from hr_sync.confluence.http.downloads import MEDIA_ORIGINS, FileSink
from hr_sync.confluence.http.retry import RetryRules
from hr_sync.confluence.http.transport import GuardedAdapter
from hr_sync.confluence.http.watchdog import RequestWatchdog


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one client."""

    max_connections: int = 8  #: requests under way at once, over all threads
    request_timeout_seconds: float = 30.0  #: to connect, and between two pieces of an answer
    request_deadline_seconds: float = 120.0  #: for a whole answer
    max_answer_bytes: int = 16_000_000  #: decoded; a batch of 100 pages is far smaller
    max_pages_per_space: int = 1_000_000  #: entries of one listing
    retry: RetryRules = field(default_factory=RetryRules)
    media_origins: tuple[str, ...] = MEDIA_ORIGINS  #: where downloads may be redirected to
    public_addresses_only: bool = False  #: connect to no address of a private network
    ca_file: str | None = None  #: PEM bundle to verify TLS with, instead of the usual one
    proxy: str | None = field(default=None, repr=False)  #: address that may hold a password; None connects directly


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """What a POST request sends. It may hold a secret and is not shown."""

    content: bytes = field(repr=False)
    media_type: str


class _Authorization(AuthBase):
    """Sets the Authorization header; requests itself would write Basic credentials as Latin-1."""

    def __init__(self, header: str | None) -> None:
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header is not None:
            request.headers["Authorization"] = self._header
        return request


class Session:
    """Sends requests to one origin, one after the other."""

    def __init__(self, base: str, limits: Limits, watchdog: RequestWatchdog) -> None:
        """Connect to nothing yet. The library's `Confluence(...)` would choose its class by host name (ADR 0002)."""
        session = requests.Session()
        session.trust_env = False  # no .netrc, no proxy and no CA bundle that nobody here configured
        session.verify = limits.ca_file or True
        if limits.proxy is not None:
            session.proxies = {"http": limits.proxy, "https": limits.proxy}
        session.headers["Accept-Encoding"] = "gzip"
        session.headers["User-Agent"] = f"hr_sync/{__version__}"
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = GuardedAdapter(
            base,
            watchdog,
            max_answer_bytes=limits.max_answer_bytes,
            timeout_seconds=limits.request_timeout_seconds,
            deadline_seconds=limits.request_deadline_seconds,
            # The address of a proxy is that of the connection.
            public_addresses_only=limits.public_addresses_only and limits.proxy is None,
        )
        self._adapter = adapter
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self._session = session
        self._library: Any = client_library(base, session)

    def send(
        self, url: str, authorization: str | None, body: Body | None, sink: FileSink | None = None
    ) -> requests.Response:
        """Send a GET request, or a POST request with a body. Raise what the transport raises.

        `sink` takes the body of an answer with status 200, which `content` lacks then.
        """
        self._session.auth = _Authorization(authorization)
        if sink is not None:  # not by the library, which asks for JSON and logs addresses
            with self._adapter.receiving(sink):
                return self._session.get(url, allow_redirects=False)
        if body is not None:  # not by the library, which writes every body to its debug log
            headers = {"Content-Type": body.media_type, "Accept": "application/json"}
            return self._session.post(url, data=body.content, headers=headers, allow_redirects=False)
        response: requests.Response = self._library.request(
            "GET", url, absolute=True, advanced_mode=True, allow_redirects=False
        )
        return response

    def close(self) -> None:
        """Close the connection."""
        self._library.close()
