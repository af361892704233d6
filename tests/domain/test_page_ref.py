"""A page's id, as people give it."""

import pytest

from hr_sync.domain.page_ref import page_id_of
from hr_sync.errors import UsageError


@pytest.mark.parametrize(
    ("given", "page_id"),
    [
        ("12345", "12345"),
        (" 12345 ", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/12345/Annual+leave", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/12345", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/blog/2026/05/31/12345/News", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/blog/12345/News", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/12345?atlOrigin=99#here", "12345"),
        ("https://acme.atlassian.net/wiki/spaces/~7120/pages/edit-v2/12345?draft=1", "12345"),
        ("https://wiki.acme.com/confluence/pages/viewpage.action?spaceKey=HR&pageId=12345", "12345"),
    ],
)
def test_a_page_is_named_by_id_or_address(given: str, page_id: str) -> None:
    """What the browser shows is understood."""
    assert page_id_of(given) == page_id


@pytest.mark.parametrize(
    "given",
    [
        "",
        "leave",
        "-5",
        "1.5",
        "١٢٣",
        "https://acme.atlassian.net/wiki/x/YIAB",
        "https://acme.example/pages/x/1",
        "https://acme.example/wiki/spaces/HR/pages/12th-of-May",
        "https://acme.example/pages/viewpage.action?pageId=١٢٣",
        "https://acme.example/wiki/spaces/HR/pages/١٢٣/Title",
        "https://acme.example/pages/viewpage.action?pageId=",
    ],
)
def test_what_names_no_page_is_refused(given: str) -> None:
    """A short link, a title or a number in other digits is no id."""
    with pytest.raises(UsageError, match="neither a page id nor"):
        page_id_of(given)
