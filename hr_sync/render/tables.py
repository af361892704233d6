"""Tables as GFM tables in which each row can be read by itself.

Merged cells are repeated in every row and column that they cover, within a budget for the page. Several header rows
become one (`2026 / Q1`). A table without a header row gets an empty one, because the first row of data is no header. A
table within a cell becomes lines (`Header: value; Header: value`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from hr_sync.render.markdown import Block, escape_tags, one_line

if TYPE_CHECKING:
    from hr_sync.render.renderer import Renderer

_WIDEST_SPAN = 200
_LONGEST_HEADER = 200  # characters that may be repeated in each line of a table within a cell
_GROUPS = frozenset({"thead", "tbody", "tfoot"})
_CELLS = frozenset({"td", "th"})


@dataclass(frozen=True, slots=True)
class _Row:
    cells: list[str]
    header: bool


def table(r: "Renderer", element: Element) -> list[Block]:
    """Return a table, after its caption and after text that stands in the table but in no cell."""
    before: list[Block] = []
    rows = _filled(r, list(_rows(r, element, before)))
    rows = [row for row in rows if any(row.cells)]
    if not rows:
        return before
    headers = list(takewhile(lambda row: row.header, rows))
    if len(headers) == len(rows):
        headers = headers[:1]
    header = _merged([row.cells for row in headers])
    body = [row.cells for row in rows[len(headers) :]]
    return [*before, *(_lines(header, body) if r.cells else [_gfm(header, body)])]


def _rows(r: "Renderer", element: Element, before: list[Block]) -> Iterator[tuple[bool, list[tuple[Element, str]]]]:
    """Return of each row whether it is a header, and its cells as elements and texts."""
    _loose(r, element.text, before)
    for child in element:
        if child.tag in _GROUPS:
            _loose(r, child.text, before)
            for row in child:
                if row.tag == "tr":
                    yield from _row(r, row, before, in_head=child.tag == "thead")
                else:
                    before += _blocks_of(r, row)
                _loose(r, row.tail, before)
        elif child.tag == "tr":
            yield from _row(r, child, before, in_head=False)
        else:
            before += _blocks_of(r, child)
        _loose(r, child.tail, before)


def _row(
    r: "Renderer", element: Element, before: list[Block], *, in_head: bool
) -> Iterator[tuple[bool, list[tuple[Element, str]]]]:
    _loose(r, element.text, before)
    cells: list[tuple[Element, str]] = []
    for child in element:
        if child.tag in _CELLS:
            cells.append((child, _cell(r, child)))
        else:
            before += _blocks_of(r, child)
        _loose(r, child.tail, before)
    if cells:
        yield in_head or all(cell.tag == "th" for cell, _ in cells), cells


def _cell(r: "Renderer", element: Element) -> str:
    r.cells += 1
    texts = r.texts(_only_paragraph(element))
    r.cells -= 1
    text = texts[0] if len(texts) == 1 else "\n".join(texts)
    if r.cells:
        return text
    if "|" in text:
        text = text.replace("|", "\\|")
    return "<br>".join(line.rstrip() for line in text.split("\n") if line.strip()) if "\n" in text else text


def _only_paragraph(cell: Element) -> Element:
    """Return the paragraph that is everything in a cell, as in most cells, or the cell."""
    if len(cell) == 1 and not cell.text:
        child = cell[0]
        if child.tag == "p" and not len(child) and not child.tail:
            return child
    return cell


def _filled(r: "Renderer", rows: list[tuple[bool, list[tuple[Element, str]]]]) -> list[_Row]:
    """Return rows in which merged cells are repeated, as far as the budget of the page goes."""
    filled: list[_Row] = []
    from_above: dict[int, tuple[int, str]] = {}  # column → rows still covered, text
    for header, cells in rows:
        row: list[str] = []
        for element, text in cells:
            _cover(r, row, from_above)
            rows_covered = 1
            if element.attrib:
                rows_covered = _span(element, "rowspan")
                columns = _span(element, "colspan")
            else:
                columns = 1
            for repeated in range(columns):
                if repeated and not _afford(r, text):
                    break
                if rows_covered > 1:
                    from_above[len(row)] = (rows_covered - 1, text)
                row.append(text)
        _cover(r, row, from_above)
        filled.append(_Row(row, header))
    return filled


def _cover(r: "Renderer", row: list[str], from_above: dict[int, tuple[int, str]]) -> None:
    """Add the cells of rows above that reach into this row at the next column."""
    while from_above and (covering := from_above.pop(len(row), None)) is not None:
        rows, text = covering
        if rows > 1:
            from_above[len(row)] = (rows - 1, text)
        row.append(text if _afford(r, text) else "")


def _afford(r: "Renderer", text: str) -> bool:
    """Take one repeated cell from the budget of the page; return whether it was enough."""
    if r.repeatable <= 0:
        r.limits_reached.add("repeated_characters")
        return False
    r.repeatable -= len(text) + 4
    return True


def _span(element: Element, name: str) -> int:
    value = element.get(name) or ""
    return max(1, min(int(value), _WIDEST_SPAN)) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _merged(headers: list[list[str]]) -> list[str]:
    """Return several header rows as one."""
    if len(headers) == 1:
        return headers[0]
    width = max(map(len, headers), default=0)
    columns = ([row[column] for row in headers if column < len(row) and row[column]] for column in range(width))
    return [" / ".join(dict.fromkeys(texts)) for texts in columns]


def _gfm(header: list[str], body: list[list[str]]) -> str:
    width = max(len(header), max(map(len, body), default=0))
    first = header + [""] * (width - len(header))
    lines = [_line(first), f"|{' --- |' * width}"]
    lines += map(_line, body)
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(header: list[str], body: list[list[str]]) -> list[str]:
    """Return a table that stands in a cell: one line for each row, each value after its header.

    Headers that are too long to be repeated, and those of columns without a cell, are a line of their own.
    """
    names = [one_line((name,)) for name in header]
    columns = min(len(names), max(map(len, body), default=0)) if sum(map(len, names)) <= _LONGEST_HEADER else 0
    lines = ["; ".join(filter(None, names[columns:]))]
    for row in body:
        named = (
            f"{name}: {text}" if name and text else name or text
            for name, text in zip(names[:columns], row, strict=False)
        )
        lines.append("; ".join(filter(None, (*named, *row[columns:]))))
    return [line for line in lines if line]


def _loose(r: "Renderer", text: str | None, before: list[Block]) -> None:
    if text and not text.isspace():
        before += r.paragraphs(escape_tags(text))


def _blocks_of(r: "Renderer", element: Element) -> list[Block]:
    """Return an element that stands in a table but in no cell; a caption is bold."""
    if element.tag == "caption":
        text = r.content(element).strip()
        return r.paragraphs(text if r.holds_blocks(text) or not text else f"**{text}**")
    return r.alone(element)
