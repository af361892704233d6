"""Checks `confluence.url` and `database.url`. Pure: nothing is resolved or connected to.

A refusal names the rule and never the address, which may hold a password.
"""

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_DEFAULT_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!-~]+")  # printable ASCII without the blank: urlsplit drops tabs and line breaks silently
_HOST = re.compile(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_INSIDE_CONFLUENCE = {"rest", "api", "display", "spaces", "pages", "dashboard.action"}
_POSTGRESQL = {"postgresql", "postgres", "postgresql+psycopg"}
_CLOUD_ID = re.compile(r"/ex/confluence/[A-Za-z0-9-]{1,64}(/wiki)?")


def confluence_base(address: str) -> str:
    """Return the address without a trailing slash, scheme and host in lower case, no default port.

    Raise ValueError with the rule that is broken. Accepted are `https://acme.atlassian.net` and
    `https://api.atlassian.com/ex/confluence/CLOUD-ID`, each with or without `/wiki`, and any base address of a Data
    Center, with its context path.
    """
    if not _PLAIN.fullmatch(address):
        raise ValueError("must be one address without blanks, in ASCII (write a special host name in punycode)")
    if any(sign in address for sign in "?#\\%"):
        raise ValueError("must be the base address alone: no ?, #, % or backslash")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError("is not an address; write it like https://acme.atlassian.net") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must begin with https://, then the host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; use username and api_token, or token")
    host = parts.hostname
    _check_host(host)
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https:// (plain http:// is for loopback addresses alone)")
    path = _checked_path(parts, host)
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown_host}{shown_port}{path}"


def media_origin(address: str) -> str:
    """Return the origin of a service that has files, as `confluence_base` returns an address. Raise ValueError."""
    origin = confluence_base(address)
    if urlsplit(origin).path:
        raise ValueError("must be like https://api.media.atlassian.com, with nothing behind the host")
    return origin


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return True if a host name or IP address is that of this machine."""
    ip = _ip_address(host)
    return host == "localhost" if ip is None else ip.is_loopback


def _check_host(host: str) -> None:
    ip = _ip_address(host)
    if ip is not None:
        # Cloud metadata services answer on link-local addresses. Private ones are where a Data Center lives.
        if ip.is_link_local or ip.is_unspecified or ip.is_multicast or (ip.is_reserved and not ip.is_loopback):
            raise ValueError("must not point to a link-local, unspecified, multicast or reserved address")
        return
    # Resolvers read 2852039166, 0xa9fea9fe and 127.1 as addresses.
    if not _HOST.fullmatch(host) or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise ValueError("must name the host by a name or a complete IP address")


def _checked_path(parts: SplitResult, host: str) -> str:
    path = parts.path.rstrip("/")
    segments = path.split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError("must not hold //, /./ or /../ in its path")
    if host == "api.atlassian.com":
        if not _CLOUD_ID.fullmatch(path):
            raise ValueError("must be https://api.atlassian.com/ex/confluence/CLOUD-ID for the gateway")
    elif host.endswith(".atlassian.net"):
        if path not in ("", "/wiki"):
            raise ValueError("must be the site alone, like https://acme.atlassian.net")
    elif _INSIDE_CONFLUENCE.intersection(segments):
        raise ValueError("must be the base address, without the part that begins at /rest, /display, /spaces or /pages")
    return path


def database_url(address: str) -> "URL":
    """Return a SQLAlchemy URL for psycopg 3. Raise ValueError with the rule that is broken.

    Accepted are `postgresql://`, the `postgres://` of hosting providers, SQLAlchemy's `postgresql+psycopg://`, and
    several hosts as libpq writes them (`host1:5432,host2`).
    """
    from psycopg import ProgrammingError  # noqa: PLC0415 - 60 ms that only a configured database needs
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - as above
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - 200 ms, as above
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - as above

    scheme, _, rest = address.partition("://")
    if scheme not in _POSTGRESQL:
        raise ValueError("must begin with postgresql://")
    if rest.partition("?")[0].count("@") > 1:
        raise ValueError("holds more than one @: in a user name or password write @ as %40")
    hosts, rest = _several_hosts(rest)
    try:
        url = make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        raise ValueError("is not an address; write it like postgresql://user@host:5432/database") from None
    if not (url.database or url.query.get("dbname")):
        raise ValueError("must name the database, like postgresql://user@host:5432/database")
    try:
        make_conninfo("", **dict.fromkeys(url.query, ""))
    except ProgrammingError:
        raise ValueError("has an option after the ? that PostgreSQL does not know") from None
    return url.update_query_pairs([("host", host) for host in hosts])


def _several_hosts(rest: str) -> tuple[list[str], str]:
    """Return the hosts of an address that names several, and the address without them; no hosts for a single one."""
    user, at, places = rest.rpartition("@") if "@" in rest.partition("?")[0] else ("", "", rest)
    named, slash, path = places.partition("/")
    hosts = named.split(",")
    return (hosts, f"{user}{at}{slash}{path}") if len(hosts) > 1 else ([], rest)


def without_password(address: str) -> str:
    """Return the address of a database that `database_url` accepts as libpq reads it, without its password."""
    before, mark, query = address.partition("://")[2].partition("?")
    user, at, place = before.rpartition("@")
    kept = "&".join(part for part in query.split("&") if not part.startswith("password="))
    return f"postgresql://{user.partition(':')[0]}{at}{place}{mark if kept else ''}{kept}"


def has_password(address: str) -> bool:
    """Return True if the address of a database holds a password, whether the rest of it is valid or not."""
    before, _, query = address.partition("://")[2].partition("?")
    return ":" in before.rpartition("@")[0] or any(part.startswith("password=") for part in query.split("&"))


def with_password(address: str, password: str) -> str:
    """Return the address of a database with a password, which it must not hold yet."""
    scheme, mark, rest = address.partition("://")
    before, question, query = rest.partition("?")
    user, at, place = before.rpartition("@")
    if at:
        return f"{scheme}{mark}{user}:{quote(password, safe='')}@{place}{question}{query}"
    return f"{scheme}{mark}{rest}{'&' if question else '?'}password={quote(password, safe='')}"
