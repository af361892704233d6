"""Each limit by itself, with small numbers, and what is told where it is reached."""

import time

import pytest

from hr_sync.documents import written
from hr_sync.documents.collected import Collected
from hr_sync.documents.extract import OutOfTime, extract
from hr_sync.documents.reader import DocumentReader
from hr_sync.documents.result import Document, Limits, MissingReason, Reason, Unreadable
from hr_sync.render.markdown import Heading, as_text
from tests.documents.good import PDF_PAGES, pdf
from tests.documents.hostile_office import bomb, entries_of, office, slides


def refused(data: bytes, name: str, limits: Limits) -> Reason:
    found = extract(data, "", name, limits)
    assert isinstance(found, Unreadable), found
    return found.reason


def read(data: bytes, name: str, limits: Limits) -> Document:
    found = extract(data, "", name, limits)
    assert isinstance(found, Document), found
    return found


def test_a_file_of_just_the_limit_is_read() -> None:
    """One byte more is not, wherever it comes from."""
    assert read(b"x" * 10, "a.txt", Limits(file_bytes=10)).is_complete
    assert refused(b"x" * 11, "a.txt", Limits(file_bytes=10)) is Reason.TOO_LARGE


def test_a_large_file_is_not_read_into_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of a path no more is read than one byte beyond the limit."""
    path = tmp_path_factory.mktemp("large") / "a.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room

    with DocumentReader(Limits(file_bytes=1_000)) as reader:
        assert reader.read(path, media_type="", name="a.txt") == Unreadable(reason=Reason.TOO_LARGE)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"<!---->" * 24 + b"x"),
        ("a.html", b"<html>" + b"<meta" * 38 + b" charset=" + b" " * 3_600 + b"<p>x"),
        ("a.md", b"# x" + b" " * 4_000 + b"x\nx"),
    ],
)
def test_no_pattern_takes_a_time_with_the_square_of_what_it_looks_at(name: str, data: bytes) -> None:
    """Where a pattern goes back and tries again, these take seconds."""
    begun = time.process_time()
    read(data, name, Limits())
    assert time.process_time() - begun < 0.4


@pytest.mark.parametrize(
    ("line", "title"),
    [("# a b ##", "a b"), ("# a# \t", "a#"), ("# ##", "##"), ("#  a \t# \t", "a"), ("# a#b #", "a#b")],
)
def test_a_heading_has_no_closing_marks(line: str, title: str) -> None:
    """Unless they belong to its text."""
    (heading, _) = read(f"{line}\nx".encode(), "a.md", Limits()).blocks
    assert heading == Heading(1, title, line.strip())


def test_the_number_of_pages() -> None:
    """Of a PDF and of a presentation."""
    assert read(pdf(PDF_PAGES), "a.pdf", Limits(pages=3)).pages == 3
    assert refused(pdf(PDF_PAGES), "a.pdf", Limits(pages=2)) is Reason.TOO_MANY_PAGES
    assert refused(slides(3), "a.pptx", Limits(pages=2)) is Reason.TOO_MANY_PAGES


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"word word\n\n" * 100),
        ("a.txt", b"w" * 1_100),
        ("a.csv", b"Name,Number\n" + b"word,1\n" * 200),
        ("a.md", b"# word\n" + b"word " * 100),
        ("a.html", b"<html>" + b"<p>word<ul><li>word</ul>" * 100),
        ("a.txt", "賃金賃金\n\n".encode() * 100),
    ],
)
def test_text_beyond_the_limit_is_left_out_and_told(name: str, data: bytes) -> None:
    """What is within is there, and it is nearly as much as may be."""
    found = read(data, name, Limits(text_bytes=300))

    size = len("".join(map(as_text, found.blocks)).encode())
    assert 250 <= size <= 300
    assert found.limits_reached == ("text_bytes",)
    assert not found.is_complete


def test_what_an_office_document_unpacks_to() -> None:
    """Counted while it is unpacked."""
    entries = entries_of("docx")
    size = sum(map(len, entries.values()))

    assert read(office(entries), "a.docx", Limits(expanded_bytes=size)).is_complete
    assert refused(office(entries), "a.docx", Limits(expanded_bytes=size - 1)) is Reason.EXPANDS_TOO_MUCH
    assert refused(bomb(3), "a.docx", Limits(expanded_bytes=2 << 20)) is Reason.EXPANDS_TOO_MUCH
    assert refused(office(entries), "a.docx", Limits(entries=len(entries) - 1)) is Reason.EXPANDS_TOO_MUCH


def test_further_headings_are_paragraphs() -> None:
    """So that a document cannot have a million sections."""
    found = read(b"# one\n# two\n# three\nwords", "a.md", Limits(headings=2))

    assert [type(block) for block in found.blocks] == [Heading, Heading, str, str]
    assert found.limits_reached == ("headings",)


@pytest.mark.parametrize(
    ("failure", "limits_reached"),
    [(OutOfTime(), ("seconds",)), (MemoryError(), ("memory_bytes",)), (RuntimeError(), ())],
)
def test_what_was_read_before_a_failure_is_kept(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, limits_reached: tuple[str, ...]
) -> None:
    """The document says that its rest is missing, and why."""

    def read_some(_: bytes, out: Collected, __: Limits) -> None:
        out.paragraph("words")
        raise failure

    monkeypatch.setattr(written, "read_text", read_some)

    found = read(b"x", "a.txt", Limits())

    assert found.blocks == ("words",)
    assert found.limits_reached == limits_reached
    assert [part.reason for part in found.missing] == [MissingReason.NOT_REACHED]
    assert not found.is_complete


def test_pages_before_a_page_that_takes_too_long_are_kept() -> None:
    """The process stops itself in time for that."""
    slow = b"BT /F1 1 Tf " + b"(word word word) Tj T* " * 100_000 + b"ET"
    with DocumentReader(Limits(seconds=3)) as reader:
        found = reader.read(pdf([], contents=[b"BT /F1 12 Tf (words) Tj ET", slow]), media_type="", name="a.pdf")

        assert isinstance(found, Document)
        assert found.blocks[1:] == ("words",)
        assert found.limits_reached == ("seconds",)
        assert isinstance(reader.read(pdf(PDF_PAGES), media_type="", name="a.pdf"), Document)
        assert reader.processes == 2
