"""Which addresses a token may be sent to."""

import pytest

from hr_sync.settings.addresses import confluence_base, database_url, has_password, with_password, without_password


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("https://acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://Acme.Atlassian.net/", "https://acme.atlassian.net"),
        ("HTTPS://acme.atlassian.net:443/wiki/", "https://acme.atlassian.net/wiki"),
        ("https://api.atlassian.com/ex/confluence/0a-1b", "https://api.atlassian.com/ex/confluence/0a-1b"),
        ("https://api.atlassian.com/ex/confluence/0a-1b/wiki/", "https://api.atlassian.com/ex/confluence/0a-1b/wiki"),
        ("https://wiki.acme.com", "https://wiki.acme.com"),
        ("https://wiki.acme.com:8443/a/b/", "https://wiki.acme.com:8443/a/b"),
        ("https://10.1.2.3/confluence", "https://10.1.2.3/confluence"),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443"),
        ("http://localhost:8090/wiki", "http://localhost:8090/wiki"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://[::1]:8090", "http://[::1]:8090"),
    ],
)
def test_base_addresses_are_taken(written: str, base: str) -> None:
    """Cloud site, Cloud gateway, Data Center with any context path, and plain http on loopback."""
    assert confluence_base(written) == base


@pytest.mark.parametrize(
    "address",
    [
        "acme.atlassian.net",
        "https://",
        "https:///wiki",
        "ftp://wiki.acme.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://wiki.acme.com",
        "http://10.1.2.3",
        "http://localhost.acme.com",
        "http://127.0.0.1.acme.com",
        "http://0.0.0.0",
        "https://u:p@wiki.acme.com",
        "https://u@wiki.acme.com",
        "https://@wiki.acme.com",
        "https://wiki.acme.com?a=b",
        "https://wiki.acme.com/?",
        "https://wiki.acme.com#a",
        "https://wiki.acme.com\\@evil.com",
        "https://wiki.acme.com/%2e%2e",
        "https://wiki.acme.com/a/../b",
        "https://wiki.acme.com//evil.com",
        "https://wiki.acme.com:99999",
        "https://wiki.acme.com:x",
        "https://wiki.acme.com/ x",
        "https://wiki.acme.com\n",
        "https://wiki\t.acme.com",
        "https://wíki.acme.com",
        "https://-wiki.acme.com",
        "https://wiki..acme.com",
        "https://[::1",
        "https://[fe80::1]",
        "https://[::]",
        "https://[::ffff:169.254.169.254]",
        "https://169.254.169.254",
        "https://0.0.0.0",
        "https://224.0.0.1",
        "https://255.255.255.255",
        "https://2852039166",
        "https://0xa9fea9fe",
        "https://0251.0376.0251.0376",
        "https://127.1",
        "https://1.2.3.4.",
        "https://acme.atlassian.net/wiki/spaces/HR/overview",
        "https://acme.atlassian.net/jira",
        "https://api.atlassian.com",
        "https://api.atlassian.com/ex/jira/0a-1b",
        "https://api.atlassian.com/ex/confluence/0a-1b/wiki/rest",
        "https://wiki.acme.com/display/HR/Home",
        "https://wiki.acme.com/rest/api",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    """Clear text, other hosts in disguise, metadata services, page addresses; the message quotes nothing of it."""
    with pytest.raises(ValueError, match=r"^(must|is not)") as caught:
        confluence_base(address)

    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://hr@db:5432/hr",
        "postgresql://hr@db/hr?sslmode=require",
        "postgresql://hr@one:1,two:2/hr",
        "postgresql://db/hr",
        "postgresql:///hr?host=/run/postgresql&user=hr",
    ],
)
def test_a_password_is_put_into_an_address(address: str) -> None:
    """Whatever is in it; nothing else changes."""
    password = "p@ss:w/o?r&d%25 ü"

    url = database_url(with_password(address, password))

    assert not has_password(address)
    assert has_password(with_password(address, password))
    assert password in (url.password, url.query.get("password"))
    assert without_password(with_password(address, password)) == address
