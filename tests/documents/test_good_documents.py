"""Every word that a good document shows is in its text, and no word that it hides."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from hr_sync.documents.reader import DocumentReader, sections_of
from hr_sync.documents.result import Document, MissingReason, Reason, Unreadable
from hr_sync.documents.sheets import _Hidden
from hr_sync.render.markdown import Heading, as_text
from hr_sync.render.result import RenderLimits
from tests.documents.good import (
    DOCUMENTS,
    PDF_PAGES,
    encrypted,
    pdf,
    presentation,
    saved,
    with_part,
    word_document,
    workbook,
)
from tests.documents.hostile_office import entries_of, office


@pytest.fixture(scope="module")
def reader() -> Iterator[DocumentReader]:
    with DocumentReader(files_per_process=100) as reader:
        yield reader


def read(reader: DocumentReader, data: bytes, name: str, media_type: str = "") -> Document:
    found = reader.read(data, media_type=media_type, name=name)
    assert isinstance(found, Document), found
    return found


def markdown(document: Document) -> str:
    return "\n\n".join(map(as_text, document.blocks))


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_visible_word_is_there_and_no_hidden_one(reader: DocumentReader, kind: str) -> None:
    """Whatever the type and the encoding."""
    good = DOCUMENTS[kind]()

    document = read(reader, good.data, good.name)

    text = markdown(document)
    assert [word for word in good.words if word not in text] == []
    assert [word for word in good.hidden if word in text] == []
    assert document.is_complete


def test_headings_of_a_word_document_are_sections(reader: DocumentReader) -> None:
    """By the styles of headings, the title among them; a list and a table are parts of theirs."""
    document = read(reader, word_document(), "policy.docx")

    sections = sections_of(document, document_id="att1", title="policy.docx", space="HR")

    assert [(each.level, each.heading_path[-1]) for each in sections] == [
        (1, "Holiday policy"), (1, "Entitlement"), (2, "Details"), (1, "Headers and footers"),
    ]  # fmt: skip
    assert "- parental leave\n- 賃金 is paid" in sections[2].text
    assert sections[2].embed_text.startswith("HR \u203a policy.docx \u203a Entitlement \u203a Details\n")


def test_a_text_box_is_read_once(reader: DocumentReader) -> None:
    """It is stored twice, for new programs and for old ones."""
    assert markdown(read(reader, word_document(), "policy.docx")).count("boxed") == 1


def test_what_is_drawn_for_old_programs_is_not_read_as_well(reader: DocumentReader) -> None:
    """Neither in a line of text nor in a cell, where a text box is stored twice."""
    names = "xmlns:w='http://w' xmlns:mc='http://mc'"
    both = "<mc:AlternateContent><mc:Choice>{0}</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent>"
    run = both.format("<w:r><w:t>inline</w:t></w:r>")
    box = both.format("<w:drawing><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:drawing>")
    table = f"<w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t>{box}</w:r></w:p></w:tc></w:tr></w:tbl>"
    body = f"<w:document {names}><w:body><w:p>{run}</w:p>{table}</w:body></w:document>"

    document = read(reader, office(entries_of("docx") | {"word/document.xml": body.encode()}), "policy.docx")

    assert document.blocks[:2] == ("inline", "|  |\n| --- |\n| cell<br>boxed |")


def test_a_merged_cell_is_repeated_in_each_row_that_it_covers(reader: DocumentReader) -> None:
    """A row can be read by itself."""
    text = markdown(read(reader, word_document(), "policy.docx"))

    assert "| Grade | Days |\n| --- | --- |" in text
    assert "| A\\|1<br>B | 28 |\n| A\\|1<br>B | 30<br>plus |" in text


def test_each_slide_is_a_section_and_a_hidden_one_is_told(reader: DocumentReader) -> None:
    """A hidden slide is nothing that its readers see, so that the text is complete."""
    document = read(reader, presentation(), "talk.pptx")

    headings = [block.title for block in document.blocks if isinstance(block, Heading)]
    assert headings == ["Slide 1: Holiday", "Notes"]
    assert [(part.part, part.reason) for part in document.missing] == [("Slide 2", MissingReason.HIDDEN)]
    assert document.pages == 2
    assert "| Grade | Days |" in markdown(document)


def test_charts_and_diagrams_have_their_words(reader: DocumentReader) -> None:
    """They are parts of their own, which a slide only points at."""
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[5])
    values: Any = CategoryChartData()  # type: ignore[no-untyped-call]
    values.categories = ["Berlin", "Paris"]
    values.add_series("Absences", (3, 4))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 9, 9, values)
    data = with_part(
        saved(made), "ppt/slides/slide1.xml", "diagramData", "<d xmlns:a='http://a'><a:p><a:t>drawn</a:t></a:p></d>"
    )

    text = markdown(read(reader, data, "talk.pptx"))

    assert [word for word in ("Berlin", "Paris", "Absences", "drawn") if word not in text] == []


def test_notes_of_a_word_document_stand_at_its_end(reader: DocumentReader) -> None:
    """Under a heading of their own."""
    notes = (
        "<w:footnotes xmlns:w='http://w'><w:footnote><w:p><w:r><w:t>noted</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )

    document = read(reader, with_part(word_document(), "word/document.xml", "footnotes", notes), "policy.docx")

    assert "## Details" in markdown(document)
    assert "# Footnotes\n\nnoted" in markdown(document)


def test_a_sheet_has_no_empty_columns_and_its_hidden_sheets_are_told(reader: DocumentReader) -> None:
    """The first row is the header, and values are written as people write them."""
    document = read(reader, workbook(), "list.xlsx")

    assert document.blocks[1] == (
        "| Grade | thirty | Überstunden |  |\n| --- | --- | --- | --- |\n| 賃金 | 28 | 25% |  |\n"
        "|  |  |  | référence \\| parental |"
    )
    assert [(part.part, part.reason) for part in document.missing] == [("Lists", MissingReason.HIDDEN)]


def test_hidden_rows_and_columns_of_a_sheet_are_left_out_and_told(reader: DocumentReader) -> None:
    """As hidden sheets are. Those without text are nothing to tell."""
    made = openpyxl.Workbook()
    sheet: Any = made.active
    sheet.title = "Pay"
    for row in (["unseen"] * 6, ["Name", "unseen", "unseen", "Days", "", ""], ["Ada", "unseen", "", "28", "", "29"]):
        sheet.append(row)
    sheet.append(["flat"])
    sheet.row_dimensions[1].hidden = sheet.row_dimensions[9].hidden = True
    sheet.row_dimensions[4].height = 77
    sheet.column_dimensions.group("B", "C", hidden=True)
    sheet.column_dimensions["E"].hidden = True

    with zipfile.ZipFile(io.BytesIO(saved(made))) as archive:
        entries = {name: archive.read(name).replace(b'ht="77"', b'ht="0"') for name in archive.namelist()}

    document = read(reader, office(entries), "pay.xlsx")

    assert document.blocks[1] == "| Name | Days |  |\n| --- | --- | --- |\n| Ada | 28 | 29 |"
    assert [(part.part, part.reason) for part in document.missing] == [
        ("Pay: 2 hidden rows, 2 hidden columns", MissingReason.HIDDEN)
    ]
    assert document.hidden_characters == 9 * len("unseen") + len("flat")
    assert document.is_complete


def test_rows_of_which_nothing_is_known_are_not_shown() -> None:
    """Where the sheet breaks off before it says whether it hides them."""
    hidden = _Hidden(known_rows=1)
    assert (hidden.shown(1, {1: "words"}), hidden.shown(2, {1: "words"})) == ({1: "words"}, {})
    assert str(hidden) == "1 hidden row"


def test_a_table_is_cut_between_rows_and_each_part_has_its_header(reader: DocumentReader) -> None:
    """As a table of a page."""
    rows = "".join(f"name{number},{number}\n" for number in range(200))
    document = read(reader, f"Name,Number\n{rows}".encode(), "list.csv", "text/csv")

    sections = sections_of(
        document, document_id="att1", title="list.csv", space="HR", limits=RenderLimits(section_size=500)
    )

    assert len(sections) > 5
    for section in sections:
        lines = section.text.split("\n")
        assert lines[:2] == ["| Name | Number |", "| --- | --- |"]
        assert all(line.startswith("| name") and line.endswith(" |") for line in lines[2:])


def test_each_page_of_a_pdf_is_a_section(reader: DocumentReader) -> None:
    """With its number, so that an answer can name it."""
    document = read(reader, pdf(PDF_PAGES), "policy.pdf")

    sections = sections_of(document, document_id="att1", title="policy.pdf", space="HR")

    assert [section.heading_path for section in sections] == [("Page 1",), ("Page 2",), ("Page 3",)]
    assert document.pages == 3


def test_a_page_that_is_an_image_is_told_and_a_blank_one_is_not(reader: DocumentReader) -> None:
    """The rest is read."""
    image = b"q 100 0 0 100 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \xff EI Q"
    document = read(reader, pdf([], contents=[b"BT /F1 12 Tf (words) Tj ET", image, b" "]), "scan.pdf")

    assert [(part.part, part.reason) for part in document.missing] == [("Page 2", MissingReason.NO_TEXT_LAYER)]
    assert not document.is_complete


def test_a_scanned_document_is_no_empty_one(reader: DocumentReader) -> None:
    """Nothing is read, and why is told."""
    image = b"q 100 0 0 100 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \xff EI Q"

    assert reader.read(pdf([], contents=[image]), media_type="", name="scan.pdf") == Unreadable(
        reason=Reason.NO_TEXT_LAYER
    )
    assert reader.read(pdf([], contents=[b""]), media_type="", name="a.pdf") == Unreadable(reason=Reason.NO_TEXT)


def test_a_broken_page_costs_itself(reader: DocumentReader) -> None:
    """The other pages are read."""
    good = pdf(PDF_PAGES)
    for old, new in (
        (b"/Contents 7 0 R", b"/Contents 99 0 R"),
        (b"/Length 56 ", b"/Length 56 /Filter /FlateDecode "),
        (b"/Length 56 ", b"/Length 56 /Filter /Unknown "),
    ):
        assert good.count(old) == 1

        document = read(reader, good.replace(old, new), "policy.pdf")

        assert [(part.part, part.reason) for part in document.missing] == [("Page 2", MissingReason.DAMAGED)]
        assert "parental" in markdown(document)


def test_a_document_with_a_password_is_told(reader: DocumentReader) -> None:
    """And one without its password is not read as an empty one."""
    found = reader.read(encrypted(pdf(PDF_PAGES), password="secret"), media_type="", name="policy.pdf")

    assert found == Unreadable(reason=Reason.ENCRYPTED)
