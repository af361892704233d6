"""Pings an address when a run begins and ends, so that silence is noticed too: a dead man's switch.

The convention of healthchecks.io: a request to the address itself is success, to `/start` and `/fail` below it the rest
(https://healthchecks.io/docs/http_api/). Nothing about the mirror is sent. A ping that fails is logged, never raised.
"""

import urllib.error
import urllib.request
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from urllib.parse import urlsplit, urlunsplit

import structlog

from hr_sync.errors import ConfigurationError
from hr_sync.service.auth import is_loopback

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 5


class PingKind(StrEnum):
    """What is reported; the value is what comes behind the address."""

    START = "/start"
    SUCCESS = ""
    FAILURE = "/fail"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none: the address is a secret for one host."""


# No proxy of the environment either: it would see the address.
_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Ping:
    """Pings one address. Raises ConfigurationError unless it is https, or http on this machine."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not is_safe or not parts.hostname:
            raise ConfigurationError("The ping address must be https (http on this machine only). Write https://….")

    def send(self, kind: PingKind) -> bool:
        """Send one ping. Return True if it arrived, after about `TIMEOUT_SECONDS` at most; raise nothing."""
        parts = urlsplit(self.url)
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + kind))
        request = urllib.request.Request(url, headers={"User-Agent": "hr_sync"})  # noqa: S310 -- checked above
        try:
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS):
                return True
        except (OSError, HTTPException, ValueError) as failure:  # URLError and timeouts are OSError
            status = failure.code if isinstance(failure, urllib.error.HTTPError) else None
            # The address is a secret: who knows it can say that all is well.
            log.warning("ping.failed", kind=kind.name.lower(), error=type(failure).__name__, status=status)
            return False
