"""A body that is not well-formed keeps its text and as much structure as can be known."""

import pytest

from hr_sync.render.result import ParsedAs
from tests.render.reading import render

BROKEN = {
    "a style left open": ("<style>p {}<p>text</p>", "text"),
    "a task's id left open": ("<ac:task-list><ac:task><ac:task-id>1<ac:task-body>do it</ac:task-body>", "- [ ] do it"),
    "a placeholder left open": ("<p><ac:placeholder>hint<b>text</b></p>", "**text**"),
    "a parameter left open": (
        '<ac:structured-macro ac:name="info"><ac:parameter ac:name="icon">true<ac:rich-text-body><p>text</p>',
        "> **Info**\n>\n> text",
    ),
    "paragraphs left open": ("<p>one<p>two", "one\n\ntwo"),
    "items left open": ("<ul><li>one<li>two</ul>three", "- one\n- two\n\nthree"),
    "cells left open": ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    "attributes without quotes": ("<a href=https://example.com/ x>text</a>", "[text](https://example.com/)"),
    "an attribute twice": ('<a href="https://a.example/" href="x">text</a>', "[text](https://a.example/)"),
    "an end too many": ("</div><p>text</p></p>", "text"),
    "a comparison": ("<p>1 < 2 & 3 > 2</p>", "1 < 2 & 3 > 2"),
    "an arrow": ("<p>a <- b</p>", "a <- b"),
    "elements of another case": ("<P>one<BR>two</P>", "one  \ntwo"),
    "a name of another script": ("<p><日本></p>", "<日本>"),
    "an end of CDATA without a beginning": ("<p>a ]]> b</p>", "a ]]> b"),
    "a tag that the end of the page cuts": ("<p>text</p><p clas", "text\n\n\\<p clas"),
}


@pytest.mark.parametrize(("storage", "markdown"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_body_is_read(storage: str, markdown: str) -> None:
    """And the result says that it was repaired."""
    page = render(storage)

    assert page.markdown == markdown
    assert page.parsed_as is ParsedAs.REPAIRED


def test_prefixes_need_no_declaration() -> None:
    """Confluence declares none; a declaration changes nothing either."""
    page = render('<ac:link xmlns:ac="urn:x"><o:p>text</o:p></ac:link>')

    assert page.markdown == "text"
    assert page.parsed_as is ParsedAs.STRICT
