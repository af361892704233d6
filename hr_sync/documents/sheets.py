"""XLSX: a section for each sheet that is shown, its cells as a table of the values that were last computed."""

import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl

from hr_sync.documents.collected import Collected, Refused
from hr_sync.documents.ooxml import Package
from hr_sync.documents.result import Limits, MissingReason, Reason


def read_xlsx(data: bytes, out: Collected, limits: Limits) -> None:
    """Add the sheets in their order. A sheet that cannot be read costs itself alone."""
    Package(data, limits)
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
    for sheet in sheets:
        if sheet.sheet_state != "visible":
            out.miss(sheet.title, MissingReason.HIDDEN)
            continue
        out.heading(1, sheet.title)
        _add_sheet(sheet, out, limits)


def _add_sheet(sheet: Any, out: Collected, limits: Limits) -> None:
    """Add a sheet; where it breaks off, what stands before is kept."""
    rows: list[dict[int, str]] = []
    try:
        for row in _filled_rows(sheet, limits):
            rows.append(row)  # noqa: PERF402 -- what was read before a failure is kept
    except (SyntaxError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError):
        # SyntaxError: XML that is not well-formed
        out.miss(sheet.title, MissingReason.DAMAGED)
    columns = sorted({column for row in rows for column in row})
    out.table(([row.get(column, "") for column in columns] for row in rows), has_header=True)


def _filled_rows(sheet: Any, limits: Limits) -> Iterator[dict[int, str]]:
    """Yield the cells of each row that have a text, up to as much as may be kept of all sheets."""
    left = limits.text_bytes
    sheet.reset_dimensions()  # what a file says of them need not be true
    for row in sheet.iter_rows():
        texts = {number: text for number, cell in enumerate(row) if (text := _text(cell))}
        if texts:
            left -= sum(map(len, texts.values()))
            yield texts
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
