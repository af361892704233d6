"""What small edits of real pages cost whoever embeds their sections: the text whose hash is new."""

import html
import random
import re
from collections.abc import Callable

import pytest
from confluence_simulator import handbook_world

from hr_sync.render.page import render_page
from hr_sync.render.result import RenderLimits, Section

EDITS = 1_000
FEWEST_SECTIONS = 5
WORD = re.compile(r"(?<=[ >])[A-Za-z]{4,}(?=[ ,.<])")
PARAGRAPH = re.compile(r"<p>[^<]+</p>")


def rendered(storage: str, title: str) -> tuple[Section, ...]:
    return render_page(
        storage, title=title, space="HR", page_id="7", resolve=lambda _title, _space: None, limits=RenderLimits()
    ).sections


def chapters(together: int) -> list[tuple[str, str]]:
    """Return the pages of the handbook, as most of them are short, so many together as one page."""
    pages = [(page.storage, page.title) for page in handbook_world().pages() if PARAGRAPH.search(page.storage)]
    if together == 1:
        return pages
    return [
        ("".join(f"<h1>{html.escape(title)}</h1>{storage}" for storage, title in pages[at : at + together]), "Part")
        for at in range(0, len(pages), together)
    ]


def _replace_word(storage: str, luck: random.Random) -> str:
    word = luck.choice(list(WORD.finditer(storage)))
    return f"{storage[: word.start()]}changed{storage[word.end() :]}"


def _add_comma(storage: str, luck: random.Random) -> str:
    word = luck.choice(list(WORD.finditer(storage)))
    return f"{storage[: word.end()]},{storage[word.end() :]}"


def _add_sentence(storage: str, luck: random.Random) -> str:
    paragraph = luck.choice(list(PARAGRAPH.finditer(storage)))
    return f"{storage[: paragraph.end() - 4]} This is new.{storage[paragraph.end() - 4 :]}"


def _add_paragraph(storage: str, luck: random.Random) -> str:
    paragraph = luck.choice(list(PARAGRAPH.finditer(storage)))
    return f"{storage[: paragraph.end()]}<p>A paragraph that was not here.</p>{storage[paragraph.end() :]}"


def _delete_paragraph(storage: str, luck: random.Random) -> str:
    paragraph = luck.choice(list(PARAGRAPH.finditer(storage)))
    return storage[: paragraph.start()] + storage[paragraph.end() :]


KINDS: tuple[Callable[[str, random.Random], str], ...] = (
    _replace_word,
    _add_comma,
    _add_sentence,
    _add_paragraph,
    _delete_paragraph,
)


@pytest.mark.parametrize(("together", "most"), [(1, 0.2), (3, 0.15), (8, 0.1)])
def test_a_small_edit_embeds_the_section_where_it_is(together: int, most: float) -> None:
    """Over 1,000 random edits of the handbook, one section each. Whoever embeds by page embeds all of it each time."""
    luck = random.Random(20_261_126)  # noqa: S311 -- repeatable edits, no secrets
    pages = [each for each in chapters(together) if len(rendered(*each)) >= FEWEST_SECTIONS]
    assert len(pages) >= 5
    again = whole = sections = 0
    for number in range(EDITS):
        storage, title = luck.choice(pages)
        edited = KINDS[number % len(KINDS)](storage, luck)
        assert edited != storage
        known = {section.text_hash for section in rendered(storage, title)}
        after = rendered(edited, title)
        new = [section for section in after if section.text_hash not in known]
        assert len(new) <= 2  # a long section is divided, and the edit may move where
        again += sum(len(section.text) for section in new)
        whole += sum(len(section.text) for section in after)
        sections += len(after)

    print(f"{sections / EDITS:.1f} sections a page: {again / whole:.1%} to embed again; by page 100 %")  # noqa: T201
    assert 0 < again / whole <= most
