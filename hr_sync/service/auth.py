"""Authorization: everybody on this machine, or a client with the token, as a bearer token or a browser's password.

The token is never read from the address, which is kept in histories, logs and referrers.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import threading
import time

import structlog

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 10  # between two log lines about refused tokens


def may_read(authorization: str, token: str | None) -> bool:
    """Return True if a request with this `Authorization` header may read. Compares in constant time."""
    if token is None:
        return True
    scheme, _, value = authorization.partition(" ")
    shown = value.strip().encode("latin-1", "replace")  # as WSGI hands over the bytes of a header
    if scheme.lower() == "basic":
        shown = _password(shown)
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(shown, token.encode())


def is_signed(body: bytes, signature: str, token: str) -> bool:
    """Return True if an `X-Hub-Signature` header is that of a body with the token as its secret."""
    algorithm, _, digest = signature.partition("=")
    expected = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return algorithm.lower() == "sha256" and hmac.compare_digest(
        digest.lower().encode("latin-1", "replace"), expected.encode()
    )


def _password(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def is_loopback(host: str) -> bool:
    """Return True if a host name or IP address is that of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def names_this_machine(host_header: str) -> bool:
    """Return True if a `Host` header, with or without a port, names this machine.

    A foreign name there means DNS rebinding: a web site had its name resolved to a loopback address.
    """
    if host_header.startswith("["):
        return is_loopback(host_header[1:].partition("]")[0])
    return is_loopback(host_header.partition(":")[0].lower())


class RefusedTokens:
    """Logs that tokens were refused: at once, then at most once in ten seconds with their number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._logged_at = -float(_PAUSE_SECONDS)

    def note(self, address: str) -> None:
        """Count one refused token."""
        with self._lock:
            self._number += 1
            if time.monotonic() - self._logged_at < _PAUSE_SECONDS:
                return
            number, self._number, self._logged_at = self._number, 0, time.monotonic()
        log.warning("web.token_refused", address=address, number=number)
