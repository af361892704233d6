"""What small edits of real pages cost whoever embeds their sections: the text whose hash is new."""

import html
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from confluence_simulator import handbook_world

from hr_sync.render.page import render_page
from hr_sync.render.result import RenderLimits, Section

EDITS = 1_000
FEWEST_SECTIONS = 5
WORD = re.compile(r"(?<=[ >])[A-Za-z]{4,}(?=[ ,.<])")
HEADING = re.compile(r"<(/?)h[1-6]>")
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


@dataclass
class Cost:
    """What edits cost, and what they cannot cost less than, in characters."""

    edits: int = 0
    again: int = 0  #: in sections that are new or differ
    whole: int = 0  #: in all sections of the pages that were edited
    sections: int = 0
    equal: float = 0  #: one section of each page, if all of a page were equally long
    hit: float = 0  #: one section of each page, if an edit hits each character as often: longer ones more often

    def add(self, before: tuple[Section, ...], after: tuple[Section, ...]) -> int:
        """Count an edit. Return how many sections have to be embedded."""
        known = {section.text_hash for section in before}
        new = [section for section in after if section.text_hash not in known]
        whole = sum(len(section.text) for section in after)
        self.edits += 1
        self.again += sum(len(section.text) for section in new)
        self.whole += whole
        self.sections += len(after)
        self.equal += whole / len(after)
        self.hit += sum(len(section.text) ** 2 for section in after) / whole
        return len(new)

    def report(self) -> str:
        return (
            f"{self.sections / self.edits:.1f} sections a page of {self.whole / self.sections:.0f} characters: "
            f"{self.again / self.whole:.1%} to embed again; by page 100 %; one section of n, of equal length "
            f"{self.equal / self.whole:.1%}, as long as they are {self.hit / self.whole:.1%}"
        )


@pytest.mark.parametrize(("together", "most"), [(1, 0.2), (3, 0.15), (8, 0.1)])
def test_a_small_edit_embeds_the_section_where_it_is(together: int, most: float) -> None:
    """Over 1,000 random edits of the handbook, one section each. Whoever embeds by page embeds all of it each time.

    On pages of five to twelve sections no division costs 10 %: one section of them is more. What can be held is that
    nothing is embedded but the section that was edited, which is a long one more often than a short one.
    """
    luck = random.Random(20_261_126)  # noqa: S311 -- repeatable edits, no secrets
    pages = [each for each in chapters(together) if len(rendered(*each)) >= FEWEST_SECTIONS]
    assert len(pages) >= 5
    cost, before = Cost(), {page: rendered(*page) for page in pages}
    for number in range(EDITS):
        storage, title = luck.choice(pages)
        edited = KINDS[number % len(KINDS)](storage, luck)
        assert edited != storage
        new = cost.add(before[storage, title], rendered(edited, title))
        assert new <= 2  # a long section is divided, and the edit may move where

    print(cost.report())  # noqa: T201
    assert 0 < cost.again / cost.whole <= most
    assert cost.again <= cost.hit * 1.25  # words are edited, and they stand in sections that are longer than headings


def test_a_small_edit_of_a_section_in_parts_embeds_few_parts() -> None:
    """Without headings a page is one section in parts; an edit moves the cuts near it and no others."""
    luck = random.Random(20_261_126)  # noqa: S311 -- repeatable edits, no secrets
    pages = [(HEADING.sub(r"<\1p>", storage), title) for storage, title in chapters(20)]
    pages = [each for each in pages if len(rendered(*each)) >= FEWEST_SECTIONS]
    assert len(pages) >= 3
    cost, before, moved = Cost(), {page: rendered(*page) for page in pages}, 0
    for number in range(EDITS // 10):
        storage, title = luck.choice(pages)
        edited = KINDS[number % len(KINDS)](storage, luck)
        moved += cost.add(before[storage, title], rendered(edited, title)) > 1

    print(f"{cost.report()}; {moved} of {cost.edits} edits moved a cut")  # noqa: T201
    assert 0 < cost.again <= cost.hit * 1.3
    assert moved <= cost.edits * 0.15
