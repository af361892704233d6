"""XLSX: a section for each sheet that is shown, its cells as a table of the values that were last computed.

Rows and columns that a sheet hides are left out, as hidden sheets are. openpyxl does not tell them while it streams a
sheet, so that they are looked up in the XML before.
"""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
from lxml import etree

from hr_sync.documents.collected import Collected, Refused
from hr_sync.documents.ooxml import Package, attribute, local
from hr_sync.documents.result import Limits, MissingReason, Reason

_WIDEST_SHEET = 16_384


def read_xlsx(data: bytes, out: Collected, limits: Limits) -> None:
    """Add the sheets in their order. A sheet that cannot be read costs itself alone."""
    package = Package(data, limits)
    try:
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    except Exception as error:
        raise Refused(Reason.DAMAGED) from error
    sheets = workbook.worksheets
    if len(sheets) > limits.pages:
        raise Refused(Reason.TOO_MANY_PAGES)
    out.pages = len(sheets)
    parts = _parts(package)
    for sheet in sheets:
        if sheet.sheet_state != "visible":
            out.miss(sheet.title, MissingReason.HIDDEN)
            continue
        out.heading(1, sheet.title)
        _add_sheet(sheet, _Hidden.of(package, parts.get(sheet.title, "")), out, limits)


@dataclass(slots=True)
class _Hidden:
    """The rows and columns that a sheet hides, from 1, and what was left out because of them."""

    rows: set[int] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)
    known_rows: float = 0  #: up to which it is known; what is below is not shown
    left_rows: int = 0
    left_columns: set[int] = field(default_factory=set)
    left_characters: int = 0

    @classmethod
    def of(cls, package: Package, part: str) -> "_Hidden":
        """Return what a part hides. One that breaks off is known as far as that."""
        found = cls()
        number = 0
        try:
            for each in package.scan(part, "col", "row"):
                if local(each) == "col":
                    if _is_hidden(each, "width"):
                        first, last = (int(attribute(each, name) or "1") for name in ("min", "max"))
                        found.columns.update(range(first, min(last, _WIDEST_SHEET) + 1))
                    continue
                number = int(float(attribute(each, "r") or number + 1))
                found.known_rows = max(number, found.known_rows)
                if _is_hidden(each, "ht"):
                    found.rows.add(number)
        except (Refused, ValueError, OverflowError):
            return found
        found.known_rows = math.inf
        return found

    def shown(self, number: int, texts: dict[int, str]) -> dict[int, str]:
        """Return the texts of a row that are shown, and count the others."""
        is_hidden = number in self.rows or number > self.known_rows
        shown = {} if is_hidden else {column: text for column, text in texts.items() if column not in self.columns}
        if is_hidden:
            self.left_rows += bool(texts)
        else:
            self.left_columns |= texts.keys() - shown.keys()
        self.left_characters += sum(len(text) for column, text in texts.items() if column not in shown)
        return shown

    def __str__(self) -> str:
        numbers = ((self.left_rows, "row"), (len(self.left_columns), "column"))
        return ", ".join(f"{many} hidden {what}{'s' * (many != 1)}" for many, what in numbers if many)


def _is_hidden(element: etree._Element, size: str) -> bool:
    """Return whether a row or a column is hidden, or has no height or width."""
    length = attribute(element, size)
    return attribute(element, "hidden") in {"1", "true"} or (length is not None and not length.strip("0."))


def _parts(package: Package) -> dict[str, str]:
    """Return the name of the part of each sheet, by the name of the sheet."""
    main = package.main_part()
    targets = {each.id: each.target for each in package.relationships(main)}
    sheets = package.parse(main).iter("{*}sheet")
    return {attribute(each, "name") or "": targets.get(attribute(each, "id") or "", "") for each in sheets}


def _add_sheet(sheet: Any, hidden: _Hidden, out: Collected, limits: Limits) -> None:
    """Add a sheet; where it breaks off, what stands before is kept."""
    rows: list[dict[int, str]] = []
    try:
        for row in _filled_rows(sheet, hidden, limits):
            rows.append(row)  # noqa: PERF402 -- what was read before a failure is kept
    except (SyntaxError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError):
        # SyntaxError: XML that is not well-formed
        out.miss(sheet.title, MissingReason.DAMAGED)
    if words := str(hidden):
        out.miss(f"{sheet.title}: {words}", MissingReason.HIDDEN)
        out.hide(hidden.left_characters)
    columns = sorted({column for row in rows for column in row})
    out.table(([row.get(column, "") for column in columns] for row in rows), has_header=True)


def _filled_rows(sheet: Any, hidden: _Hidden, limits: Limits) -> Iterator[dict[int, str]]:
    """Yield the shown cells of each row that have a text, up to as much as may be kept of all sheets."""
    left = limits.text_bytes
    sheet.reset_dimensions()  # what a file says of them need not be true
    for number, row in enumerate(sheet.iter_rows(), 1):
        texts = {column: text for column, cell in enumerate(row, 1) if (text := _text(cell))}
        left -= sum(map(len, texts.values()))
        if shown := hidden.shown(number, texts):
            yield shown
        if left < 0:
            return


def _text(cell: Any) -> str:
    """Return a value as people write it: no time at midnight, no fraction of whole numbers, percents as such."""
    value = cell.value
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime():
            return value.isoformat(sep=" ").removesuffix(" 00:00:00")
        case date() | time() | timedelta():
            return str(value)
        case int() | float():
            is_percent = isinstance(cell.number_format, str) and cell.number_format.endswith("%")
            return f"{value * 100:.10g}%" if is_percent else f"{value:.15g}"
    return str(value)
