"""What a caller finds out about a page beside its text: includes, counted macros, resolved links."""

import json

import pytest

from hr_sync.render.macros import is_configuration
from hr_sync.render.page import render_page
from tests.render.reading import render


def macro(name: str, inner: str = "", **parameters: str) -> str:
    given = "".join(f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items())
    return f'<ac:structured-macro ac:name="{name}">{given}{inner}</ac:structured-macro>'


def test_links_are_resolved_in_the_space_that_they_name() -> None:
    """The page's own space where they name none."""
    asked = []

    def resolve(title: str, space_key: str) -> tuple[str, str] | None:
        asked.append((title, space_key))
        return title, f"https://wiki.example/{len(asked)}"

    body = '<ac:link><ri:page ri:content-title="A  B"/></ac:link> <ac:link><ri:page ri:space-key="IT" ri:content-title="C"/></ac:link>'  # noqa: E501
    page = render_page(f"<p>{body}</p>", title="T", space="HR", page_id="1", resolve=resolve)

    assert asked == [("A B", "HR"), ("C", "IT")]
    assert page.markdown == "[A B](https://wiki.example/1) [C](https://wiki.example/2)"


def test_what_resolving_raises_is_passed_on() -> None:
    """It is the caller's failure, not the page's."""

    def fail(_title: str, _space: str) -> tuple[str, str] | None:
        raise LookupError

    with pytest.raises(LookupError):
        render_page(
            '<ac:link><ri:page ri:content-title="A"/></ac:link>', title="T", space="S", page_id="1", resolve=fail
        )


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "JaVa\nScript:alert(1)",
        " javascript:x",
        "data:text/html,x",
        "vbscript:x",
        "&#106;avascript:x",
    ],
)
def test_an_address_that_runs_code_is_not_written(href: str) -> None:
    """The text of the link stays."""
    assert render(f'<p><a href="{href}">text</a></p>').markdown == "text"
    assert render(f'<p><img src="{href}" alt="text"/></p>').markdown == "![text]"


def test_a_tag_in_a_text_is_no_tag_in_markdown() -> None:
    """Who renders the Markdown as HTML runs nothing of it."""
    page = render("<p>&lt;script&gt;x&lt;/script&gt; &lt;img src=x&gt;</p><table><tr><td>&lt;b&gt;</td></tr></table>")

    assert "<script" not in page.markdown.replace("\\<", "")
    assert "<img" not in page.markdown.replace("\\<", "")
    assert "<b" not in page.markdown.replace("\\<", "")


@pytest.mark.parametrize("name", ["toc", "pagetree", "recently-updated", "livesearch", "anchor"])
def test_navigation_is_dropped_but_a_body_is_not(name: str) -> None:
    """By name; it is neither unknown nor computed."""
    dropped = render(macro(name, maxLevel="3"))
    with_body = render(macro(name, "<ac:rich-text-body><p>text</p></ac:rich-text-body>"))

    assert dropped.markdown == ""
    assert dropped.unknown_macros == {}
    assert not dropped.has_computed_content
    assert with_body.markdown == "text"


@pytest.mark.parametrize("name", ["children", "contentbylabel", "detailssummary", "jira", "blog-posts"])
def test_computed_content_is_marked(name: str) -> None:
    """In the text and in the result."""
    page = render(macro(name) + macro(name))

    assert page.has_computed_content
    assert page.computed_macros == {name: 2}
    assert page.markdown.startswith("[")


def test_unknown_macros_are_counted_and_keep_words() -> None:
    """Switches, numbers, colours and ids are no words."""
    page = render(
        macro("quiz", question="Who?", width="30px", id="1b2c3d4e-0000-4000-8000-000000000001") + macro("quiz")
    )

    assert page.unknown_macros == {"quiz": 2}
    assert page.markdown == "[Macro quiz (question: Who?)]\n\n[Macro quiz]"


@pytest.mark.parametrize("value", ["true", "30px", "#ffeeaa", "-1.5", "100%", "var(--ds-x)", "A" * 120])
def test_a_setting_is_no_text(value: str) -> None:
    """Whatever the parameter is called."""
    assert is_configuration(value)


def test_an_include_is_found_again_by_its_placeholder() -> None:
    """So that a caller can put the included text there."""
    link = '<ac:link><ri:page ri:space-key="IT" ri:content-title="VPN &lt;new&gt;"/></ac:link>'
    target = f'<ac:parameter ac:name="">{link}</ac:parameter>'
    page = render(f"<h2>a</h2>{macro('include', target)}<p>b</p>")
    include = page.includes[0]

    assert (include.title, include.space_key, include.excerpt) == ("VPN <new>", "IT", None)
    assert include.placeholder in page.markdown.split("\n\n")
    assert include.placeholder in page.sections[0].text


@pytest.mark.parametrize("adf", ["", "{", "[]", "null", '{"type":"doc"}', '"text"', "[" * 100_000])
def test_an_adf_body_that_cannot_be_read_gives_no_text(adf: str) -> None:
    """And raises nothing."""
    page = render_page(None, adf=adf, title="T", space="S", page_id="1", resolve=lambda _t, _s: None)

    assert page.markdown == ("text" if adf == '"text"' else "")


def test_an_adf_body_that_is_nested_too_deep_keeps_its_texts() -> None:
    """Also where escapes hide what nobody sees."""
    node = '{"type":"blockquote","content":[' * 5_000 + '{"type":"text","text":"in\\u200bner \\"x\\""}' + "]}" * 5_000
    page = render_page(None, adf=node, title="T", space="S", page_id="1", resolve=lambda _t, _s: None)

    assert page.markdown == 'inner "x"'


def test_a_page_without_any_body_is_empty() -> None:
    """No sections."""
    page = render_page(None, title="T", space="S", page_id="1", resolve=lambda _t, _s: None)

    assert (page.markdown, page.sections) == ("", ())


def test_invisible_characters_that_json_escapes_are_removed() -> None:
    """In texts and in attributes, and counted where they are text."""
    text = '{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"in\\u200bner"}]}]}'
    page = render_page(None, adf=text, title="T", space="S", page_id="1", resolve=lambda _t, _s: None)

    assert page.markdown == "inner"
    assert page.hidden_text_removed == 1


ACCOUNT = "712020:a0b1c2d3-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("mention", "resolves", "shown"),
    [
        ({"id": ACCOUNT, "text": "@Ann Old"}, {ACCOUNT: "Ann New"}, "@Ann New"),
        ({"id": ACCOUNT, "text": "@Ann Old"}, {}, "@unknown user"),  # an older name, or one that is hidden now
        ({"id": ACCOUNT, "text": "@Ann Old"}, None, "@Ann Old"),  # nobody is asked for names
        ({"id": ACCOUNT}, None, "@unknown user"),
        ({"id": "here", "text": "@here"}, {}, "@here"),
    ],
)
def test_a_mention_in_adf_is_a_name_and_never_an_id(
    mention: dict[str, str], resolves: dict[str, str] | None, shown: str
) -> None:
    """Whoever is asked for names decides; the text that ADF holds counts without."""
    adf = json.dumps({"type": "doc", "content": [{"type": "mention", "attrs": mention}]})
    user = None if resolves is None else resolves.get
    page = render_page(None, adf=adf, title="T", space="S", page_id="1", resolve=lambda _t, _s: None, resolve_user=user)
    assert page.markdown == shown


@pytest.mark.parametrize("user", [ACCOUNT, "5b10a2844c20165700ede21f", "8acce1bf783462a401783bc8d9cc0001"])
def test_no_id_of_a_person_is_a_word(user: str) -> None:
    """As a parameter of a macro that is not known, or in a link without any text."""
    assert user not in render(macro("who-knows", user=user)).markdown
    assert user not in render(f'<p><ac:link><ri:user ri:userkey="{user}"/></ac:link></p>').markdown
