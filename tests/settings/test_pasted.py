"""What people paste from the browser, and the base address that it holds."""

import pytest

from hr_sync.settings.pasted import read_pasted


@pytest.mark.parametrize(
    ("pasted", "base", "space_key"),
    [
        ("https://acme.atlassian.net", "https://acme.atlassian.net", None),
        ("acme.atlassian.net/wiki/home", "https://acme.atlassian.net", None),
        (" https://acme.atlassian.net/wiki/spaces/HR/overview?homepageId=1 ", "https://acme.atlassian.net", "HR"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/98312/Leave#Days", "https://acme.atlassian.net", "HR"),
        ("https://acme.atlassian.net/wiki/spaces/~712020ab/overview", "https://acme.atlassian.net", "~712020ab"),
        ("https://acme.atlassian.net/wiki/x/AbC", "https://acme.atlassian.net", None),
        ("https://acme.atlassian.net/jira/your-work", "https://acme.atlassian.net", None),
        ("https://wiki.acme.com/wiki/spaces/HR/overview", "https://wiki.acme.com/wiki", "HR"),
        (
            "https://api.atlassian.com/ex/confluence/0a-1b/wiki/rest/api/space",
            "https://api.atlassian.com/ex/confluence/0a-1b/wiki",
            None,
        ),
        ("https://wiki.acme.com/display/HR/Leave+policy", "https://wiki.acme.com", "HR"),
        ("https://wiki.acme.com/confluence/display/HR", "https://wiki.acme.com/confluence", "HR"),
        (
            "https://wiki.acme.com/confluence/pages/viewpage.action?pageId=4711",
            "https://wiki.acme.com/confluence",
            None,
        ),
        ("https://wiki.acme.com/confluence/spaces/HR/pages/1/Leave", "https://wiki.acme.com/confluence", "HR"),
        ("https://wiki.acme.com/confluence/dashboard.action#all-updates", "https://wiki.acme.com/confluence", None),
        ("https://wiki.acme.com/a/b/login.action?os_destination=%2Findex.action", "https://wiki.acme.com/a/b", None),
        ("https://wiki.acme.com:8443/spacedirectory/view.action", "https://wiki.acme.com:8443", None),
        ("<https://wiki.acme.com/>", "https://wiki.acme.com", None),
        ("localhost:8090/confluence", "http://localhost:8090/confluence", None),
        ("http://127.0.0.1:8090/wiki/spaces/S00", "http://127.0.0.1:8090/wiki", "S00"),
    ],
)
def test_the_base_of_what_was_pasted(pasted: str, base: str, space_key: str | None) -> None:
    """Cloud and Data Center, with and without a context path."""
    found = read_pasted(pasted)

    assert (found.base, found.space_key) == (base, space_key)


@pytest.mark.parametrize(
    "pasted",
    ["", "https://", "http://wiki.acme.com", "ftp://wiki.acme.com", "a b", "https://u:p@wiki.acme.com/display"],
)
def test_what_is_no_address_is_refused(pasted: str) -> None:
    """With the rule, and not with what was pasted: it may hold a password."""
    with pytest.raises(ValueError, match=r"must|is not an address") as caught:
        read_pasted(pasted)

    assert "u:p" not in str(caught.value)
