"""Where a Confluence lives, and that no `next` link leads out of it."""

import random

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from hr_sync.confluence.http.urls import PageUrls, api_base, gateway_of, is_cloud, page_url, resolve_next
from hr_sync.errors import AnswerNotTrusted

SITE = "https://acme.atlassian.net/wiki"
GATEWAY = "https://api.atlassian.com/ex/confluence/11111111-2222-4333-8444-555555555555/wiki"
DATA_CENTER = "https://wiki.acme.example:8443/confluence"
PLAIN = "http://127.0.0.1:8090"
BASES = (SITE, GATEWAY, DATA_CENTER, PLAIN)


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("https://acme.atlassian.net", SITE),
        ("https://acme.atlassian.net/", SITE),
        ("https://acme.atlassian.net/wiki", SITE),
        ("https://ACME.atlassian.net", "https://ACME.atlassian.net/wiki"),
        ("https://acme.jira.com", "https://acme.jira.com/wiki"),
        (GATEWAY, GATEWAY),
        (GATEWAY.removesuffix("/wiki"), GATEWAY),
        (GATEWAY.removesuffix("wiki"), GATEWAY),
        ("http://127.0.0.1:8090/ex/confluence/1", "http://127.0.0.1:8090/ex/confluence/1/wiki"),
        (DATA_CENTER, DATA_CENTER),
        ("https://wiki.acme.example", "https://wiki.acme.example"),
        ("https://wiki.acme.example/wiki/", "https://wiki.acme.example/wiki"),
        ("https://atlassian.net.acme.example", "https://atlassian.net.acme.example"),
    ],
)
def test_base_of_what_people_paste(given_url: str, expected: str) -> None:
    """Cloud is completed with /wiki; everything else is taken as it is."""
    assert api_base(given_url) == expected


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        (SITE, "/wiki/api/v2/pages?cursor=a%2Bb==&limit=5", f"{SITE}/api/v2/pages?cursor=a%2Bb==&limit=5"),
        (SITE, "/api/v2/pages?cursor=x", f"{SITE}/api/v2/pages?cursor=x"),
        (SITE, f"{SITE}/api/v2/pages?cursor=x", f"{SITE}/api/v2/pages?cursor=x"),
        (SITE, "/rest/api/search?cql=a&start=5", f"{SITE}/rest/api/search?cql=a&start=5"),
        (SITE, "https://ACME.atlassian.net:443/wiki/api/v2/pages", f"{SITE}/api/v2/pages"),
        (SITE, "/wiki/api/v2/pages?cursor=..%2F..", f"{SITE}/api/v2/pages?cursor=..%2F.."),
        (GATEWAY, "/wiki/api/v2/pages?cursor=x", f"{GATEWAY}/api/v2/pages?cursor=x"),
        (GATEWAY, "/api/v2/pages?cursor=x", f"{GATEWAY}/api/v2/pages?cursor=x"),
        (GATEWAY, f"{GATEWAY}/api/v2/pages?cursor=x", f"{GATEWAY}/api/v2/pages?cursor=x"),
        (DATA_CENTER, "/rest/api/content?start=2", f"{DATA_CENTER}/rest/api/content?start=2"),
        (DATA_CENTER, "/confluence/rest/api/content?start=2", f"{DATA_CENTER}/rest/api/content?start=2"),
        (
            PLAIN,
            "/rest/api/content/scan?cursor=content:false:-1",
            f"{PLAIN}/rest/api/content/scan?cursor=content:false:-1",
        ),
    ],
)
def test_three_shapes_of_next(base: str, link: str, expected: str) -> None:
    """With the context path, without it, and absolute: all lead to the same place below the base."""
    assert resolve_next(base, link) == expected


@pytest.mark.parametrize(
    "link",
    [
        "",
        "?cursor=x",
        "/wiki/admin?cursor=x",
        "https://attacker.invalid/wiki/api/v2/pages?cursor=x",
        "//attacker.invalid/wiki/api/v2/pages",
        "http://acme.atlassian.net/wiki/api/v2/pages",
        "https://acme.atlassian.net:444/wiki/api/v2/pages",
        "https://me@acme.atlassian.net/wiki/api/v2/pages",
        "https://acme.atlassian.net@attacker.invalid/wiki/api/v2/pages",
        "https:\\\\attacker.invalid/wiki/api/v2/pages",
        "/other/api/v2/pages",
        "/ex/confluence/another-cloud-id/wiki/api/v2/pages",
        "/wiki/api/v2/../../admin",
        "/wiki/api/v2/%2e%2e/%2E%2e/admin",
        "/wiki/api/v2/.%2e/admin",
        "javascript:alert(1)/api/v2/",
        "ftp://acme.atlassian.net/wiki/api/v2/pages",
        "http://[/api/v2/pages",
        "https://acme.atlassian.net:port/wiki/api/v2/pages",
        "https://acme\u2100.atlassian.net/wiki/api/v2/pages",
        "/wiki/api/v2/pages?cursor=\ud800",
    ],
)
def test_links_that_are_not_followed(link: str) -> None:
    """Another host, port, scheme, account or path, and what is no address."""
    with pytest.raises(AnswerNotTrusted, match=r"next link leads away"):
        resolve_next(SITE, link)


def stays_below(base: str, url: str) -> bool:
    """Judge by what would really be sent: requests and urllib3 tidy a URL up before they ask."""
    try:
        sent = parse_url(requests.Request("GET", url).prepare().url or "")
    except (requests.RequestException, ValueError):
        return True  # nothing would be sent at all
    home = parse_url(base)
    roots = tuple(f"{home.path or ''}{root}" for root in ("/api/v2/", "/rest/api/"))
    return (sent.scheme, sent.host, sent.port, sent.auth) == (home.scheme, home.host, home.port, None) and (
        sent.path or ""
    ).startswith(roots)


PREFIXES = (
    "",
    "https:",
    "http:",
    "HTTPS:",
    "ftp:",
    "file:",
    "javascript:",
    "data:",
    " https:",
    "\thttps:",
    "https:https:",
)
SLASHES = ("", "/", "//", "///", "\\\\", "/\\", "\\/", "//\t", "%2F%2F")
HOSTS = (
    "",
    "acme.atlassian.net",
    "ACME.ATLASSIAN.NET.",
    "acme.atlassian.net:443",
    "acme.atlassian.net:8443",
    "acme.atlassian.net@attacker.invalid",
    "attacker.invalid#@acme.atlassian.net",
    "attacker.invalid\\@acme.atlassian.net",
    "acme.atlassian.net.attacker.invalid",
    "127.0.0.1:8090",
    "2130706433:8090",
    "[::1]",
    "[::ffff:127.0.0.1]:8090",
    "api.atlassian.com",
    "wiki.acme.example:8443",
    "\u24d0cme.atlassian.net",
    "[",
)
PATHS = (
    "",
    "/wiki",
    "/confluence",
    "/ex/confluence/11111111-2222-4333-8444-555555555555/wiki",
    "/ex/confluence/other/wiki",
    "/wiki/..",
    "/%77iki",
    "//attacker.invalid",
    "/wiki;x",
    "/.",
)
ENDS = (
    "/api/v2/pages?cursor=1",
    "/rest/api/content?start=1",
    "/api/v2/../../admin",
    "/api/v2/%2e%2e/%2e%2e/%2e%2e/admin",
    "/api/v2/.%2E/..%2fadmin",
    "/api/v2/%252e%252e/admin",
    "/api/v2//attacker.invalid/",
    "/api/v2/\u202e/\u0000",
    "/api/v2/pages#/../..",
    "/api/v2/./././../../../x",
    "/api/v2/.\t./.\n./x",
    "/api/v2",
    "/api/v3/pages",
    "?/api/v2/pages",
)


def test_no_hostile_link_leaves_the_base() -> None:
    """Of 20,000 made from parts that have fooled URL parsers, none leads out; some are harmless and followed."""
    chance = random.Random(1)  # noqa: S311 -- repeatable links, no secret
    followed, left = 0, []
    for _ in range(20_000):
        base = chance.choice(BASES)
        fronts = [chance.choice(parts) for parts in (PREFIXES, SLASHES, HOSTS, PATHS) if chance.random() < 0.6]
        link = "".join((*fronts, chance.choice(ENDS)))
        try:
            url = resolve_next(base, link)
        except AnswerNotTrusted:
            continue
        followed += 1
        if not stays_below(base, url):
            left.append((base, link, url))

    assert left == []
    assert followed > 500


@given(st.sampled_from(BASES), st.text(), st.sampled_from(["", "/api/v2/", "/wiki/api/v2/", "/rest/api/"]), st.text())
def test_no_text_leaves_the_base(base: str, before: str, root: str, after: str) -> None:
    """Any text either leads below the base or is refused; no other error comes out."""
    try:
        url = resolve_next(base, before + root + after)
    except AnswerNotTrusted:
        return
    assert stays_below(base, url)


@pytest.mark.parametrize(
    ("site", "gateway"),
    [
        ("https://acme.atlassian.net", "https://api.atlassian.com"),
        ("https://acme.jira.com", "https://api.atlassian.com"),
        ("https://acme.atlassian-us-gov-mod.net/wiki", "https://api.atlassian-us-gov-mod.com"),
        ("https://acme.atlassian-us-gov.net/wiki", "https://api.atlassian-us-gov.com"),
    ],
)
def test_government_cloud_is_cloud_with_a_gateway_of_its_own(site: str, gateway: str) -> None:
    """A token for it never goes to the gateway of everybody else."""
    assert is_cloud(site)
    assert is_cloud(f"{gateway}/ex/confluence/1/wiki")
    assert gateway_of(site) == gateway


def base_of(url: object) -> dict[str, object]:
    return {"_links": {"base": url}}


def test_behind_the_gateway_pages_are_on_the_site_that_was_named_first() -> None:
    """The gateway opens no page, and no later answer names another site."""
    urls = PageUrls(GATEWAY)

    assert urls.site_in(base_of("https://attacker.invalid/wiki")) == GATEWAY
    assert urls.site_in(base_of("http://acme.atlassian.net/wiki")) == GATEWAY
    assert urls.site_in(base_of(f"{SITE}/")) == SITE
    assert urls.site_in(base_of("https://evil.atlassian.net/wiki")) == SITE
    assert urls.site_in({}) == SITE


@pytest.mark.parametrize(
    "base", [None, 7, "https://attacker.invalid", "https://acme.atlassian.net:444/wiki", "http://["]
)
def test_off_the_gateway_the_configured_address_counts(base: object) -> None:
    """And its own name for itself, which may hold another path."""
    assert PageUrls(SITE).site_in(base_of(base)) == SITE
    assert PageUrls(DATA_CENTER).site_in(base_of("https://wiki.acme.example:8443/other/")) == (
        "https://wiki.acme.example:8443/other"
    )


@pytest.mark.parametrize(
    ("webui", "expected"),
    [
        ("/spaces/HR/pages/1/a", f"{SITE}/spaces/HR/pages/1/a"),
        ("spaces/HR/pages/1/a", f"{SITE}/spaces/HR/pages/1/a"),
        ("spaces/HR?from=https://x", f"{SITE}/spaces/HR?from=https://x"),
        (f"{SITE}/spaces/HR/pages/1/a", f"{SITE}/spaces/HR/pages/1/a"),
        ("https://attacker.invalid/a", f"{SITE}/pages/1"),
        ("https://acme.atlassian.net@attacker.invalid/a", f"{SITE}/pages/1"),
        ("//attacker.invalid/a", f"{SITE}//attacker.invalid/a"),
        ("javascript:alert(1)", f"{SITE}/javascript:alert(1)"),
        ("", f"{SITE}/pages/1"),
        (7, f"{SITE}/pages/1"),
    ],
)
def test_a_page_is_opened_on_the_site(webui: object, expected: str) -> None:
    """Whatever its link says."""
    assert page_url(SITE, {"_links": {"webui": webui}}, otherwise="/pages/1") == expected
