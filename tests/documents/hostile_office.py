"""Office documents made to break whoever reads them."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from hr_sync.documents.result import Reason
from tests.documents import good

TEXT = "text"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
CHUNK = 1 << 20

XML_PARTS = {
    "docx": ("word/document.xml", "word/styles.xml", "_rels/.rels", "[Content_Types].xml"),
    "xlsx": ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"),
    "pptx": ("ppt/slides/slide1.xml", "ppt/presentation.xml"),
}
XML_BOMBS = {
    "a billion laughs": '<!DOCTYPE a [<!ENTITY l "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]>",
    "a local file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "a document type from the network": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
}


def office(entries: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """Return a ZIP file of entries, whose names need not differ."""
    pairs = entries.items() if isinstance(entries, Mapping) else entries
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are there twice
        for name, content in pairs:
            archive.writestr(name, content)
    return file.getvalue()


def entries_of(kind: str) -> dict[str, bytes]:
    """Return the entries of a good document."""
    return dict(_entries_of(kind))


@cache
def _entries_of(kind: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(good.DOCUMENTS[kind]().data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(kind: str, **parts: bytes | None) -> bytes:
    """Return a good document with other parts, named by the end of their names; None leaves one out."""
    entries = entries_of(kind)
    for part, content in parts.items():
        name = next(name for name in entries if name.endswith(f"/{part}.xml"))
        if content is None:
            del entries[name]
        else:
            entries[name] = content
    return office(entries)


def replaced(kind: str, part: str, old: bytes, new: bytes) -> bytes:
    entries = entries_of(kind)
    assert old in entries[part]
    return office({**entries, part: entries[part].replace(old, new)})


def with_bomb(kind: str, part: str, bomb: str) -> bytes:
    entries = entries_of(kind)
    text = entries[part].decode()
    _, _, rest = text.partition("?>") if text.startswith("<?xml") else ("", "", text)
    encoding = "utf-16" if "network" in bomb else "utf-8"
    return office(
        {**entries, part: f'<?xml version="1.0" encoding="{encoding}"?>{XML_BOMBS[bomb]}{rest}'.encode(encoding)}
    )


def words(body: str) -> bytes:
    return changed("docx", document=f"<w:document {W}><w:body>{body}</w:body></w:document>".encode())


def sheet(rows: str, before: str = "") -> bytes:
    return changed("xlsx", sheet1=f"<worksheet {S}>{before}<sheetData>{rows}</sheetData></worksheet>".encode())


def text_cell(reference: str, text: str = "words") -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def bomb(megabytes: int) -> bytes:
    """Return a document with an entry that unpacks to this much."""
    file = io.BytesIO(good.DOCUMENTS["docx"]().data)
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/media/a.bin", "w", force_zip64=True) as entry,
    ):
        for _ in range(megabytes):
            entry.write(bytes(CHUNK))
    return file.getvalue()


def with_false_sizes() -> bytes:
    """Return a bomb whose table of contents says that the entry has ten bytes."""
    data = bytearray(bomb(30))
    place = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, place + 24, 10)
    return bytes(data)


def overlapping() -> bytes:
    """Return a table of contents with a thousand entries that are one and the same."""
    data = bytearray(bomb(2))
    start = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry, tail = bytes(data[start:end]), bytearray(data[end:])
    directory_start = struct.unpack_from("<L", tail, 16)[0]
    directory = bytes(data[directory_start:end]) + entry * 1_000
    count = struct.unpack_from("<H", tail, 10)[0] + 1_000
    struct.pack_into("<HHL", tail, 8, count, count, len(directory))
    return bytes(data[:directory_start]) + directory + bytes(tail)


def locked() -> bytes:
    """Return a document whose entries say that they are encrypted."""
    data = bytearray(good.DOCUMENTS["docx"]().data)
    place = 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0:
        data[place + 8] |= 1
        place += 1
    return bytes(data)


def with_link(kind: str, part: str, link: str) -> bytes:
    return replaced(kind, part, b"</Relationships>", link.encode() + b"</Relationships>")


def deep(tag: str, times: int) -> str:
    return f"<{tag}>" * times + f"</{tag}>" * times


def loop_of_styles() -> bytes:
    styles = "".join(f'<w:style w:styleId="S{n}"><w:basedOn w:val="S{(n + 1) % 3}"/></w:style>' for n in range(3))
    entries = entries_of("docx")
    body = '<w:p><w:pPr><w:pStyle w:val="S0"/></w:pPr><w:r><w:t>words</w:t></w:r></w:p>'
    entries["word/document.xml"] = f"<w:document {W}><w:body>{body}</w:body></w:document>".encode()
    return office({**entries, "word/styles.xml": f"<w:styles {W}>{styles}</w:styles>".encode()})


def slides(times: int) -> bytes:
    """Return a presentation that shows its first slide many times."""
    part = "ppt/presentation.xml"
    text = entries_of("pptx")[part]
    start = text.index(b"<p:sldId ")
    first = text[start : text.index(b"/>", start) + 2]
    return replaced("pptx", part, first, first * times)


_PARAGRAPH = "<w:p><w:r><w:t>words</w:t></w:r></w:p>"
_EXTERNAL = '<Relationship Id="x9" Type="http://a/{}" Target="{}" TargetMode="External"/>'
_MEMORY = (Reason.TOO_MUCH_MEMORY, Reason.TOO_SLOW, Reason.DAMAGED, Reason.NO_TEXT, TEXT)

#: By name: file name, how it is made, what may come of it (nothing named: anything but a crash), whether it is slow.
DOCUMENTS: dict[str, tuple[str, Callable[[], bytes], tuple[str, ...], bool]] = {
    "zip: a bomb": ("a.docx", lambda: bomb(201), (Reason.EXPANDS_TOO_MUCH,), True),
    "zip: false sizes": ("a.docx", with_false_sizes, (Reason.DAMAGED, Reason.EXPANDS_TOO_MUCH), False),
    "zip: overlapping entries": ("a.docx", overlapping, (Reason.DAMAGED, Reason.EXPANDS_TOO_MUCH), False),
    "zip: a bomb within": (
        "a.docx",
        lambda: office({**entries_of("docx"), "word/embeddings/a.zip": bomb(64)}),
        (TEXT,),
        True,
    ),
    "zip: many entries": (
        "a.docx",
        lambda: office([*entries_of("docx").items(), *((f"a{number}", b"") for number in range(10_001))]),
        (Reason.EXPANDS_TOO_MUCH,),
        False,
    ),
    "zip: names that lead away": (
        "a.docx",
        lambda: office({**entries_of("docx"), "../../../etc/cron.d/x": b"x", "/etc/x": b"x", "C:\\x": b"x"}),
        (TEXT,),
        False,
    ),
    "zip: names twice": (
        "a.docx",
        lambda: office([*entries_of("docx").items(), ("word/document.xml", b"<a/>")]),
        (),
        False,
    ),
    "zip: entries with a password": ("a.docx", locked, (Reason.ENCRYPTED,), False),
    "docx: deep": ("a.docx", lambda: words(deep("w:sdt", 100_000)), (Reason.DAMAGED,), False),
    "docx: deep tables": (
        "a.docx",
        lambda: words("<w:tbl><w:tr><w:tc>" * 80 + _PARAGRAPH + "</w:tc></w:tr></w:tbl>" * 80),
        (TEXT,),
        False,
    ),
    "docx: deep boxes": (
        "a.docx",
        lambda: words("<w:p><w:r><w:txbxContent>" * 80 + _PARAGRAPH + "</w:txbxContent></w:r></w:p>" * 80),
        (TEXT,),
        False,
    ),
    "docx: wide cells": (
        "a.docx",
        lambda: words(
            "<w:tbl>"
            + f'<w:tr><w:tc><w:tcPr><w:gridSpan w:val="999999"/></w:tcPr>{_PARAGRAPH}</w:tc></w:tr>' * 1_000
            + "</w:tbl>"
        ),
        (TEXT,),
        False,
    ),
    "docx: a long word": ("a.docx", lambda: words(f"<w:p><w:r><w:t>{'x' * 12_000_000}</w:t></w:r></w:p>"), (), False),
    "docx: much text": (
        "a.docx",
        lambda: words(f"<w:p><w:r><w:t>{'word ' * 1_000}</w:t></w:r></w:p>" * 1_500),
        (TEXT,),
        False,
    ),
    "docx: many empty paragraphs": ("a.docx", lambda: words("<w:p/>" * 6_000_000), (Reason.TOO_MUCH_MEMORY,), True),
    "docx: many boxes in a paragraph": (
        "a.docx",
        lambda: words("<w:p>" + f"<w:r><w:txbxContent>{_PARAGRAPH}</w:txbxContent></w:r>" * 20_000 + "</w:p>"),
        (TEXT,),
        True,
    ),
    "docx: styles in a circle": ("a.docx", loop_of_styles, (TEXT,), False),
    "docx: no document": ("a.docx", lambda: changed("docx", document=None), (Reason.DAMAGED,), False),
    "docx: an empty document": ("a.docx", lambda: changed("docx", document=b""), (Reason.DAMAGED,), False),
    "docx: another root": ("a.docx", lambda: changed("docx", document=b"<a><b/></a>"), (TEXT, Reason.NO_TEXT), False),
    "docx: the document is elsewhere": (
        "a.docx",
        lambda: replaced("docx", "_rels/.rels", b"word/document.xml", b"../../../../etc/passwd"),
        (Reason.DAMAGED,),
        False,
    ),
    "docx: the document is on the network": (
        "a.docx",
        lambda: replaced("docx", "_rels/.rels", b'"word/document.xml"', b'"http://127.0.0.1:9/" TargetMode="External"'),
        (Reason.DAMAGED,),
        False,
    ),
    "docx: a template on the network": (
        "a.docx",
        lambda: with_link(
            "docx", "word/_rels/document.xml.rels", _EXTERNAL.format("attachedTemplate", "http://127.0.0.1:9/a.dotm")
        ),
        (TEXT,),
        False,
    ),
    "docx: a header that is a local file": (
        "a.docx",
        lambda: with_link("docx", "word/_rels/document.xml.rels", _EXTERNAL.format("header", "file:///etc/passwd")),
        (TEXT,),
        False,
    ),
    "docx: the header is the document": (
        "a.docx",
        lambda: with_link(
            "docx",
            "word/_rels/document.xml.rels",
            '<Relationship Id="x9" Type="http://a/header" Target="document.xml"/>',
        ),
        (TEXT,),
        False,
    ),
    "docm: macros": (
        "a.docm",
        lambda: office({**entries_of("docx"), "word/vbaProject.bin": b"\xd0\xcf\x11\xe0" * 99}),
        (TEXT,),
        False,
    ),
    "xlsx: the last column": ("a.xlsx", lambda: sheet(f'<row r="1">{text_cell("XFD1")}</row>'), (TEXT,), False),
    "xlsx: a column that does not exist": (
        "a.xlsx",
        lambda: sheet(f'<row r="1">{text_cell("ZZZZ1")}</row>'),
        (Reason.DAMAGED, TEXT),
        False,
    ),
    "xlsx: a million columns": (
        "a.xlsx",
        lambda: sheet('<row r="1">' + '<c t="inlineStr"><is><t>x</t></is></c>' * 1_000_000 + "</row>"),
        _MEMORY,
        True,
    ),
    "xlsx: a million cells in a row": (
        "a.xlsx",
        lambda: sheet(f'<row r="1">{"<c><v>1</v></c>" * 1_000_000}</row>'),
        _MEMORY,
        True,
    ),
    "xlsx: a far row": (
        "a.xlsx",
        lambda: sheet(f'<row r="99999999999">{text_cell("A99999999999")}</row>'),
        (Reason.TOO_SLOW, Reason.DAMAGED, TEXT),
        True,
    ),
    "xlsx: rows that go back": (
        "a.xlsx",
        lambda: sheet("".join(f'<row r="{n % 3}">{text_cell(f"A{n % 3}")}</row>' for n in range(5_000))),
        (),
        False,
    ),
    "xlsx: a size that is not true": (
        "a.xlsx",
        lambda: sheet(f'<row r="1">{text_cell("A1")}</row>', '<dimension ref="A1:XFD1048576"/>'),
        (TEXT,),
        False,
    ),
    "xlsx: a diagonal": (
        "a.xlsx",
        lambda: sheet("".join(f'<row r="{n}"><c r="{column(n)}{n}"><v>{n}</v></c></row>' for n in range(1, 5_000))),
        (TEXT, Reason.TOO_SLOW),
        True,
    ),
    "xlsx: a string that does not exist": (
        "a.xlsx",
        lambda: sheet('<row r="1"><c r="A1" t="s"><v>999999999</v></c></row>'),
        (Reason.DAMAGED,),
        False,
    ),
    "xlsx: numbers that are none": (
        "a.xlsx",
        lambda: sheet('<row r="1"><c r="A1"><v>NaN</v></c><c r="B1"><v>1e999</v></c><c r="C1"><v>x</v></c></row>'),
        (),
        False,
    ),
    "xlsx: a date that does not exist": (
        "a.xlsx",
        lambda: sheet('<row r="1"><c r="A1" t="d"><v>9999-99-99</v></c><c r="B1" s="1"><v>1e18</v></c></row>'),
        (),
        False,
    ),
    "xlsx: many strings": (
        "a.xlsx",
        lambda: office(
            {
                **entries_of("xlsx"),
                "xl/sharedStrings.xml": f'<sst {S} count="1000000000">{"<si><t>x</t></si>" * 3_000_000}</sst>'.encode(),
            }
        ),
        _MEMORY,
        True,
    ),
    "xlsx: a sheet that breaks off": (
        "a.xlsx",
        lambda: changed("xlsx", sheet1=f'<worksheet {S}><sheetData><row r="1">{text_cell("A1")}</row><row'.encode()),
        (TEXT, Reason.DAMAGED),
        False,
    ),
    "xlsx: no sheet": ("a.xlsx", lambda: changed("xlsx", sheet1=None), (), False),
    "xlsx: merged cells": (
        "a.xlsx",
        lambda: changed(
            "xlsx",
            sheet1=(
                f'<worksheet {S}><sheetData><row r="1">{text_cell("A1")}</row></sheetData>'
                "<mergeCells>" + '<mergeCell ref="A1:XFD1048576"/>' * 20_000 + "</mergeCells></worksheet>"
            ).encode(),
        ),
        (TEXT,),
        False,
    ),
    "xlsx: a query of the network": (
        "a.xlsx",
        lambda: sheet('<row r="1"><c r="A1" t="str"><f>WEBSERVICE("http://127.0.0.1:9/")</f><v>words</v></c></row>'),
        (TEXT,),
        False,
    ),
    "xlsm: macros": (
        "a.xlsm",
        lambda: office({**entries_of("xlsx"), "xl/vbaProject.bin": b"\xd0\xcf\x11\xe0" * 99}),
        (TEXT,),
        False,
    ),
    "pptx: 2,001 slides": ("a.pptx", lambda: slides(2_001), (Reason.TOO_MANY_PAGES,), False),
    "pptx: a slide 300 times": ("a.pptx", lambda: slides(300), (TEXT,), False),
    "pptx: no slide": ("a.pptx", lambda: changed("pptx", slide1=None), (Reason.DAMAGED,), False),
    "pptx: deep groups": (
        "a.pptx",
        lambda: replaced(
            "pptx", "ppt/slides/slide1.xml", b"</p:spTree>", deep("p:grpSp", 240).encode() + b"</p:spTree>"
        ),
        (TEXT,),
        False,
    ),
    "pptx: very deep groups": (
        "a.pptx",
        lambda: replaced(
            "pptx", "ppt/slides/slide1.xml", b"</p:spTree>", deep("p:grpSp", 50_000).encode() + b"</p:spTree>"
        ),
        (Reason.DAMAGED,),
        False,
    ),
    "pptx: notes that are the slide": (
        "a.pptx",
        lambda: with_link(
            "pptx",
            "ppt/slides/_rels/slide1.xml.rels",
            '<Relationship Id="x9" Type="http://a/notesSlide" Target="slide1.xml"/>',
        ),
        (TEXT,),
        False,
    ),
    "pptm: macros": (
        "a.pptm",
        lambda: office({**entries_of("pptx"), "ppt/vbaProject.bin": b"\xd0\xcf\x11\xe0" * 99}),
        (TEXT,),
        False,
    ),
}


def column(number: int) -> str:
    """Return the letters of a column, from 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
