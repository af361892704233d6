"""DOCX: paragraphs, headings, lists and tables as they are shown.

Read from the XML itself. python-docx leaves out what stands in tracked insertions, content controls and text boxes.
"""

from collections.abc import Iterator

from lxml import etree

from hr_sync.documents.collected import Collected
from hr_sync.documents.ooxml import Package, attribute, child, local
from hr_sync.documents.result import Limits
from hr_sync.documents.word_styles import ParagraphStyles
from hr_sync.render.markdown import BREAK

_AROUND = frozenset({"sdt", "sdtContent", "ins", "moveTo", "smartTag", "customXml", "Choice", "AlternateContent"})
_UNSHOWN = frozenset({"del", "moveFrom", "pPr", "rPr", "Fallback", "instrText", "delText", "delInstrText"})
_CHARACTERS = {"tab": " ", "br": BREAK, "cr": BREAK, "noBreakHyphen": "-", "ptab": " "}
_MOST_SPANNED = 64
_DEEPEST_INDENT = 8


def read_docx(data: bytes, out: Collected, limits: Limits) -> None:
    """Add what a document shows: its body, then notes, then headers and footers, each text once."""
    package = Package(data, limits)
    main = package.main_part()
    body = _Body(package, main, out)
    root = package.parse(main)
    body.add(root)
    for text in package.drawn_texts(main):
        out.paragraph(text)
    for kind, title in (("footnotes", "Footnotes"), ("endnotes", "Endnotes")):
        body.add_once(package.related(main, kind), title)
    body.add_once([*package.related(main, "header"), *package.related(main, "footer")], "Headers and footers")


class _Body:
    def __init__(self, package: Package, main: str, out: Collected) -> None:
        self._package = package
        self._out = out
        styles = package.related(main, "styles")
        self._styles = ParagraphStyles(package.parse(styles[0]) if styles else None)

    def add(self, root: etree._Element) -> None:
        """Add the blocks of a part in their order."""
        for element in _shown(root):
            if local(element) == "tbl":
                self._out.table(self._rows(element), has_header=_has_header(element))
                continue
            self._paragraph(element)

    def add_once(self, parts: list[str], title: str) -> None:
        """Add the paragraphs of parts under a heading, none twice."""
        texts = (self._text(each) for part in parts for each in _paragraphs(self._package.parse(part)))
        kept = [text for text in dict.fromkeys(texts) if text.strip()]
        if kept:
            self._out.heading(1, title)
        for text in kept:
            self._out.paragraph(text)

    def _paragraph(self, element: etree._Element) -> None:
        text = self._text(element)
        if text.strip():
            style = self._styles.of(element)
            if style.heading_level:
                self._out.heading(style.heading_level, text.replace(BREAK, " "))
            elif style.list_level is not None:
                self._out.paragraph(text, "  " * min(style.list_level, _DEEPEST_INDENT) + "- ")
            else:
                self._out.paragraph(text)
        for box in _boxes(element):
            self.add(box)

    def _text(self, element: etree._Element) -> str:
        """Return what a paragraph shows, without its text boxes."""
        parts: list[str] = []
        for each in element:
            name = local(each)
            if name in {"t", "delimiter"}:
                parts.append(each.text or "")
            elif name in _CHARACTERS:
                parts.append(_CHARACTERS[name])
            elif name == "r" and _is_hidden(each):
                self._out.hide(sum(len(text.text or "") for text in each.iter("{*}t")))
            elif name not in _UNSHOWN and name != "txbxContent":
                parts.append(self._text(each))
        return "".join(parts)

    def _rows(self, table: etree._Element) -> Iterator[list[str]]:
        above: dict[int, str] = {}  # column → text of a merged cell that goes on
        for row in _shown_within(table, "tr"):
            if child(row, "trPr", "del") is not None:
                continue
            cells: list[str] = []
            for cell in _shown_within(row, "tc"):
                column = len(cells)
                merge = child(cell, "tcPr", "vMerge")
                if merge is not None and attribute(merge, "val") != "restart":
                    text = above.get(column, "")
                else:
                    text = self._cell(cell)
                    above[column] = text
                cells += [text] * _span(cell)
            yield cells

    def _cell(self, cell: etree._Element) -> str:
        """Return the text of a cell in lines, with that of tables in it."""
        texts = (self._text(each) for each in _paragraphs(cell))
        return "\n".join(text.replace(BREAK, "\n") for text in texts if text.strip())


def _shown(root: etree._Element) -> Iterator[etree._Element]:
    """Yield paragraphs and tables below an element, none within another one."""
    for element in root:
        name = local(element)
        if name in {"p", "tbl"}:
            yield element
        elif name in _AROUND or name in {"body", "footnote", "endnote", "txbxContent"}:
            yield from _shown(element)


def _shown_within(root: etree._Element, wanted: str) -> Iterator[etree._Element]:
    for element in root:
        if local(element) == wanted:
            yield element
        elif local(element) in _AROUND:
            yield from _shown_within(element, wanted)


def _paragraphs(root: etree._Element) -> Iterator[etree._Element]:
    """Yield every paragraph below an element, in text boxes and tables too."""
    for element in root.iter("{*}p"):
        if not any(local(above) in {"del", "moveFrom", "Fallback"} for above in element.iterancestors()):
            yield element


def _boxes(paragraph: etree._Element) -> Iterator[etree._Element]:
    """Yield the text boxes that stand in a paragraph itself."""
    for box in paragraph.iter("{*}txbxContent"):
        around = [local(above) for above in box.iterancestors()]
        nearest = around[: around.index("p") + 1] if "p" in around else around
        if "Fallback" not in nearest and next(box.iterancestors("{*}p"), None) is paragraph:
            yield box


def _is_hidden(run: etree._Element) -> bool:
    mark = child(run, "rPr", "vanish")
    return mark is not None and (attribute(mark, "val") or "true") not in {"0", "false", "off"}


def _has_header(table: etree._Element) -> bool:
    """Return whether the first row is a header: by its own mark, or by the look of the table."""
    look = child(table, "tblPr", "tblLook")
    first = next(_shown_within(table, "tr"), None)
    if first is not None and child(first, "trPr", "tblHeader") is not None:
        return True
    if look is None:
        return False
    value = attribute(look, "val") or "0"
    by_bits = int(value, 16) & 0x20 if value.isalnum() and len(value) <= 8 and _is_hex(value) else 0
    return attribute(look, "firstRow") in {"1", "true", "on"} or bool(by_bits)


def _is_hex(value: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in value)


def _span(cell: etree._Element) -> int:
    span = child(cell, "tcPr", "gridSpan")
    value = attribute(span, "val") or "" if span is not None else ""
    return max(1, min(int(value), _MOST_SPANNED)) if value.isascii() and value.isdigit() and len(value) < 6 else 1
