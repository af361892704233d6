"""Finds the base address of a Confluence in what people paste from a browser. Pure: nothing is connected to."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from hr_sync.settings.addresses import confluence_base, is_loopback

_INSIDE = frozenset(
    {
        "rest",
        "api",
        "display",
        "spaces",
        "pages",
        "x",
        "plugins",
        "download",
        "spacedirectory",
        "people",
        "admin",
        "users",
    }
)
_ACTION = re.compile(r"[\w-]+\.action")  # dashboard.action, login.action, viewpage.action
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CLOUD_HOST = ".atlassian.net"
_SPACE = re.compile(r"/(?:display|spaces)/(?!viewspace|listrss)([^/?#]+)")
_CLOUD_PATH = "wiki"


@dataclass(frozen=True, kw_only=True, slots=True)
class PastedAddress:
    """The base address in a pasted one, and the key of the space that it names."""

    base: str
    space_key: str | None = None


def read_pasted(text: str) -> PastedAddress:
    """Return the base address of what was pasted: an address of a page, a space, a dashboard or a login, or the base.

    The context path of a Data Center stays. Raise ValueError with the rule that is broken.
    """
    address = text.strip().strip("<>\"'")
    if not _PREFIX.match(address):
        host = re.split(r"[/:?#]", address, maxsplit=1)[0]
        address = f"{'http' if is_loopback(host) else 'https'}://{address}"
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("is not an address; write it like https://acme.atlassian.net") from None
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; leave them out")
    path = "" if host.endswith(_CLOUD_HOST) else _context_path(parts.path)
    named = _SPACE.search(parts.path)
    return PastedAddress(
        base=confluence_base(f"{parts.scheme}://{parts.netloc}{path}"),
        space_key=unquote(named[1]) if named is not None else None,
    )


def _context_path(path: str) -> str:
    """Return what stands before the first part of a path that is inside of every Confluence."""
    kept: list[str] = []
    for part in filter(None, path.split("/")):
        if part in _INSIDE or _ACTION.fullmatch(part):
            break
        kept.append(part)
        if part == _CLOUD_PATH:  # of Cloud under a domain of its own, and of the gateway
            break
    return "".join(f"/{part}" for part in kept)
