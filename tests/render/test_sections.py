"""Sections follow the headings, stay within their size, and change only where the page was edited."""

import hashlib
import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_sync.render.page import render_page
from hr_sync.render.result import Measure, RenderLimits, Section
from hr_sync.render.split import split_markdown


def sections(
    storage: str,
    *,
    title: str = "Leave",
    space: str = "HR",
    page_id: str = "7",
    size: int = 2_000,
    measure: Measure | None = None,
) -> tuple[Section, ...]:
    return render_page(
        storage,
        title=title,
        space=space,
        page_id=page_id,
        resolve=lambda _title, _space: None,
        limits=RenderLimits(section_size=size, measure=measure),
    ).sections


PAGE = (
    "<p>Intro.</p><h1>Annual leave</h1><p>25 days.</p><h2>Sweden</h2><p>30 days.</p><h3>Rates</h3><p>Full.</p>"
    "<h2>Japan</h2><p>20 days.</p><h3>Rates</h3><p>Half.</p><h3>Rates</h3><p>Again.</p><h1>Sick leave</h1>"
)


@pytest.mark.parametrize(
    "text",
    [
        "`" * 3_000 + "\n" + "a\n" * 3_000,
        "```" + "x" * 3_000 + "\n" + "a\n" * 3_000,
        " " * 3_000 + "```\n" + "a\n" * 3_000,
        "> " * 1_500 + ". " * 3_000,
        "|" * 3_000 + "\n|-\n" + "|a\n" * 3_000,
    ],
    ids=["fence", "name of the language", "indented fence", "quote", "header"],
)
def test_what_is_repeated_in_each_part_does_not_multiply_the_text(text: str) -> None:
    """However long an opening fence, a header or a quote is."""
    parts = split_markdown(text, 2_000, len)

    assert sum(map(len, parts)) < 3 * len(text)
    assert sum(part.count("a") for part in parts) == text.count("a")


def test_many_blank_lines_take_no_time_with_their_square() -> None:
    """Two hundred thousand of them took seconds."""
    begun = time.process_time()
    parts = split_markdown("a" + "\n" * 400_000 + "b", 2_000, len)
    assert [part.strip() for part in parts] in (["a", "b"], ["a" + "\n" * 101 + "b"])
    assert time.process_time() - begun < 1.5


def test_sections_follow_the_headings() -> None:
    """With level, path and parent; what stands before the first heading has level 0."""
    found = sections(PAGE)
    by_id = {section.section_id: section for section in found}

    assert [(s.level, s.heading_path, s.text) for s in found] == [
        (0, (), "Intro."),
        (1, ("Annual leave",), "# Annual leave\n\n25 days."),
        (2, ("Annual leave", "Sweden"), "## Sweden\n\n30 days."),
        (3, ("Annual leave", "Sweden", "Rates"), "### Rates\n\nFull."),
        (2, ("Annual leave", "Japan"), "## Japan\n\n20 days."),
        (3, ("Annual leave", "Japan", "Rates"), "### Rates\n\nHalf."),
        (3, ("Annual leave", "Japan", "Rates"), "### Rates\n\nAgain."),
        (1, ("Sick leave",), "# Sick leave"),
    ]
    assert [s.ordinal for s in found] == list(range(8))
    assert len(by_id) == 8
    parents = [by_id[s.parent_section_id].text if s.parent_section_id else None for s in found]
    assert parents == [
        None,
        None,
        "# Annual leave\n\n25 days.",
        "## Sweden\n\n30 days.",
        "# Annual leave\n\n25 days.",
        "## Japan\n\n20 days.",
        "## Japan\n\n20 days.",
        None,
    ]


def test_a_heading_that_skips_a_level_hangs_on_the_one_above() -> None:
    """An h4 below an h1, then an h2."""
    first, second, third = sections("<h1>a</h1><h4>b</h4><h2>c</h2>")

    assert second.parent_section_id == first.section_id
    assert third.parent_section_id == first.section_id


def test_the_text_to_embed_names_space_page_and_headings() -> None:
    """In one line before the text."""
    section = sections(PAGE)[3]

    assert section.embed_text == "HR › Leave › Annual leave › Sweden › Rates\n### Rates\n\nFull."  # noqa: RUF001
    assert section.text_hash == hashlib.sha256(section.text.encode()).hexdigest()


def test_a_new_title_or_space_changes_no_id_and_no_hash() -> None:
    """Nor does a heading above change the hash of what is below it."""
    before = sections(PAGE)
    after = sections(PAGE, title="Time off", space="PEOPLE")
    renamed = sections(PAGE.replace("<h1>Annual", "<h1>Yearly"))

    assert [(s.section_id, s.text_hash) for s in before] == [(s.section_id, s.text_hash) for s in after]
    assert before[2].embed_text != after[2].embed_text
    assert [s.text_hash for s in before[2:]] == [s.text_hash for s in renamed[2:]]


def test_pages_do_not_share_ids() -> None:
    """The same text on another page is another section with the same hash."""
    one, other = sections(PAGE), sections(PAGE, page_id="8")

    assert not {s.section_id for s in one} & {s.section_id for s in other}
    assert [s.text_hash for s in one] == [s.text_hash for s in other]


def test_an_edit_changes_its_section_alone() -> None:
    """Also a section that is added in front: ids do not follow the position."""
    before = {s.section_id: s.text_hash for s in sections(PAGE)}
    edited = {s.section_id: s.text_hash for s in sections(PAGE.replace("20 days", "22 days"))}
    added = {s.section_id: s.text_hash for s in sections(PAGE.replace("<h1>Annual", "<h1>New</h1><p>x</p><h1>Annual"))}

    assert before.keys() == edited.keys()
    assert len(before.items() ^ edited.items()) == 2
    assert before.items() <= added.items()


TABLE = "<table><tbody><tr><th>City</th><th>Rate</th></tr>{}</tbody></table>"
LINES = [f"line {n:03} = {'x' * (n % 40)}" for n in range(120)]
CODE = '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sh</ac:parameter><ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body></ac:structured-macro>'  # noqa: E501


def test_parts_of_a_table_repeat_its_header_and_cut_no_row() -> None:
    """Every row stands in exactly one part, whole."""
    storage = "<h2>Rates</h2>" + TABLE.format(
        "".join(f"<tr><td>City {n}</td><td>{n} a<br/>b</td></tr>" for n in range(200))
    )
    parts = sections(storage, size=500)

    assert len(parts) > 8
    assert all("| City | Rate |\n| --- | --- |\n| City " in part.text for part in parts)
    rows = [
        line for part in parts for line in part.text.split("\n") if line.startswith("| City ") and "Rate" not in line
    ]
    assert rows == [f"| City {n} | {n} a<br>b |" for n in range(200)]
    assert max(len(part.text) for part in parts) <= 500
    assert {part.parent_section_id for part in parts[1:]} == {parts[0].section_id}
    assert [part.part for part in parts] == list(range(len(parts)))


@pytest.mark.parametrize("around", ["{}", "<ul><li>x</li><li>{}</li></ul>", "<blockquote>{}</blockquote>"])
def test_parts_of_code_are_fenced_and_cut_no_line(around: str) -> None:
    """Within a list or a quote, too."""
    parts = sections("<h2>Code</h2>" + around.format(CODE.format("\n".join(LINES))), size=600)

    assert len(parts) > 3
    found = [line.lstrip(" >") for part in parts for line in part.text.split("\n") if "line " in line]
    assert found == LINES
    assert all(part.text.count("```") == 2 for part in parts)
    assert max(len(part.text) for part in parts) <= 600


def test_a_row_that_is_too_long_is_a_part_by_itself() -> None:
    """It is never cut."""
    long = "y" * 700
    parts = sections(TABLE.format(f"<tr><td>a</td><td>1</td></tr><tr><td>{long}</td><td>2</td></tr>" * 3), size=300)

    assert sum(f"| {long} | 2 |" in part.text for part in parts) == 3


def test_a_long_paragraph_is_cut_between_sentences_then_words() -> None:
    """A word is cut only where it alone is too long."""
    sentences = " ".join(f"This is sentence number {n} of many." for n in range(60))
    parts = sections(f"<p>{sentences}</p>", size=200)
    one_sentence = sections(f"<p>{'word ' * 200}</p>", size=200)
    one_word = sections(f"<p>{'x' * 1000}</p>", size=200)

    assert all(part.text.rstrip().endswith("many.") for part in parts)
    assert " ".join(part.text.strip() for part in parts) == sentences
    assert {word for part in one_sentence for word in part.text.split()} == {"word"}
    assert "".join(part.text for part in one_word) == "x" * 1000
    assert max(len(part.text) for part in (*parts, *one_sentence, *one_word)) <= 200


def test_the_size_may_be_counted_in_tokens() -> None:
    """By any callable."""
    parts = sections(f"<p>{'one two three. ' * 50}</p>", size=30, measure=lambda text: len(text.split()))

    assert len(parts) > 4
    assert max(len(part.text.split()) for part in parts) <= 30


def _article(paragraphs: Sequence[str]) -> str:
    return "<h2>Long</h2>" + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def test_an_edit_within_a_long_section_changes_the_parts_near_it() -> None:
    """At most a tenth of the text is new, on average over many edits of long sections."""
    source = random.Random(7)  # noqa: S311
    words = ["leave", "days", "pay", "contract", "office", "manager", "policy", "week", "approved", "until"]
    paragraphs = [" ".join(source.choices(words, k=source.randint(5, 60))) + f" {n}." for n in range(150)]
    before = {s.text_hash for s in sections(_article(paragraphs))}
    total = len("".join(paragraphs))
    shares = []
    for _ in range(60):
        edited = list(paragraphs)
        edited[source.randrange(len(edited))] += " One more sentence was added here by somebody."
        shares.append(sum(len(s.text) for s in sections(_article(edited)) if s.text_hash not in before) / total)

    assert sum(shares) / len(shares) < 0.1
    assert max(shares) < 0.3


_SOME_LINES = (
    *("para", "para " * 30, "| a | b |", "| --- | --- |", "- item", "  - x", "```sh", "```", "> quote", ""),
    "日本語。" * 20,
)
MARKDOWN_LINES = st.lists(st.sampled_from(_SOME_LINES), max_size=40)


@given(MARKDOWN_LINES, st.integers(5, 300))
@settings(max_examples=300, deadline=None)
def test_parts_hold_every_word_whatever_the_markdown(lines: list[str], size: int) -> None:
    """Only header rows, fences and quote signs are repeated."""
    from hr_sync.render.split import split_markdown  # noqa: PLC0415 - the one test of the inner function

    text = "\n".join(lines)
    parts = split_markdown(text, size, len)

    def letters(several: Sequence[str]) -> str:
        return "".join(char for each in several for char in each if char in "prqutoiem日本語。")

    assert letters(parts) == letters([text])
    assert all(len(part) <= size or "|" in part or "```" in part for part in parts)
