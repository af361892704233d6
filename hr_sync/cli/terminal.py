"""Prints text of the source on a terminal, without anything that the terminal or rich would interpret."""

import errno
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hr_sync.logs import log_is_json

_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # of a print
_WIDTH_OF_A_PIPE = 240  # characters
_UNLIMITED = 100_000  # characters
_NARROW_COLUMNS = 2  # of a table that stays one in a narrow terminal, where long values are folded
# Control characters but newline, characters that reorder what is shown, and halves of characters.
_ACTIVE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7e]")


def is_output_error(error: BaseException) -> bool:
    """Return True if standard output cannot be written: its disk is full, or its reader has closed it."""
    return isinstance(error, OSError) and (
        isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in _OUTPUT_ERRORS)
    )


def visible(text: object) -> str:
    """Return text with control characters made visible: ESC, for example, becomes a backslash and `x1b`.

    Newlines stay. Markup of rich needs no escape, since no console of this program reads any.
    """
    return _ACTIVE.sub(_shown, str(text))


def one_line(text: object) -> str:
    """Return the same with newlines made visible too, for a cell or a value within a sentence."""
    return visible(text).replace("\n", "\\n")


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def json_line(document: str) -> str:
    """Return a JSON document that a terminal shows as it is, in ASCII where standard output is not UTF-8."""
    pattern = _ACTIVE if is_utf8() else _BEYOND_ASCII
    return pattern.sub(lambda match: json.dumps(match[0]).strip('"') if match[0] != "\x7f" else "\\u007f", document)


def is_utf8() -> bool:
    """Return True if standard output is UTF-8."""
    return (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("_", "-") in {"utf-8", "utf8"}


def make_console(*, stderr: bool = False) -> Console:
    """Return the console: as wide as the terminal, without folding elsewhere, and without markup."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_PIPE
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def print_message(text: str) -> None:
    """Print a message to people: on standard error, or beside the result where standard error holds a JSON log.

    In a command over several sites it begins with the one that is at its turn.
    """
    site = structlog.contextvars.get_contextvars().get("site")
    print(
        f"hr-sync: {'' if site is None else f'{site}: '}{visible(text)}",
        file=sys.stdout if log_is_json() else sys.stderr,
    )


def moment(time: datetime) -> str:
    """Return a time as tables show it: in the zone of this machine on a terminal, in UTC elsewhere."""
    if sys.stdout.isatty():
        return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


class _Table(Table):
    """A table that becomes a line of words for each row where the terminal is too narrow for its words."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines of the table."""
        anything = options.update(max_width=_UNLIMITED)  # else the answer is never more than what there is
        is_too_wide = Measurement.get(console, anything, self).minimum > options.max_width
        if len(self.columns) > _NARROW_COLUMNS and is_too_wide:
            yield from self._lines()
        else:
            yield from super().__rich_console__(console, options)

    def _lines(self) -> Iterator[Text]:
        for first, *others in zip(*(column.cells for column in self.columns), strict=True):
            facts = zip((column.header for column in self.columns[1:]), others, strict=True)
            yield Text(f"{first}: " + ", ".join(f"{header} {value}" for header, value in facts if value != ""))


class Rows:
    """A plain table whose every cell is made visible. A `>` before a heading aligns its column to the right."""

    def __init__(self, *columns: str) -> None:
        self.table = _Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            justify = "right" if column.startswith(">") else "left"
            self.table.add_column(column.lstrip(">"), justify=justify, overflow="fold")  # type: ignore[arg-type] # words

    def add(self, *cells: object) -> None:
        """Add a row; None is an empty cell."""
        self.table.add_row(*("" if cell is None else one_line(cell) for cell in cells))

    def __len__(self) -> int:
        return self.table.row_count
