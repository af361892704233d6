"""Tries name, port and TLS of a server within seconds, before a library waits longer for it."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ssl import cert_time_to_seconds
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from hr_sync.confluence.http import name_lookup
from hr_sync.errors import ConfluenceUnavailable

_LEAST_SECONDS = 0.1  # for one address
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFacts:
    """A TLS connection whose certificate was verified."""

    version: str
    expires_at: datetime | None


def resolve_site(url: str) -> list[str]:
    """Return the addresses of the host of a Confluence. Raise ConfluenceUnavailable."""
    host, port = _place(url)
    with _unreachable(url):
        return name_lookup.resolve(host, port)


def try_port(url: str) -> None:
    """Connect to the port of a Confluence and disconnect. Raise ConfluenceUnavailable if it does not answer in time.

    Everything else that may be wrong with it is found by the first request, whose message says more.
    """
    with _unreachable(url):
        try:
            _connect(*_place(url)).close()
        except TimeoutError:
            raise
        except OSError:
            return


def try_tls(url: str, ca_file: str | None) -> TlsFacts | None:
    """Return the facts of a TLS connection; None if there is none, which the first request explains.

    Raise ConfluenceUnavailable if the handshake is not answered in time.
    """
    host, port = _place(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the default one would write its keys to SSLKEYLOGFILE
    context.load_verify_locations(ca_file or DEFAULT_CA_BUNDLE_PATH)
    try:
        with (
            _connect(host, port) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
            version = secured.version() or "TLS"
    except TimeoutError:
        raise ConfluenceUnavailable(
            f"Confluence at {_shown(url)} could not be reached: it did not answer the TLS handshake in time; check "
            "https and the port. Check confluence.url."
        ) from None
    except (OSError, ValueError):
        return None
    expires = certificate.get("notAfter")
    at = datetime.fromtimestamp(cert_time_to_seconds(expires), UTC) if isinstance(expires, str) else None
    return TlsFacts(version=version, expires_at=at)


@contextmanager
def _unreachable(url: str) -> Iterator[None]:
    try:
        yield
    except (TimeoutError, socket.gaierror, UnicodeError) as error:
        raise _no_answer(url, error) from None


def _no_answer(url: str, error: BaseException) -> ConfluenceUnavailable:
    start = f"Confluence at {_shown(url)} could not be reached"
    if isinstance(error, socket.gaierror | UnicodeError):
        return ConfluenceUnavailable(f"{start}: its host name cannot be resolved. Check confluence.url.")
    return ConfluenceUnavailable(
        f"{start}: its name or its port did not answer within {name_lookup.SECONDS:g} s, as behind a firewall that "
        "drops packets. Check confluence.url, and whether this machine needs confluence.proxy."
    )


def _connect(host: str, port: int) -> socket.socket:
    """Connect to the first address that answers; all of them together get the time of one. Raise OSError."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ends_at = time.monotonic() + name_lookup.SECONDS
    for number, (*_, address) in enumerate(addresses):
        share = (ends_at - time.monotonic()) / (len(addresses) - number)
        try:
            connection = socket.create_connection((str(address[0]), port), timeout=max(share, _LEAST_SECONDS))
        except OSError:
            if number == len(addresses) - 1:
                raise
        else:
            connection.settimeout(name_lookup.SECONDS)
            return connection
    raise OSError("no address")


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)


def _shown(url: str) -> str:
    return urlsplit(url).netloc
