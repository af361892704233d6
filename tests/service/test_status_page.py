"""The status page in a real browser: it loads quietly, shows what just happened, and nothing hostile comes to life."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import html

from hr_sync import __version__
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.service.health import judge
from hr_sync.service.html import Pages
from hr_sync.store.read.overview import Overview
from hr_sync.store.read.runs import SpaceStatus
from tests.service.samples import (
    ACTIVITY,
    HELD,
    HOSTILE,
    LIMITS,
    NOW,
    OVERVIEW,
    SPACE,
    WELL,
    make_endpoints,
    run_line,
    web,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; `apt-get install chromium` brings one")


@dataclass(frozen=True, kw_only=True)
class Seen:
    dom: html.HtmlElement
    console: list[str]


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., Seen]:
    """Load an address in headless Chromium and give the document after all scripts would have run."""

    def load(url: str, *more: str) -> Seen:
        options = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]
        # Its sandbox needs rights that neither root nor a container has; the only page is our own.
        options += ["--no-sandbox", "--no-first-run", "--disable-extensions", "--enable-logging=stderr", "--v=0"]
        done = subprocess.run(
            [str(CHROMIUM), *options, "--window-size=390,844", *more, "--dump-dom", url],
            capture_output=True,
            timeout=60,
            check=True,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        return Seen(dom=html.fromstring(done.stdout.decode()), console=console)

    return load


@needs_chromium
def test_a_browser_shows_the_run_that_just_happened(browse: Callable[..., Seen]) -> None:
    """The page is made of what is there when it is asked for: a run that ends between two visits is on the second."""
    runs = [run_line(1)]
    endpoints = replace(make_endpoints(), overview=lambda: Overview(spaces=[], runs=runs, failures=[]))
    with web(endpoints) as port:
        before = browse(f"http://127.0.0.1:{port}/")
        runs.insert(0, run_line(77))
        after = browse(f"http://127.0.0.1:{port}/")
    assert ["77" in seen.dom.xpath("//tbody/tr/th/text()") for seen in (before, after)] == [False, True]
    assert before.console + after.console == []


@needs_chromium
@pytest.mark.parametrize("path", ["/", "/pages/12345"])
def test_a_browser_runs_nothing_hostile(browse: Callable[..., Seen], path: str) -> None:
    """A title that closes tags and brings a script is read as text, and the policy has nothing to complain about."""
    with web(replace(make_endpoints(), title=lambda _: HOSTILE)) as port:
        seen = browse(f"http://127.0.0.1:{port}{path}")
    assert seen.dom.findtext(".//title") != "owned"
    assert seen.dom.xpath("//script | //img") == []
    assert '<script>document.title="owned"</script>' in seen.dom.text_content()
    assert seen.console == []


@needs_chromium
def test_the_last_runs_can_be_read_on_a_phone(browse: Callable[..., Seen], tmp_path: Path) -> None:
    """At 390 px number, outcome, mode and error of a run are within the window, and the page itself does not scroll."""
    overview = replace(OVERVIEW, runs=[replace(run_line(1, "failed"), error="Confluence could not be reached.")])
    markup = Pages().status(overview, judge([SPACE], WELL, LIMITS), ACTIVITY, now=NOW, show_titles=False)
    script = """<script>addEventListener("load", () => {
        const last = [...document.querySelectorAll("table")].at(-1).querySelectorAll("tbody tr > *");
        const ends = [...last].map(cell => Math.round(cell.getBoundingClientRect().right));
        document.body.dataset.right = Math.max(...ends);
        document.body.dataset.scroll = document.documentElement.scrollWidth;
    })</script>"""
    # Headless Chromium makes no window narrower than 500 px, but a frame may be.
    (tmp_path / "inner.html").write_text(markup.replace("</body>", f"{script}</body>"))
    outer = tmp_path / "outer.html"
    outer.write_text(
        "<!doctype html><iframe id=f src=inner.html width=390 height=844 style='border:0'></iframe><script>"
        "f.onload = () => { document.title = JSON.stringify(f.contentDocument.body.dataset) }</script>"
    )
    seen = browse(outer.as_uri(), "--allow-file-access-from-files", "--virtual-time-budget=3000")
    found = json.loads(seen.dom.findtext(".//title") or "{}")
    assert 0 < int(found["right"]) <= 390
    assert int(found["scroll"]) <= 390


@needs_chromium
def test_the_console_is_heard(browse: Callable[..., Seen], tmp_path: Path) -> None:
    """The two tests above would notice: an error in a page's console reaches them."""
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><p>x</p><script>console.error('canary')</script>")
    assert ["canary" in line for line in browse(page.as_uri()).console] == [True]


def document(path: str = "/", overview: Overview = OVERVIEW) -> html.HtmlElement:
    with (
        web(make_endpoints(overview)) as port,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
    ):
        connection.request("GET", path)
        return html.fromstring(connection.getresponse().read().decode())


def test_the_page_can_be_read_aloud() -> None:
    """Language, one main heading, headings in order, captions, headed rows and columns, a named input."""
    page = document()
    assert page.get("lang") == "en"
    assert len(page.xpath("//h1")) == 1
    assert [heading.text for heading in page.xpath("//h2")] == [
        "Now and next",
        "Spaces",
        "Access",
        "Held removals",
        "Pages that fail",
        "Last runs",
        "One page",
    ]
    for table in page.xpath("//table"):
        assert table.xpath("caption/text()")
        assert table.xpath("count(thead//th[@scope='col'])") == table.xpath("count(tbody/tr[1]/*)")
        assert table.xpath("count(tbody/tr/th[@scope='row'])") == table.xpath("count(tbody/tr)")
    assert page.xpath("//label/@for") == page.xpath("//input/@id")


def test_held_removals_come_with_their_commands() -> None:
    """What waits is shown with its reason, its time, and the commands that show and release it, quoted for a shell."""
    page = document()
    (row,) = page.xpath("//h2[text()='Held removals']/..//tbody/tr")
    assert row.xpath(".//code/text()") == [
        "hr-sync run --space '~ann' --dry-run",
        "hr-sync run --space '~ann' --allow-mass-delete",
    ]
    assert "61 of 80 pages would be removed; the limit is 20." in row.text_content()
    assert "2026-03-01 07:00:00 UTC" in row.text_content()


@pytest.mark.parametrize(
    ("spaces", "state", "role"),
    [
        ([SPACE], "All is well.", []),
        ([SPACE, replace(HELD, age=SPACE.age)], "A decision is needed.", ["alert"]),
        ([SPACE, HELD], "Something is wrong.", ["alert"]),
    ],
)
def test_the_state_is_one_of_three(spaces: list[SpaceStatus], state: str, role: list[str]) -> None:
    """Nothing is well while removals are held; pages that fail are a note below."""
    page = document(overview=replace(OVERVIEW, spaces=spaces))
    assert page.xpath("//main/section[1]//strong/text()") == [state]
    assert page.xpath("//main/section[1]/@role") == role
    assert "1 page of space HR failed" in page.xpath("//main/section[1]")[0].text_content()


def test_what_is_shown_of_each_space_stands_with_the_reasons() -> None:
    """Pages by reason, how old that knowledge is, and whether it is known who may view the space; no group's name."""
    page = document()
    (part,) = page.xpath("//h2[text()='Access']/..")
    rows = [[" ".join(cell.text_content().split()) for cell in row] for row in part.xpath(".//tbody/tr")]
    assert rows == [
        ["HR", "never", "never read", "500", "3", "0", "0", "20"],
        ["~ann", "2 h ago", "not known", "0", "523", "0", "0", "0"],
    ]
    said = " ".join(part.xpath("p")[0].text_content().split())
    assert said.startswith("The last audit against Confluence was 3 d ago (2026-02-26 12:00:00 UTC): of 299 pairs")
    assert "too much in 0 and too little in 4; 1 were not answered" in said
    assert said.endswith("at most 1.00 % of all pairs.")


def test_where_access_is_not_enforced_the_page_says_nothing_of_it() -> None:
    """As the account's view is what consumers see."""
    account = replace(OVERVIEW, policy=AccessPolicy(mode=AccessMode.ACCOUNT), access_audit=None)
    assert "Access" not in document(overview=account).xpath("//h2/text()")
    never = document(overview=replace(OVERVIEW, access_audit=None))
    assert "hr-sync verify --access 300" in never.xpath("//h2[text()='Access']/..//code/text()")


def test_failures_tell_their_reason_and_lead_on() -> None:
    """A page that fails is there with its reason, and its id leads to all that is known."""
    page = document()
    site = "https://acme.example/wiki"
    assert page.xpath("//a/@href") == ["/", site, "/pages/12345", f"{site}/pages/viewpage.action?pageId=12345"]
    assert document("/pages/12345").xpath("//a/@href") == ["/", f"{site}/pages/viewpage.action?pageId=12345"]
    assert "The server refused its body." in page.text_content()
    assert "body, title" in document("/pages/12345").text_content()


def test_the_page_says_what_runs_and_what_comes_next() -> None:
    """Version, site, the run in progress with its pages, and when each job is due."""
    page = document()
    (now,) = page.xpath("//h2[text()='Now and next']/..")
    lines = [" ".join(line.text_content().split()) for line in now.xpath(".//li")]
    assert lines[:2] == ["The full run has been running for 83 s.", "HR: 120 of 523 pages fetched"]
    assert [line.split(" begins ")[0] for line in lines[2:4]] == ["The next incremental run", "The next full run"]
    assert f"Version {__version__}" in page.xpath("//header")[0].text_content()


def test_a_site_that_is_not_known_is_not_linked() -> None:
    """Behind the API gateway nobody knows where people open pages."""
    activity = replace(ACTIVITY, site=None)
    assert activity.link("12345") is None
    assert ACTIVITY.link("../x?y") is None


def test_an_empty_mirror_has_a_page_too() -> None:
    """Before anything has run the page says so, without an empty table."""
    page = document(overview=Overview(spaces=[], runs=[], failures=[]))
    assert page.xpath("//table") == []
    assert "Nothing has run yet." in page.text_content()


def test_text_never_becomes_markup() -> None:
    """Messages are escaped; only what is in backticks is set as a command, and what is invisible is shown."""
    page = Pages().message("<b>", "Use `<x>` now\x00\u2066")
    assert "<h1>&lt;b&gt;</h1>" in page
    assert "<p>Use <code>&lt;x&gt;</code> now\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}</p>" in page
