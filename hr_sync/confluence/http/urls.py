"""Addresses: the API's base, the `next` link of a listing, and the page in a browser. Pure.

`next` comes in three shapes: with the context path (`/wiki/api/v2/...`), without it (`/rest/api/...`), and absolute.
Behind the API gateway (`/ex/confluence/{cloudId}/wiki`) it comes without the gateway's prefix. What counts is only the
part from the API root on; it is put behind the configured base, and everything in front of it must be a part of that
base, so no link leads anywhere else.
"""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from hr_sync.confluence.http.transport import origin_of
from hr_sync.errors import AnswerNotTrusted

_API_ROOT = re.compile(r"/(?:api/v2|rest/api)/")
_GATEWAY_PATH = re.compile(r"/ex/confluence/[^/]+/?")
_CLOUD_HOSTS = (".atlassian.net", ".jira.com", ".atlassian-us-gov-mod.net", ".atlassian-us-gov.net")
_GATEWAY_HOSTS = ("api.atlassian.com", "api.atlassian-us-gov-mod.com", "api.atlassian-us-gov.com")
_AUTH_HOSTS = {
    "api.atlassian.com": "auth.atlassian.com",
    "api.atlassian-us-gov-mod.com": "auth.atlassian-us-gov-mod.com",
    "api.atlassian-us-gov.com": "auth.atlassian-us-gov.com",
}
_PARAMETER = r"""\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;<>]*))?"""
_LINK = re.compile(rf"\s*<([^<>]*)>((?:{_PARAMETER})*)\s*(?:,|$)")
_RELATION = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))""", re.IGNORECASE)


def api_base(url: str) -> str:
    """Return the base address of `api/v2` and `rest/api`, without a slash at its end.

    People paste what the browser shows: a Cloud site without `/wiki` and a gateway address without it are completed.
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if (is_cloud_site(url) and not path) or _GATEWAY_PATH.fullmatch(path):
        path += "/wiki"
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_cloud_site(url: str) -> bool:
    """Return True for the address of a Cloud site, Government Cloud included, judged by its host alone."""
    return (urlsplit(url).hostname or "").lower().endswith(_CLOUD_HOSTS)


def is_cloud(url: str) -> bool:
    """Return True for an address that can only be Cloud's: a site or the API gateway."""
    return is_cloud_site(url) or is_gateway(url)


def is_gateway(url: str) -> bool:
    """Return True for an address of the API gateway, where no page can be opened."""
    parts = urlsplit(url)
    return parts.hostname in _GATEWAY_HOSTS or _GATEWAY_PATH.match(parts.path) is not None


def gateway_of(site: str) -> str:
    """Return the origin of the API gateway that serves a Cloud site; Government Cloud has its own."""
    host = (urlsplit(site).hostname or "").lower()
    domain = next((each for each in _CLOUD_HOSTS[2:] if host.endswith(each)), ".atlassian.net")
    return f"https://api{domain.removesuffix('.net')}.com"


def is_loopback(url: str) -> bool:
    """Return True for an address of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_origin_of(gateway: str) -> str:
    """Return the origin that gives access tokens for an address of the API gateway: never another than Atlassian's.

    A gateway on this machine, as tests have, gives its tokens itself.
    """
    parts = urlsplit(gateway)
    if is_loopback(gateway):
        return f"{parts.scheme}://{parts.netloc}"
    return f"https://{_AUTH_HOSTS.get(parts.hostname or '', 'auth.atlassian.com')}"


def resolve_next(base: str, link: str) -> str:
    """Return the address of a listing's next page, below `base`. Path and query of `link` are opaque and kept.

    Raise AnswerNotTrusted for a link that leads to another host, another path, or nowhere.
    """
    path = None if ".." in unquote(_parts_of(link).path) else below(base, link, _API_ROOT)
    if path is None:  # of `..`: requests decodes `%2e`, and urllib3 then walks up
        raise AnswerNotTrusted(
            "A listing's next link leads away from this Confluence; it was not followed.",
            remedy="Check confluence.url, and any proxy that rewrites answers.",
        )
    return f"{base}{path}"


def below(base: str, link: str, root: re.Pattern[str]) -> str | None:
    """Return path and query of a link from a part of its path on; None unless everything before is of `base`."""
    parts = _parts_of(link)
    found = root.search(parts.path)
    is_absolute = bool(parts.scheme or parts.netloc)
    if (
        found is None
        or "\\" in link
        or (is_absolute and ("@" in parts.netloc or origin_of(link) != origin_of(base)))
        or not urlsplit(base).path.endswith(parts.path[: found.start()])
    ):
        return None
    return parts.path[found.start() :] + (f"?{parts.query}" if parts.query else "")


def next_in_header(header: str) -> str | None:
    """Return the address with `rel="next"` in a `Link` header (RFC 8288); None if there is none.

    Raise AnswerNotTrusted for a header that cannot be parsed: the listing is incomplete then.
    """
    found, position = None, 0
    while position < len(header):
        match = _LINK.match(header, position)
        if match is None:
            raise AnswerNotTrusted(
                "The Link header of a listing cannot be parsed, so the rest of the listing is unknown."
            )
        position = match.end()
        for quoted, bare in _RELATION.findall(match[2]):
            if found is None and "next" in (quoted or bare).lower().split():
                found = match[1]
    return found


class PageUrls:
    """Makes the addresses under which people open pages: never on another origin than the configured one.

    Pages cannot be opened behind the API gateway. There the first answer with a Cloud site over https sets the site,
    and other sites are ignored after it.
    """

    def __init__(self, base: str) -> None:
        """Take the base address of the API."""
        self._base = base
        self._site: str | None = None
        self._learns = is_gateway(base)

    def site_in(self, answer: Mapping[str, object]) -> str:
        """Return the base of the links of this answer: its `_links.base` if that is valid, else the configured base."""
        links = answer.get("_links")
        named = links.get("base") if isinstance(links, dict) else None
        if isinstance(named, str):
            origin = origin_of(named)
            if "@" not in named and origin == origin_of(self._base):
                return named.rstrip("/")
            if self._learns and self._site is None and origin[0] == "https" and is_cloud_site(named):
                self._site = f"https://{urlsplit(named).netloc.rpartition('@')[2]}/wiki"
        return self._site or self._base


def page_url(site: str, item: Mapping[str, object], *, otherwise: str) -> str:
    """Return the address of a page in a browser: `site` and its `webui`, or the path `otherwise` if that is invalid."""
    links = item.get("_links")
    webui = links.get("webui") if isinstance(links, dict) else None
    if not isinstance(webui, str) or not webui:
        return f"{site}{otherwise}"
    if webui[0] == "/":
        return f"{site}{webui}"
    if "://" not in webui.partition("?")[0]:
        return f"{site}/{webui}"
    return webui if "@" not in webui.partition("?")[0] and origin_of(webui) == origin_of(site) else f"{site}{otherwise}"


def _parts_of(link: str) -> SplitResult:
    try:
        link.encode()
        return urlsplit(link)
    except ValueError:  # a lone surrogate, half an IPv6 address, a host that turns into another one when normalised
        return SplitResult("", "", "", "", "")
