"""A page's id, as people give it: the id itself, or the address from the browser. Pure."""

import re
from urllib.parse import parse_qs, urlsplit

from hr_sync.errors import UsageError

_IN_PATH = re.compile(r"/(?:pages/(?:edit-v2/)?|blog/(?:\d{4}/\d{2}/\d{2}/)?)(\d+)(?:/|$)")


def page_id_of(given: str) -> str:
    """Return the page id in `12345`, `.../spaces/HR/pages/12345/Title` or `...viewpage.action?pageId=12345`.

    That of a blog post in `.../spaces/HR/blog/2026/05/31/12345/Title`.
    Raises UsageError for anything else, short links (`/x/...`) among them.
    """
    text = given.strip()
    if text.isascii() and text.isdigit():
        return text
    parts = urlsplit(text)
    in_path = _IN_PATH.search(parts.path)
    in_query = parse_qs(parts.query).get("pageId", [""])[0]
    found = in_path.group(1) if in_path else in_query
    if not (found.isascii() and found.isdigit()):
        raise UsageError(
            "That is neither a page id nor a page's address. Open the page and copy its address, "
            "which holds /pages/ and a number."
        )
    return found
