"""Where a Confluence lives, and where the `next` link of a listing leads. Pure.

`next` comes in three shapes: with the context path (`/wiki/api/v2/...`), without it (`/rest/api/...`), and absolute.
Behind the API gateway (`/ex/confluence/{cloudId}/wiki`) it comes without the gateway's prefix. What counts is only the
part from the API root on; it is put behind the configured base, and everything in front of it must be a part of that
base, so that no link leads anywhere else.
"""

import re
from urllib.parse import SplitResult, unquote, urlsplit

from hr_sync.confluence.http.transport import origin_of
from hr_sync.errors import AnswerNotTrusted

_API_ROOT = re.compile(r"/(?:api/v2|rest/api)/")
_GATEWAY_PATH = re.compile(r"/ex/confluence/[^/]+/?")


def api_base(url: str) -> str:
    """Return the address under which `api/v2` and `rest/api` stand, without a slash at its end.

    People paste what the browser shows: a Cloud site without `/wiki` and a gateway address without it are completed.
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if (is_cloud_site(url) and not path) or _GATEWAY_PATH.fullmatch(path):
        path += "/wiki"
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_cloud_site(url: str) -> bool:
    """True for the address of a Cloud site, as told by its host alone."""
    return (urlsplit(url).hostname or "").lower().endswith((".atlassian.net", ".jira.com"))


def is_cloud(url: str) -> bool:
    """True for what can only be Cloud: a site of it, or the API gateway. A site with a name of its own is not told."""
    parts = urlsplit(url)
    return is_cloud_site(url) or parts.hostname == "api.atlassian.com" or _GATEWAY_PATH.match(parts.path) is not None


def resolve_next(base: str, link: str) -> str:
    """Return the address of a listing's next page, below `base`. Path and query of `link` are opaque and kept.

    Raises AnswerNotTrusted for a link that leads to another host, another path, or nowhere.
    """
    parts = _parts_of(link)
    root = _API_ROOT.search(parts.path)
    absolute = bool(parts.scheme or parts.netloc)
    if (
        root is None
        or "\\" in link
        or ".." in unquote(parts.path)  # requests decodes `%2e`, and urllib3 then walks up
        or (absolute and ("@" in parts.netloc or origin_of(link) != origin_of(base)))
        or not urlsplit(base).path.endswith(parts.path[: root.start()])
    ):
        raise AnswerNotTrusted(
            "A listing's next link leads away from this Confluence; it was not followed.",
            remedy="Check confluence.url, and any proxy that rewrites answers.",
        )
    query = f"?{parts.query}" if parts.query else ""
    return f"{base}{parts.path[root.start() :]}{query}"


def _parts_of(link: str) -> SplitResult:
    try:
        link.encode()
        return urlsplit(link)
    except ValueError:  # a lone surrogate, half an IPv6 address, a host that turns into another one when normalised
        return SplitResult("", "", "", "", "")
