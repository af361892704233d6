"""Links and dates as Confluence writes them."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from urllib.parse import quote, quote_plus

from confluence_simulator.messages import Pairs


def zulu(moment: datetime) -> str:
    """Return UTC with milliseconds and Z, e.g. 2026-03-19T14:23:47.640Z."""
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def with_offset(moment: datetime, offset: timedelta) -> str:
    """Return a date as Data Center writes it, e.g. 2022-04-27T07:15:13.012+10:00; a server in UTC writes Z."""
    if not offset:
        return zulu(moment)
    return moment.astimezone(timezone(offset)).isoformat(timespec="milliseconds")


def http_date(moment: datetime) -> str:
    """Return the form of the `Date` header (RFC 9110, 5.6.7), in whole seconds."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def tiny(content_id: str) -> str:
    """Return the short link: the id in little-endian bytes, base64 without trailing padding and zeros."""
    number = int(content_id.removeprefix("att"))
    packed = base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8 or 1, "little"), altchars=b"-_")
    return f"/x/{packed.decode().rstrip('=').rstrip('A')}"


def page_path(space_key: str, page_id: str, title: str) -> str:
    return f"/spaces/{space_key}/pages/{page_id}/{quote_plus(title)}"


def blog_path(space_key: str, post_id: str, title: str, created_at: datetime) -> str:
    """Return the path of a blog post, which holds the day on which it was made."""
    return f"/spaces/{space_key}/blog/{created_at:%Y/%m/%d}/{post_id}/{quote_plus(title)}"


def target(path: str, pairs: Pairs) -> str:
    """Path and query, with values quoted so that they survive a round trip unchanged."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return f"{path}?{query}" if query else path
