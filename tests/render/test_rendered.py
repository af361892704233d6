"""What computed macros show is found in the HTML of a page, cleaned, and put in the places of their macros."""

import pytest

from hr_sync.render.page import render_page
from hr_sync.render.rendered import computed_outputs, read_outputs
from hr_sync.render.result import UNKNOWN_USER

CHILDREN = "[Confluence shows here: child pages]"


def macro(name: str, macro_id: str = "") -> str:
    return f'<ac:structured-macro ac:name="{name}"{f" ac:macro-id={macro_id!r}" if macro_id else ""} />'


def output(name: str, text: str, macro_id: str = "") -> str:
    identity = f' data-macro-id="{macro_id}"' if macro_id else ""
    return f'<ul class="conf-macro output-block"{identity} data-macro-name="{name}"><li>{text}</li></ul>'


def shown(storage: str, html: str) -> str:
    page = render_page(
        storage,
        title="P",
        space="HR",
        page_id="1",
        resolve=lambda *_: None,
        resolve_user={"a1": "Ann"}.get,
        outputs=read_outputs(computed_outputs(html)),
    )
    assert page.has_computed_content
    placeholders = page.markdown.count("[Confluence shows") + page.markdown.count("[Jira issues]")
    assert page.rendered_macros == sum(page.computed_macros.values()) - placeholders
    return page.markdown


@pytest.mark.parametrize(
    ("storage", "html", "expected"),
    [
        (macro("children"), output("children", "A"), "- A"),
        (macro("children", "x"), output("children", "A", "x"), "- A"),
        (macro("children", "x"), output("children", "A"), "- A"),  # a flavour without ids
        (macro("children"), output("children", "A", "x"), "- A"),  # an old body without ids
        (macro("children", "x"), output("children", "A", "y"), CHILDREN),
        (macro("children"), output("children", "A") + output("children", "B"), CHILDREN),  # of an included page
        (macro("children", "x") * 2, output("children", "A", "x") * 2, f"{CHILDREN}\n\n{CHILDREN}"),
        (macro("children") * 2, output("children", "A") + output("children", "B"), "- A\n\n- B"),
        (macro("children") * 2, output("children", "") + output("children", "B"), f"{CHILDREN}\n\n- B"),
        (macro("children"), '<ul class="childpages-macro"><li>A</li></ul>', "- A"),
        (macro("children"), output("contentbylabel", "A"), CHILDREN),
        (macro("children"), "", CHILDREN),
        (macro("children"), "<p>no output</p>", CHILDREN),
        (macro("children"), output("children", "A<br>B") + "<img src=x>", "- A  \n  B"),  # HTML that is no XML
    ],
)
def test_an_output_stands_where_its_macro_does_or_nowhere(storage: str, html: str, expected: str) -> None:
    """By the id, else by the order where it is certain; in doubt the placeholder stays."""
    assert shown(storage, html) == expected


@pytest.mark.parametrize(
    "html",
    [
        output("jira", '<span class="aui-icon issue-placeholder"> </span>Getting issue details...'),
        '<table class="metadata-summary-macro"><tr><th>Title</th></tr></table>',
        output("detailssummary", "<table><thead><tr><th>Title</th></tr></thead><tbody></tbody></table>"),
        output("detailssummary", "<div>" * 200 + "x" + "</div>" * 200),
    ],
)
def test_what_a_browser_has_to_load_is_no_output(html: str) -> None:
    """A table of headings alone says that there is nothing, which may be wrong."""
    assert shown(macro("detailssummary") + macro("jira"), html) == (
        "[Confluence shows here: page properties of other pages]\n\n[Jira issues]"
    )


def test_an_output_holds_text_structure_and_links() -> None:
    """No icon, no form, no macro, and no name of a person that the text itself would not show."""
    inner = (
        '<span class="icon aui-icon">Page:</span><a href="https://x/1" onclick="y()">Leave</a>'
        '<fieldset class="hidden parameters"><input type="hidden" value="jql"></fieldset>'
        '<a class="user-mention" data-account-id="a1" href="/people/a1">Ann Private</a> '
        '<a class="confluence-userlink" data-username="bob" href="/display/~bob">Bob Private</a>'
        '<ac:structured-macro ac:name="include">z</ac:structured-macro><script>bad()</script>'
    )
    outputs = computed_outputs(output("children", inner, "x"))
    assert "Private" not in outputs
    assert "onclick" not in outputs
    assert shown(macro("children", "x"), output("children", inner, "x")) == (
        f"- [Leave](https://x/1)@Ann @{UNKNOWN_USER}z"
    )


def test_headings_of_an_output_begin_sections() -> None:
    """As those of the body do; a macro within a line stays in it."""
    body = f"<h1>A</h1>{macro('contentbylabel', 'x')}<p>See {macro('jira', 'y')} now.</p>"
    html = (
        '<div data-macro-name="contentbylabel" data-macro-id="x"><h2>B</h2><p>C</p></div>'
        '<p>See <span class="jira-issue" data-macro-name="jira" data-macro-id="y"><a href="https://j/HR-1">HR-1</a></span></p>'
    )
    assert shown(body, html) == "# A\n\n## B\n\nC\n\nSee [HR-1](https://j/HR-1) now."


@pytest.mark.parametrize(
    "html", ["<", "<p>" * 5000, "\ud800", "<a" + " x=1" * 1000, '<ul data-macro-name="children">' * 300]
)
def test_hostile_html_raises_nothing(html: str) -> None:
    """It shows nothing either."""
    assert shown(macro("children"), html) == CHILDREN
