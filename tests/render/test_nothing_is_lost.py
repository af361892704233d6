"""Every text of a body appears in its Markdown, unless it belongs to a class of text that is left out by name."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.render.reading import HANDBOOK, SHARED, bodies, output_words, render, squeezed, texts, words

Part = tuple[str, list[str]]  # XML, and the texts in it that have to appear

_TEXT = st.text("abcXYZ019éß日 #*|<>&`-+.)_~[]=:\n", min_size=1, max_size=12)


def _joined(parts: list[Part]) -> Part:
    return "".join(xml for xml, _ in parts), [text for _, several in parts for text in several]


def _inside(before: str, part: Part, after: str) -> Part:
    return f"{before}{part[0]}{after}", part[1]


def _in_cdata(text: str) -> str:
    return text.replace("]]>", "]]]]><![CDATA[>")


_WORDS: st.SearchStrategy[Part] = _TEXT.map(lambda text: (escape(text), [text]))
_MARKUP = re.compile(r"<!\[CDATA\[.*?\]\]>|<[^>]*>", re.DOTALL)
_CODE_MACRO = (
    '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body></ac:structured-macro>'
)
_STATUS_MACRO = (
    '<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Red</ac:parameter>'
    '<ac:parameter ac:name="title">{}</ac:parameter></ac:structured-macro>'
)
_CODE: st.SearchStrategy[Part] = _TEXT.map(lambda text: (_CODE_MACRO.format(_in_cdata(text)), [text]))
_STATUS: st.SearchStrategy[Part] = _TEXT.map(lambda text: (_STATUS_MACRO.format(escape(text)), [text]))
_LEFT_OUT: st.SearchStrategy[Part] = st.sampled_from(
    [
        '<ac:structured-macro ac:name="toc"><ac:parameter ac:name="maxLevel">3</ac:parameter></ac:structured-macro>',
        "<ac:placeholder>type here</ac:placeholder>",
        "<br/>",
        "<hr/>",
        '<ac:link><ri:page ri:content-title="Another page"/></ac:link>',
    ]
).map(lambda xml: (xml, []))
_ELEMENTS = (
    *("p", "h1", "h2", "h3", "strong", "em", "span", "div", "ul", "ol", "li", "blockquote", "pre", "code", "sup", "a"),
    *("table", "tbody", "thead", "tr", "td", "th", "del", "u", "unknown", "dl", "dt", "dd", "caption", "details"),
    *("ac:layout", "ac:layout-cell", "ac:link", "ac:link-body", "ac:task-list", "ac:task", "ac:task-body", "ac:image"),
    *("ac:rich-text-body", "ac:adf-extension", "ac:adf-content", "ac:inline-comment-marker", "ac:caption", "br", "img"),
)
_MACROS = (
    "info",
    "panel",
    "expand",
    "excerpt",
    "details",
    "section",
    "toc",
    "children",
    "unknown-macro",
    "code",
    "math",
)


def _nested(inner: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    several = st.lists(inner, max_size=4).map(_joined)
    elements = st.builds(
        lambda name, part: _inside(f"<{name}>", part, f"</{name}>"), st.sampled_from(_ELEMENTS), several
    )
    macros = st.builds(
        lambda name, part: _inside(
            f'<ac:structured-macro ac:name="{name}"><ac:rich-text-body>',
            part,
            "</ac:rich-text-body></ac:structured-macro>",
        ),
        st.sampled_from(_MACROS),
        several,
    )
    rows = st.lists(
        st.lists(
            st.builds(
                lambda tag, part, span: _inside(f'<{tag} colspan="{span}" rowspan="{span}">', part, f"</{tag}>"),
                st.sampled_from(["td", "th"]),
                several,
                st.integers(1, 3),
            ),
            min_size=1,
            max_size=3,
        ).map(lambda cells: _inside("<tr>", _joined(cells), "</tr>")),
        max_size=3,
    )
    tables = rows.map(lambda parts: _inside("<table><tbody>", _joined(parts), "</tbody></table>"))
    lists = st.lists(several.map(lambda part: _inside("<li>", part, "</li>")), max_size=3).map(
        lambda items: _inside("<ul>", _joined(items), "</ul>")
    )
    return elements | macros | tables | lists


_BODIES = st.recursive(_WORDS | _CODE | _STATUS | _LEFT_OUT, _nested, max_leaves=25)


def _lost(expected: list[str], markdown: str) -> list[str]:
    output = squeezed(markdown)
    return [text for text in expected if squeezed(text) not in output]


@given(st.lists(_BODIES, max_size=5).map(_joined))
@settings(max_examples=150, deadline=None)
def test_every_text_of_a_generated_body_appears(body: Part) -> None:
    """Whatever is nested in whatever, also where it should not stand."""
    storage, expected = body
    page = render(storage)

    assert _lost(expected, page.markdown) == []
    assert _lost(expected, "\n".join(section.text for section in page.sections)) == []


@given(st.lists(_BODIES, max_size=4).map(_joined), st.data())
@settings(max_examples=150, deadline=None)
def test_every_text_of_a_damaged_body_appears(body: Part, data: st.DataObject) -> None:
    """A tag that is cut out leaves the texts around it."""
    storage, expected = body
    tags = [match.span() for match in _MARKUP.finditer(storage) if not match[0].startswith("<![")]
    if not tags:
        return
    start, end = data.draw(st.sampled_from(tags))
    damaged = storage[:start] + storage[end:]
    kept = [text for text in expected if f">{escape(text)}<" in damaged]

    assert _lost(kept, render(damaged).markdown) == []


@pytest.mark.parametrize("storage", [text for _, text in bodies(HANDBOOK)], ids=[name for name, _ in bodies(HANDBOOK)])
def test_every_text_of_the_handbook_appears(storage: str) -> None:
    """The pages of the simulator's sample handbook."""
    markdown = render(storage).markdown

    assert _lost([text for kind, text in texts(storage) if not kind], markdown) == []
    assert words(storage).get("", output_words("")) - output_words(markdown) == output_words("")


def _shared() -> Iterator[tuple[str, str]]:
    return bodies(SHARED) if SHARED.is_dir() else iter([("absent", "")])


@pytest.mark.skipif(not SHARED.is_dir(), reason="real bodies are read from ../shared/fixtures, which is not there")
@pytest.mark.parametrize(("name", "storage"), list(_shared()), ids=[Path(name).name for name, _ in _shared()])
def test_every_text_of_a_real_body_appears(name: str, storage: str) -> None:
    """Bodies that other tools wrote, and rendered pages."""
    expected = [text for kind, text in texts(storage) if not kind]

    assert _lost(expected, render(storage).markdown) == [], name
