"""The status page in a real browser: it loads quietly, shows what just happened, and nothing hostile comes to life."""

import http.client
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import html

from hr_sync.service.html import tag
from hr_sync.service.layout import prose
from hr_sync.store.read.overview import Overview
from tests.service.samples import HOSTILE, NOW, OVERVIEW, make_endpoints, run_line, web

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; `apt-get install chromium` brings one")


@dataclass(frozen=True, kw_only=True)
class Seen:
    dom: html.HtmlElement
    console: list[str]


@pytest.fixture
def browse(tmp_path: Path) -> Callable[[str], Seen]:
    """Load an address in headless Chromium and give the document after all scripts would have run."""

    def load(url: str) -> Seen:
        options = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]
        # Its sandbox needs rights that neither root nor a container has; the only page is our own.
        options += ["--no-sandbox", "--no-first-run", "--disable-extensions", "--enable-logging=stderr", "--v=0"]
        done = subprocess.run(
            [str(CHROMIUM), *options, "--window-size=390,844", "--dump-dom", url],
            capture_output=True,
            timeout=60,
            check=True,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        return Seen(dom=html.fromstring(done.stdout.decode()), console=console)

    return load


@needs_chromium
def test_a_browser_shows_the_run_that_just_happened(browse: Callable[[str], Seen]) -> None:
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
def test_a_browser_runs_nothing_hostile(browse: Callable[[str], Seen], path: str) -> None:
    """A title that closes tags and brings a script is read as text, and the policy has nothing to complain about."""
    with web(replace(make_endpoints(), title=lambda _: HOSTILE)) as port:
        seen = browse(f"http://127.0.0.1:{port}{path}")
    assert seen.dom.findtext(".//title") != "owned"
    assert seen.dom.xpath("//script | //img") == []
    assert '<script>document.title="owned"</script>' in seen.dom.text_content()
    assert seen.console == []


@needs_chromium
def test_the_console_is_heard(browse: Callable[[str], Seen], tmp_path: Path) -> None:
    """The two tests above would notice: an error in a page's console reaches them."""
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><p>x</p><script>console.error('canary')</script>")
    assert ["canary" in line for line in browse(page.as_uri()).console] == [True]


def document(path: str = "/", overview: Overview = OVERVIEW) -> html.HtmlElement:
    with web(make_endpoints(overview)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return html.fromstring(connection.getresponse().read().decode())


def test_the_page_can_be_read_aloud() -> None:
    """Language, one main heading, headings in order, captions, headed rows and columns, a named chart and input."""
    page = document()
    assert page.get("lang") == "en"
    assert len(page.xpath("//h1")) == 1
    assert [heading.text for heading in page.xpath("//h2")] == [
        "Spaces",
        "Held removals",
        "Pages that fail",
        "Last runs",
        "One page",
    ]
    for table in page.xpath("//table"):
        assert table.xpath("caption/text()")
        assert table.xpath("count(thead//th[@scope='col'])") == table.xpath("count(tbody/tr[1]/*)")
        assert table.xpath("count(tbody/tr/th[@scope='row'])") == table.xpath("count(tbody/tr)")
    assert page.xpath("//svg[@role='img']/@aria-label") == page.xpath("//svg/title/text()")
    assert page.xpath("//label/@for") == page.xpath("//input/@id")


def test_held_removals_come_with_their_command() -> None:
    """What waits is told with the command that shows it and the one that releases it, quoted for a shell."""
    commands = document().xpath("//td//code/text()")
    assert commands == [
        "hr-sync run --space '~ann' --dry-run",
        "hr-sync run --space '~ann' --allow-mass-delete",
    ]


def test_failures_tell_their_reason_and_lead_on() -> None:
    """A page that fails is there with its reason, and its id leads to all that is known."""
    page = document()
    assert page.xpath("//a/@href") == ["/pages/12345"]
    assert "The server refused its body." in page.text_content()
    assert "body, title" in document("/pages/12345").text_content()


def test_the_chart_has_a_bar_for_each_run_that_ended() -> None:
    """Two bands, oldest run at the left; a run that has not ended has no duration to draw."""
    ended = [run for run in OVERVIEW.runs if run.finished_at]
    titles = document().xpath("//svg/rect/title/text()")
    assert len(titles) == 2 * len(ended) < 2 * len(OVERVIEW.runs)
    assert titles[0].startswith(f"Run {ended[-1].id}:")


def test_an_empty_mirror_has_a_page_too() -> None:
    """Before anything has run the page says so, without an empty table or chart."""
    page = document(overview=Overview(spaces=[], runs=[], failures=[]))
    assert page.xpath("//table | //svg") == []
    assert "Nothing has run yet." in page.text_content()


def test_text_never_becomes_markup() -> None:
    """Children, attributes and messages are escaped; only what is in backticks is set as a command."""
    assert tag("p", "<b>", class_='"x') == '<p class="&quot;x">&lt;b&gt;</p>'
    assert prose("Use `<x>` now") == "Use <code>&lt;x&gt;</code> now"
    assert tag("p", f"{NOW:%Y}\x00\u2066") == "<p>2026\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}</p>"
