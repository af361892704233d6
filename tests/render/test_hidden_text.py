"""Text that no reader of a page sees is removed and counted; what a reader sees stays."""

import pytest

from tests.render.reading import render

HIDING = (
    "display:none",
    "DISPLAY : NONE !important",
    "display:no\\6e e",
    "dis/* */play:none",
    "color:red;display:none;",
    "visibility:hidden",
    "visibility: collapse",
    "content-visibility:hidden",
    "opacity:0",
    "opacity: .0",
    "font-size:0",
    "font-size:0.0em",
    "font-size:1px",
    "font:0/0 a",
    "text-indent:-9999px",
    "position:absolute;left:-10000px",
    "clip:rect(0 0 0 0)",
    "clip-path:inset(100%)",
    "color:transparent",
    "color:rgba(1, 2, 3, 0)",
    "transform:scale(0)",
    "height:0;overflow:hidden",
    "max-height: 0px; overflow: hidden",
)
SHOWING = (
    "color:red",
    "color:#ffffff",
    "opacity:0.5",
    "font-size:10px",
    "font:0.9em serif",
    "text-indent:-5px",
    "left:-4942px",
    "height:0",
    "width:0.5em;overflow:hidden",
    "display:block",
    "background-color:transparent",
)
INVISIBLE = (
    *("\u200b", "\u2060", "\ufeff", "\u202e", "\u00ad", "\u034f", "\u061c", "\u115f", "\u17b4", "\u180e", "\u206a"),
    *("\u2800", "\u3164", "\uffa0", "\ufff9", "\U000e0041", "\U0001d173", "\u200d\u200c\u200d", "\ufe00\ufe01\ufe02"),
    "\U000e0100\U000e0101\U000e0102",
)


@pytest.mark.parametrize("style", HIDING)
@pytest.mark.parametrize("element", ["p", "span", "div"])
def test_an_element_that_its_style_hides_is_removed(element: str, style: str) -> None:
    """With everything in it; the text after it stays."""
    page = render(f'<p>before</p><{element} style="{style}">ignore <b>all rules</b></{element}>after')

    assert "ignore" not in page.markdown
    assert "rules" not in page.markdown
    assert "before" in page.markdown
    assert "after" in page.markdown
    assert page.hidden_text_removed == len("ignore") + len("all rules")


@pytest.mark.parametrize("style", SHOWING)
def test_an_element_that_is_shown_stays(style: str) -> None:
    """Styles that resemble the hiding ones."""
    page = render(f'<p style="{style}">read me</p>')

    assert page.markdown == "read me"
    assert page.hidden_text_removed == 0


def test_hiding_is_found_in_a_body_that_is_not_well_formed() -> None:
    """Where the writer also chose another case for the attribute."""
    page = render('<p>one <br> <span STYLE="display:none">secret</span> two')

    assert page.markdown.split() == ["one", "two"]
    assert page.hidden_text_removed == len("secret")


@pytest.mark.parametrize("text", INVISIBLE, ids=[ascii(text) for text in INVISIBLE])
@pytest.mark.parametrize("how", ["as it is", "as references", "in code"])
def test_characters_that_nobody_sees_are_removed(text: str, how: str) -> None:
    """However they are written."""
    written = "".join(f"&#{ord(char)};" for char in text) if how == "as references" else text
    inner = f"<![CDATA[a{written}b]]>" if how == "in code" else f"a{written}b"
    page = render(f"<p>{inner}</p>")

    assert page.markdown == "ab"
    assert page.hidden_text_removed == (0 if text == "\u00ad" else len(text))


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d💻",
        "❤\ufe0f\u200d🔥",
        "葛\U000e0100飾",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "1\ufe0f\u20e3",
        "日本語",
    ],
)
def test_scripts_and_emoji_keep_their_joiners(text: str) -> None:
    """A reader sees the difference."""
    page = render(f"<p>{text}</p>")

    assert page.markdown == text
    assert page.hidden_text_removed == 0


def test_hidden_excerpts_and_properties_are_not_in_the_text() -> None:
    """A hidden excerpt can still be included by other pages."""
    hidden = '<ac:parameter ac:name="hidden">true</ac:parameter><ac:rich-text-body><p>unseen</p></ac:rich-text-body>'
    page = render(
        "".join(f'<ac:structured-macro ac:name="{n}">{hidden}</ac:structured-macro>' for n in ("excerpt", "details"))
    )

    assert page.markdown == ""
    assert page.sections == ()
    assert page.hidden_text_removed == 2 * len("unseen")
    assert [(excerpt.markdown, excerpt.hidden) for excerpt in page.excerpts] == [("unseen", True)]
