"""Protects connections to PostgreSQL: TLS to other machines, and no password to a server that proves nothing.

    server                      sslmode                       require_auth
    ------------------------    --------------------------    --------------------------------------------------------
    Unix socket                 libpq's default               none needed: the folder decides who may listen there
    loopback                    libpq's default               SCRAM where the URL has a password; never in clear or MD5
    another machine             verify-full                   none needed: the certificate proves the server
    the same, allow_plaintext   libpq's default, or given     as on loopback

The URL and libpq's environment (PGSSLMODE, PGREQUIREAUTH) win, except that a connection to another machine goes without
TLS only if `allow_plaintext` is set.
"""

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

from psycopg import pq
from sqlalchemy import URL

from hr_sync.errors import ConfigurationError

_PLAINTEXT_MODES = frozenset({"disable", "allow", "prefer"})  # the last two fall back to no TLS at all
_KNOWS_REQUIRE_AUTH = pq.version() >= 160000  # and sslrootcert=system


def tls_args(url: URL, *, allow_plaintext: bool) -> dict[str, str]:
    """Return the parameters for libpq. Raises ConfigurationError where the URL asks for less than is allowed."""
    hosts = list(_hosts(url))
    if all(_is_socket(host) for host in hosts):
        return {}
    remote = [host for host in hosts if not (_is_socket(host) or _is_loopback(host))]
    given = _given(url, "sslmode", "PGSSLMODE")
    if not remote or allow_plaintext:
        return {} if given in {"verify-ca", "verify-full"} else _authentication(url)
    if given is None:
        return {"sslmode": "verify-full"} | _roots(url)
    if given in _PLAINTEXT_MODES:
        raise ConfigurationError(
            f"database.url says sslmode={given}, so that password and pages may go unencrypted to {', '.join(remote)}. "
            "Remove it (verify-full is the default), or set database.allow_plaintext = true"
        )
    return {} if given in {"verify-ca", "verify-full"} else _authentication(url)


def _authentication(url: URL) -> dict[str, str]:
    """Refuse to send the password in a form that an unproven server could use elsewhere."""
    if not _KNOWS_REQUIRE_AUTH or _given(url, "require_auth", "PGREQUIREAUTH"):
        return {}
    has_password = bool(url.password or _given(url, "password", "PGPASSWORD"))
    # Without a password the server may let us in by itself (trust, ident, a client certificate).
    return {"require_auth": "scram-sha-256" if has_password else "scram-sha-256,none"}


def _roots(url: URL) -> dict[str, str]:
    """Verify against the system's authorities, unless the user has named others in libpq's ways."""
    own = Path.home() / ".postgresql" / "root.crt"
    if not _KNOWS_REQUIRE_AUTH or _given(url, "sslrootcert", "PGSSLROOTCERT") or own.exists():
        return {}
    return {"sslrootcert": "system"}


def _hosts(url: URL) -> Iterator[str]:
    named = [url.host] if url.host else _listed(url, "host") + _listed(url, "hostaddr")
    for value in named or [os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST", "")]:
        yield from map(_without_port, value.split(","))


def _without_port(host: str) -> str:
    """Return a host of SQLAlchemy's `?host=name:port`, which several hosts in one URL are written as."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _listed(url: URL, name: str) -> list[str]:
    value = url.query.get(name, ())
    return [value] if isinstance(value, str) else list(value)


def _given(url: URL, name: str, variable: str) -> str | None:
    return next(iter(_listed(url, name)), None) or os.environ.get(variable) or None


def _is_socket(host: str) -> bool:
    return not host or host.startswith(("/", "@"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
