"""PDFs made to break whoever reads them."""

import zlib
from collections.abc import Callable

from hr_sync.documents.result import Reason
from tests.documents.good import assembled, pdf, stream_object

TEXT = "text"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
LINE = b"BT /F1 12 Tf (words) Tj ET"


def one_page(
    contents: bytes, *, entries: str = "", resources: str = "/Font << /F1 3 0 R >>", extra: tuple[bytes, ...] = (),
    font: bytes = FONT,
) -> bytes:  # fmt: skip
    """Return a PDF of one page: 1 catalog, 2 pages, 3 font, 4 page, 5 contents, then `extra`."""
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << {resources} >> >>"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>", font, page.encode()]
    return assembled([*objects, stream_object(contents, entries), *extra])


def tree(pages: bytes, *more: bytes) -> bytes:
    """Return a PDF with a page tree of its own: 2 is its root, 3 a page, then `more`."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    return assembled([b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, *more])


def bomb(times: int, megabytes: int = 100) -> bytes:
    data = bytes(megabytes << 20)
    for _ in range(times):
        data = zlib.compress(data, 9)
    return data


def form(inner: str) -> bytes:
    content = f"q {inner} Q".encode()
    names = " ".join(f"/F{number} {number} 0 R" for number in range(6, 16))
    return stream_object(
        content, f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << {names} >> >>"
    )


def fan_of_forms() -> bytes:
    """Return ten levels of forms, each of which shows the next one ten times."""
    forms = [form(f"/F{number + 1} Do " * 10) for number in range(6, 15)]
    return one_page(b"/F6 Do", resources="/XObject << /F6 6 0 R >>", extra=(*forms, form("")))


def wide_map() -> bytes:
    """Return a font that maps a range of four billion codes."""
    cmap = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00000000> <ffffffff> endcodespacerange "
    )
    cmap += b"1 beginbfrange <00000000> <ffffffff> <0041> endbfrange endcmap"
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R >>"
    return one_page(LINE, font=font, extra=(stream_object(cmap),))


def looping_table() -> bytes:
    """Return a table of places that names itself as the one before it."""
    made = pdf(["words"])
    start = made.rindex(b"xref\n0")
    return made.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % start)


def object_stream_of_itself() -> bytes:
    content = b"6 0 << /A 6 0 R >>"
    return one_page(LINE, extra=(stream_object(content, "/Type /ObjStm /N 1000000 /First 4 /Extends 6 0 R"),))


_REFUSED = (Reason.EXPANDS_TOO_MUCH, Reason.DAMAGED, Reason.NO_TEXT, Reason.TOO_MANY_PAGES)

#: By name: how it is made, what may come of it (nothing named: anything but a crash), whether it is slow.
DOCUMENTS: dict[str, tuple[Callable[[], bytes], tuple[str, ...], bool]] = {
    "a tree that holds itself": (lambda: tree(b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"), _REFUSED, False),
    "two nodes that hold each other": (
        lambda: tree(
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>", b"<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R /Count 1 >>"
        ),
        _REFUSED,
        False,
    ),
    "a page that holds pages": (lambda: tree(b"<< /Type /Page /Kids [2 0 R 3 0 R] /Count 9 >>"), _REFUSED, False),
    "a page many times": (
        lambda: tree(b"<< /Type /Pages /Kids [" + b"3 0 R " * 50_000 + b"] /Count 50000 >>"),
        _REFUSED,
        True,
    ),
    "a deep tree": (
        lambda: tree(
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            *(b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % number for number in range(5, 5_000)),
        ),
        _REFUSED,
        False,
    ),
    "a count that is not true": (lambda: tree(b"<< /Type /Pages /Kids [3 0 R] /Count 999999999 >>"), _REFUSED, False),
    "a count below zero": (lambda: tree(b"<< /Type /Pages /Kids [3 0 R] /Count -5 >>"), _REFUSED, False),
    "no pages": (lambda: assembled([b"<< /Type /Catalog >>"]), _REFUSED, False),
    "no catalog": (lambda: assembled([FONT], trailer=""), _REFUSED, False),
    "a catalog that is a number": (lambda: assembled([b"1"]), _REFUSED, False),
    "2,001 pages": (lambda: pdf(["x"] * 2_001), (Reason.TOO_MANY_PAGES,), True),
    "a table that names itself": (looping_table, (), False),
    "an object stream of itself": (object_stream_of_itself, (), False),
    "a large stream": (lambda: one_page(bomb(1), entries="/Filter /FlateDecode"), (Reason.EXPANDS_TOO_MUCH,), False),
    "a stream packed three times": (
        lambda: one_page(bomb(3), entries="/Filter [/FlateDecode /FlateDecode /FlateDecode]"),
        _REFUSED,
        True,
    ),
    "many filters": (
        lambda: one_page(LINE, entries=f"/Filter [{'/ASCIIHexDecode ' * 10_000}]"),
        _REFUSED,
        False,
    ),
    "a stream of runs": (lambda: one_page(b"\x81x" * 1_000_000, entries="/Filter /RunLengthDecode"), _REFUSED, True),
    "a large predictor": (
        lambda: one_page(
            zlib.compress(bytes(1_000)),
            entries="/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 999999999 >>",
        ),
        _REFUSED,
        False,
    ),
    "a length that is not true": (lambda: one_page(LINE).replace(b"/Length 26", b"/Length 9999999999"), (), False),
    "a length below zero": (lambda: one_page(LINE).replace(b"/Length 26", b"/Length -26"), (), False),
    "a length that is its stream": (lambda: one_page(LINE).replace(b"/Length 26", b"/Length 5 0 R"), (), False),
    "a form that shows itself": (
        lambda: one_page(b"/F6 Do", resources="/XObject << /F6 6 0 R >>", extra=(form("/F6 Do"),)),
        (Reason.DAMAGED, Reason.NO_TEXT, Reason.NO_TEXT_LAYER),
        False,
    ),
    "two forms that show each other": (
        lambda: one_page(
            b"/F6 Do", resources="/XObject << /F6 6 0 R >>", extra=(form("/F7 Do"), form("/F6 Do"))
        ),
        (Reason.DAMAGED, Reason.NO_TEXT, Reason.NO_TEXT_LAYER),
        False,
    ),
    "ten billion forms": (
        fan_of_forms,
        (Reason.DAMAGED, Reason.TOO_SLOW, Reason.NO_TEXT, Reason.NO_TEXT_LAYER),
        True,
    ),
    "a font for four billion characters": (wide_map, (TEXT, *_REFUSED, Reason.TOO_SLOW), True),
    "deep arrays": (lambda: one_page(b"[" * 100_000), (), False),
    "deep arrays in the catalog": (
        lambda: assembled([b"<< /Type /Catalog /Pages " + b"[" * 100_000 + b"]" * 100_000 + b" >>"]),
        _REFUSED,
        False,
    ),
    "deep dictionaries": (lambda: assembled([b"<< /A " * 50_000 + b">>" * 50_000]), _REFUSED, False),
    "many operators": (lambda: one_page(b"q Q " * 1_000_000), _REFUSED, True),
    "much text": (lambda: one_page(b"BT /F1 1 Tf " + b"(word word word) Tj T* " * 100_000 + b"ET"), (), True),
    "a very large number": (lambda: one_page(b"BT /F1 " + b"9" * 100_000 + b" Tf (words) Tj ET"), (), False),
    "a string that is left open": (lambda: one_page(b"BT /F1 12 Tf (" + b"(" * 100_000), (), False),
    "an inline image that is left open": (lambda: one_page(b"BI /W 1 ID " + bytes(200_000)), (), False),
    "encrypted in an unknown way": (
        lambda: assembled([b"<< /Type /Catalog >>", b"<< /Filter /Unknown /V 9 /R 9 >>"],
                          trailer="/Root 1 0 R /Encrypt 2 0 R /ID [<00> <00>]"),
        (Reason.ENCRYPTED, Reason.DAMAGED),
        False,
    ),
    "encrypted by nothing": (
        lambda: assembled([b"<< /Type /Catalog >>"], trailer="/Root 1 0 R /Encrypt 9 0 R"),
        (),
        False,
    ),
    "scripts and links": (
        lambda: one_page(LINE).replace(
            b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /JavaScript /JS (app.launchURL('http://a/')) >>"
        ),
        (TEXT,),
        False,
    ),
    "a magic word in the middle": (lambda: b"x" * 500 + one_page(LINE), (), False),
    "nothing but a magic word": (lambda: b"%PDF-", (Reason.DAMAGED,), False),
    "many objects without a table": (
        lambda: b"%PDF-1.7\n" + b"".join(b"%d 0 obj <<>> endobj\n" % number for number in range(100_000)),
        _REFUSED,
        True,
    ),
    "a table of many places": (
        lambda: b"%PDF-1.7\nxref\n0 999999999\n" + b"0000000000 65535 f \n" * 99_999 + b"startxref\n9\n%%EOF",
        _REFUSED,
        True,
    ),
}  # fmt: skip
