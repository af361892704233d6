"""Good documents of every type, mostly made by other libraries than read them, each with the words that it shows."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import docx
import openpyxl
import pptx
import pypdf
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

WORDS = ("Holiday", "thirty", "Überstunden", "賃金", "référence", "parental")


@dataclass(frozen=True, kw_only=True)
class Good:
    """`hidden`: words that no reader of the document sees."""

    name: str
    data: bytes
    words: tuple[str, ...] = WORDS
    hidden: tuple[str, ...] = ()


def saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


@cache
def word_document() -> bytes:
    """Headings, paragraphs, lists, tables with merged cells, tracked changes, content controls, text boxes, notes."""
    document = docx.Document()
    document.add_heading("Holiday policy", 0)
    document.add_heading("Entitlement", 1)
    document.add_paragraph("Everybody has thirty days. Überstunden count.")
    document.add_heading("Details", 2)
    document.add_paragraph("parental leave", style="List Bullet")
    document.add_paragraph("賃金 is paid", style="List Number")
    table = document.add_table(3, 2, style="Table Grid")
    for number, text in enumerate(("Grade", "Days", "A|1", "28", "B", "30\nplus")):
        table.cell(number // 2, number % 2).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    _add_below(document, "<w:p {}><w:ins w:id='1'><w:r><w:t>inserted</w:t></w:r></w:ins>"
               "<w:del w:id='2'><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>")  # fmt: skip
    _add_below(document, "<w:sdt {}><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>")
    _add_below(document, "<w:p {}><w:r><w:rPr><w:vanish/></w:rPr><w:t>unseen</w:t></w:r>"
               "<w:hyperlink><w:r><w:t>référence</w:t></w:r></w:hyperlink></w:p>")  # fmt: skip
    box = "<w:{0}><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:{0}>"
    both = f"<mc:Choice>{box.format('drawing')}</mc:Choice><mc:Fallback>{box.format('pict')}</mc:Fallback>"
    names = "xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'"
    _add_below(document, f"<w:p {{}} {names}><w:r><mc:AlternateContent>{both}</mc:AlternateContent></w:r></w:p>")
    document.sections[0].header.paragraphs[0].text = "internal"
    return saved(document)


def _add_below(document: Any, xml: str) -> None:
    document.element.body.insert_element_before(parse_xml(xml.format(nsdecls("w"))), "w:sectPr")


@cache
def presentation() -> bytes:
    """Titles, bullets, a group, a table, notes, and a hidden slide."""
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "Holiday"
    slide.placeholders[1].text = "thirty days\nÜberstunden"
    grouped = slide.shapes.add_group_shape()
    grouped.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "賃金 référence"
    table = slide.shapes.add_table(2, 2, 0, 0, 9, 9).table
    for number, text in enumerate(("Grade", "Days", "parental", "28")):
        table.cell(number // 2, number % 2).text = text
    slide.notes_slide.notes_text_frame.text = "spoken"
    hidden = made.slides.add_slide(made.slide_layouts[5])
    hidden.shapes.title.text = "unseen"
    hidden._element.set("show", "0")
    return saved(made)


@cache
def workbook() -> bytes:
    """Values of every type, a date, a percentage, and a hidden sheet."""
    made = openpyxl.Workbook()
    sheet: Any = made.active
    sheet.title = "Holiday"
    sheet.append(["Grade", "thirty", "Überstunden"])
    sheet.append(["賃金", 28, 0.25])
    sheet["C2"].number_format = "0%"
    sheet["E9"] = "référence | parental"
    hidden = made.create_sheet("Lists")
    hidden.append(["unseen"])
    hidden.sheet_state = "hidden"
    return saved(made)


def pdf(pages: Sequence[str], *, extra: Sequence[bytes] = (), contents: Sequence[bytes] | None = None) -> bytes:
    """Return a PDF with a line of text on each page, or with these content streams."""
    font = 3
    streams = contents or [f"BT /F1 12 Tf 72 720 Td ({_escaped(text)}) Tj ET".encode("cp1252") for text in pages]
    first = font + 1
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, stream in enumerate(streams):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {first + 2 * number + 1} 0 R "
        objects.append(page.encode() + b"/Resources << /Font << /F1 3 0 R >> >> >>")
        objects.append(stream_object(stream))
    return assembled([*objects, *extra])


def stream_object(content: bytes, entries: str = "") -> bytes:
    return f"<< /Length {len(content)} {entries} >>\nstream\n".encode() + content + b"\nendstream"


def assembled(objects: Sequence[bytes], trailer: str = "/Root 1 0 R") -> bytes:
    """Return objects, numbered from 1, as a PDF with a table of their places."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def encrypted(data: bytes, *, password: str, algorithm: str = "AES-256") -> bytes:
    """Return a PDF that opens with this password; with none, it is protected against changes alone."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


PDF_PAGES = ("Holiday and thirty days", "Überstunden (référence)", "parental leave")
PDF_WORDS = ("Holiday", "thirty", "Überstunden", "(référence)", "parental")
HTML = (
    "<!DOCTYPE html><html><head><title>unseen</title><style>unseen</style></head><body><h1>Holiday</h1><p>thirty"
    "<br>&Uuml;berstunden<ul><li>賃金<li>référence</ul><table><tr><th>Grade<td>parental</table>"
    '<p style="display:none">unseen</p><script>unseen</script><!-- unseen --></body></html>'
)
TEXT = "Holiday\nthirty Überstunden\n\n賃金 référence\r\nparental"

DOCUMENTS: dict[str, Callable[[], Good]] = {
    "docx": lambda: Good(
        name="policy.docx",
        data=word_document(),
        words=(*WORDS, "inserted", "controlled", "boxed", "internal", "A\\|1", "30<br>plus"),
        hidden=("deleted", "unseen"),
    ),
    "pptx": lambda: Good(name="talk.pptx", data=presentation(), words=(*WORDS, "spoken", "28"), hidden=("unseen",)),
    "xlsx": lambda: Good(name="list.xlsx", data=workbook(), words=(*WORDS, "28", "25%"), hidden=("unseen",)),
    "pdf": lambda: Good(name="policy.pdf", data=pdf(PDF_PAGES), words=PDF_WORDS),
    "pdf, protected with AES": lambda: Good(
        name="policy.pdf", data=encrypted(pdf(PDF_PAGES), password=""), words=PDF_WORDS
    ),
    "pdf, protected with RC4": lambda: Good(
        name="policy.pdf", data=encrypted(pdf(PDF_PAGES), password="", algorithm="RC4-128"), words=PDF_WORDS
    ),
    "html": lambda: Good(name="page.html", data=HTML.encode(), hidden=("unseen",)),
    "html in UTF-16": lambda: Good(name="page.htm", data=HTML.encode("utf-16"), hidden=("unseen",)),
    "text": lambda: Good(name="notes.txt", data=TEXT.encode()),
    "text in UTF-16": lambda: Good(name="notes.txt", data=TEXT.encode("utf-16")),
    "text in Windows-1252": lambda: Good(
        name="notes.txt", data=TEXT.replace("賃金", "").encode("cp1252"), words=("Überstunden", "référence")
    ),
    "markdown": lambda: Good(name="notes.md", data=f"# Heading\n\n{TEXT}".encode()),
    "csv": lambda: Good(name="list.csv", data='Holiday;thirty\nÜberstunden;賃金\n"référence;\nparental";1\n'.encode()),
}  # fmt: skip


def with_part(data: bytes, part: str, kind: str, xml: str) -> bytes:
    """Return an office document in which a part links to another one."""
    folder, _, name = part.rpartition("/")
    links = f"{folder}/_rels/{name}.rels"
    link = f'<Relationship Id="x9" Type="http://a/{kind}" Target="added.xml"/></Relationships>'
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            new.writestr(entry, content.replace(b"</Relationships>", link.encode()) if entry == links else content)
        new.writestr(f"{folder}/added.xml", xml)
    return file.getvalue()
