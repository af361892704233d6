"""Bodies that are made to break a parser cost time in proportion to their length, and keep their text.

A body here is large enough that anything quadratic in it runs into the time limit of the tests.
"""

from collections.abc import Callable

import pytest

from hr_sync.render.page import render_page
from hr_sync.render.result import ParsedAs, RenderedPage, RenderLimits
from tests.render.reading import render

N = 100_000
CELL = '<td colspan="200" rowspan="200">'

BODIES: dict[str, Callable[[], str]] = {
    "deep elements": lambda: "<div>" * N + "inner" + "</div>" * N,
    "deep elements left open": lambda: "<b>" * N + "inner",
    "deep macros": lambda: (
        '<ac:structured-macro ac:name="info"><ac:rich-text-body>' * 2_000
        + "inner"
        + "</ac:rich-text-body></ac:structured-macro>" * 2_000
    ),
    "deep tables": lambda: "<table><tr><td>" * 5_000 + "inner" + "</td></tr></table>" * 5_000,
    "deep lists": lambda: "<ul><li>x" * 5_000 + "inner" + "</li></ul>" * 5_000,
    "deep quotes over many lines": lambda: "<blockquote>" * 50 + "inner" + "<br/>x" * N + "</blockquote>" * 50,
    "many attributes": lambda: "<p " + " ".join(f'a{n}="1"' for n in range(N)) + ">inner</p>",
    "many attributes of one name": lambda: "<p " + 'a="1" ' * N + ">inner</p>",
    "many quotes left open": lambda: '<p a="' * N + "inner",
    "many attributes left open": lambda: "<p " + "a='" * N + "inner",
    "many tags left open": lambda: "<a " * N + "inner",
    "many slashes": lambda: "<a " + "/" * N + " inner",
    "many CDATA left open": lambda: "<![CDATA[" * N + "inner",
    "many comments left open": lambda: "<!--" * N + "inner",
    "many document types left open": lambda: "<!DOCTYPE a[" * N + "inner",
    "many document types that end wrongly": lambda: "<!A[" * N + "inner]",
    "many instructions left open": lambda: "<?" * N + "inner",
    "many ends without a beginning": lambda: "</p>" * N + "inner",
    "many crossed elements": lambda: "<b><i></b></i>" * N + "inner",
    "many ampersands": lambda: "&" * N + "inner",
    "many references left open": lambda: "&#x41" * N + "inner",
    "many backticks": lambda: f"<pre>inner{'`' * N}</pre>",
    "many less-than signs": lambda: "< " * N + "inner",
    "many spaces": lambda: f"<p>{' ' * N * 10}inner</p>",
    "many line breaks": lambda: "<p>" + "<br/>" * N + "inner</p>",
    "one long word": lambda: f"<p>inner{'x' * N * 10}</p>",
    "many headings": lambda: "<h1>same</h1>" * 20_000 + "inner",
    "a long heading over many": lambda: f"<h1>{'long' * N}</h1>" + "<h2>x</h2>" * 5_000 + "inner",
    "merged cells": lambda: f"<table><tr>{CELL}inner</td></tr>{f'<tr>{CELL}x</td></tr>' * 2_000}</table>",
    "merged cells within merged cells": lambda: f"<table><tr>{CELL}" * 30 + "inner" + "</td></tr></table>" * 30,
    "a long header over many rows": lambda: (
        f"<table><tr><th>{'inner' * N}</th></tr>{'<tr><td>x</td></tr>' * 5_000}</table>"
    ),
    "a long header over many rows in a cell": lambda: (
        f"<table><tr><td><table><tr><th>{'inner' * N}</th></tr>{'<tr><td>x</td></tr>' * 5_000}</table></td></tr>"
        "</table>"
    ),
    "a style without an end": lambda: f'<p style="{"color:rgba(" * N}">inner</p>',
    "a style of zeros": lambda: f'<p style="opacity:{"0" * N}x">inner</p>',
    "comments in a style": lambda: f'<p style="{"/*" * N}">inner</p>',
    "blocks within lines": lambda: "<span><p>x</p>" * 20_000 + "inner" + "</span>" * 20_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_hostile_body_keeps_its_text(body: Callable[[], str]) -> None:
    """And is no larger as Markdown than in proportion."""
    storage = body()
    page = render(storage)

    assert "inner" in page.markdown
    assert len(page.markdown) < 30 * len(storage) + 3_000_000
    assert sum(len(section.embed_text) for section in page.sections) < 40 * len(storage) + 5_000_000
    assert page.parsed_as is not ParsedAs.TEXT


def limited(storage: str, limits: RenderLimits) -> RenderedPage:
    return render_page(storage, title="T", space="S", page_id="1", resolve=lambda _t, _s: None, limits=limits)


def test_no_entity_is_expanded() -> None:
    """A document type within the body declares nothing."""
    bomb = '<!DOCTYPE a [<!ENTITY a "boom"><!ENTITY b "&a;&a;&a;">]><p>&b; and <b>text</b></p>'
    page = render(bomb)

    assert "boom" not in page.markdown
    assert "&b; and **text**" in page.markdown


def test_no_file_is_read() -> None:
    """An external entity stays as it is written."""
    page = render('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><p>[&x;]</p>')

    assert "[&x;]" in page.markdown


def test_the_end_of_the_wrapping_element_ends_nothing() -> None:
    """The body stands in an element of our own; text after its end tag is text of the page."""
    assert render("one</body><p>two</p>").markdown.split() == ["one", "two"]


def test_a_body_over_the_size_limit_is_read_as_text() -> None:
    """Without structure, and says so."""
    page = limited("<h1>Title &amp; more</h1><p>text</p>", RenderLimits(characters=20))

    assert page.markdown == "Title & more text"
    assert page.parsed_as is ParsedAs.TEXT
    assert page.limits_reached == ("characters",)


def test_a_page_over_the_time_limit_is_read_as_text() -> None:
    """Nothing of it is lost, but what hides stays out."""
    storage = '<p style="display:none">unseen</p>' + "<p>some <b>words</b></p>" * 1_000
    page = limited(storage, RenderLimits(seconds=-1))

    assert page.parsed_as is ParsedAs.TEXT
    assert page.limits_reached == ("seconds",)
    assert page.markdown.count("words") == 1_000
    assert "unseen" not in page.markdown


def test_text_below_the_depth_limit_has_no_structure() -> None:
    """The limit is named, and words of neighbouring cells stay apart."""
    page = limited("<div><div><div><p>a</p><p>b</p></div></div></div>", RenderLimits(depth=3))

    assert page.markdown == "a b"
    assert page.limits_reached == ("depth",)


def test_repeated_cells_end_at_their_budget() -> None:
    """The text itself stays; its repetitions do not."""
    rows = '<tr><td rowspan="3">long text</td><td>1</td></tr><tr><td>2</td></tr><tr><td>3</td></tr>'
    page = limited(f"<table>{rows}</table>", RenderLimits(repeated_characters=5))

    assert page.markdown.count("long text") == 2
    assert page.limits_reached == ("repeated_characters",)


def test_deep_quotes_and_lists_are_not_indented_without_end() -> None:
    """Else each of many lines would carry the nesting around it."""
    quotes = render("<blockquote>" * 50 + "x" + "</blockquote>" * 50).markdown
    items = render("<ul><li>" * 50 + "x" + "</li></ul>" * 50).markdown

    assert quotes == "> " * 10 + "x"
    assert len(items) < 250
