"""Tables and cells of Markdown."""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\|*<>])(?![^`]*`(?:[^`]*`[^`]*`)*[^`]*$)")

_PAGE = re.compile(r"docs/(\w+)\.md")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(cell.strip() for cell in row)} |".replace("|  |", "| |") for row in rows]
    return "\n".join(lines) + "\n"


def words(text: str | None) -> str:
    """Return text as a cell: in one line; what Markdown would read as its own is escaped, names of pages are links."""
    return _PAGE.sub(r"[\1](../\1.md)", _SPECIAL.sub(r"\\\1", " ".join((text or "").split())))


def code(text: str) -> str:
    """Return text as code in a cell; nothing for no text."""
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""
