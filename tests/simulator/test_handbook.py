"""The sample handbook holds together: bodies parse, links lead somewhere, the tree is a tree."""

from collections import Counter
from html.entities import name2codepoint

import pytest
from confluence_simulator.handbook import HandbookPage, pages, spaces
from lxml import etree

NAMESPACES = {"ac": "urn:ac", "ri": "urn:ri"}
ENTITIES = "".join(
    f'<!ENTITY {name} "&#{code};">'
    for name, code in name2codepoint.items()
    if name not in {"amp", "lt", "gt", "quot", "apos"}
)
LONG_PAGE_BYTES = 25_000

CONSTRUCTS = {
    **{
        f"macro {name}": f'//ac:structured-macro[@ac:name="{name}"]'
        for name in (
            *("info", "note", "warning", "tip", "panel", "expand", "status", "toc", "code", "children"),
            *("excerpt", "excerpt-include", "details", "anchor", "view-file", "jira"),
        )
    },
    "header row": "//table//tr/th[2]",
    "header column": "//tr[td]/th[1]",
    "rowspan": "//td[@rowspan] | //th[@rowspan]",
    "colspan": "//td[@colspan] | //th[@colspan]",
    "task done": '//ac:task-list/ac:task[ac:task-status="complete"]',
    "task open": '//ac:task-list/ac:task[ac:task-status="incomplete"]',
    "list in a list": "//li/ul | //li/ol",
    "link to a page": "//ac:link/ri:page[not(@ri:space-key)]",
    "link into another space": "//ac:link/ri:page[@ri:space-key]",
    "link with plain text": "//ac:link/ac:plain-text-link-body",
    "link with rich text": "//ac:link/ac:link-body",
    "web link": "//a[@href] | //ri:url",
    "image with caption": "//ac:image[ri:attachment]/ac:caption",
    "mention": "//ac:link/ri:user[@ri:account-id]",
    "date": "//time[@datetime]",
    "emoticon": "//ac:emoticon",
    "layout of two columns": "//ac:layout/ac:layout-section[count(ac:layout-cell) = 2]",
    "decision list": '//ac:adf-extension/ac:adf-node[@type="decision-list"]',
    "inline comment": "//ac:inline-comment-marker",
    "quotation": "//blockquote",
    "macro id": "//ac:structured-macro[@ac:macro-id]",
    "schema version": "//ac:structured-macro[@ac:schema-version]",
    "local id": "//p[@local-id]",
    "empty cell": "//td/p[not(node())]",
}
"""What a renderer has to cope with, as XPath over all bodies."""

RAW_TEXTS = (
    "<![CDATA[",
    "]]]]><![CDATA[>",
    "&nbsp;",
    "&mdash;",
    "&euro;",
    "&rarr;",
    "&amp;",
    "東京",
    "ﾓﾊﾞｲﾙ",
    "ü",
    "✅",
)
"""What only the text shows, since a parser resolves it."""


def parsed(page: HandbookPage) -> etree._Element:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return etree.fromstring(f"<!DOCTYPE body [{ENTITIES}]><body {declared}>{page.storage}</body>")


def found(page: HandbookPage, xpath: str) -> list[etree._Element]:
    elements = parsed(page).xpath(xpath, namespaces=NAMESPACES)
    assert isinstance(elements, list)
    return [element for element in elements if isinstance(element, etree._Element)]


@pytest.fixture(scope="module")
def handbook() -> tuple[HandbookPage, ...]:
    return tuple(pages())


def test_two_spaces_and_more_than_seventy_pages(handbook: tuple[HandbookPage, ...]) -> None:
    """The handbook has the spaces HR and IT and enough pages to fill more than one listing."""
    per_space = Counter(page.space_key for page in handbook)

    assert [space.key for space in spaces()] == ["HR", "IT"]
    assert per_space["HR"] >= 45
    assert per_space["IT"] >= 27


def test_bodies_are_well_formed(handbook: tuple[HandbookPage, ...]) -> None:
    """Every body parses once namespaces and HTML entities are declared, and holds text or a macro."""
    for page in handbook:
        assert len(parsed(page)) > 0, page.slug


def test_links_and_excerpts_name_pages(handbook: tuple[HandbookPage, ...]) -> None:
    """Every `ri:page` names a title of its own space, or of the space it names."""
    titles = {(page.space_key, page.title) for page in handbook}
    key, title = (f"{{{NAMESPACES['ri']}}}{name}" for name in ("space-key", "content-title"))
    named = {
        (page.slug, link.get(key, page.space_key), link.get(title))
        for page in handbook
        for link in found(page, "//ri:page")
    }

    assert len(named) > 100
    assert [name for name in named if name[1:] not in titles] == []


def test_included_excerpts_exist(handbook: tuple[HandbookPage, ...]) -> None:
    """A page that others include an excerpt of has one."""
    with_excerpt = {page.title for page in handbook if found(page, CONSTRUCTS["macro excerpt"])}
    included = {
        link.get(f"{{{NAMESPACES['ri']}}}content-title")
        for page in handbook
        for link in found(page, '//ac:structured-macro[@ac:name="excerpt-include"]//ri:page')
    }

    assert included
    assert included <= with_excerpt


def test_parents_come_first(handbook: tuple[HandbookPage, ...]) -> None:
    """A parent precedes its children in the same space; only the homepage has none, with three levels below it."""
    depths: dict[tuple[str, str], int] = {}
    for page in handbook:
        parent = page.parent_slug
        depths[page.space_key, page.slug] = 0 if parent is None else depths[page.space_key, parent] + 1

    roots = [slug for slug, depth in depths.items() if depth == 0]
    assert roots == [(space.key, space.homepage_slug) for space in spaces()]
    assert max(depths.values()) == 3


def test_titles_and_slugs_are_unique_in_their_space(handbook: tuple[HandbookPage, ...]) -> None:
    """Titles are unique per space, as in Confluence, and one is used in both spaces."""
    titles = Counter((page.space_key, page.title) for page in handbook)
    slugs = Counter((page.space_key, page.slug) for page in handbook)

    assert max(titles.values()) == 1
    assert max(slugs.values()) == 1
    assert {page.title for page in handbook if page.space_key == "HR"} & {
        page.title for page in handbook if page.space_key == "IT"
    } == {"Glossary"}


def test_pages_have_labels_and_an_age(handbook: tuple[HandbookPage, ...]) -> None:
    """Labels are lower case without spaces, as Confluence keeps them, and the last edit lies in the past."""
    for page in handbook:
        assert page.labels, page.slug
        assert all(label == label.lower() and " " not in label for label in page.labels), page.slug
        assert page.days_ago > 0, page.slug


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_construct_occurs(handbook: tuple[HandbookPage, ...], construct: str) -> None:
    """The storage format's constructs occur somewhere."""
    assert any(found(page, CONSTRUCTS[construct]) for page in handbook)


@pytest.mark.parametrize("text", RAW_TEXTS)
def test_raw_text_occurs(handbook: tuple[HandbookPage, ...], text: str) -> None:
    """Entities that XML does not know, split CDATA and other scripts occur somewhere."""
    assert any(text in page.storage for page in handbook)


def test_tables_are_full_grids(handbook: tuple[HandbookPage, ...]) -> None:
    """Each row of a table fills the same number of columns, spans counted."""
    tables = [(page.slug, table) for page in handbook for table in found(page, "//table")]

    assert len(tables) > 50
    for slug, table in tables:
        rows = table.findall("tbody/tr")
        widths = [0] * len(rows)
        for index, row in enumerate(rows):
            for cell in row:
                for covered in range(index, index + int(cell.get("rowspan", "1"))):
                    widths[covered] += int(cell.get("colspan", "1"))
        assert len(set(widths)) == 1, f"{slug}: {widths}"


def test_sizes_range_from_a_note_to_a_long_page(handbook: tuple[HandbookPage, ...]) -> None:
    """Short pages, many of a few kilobytes, and at least one above 25 kB."""
    sizes = sorted(len(page.storage.encode()) for page in handbook)

    assert sizes[0] < 400
    assert 600 < sizes[len(sizes) // 2] < 6_000
    assert sizes[-1] > LONG_PAGE_BYTES
