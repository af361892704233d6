"""Gathers what is read of a document, cleaned, as Markdown, and never more than its limits."""

from collections.abc import Iterable, Sequence

from hr_sync.documents.result import Document, Kind, Limits, Missing, MissingReason, Reason
from hr_sync.render.invisible import without_invisible_characters
from hr_sync.render.markdown import Block, Heading, escape_start, escape_tags, paragraph

_MOST_MISSING = 100
_LONGEST_PART_NAME = 200
_WIDEST_TABLE = 20_000  # columns; a worksheet has 16,384 at most


class Refused(Exception):
    """The document cannot be read, or may not be."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class TextLimitReached(Exception):
    """There is as much text as may be; reading on is of no use."""


class Collected:
    """The blocks of one document, in order."""

    def __init__(self, limits: Limits) -> None:
        self.pages: int | None = None
        self.limits_reached: set[str] = set()
        self._blocks: list[Block] = []
        self._missing: list[Missing] = []
        self._missing_parts = 0
        self._hidden_characters = 0
        self._left = limits.text_bytes
        self._headings_left = limits.headings
        self._has_text = False
        self._items: list[str] = []  # of a list that may go on

    def heading(self, level: int, title: str, markdown: str | None = None) -> None:
        """Begin a section; `markdown` where the heading is written in another way than its title."""
        line = " ".join(self._clean(title).split())
        if not line:
            return
        if self._headings_left <= 0:
            self.limits_reached.add("headings")
            self._add(f"**{escape_tags(line)}**")
            return
        self._headings_left -= 1
        level = max(1, min(level, 6))
        text = f"{'#' * level} {escape_tags(line)}" if markdown is None else self._clean(markdown)
        self._take(len(line.encode()) + len(text.encode()))
        self._append(Heading(level, line, text))

    def paragraph(self, text: str, prefix: str = "") -> None:
        """Add a paragraph, or an item of a list with its marker as the prefix."""
        line = paragraph(escape_tags(self._clean(text)))
        if not line:
            return
        if prefix:
            self._take(len(prefix) + len(line.encode()) + 1)
            self._items.append(prefix + line)
        else:
            self._add(line)
        self._has_text = True

    def lines(self, text: str) -> None:
        """Add a paragraph that keeps its lines."""
        lines = (" ".join(line.split()) for line in escape_tags(self._clean(text)).split("\n"))
        kept = [escape_start(line) for line in lines if line]
        if kept:
            self._add("\n".join(kept))
            self._has_text = True

    def table(self, rows: Iterable[Sequence[str]], *, has_header: bool) -> None:
        """Add a table of which each row can be read with its header; it can be cut between rows."""
        lines: list[str] = []
        try:
            for row in rows:
                if len(row) <= _WIDEST_TABLE and any(row):
                    self._add_row(lines, [self._cell(cell) for cell in row], has_header=has_header)
        finally:  # what was read before a failure is kept
            if lines:
                self._append("\n".join(lines))
                self._has_text = True

    def _add_row(self, lines: list[str], cells: list[str], *, has_header: bool) -> None:
        if not lines:
            rule = f"|{' --- |' * len(cells)}"
            self._take_line(lines, _row(cells) if has_header else _row([""] * len(cells)))
            self._take_line(lines, rule)
            if has_header:
                return
        self._take_line(lines, _row(cells))

    def _take_line(self, lines: list[str], line: str) -> None:
        """Add a line of a table, cut where there is no more room."""
        room = self._left
        try:
            self._take(len(line.encode()) + 1)
        except TextLimitReached:
            lines.append(line.encode()[:room].decode(errors="ignore"))
            raise
        lines.append(line)

    def block(self, block: Block) -> None:
        """Add a block that is Markdown already."""
        if isinstance(block, Heading):
            self.heading(block.level, block.title, block.markdown)
            return
        if text := self._clean(block):
            self._add(text)
            self._has_text = True

    def miss(self, part: str, reason: MissingReason) -> None:
        """Note a part that is not in the text."""
        self._missing_parts += 1
        if len(self._missing) < _MOST_MISSING:
            name = " ".join(self._clean(part).split())[:_LONGEST_PART_NAME]
            self._missing.append(Missing(part=name, reason=reason))

    def hide(self, characters: int) -> None:
        """Count characters that no reader of the document sees."""
        self._hidden_characters += characters

    @property
    def has_text(self) -> bool:
        """Return whether there is any text below headings, which may be of our own making."""
        return self._has_text

    def misses(self, reason: MissingReason) -> bool:
        """Return whether a part is missing for this reason."""
        return any(part.reason is reason for part in self._missing)

    def document(self, kind: Kind) -> Document:
        """Return what was gathered."""
        self._end_list()
        return Document(
            kind=kind,
            blocks=tuple(self._blocks),
            pages=self.pages,
            missing=tuple(self._missing),
            missing_parts=self._missing_parts,
            limits_reached=tuple(sorted(self.limits_reached)),
            hidden_characters=self._hidden_characters,
        )

    def _add(self, text: str) -> None:
        size = len(text.encode())
        if size > self._left:
            text = text.encode()[: self._left].decode(errors="ignore")
            if text:
                self._append(text)
                self._has_text = True
        self._take(size)
        self._append(text)

    def _append(self, block: Block) -> None:
        self._end_list()
        self._blocks.append(block)

    def _end_list(self) -> None:
        if self._items:
            self._blocks.append("\n".join(self._items))
            self._items.clear()

    def _take(self, size: int) -> None:
        """Take from the budget of the text. Raise TextLimitReached where it is used up."""
        if size > self._left:
            self._left = 0
            self.limits_reached.add("text_bytes")
            raise TextLimitReached
        self._left -= size

    def _clean(self, text: str) -> str:
        kept, hidden = without_invisible_characters(text)
        self._hidden_characters += hidden
        return kept

    def _cell(self, text: str) -> str:
        if not text:
            return ""
        lines = (" ".join(line.split()) for line in escape_tags(self._clean(text)).split("\n"))
        return "<br>".join(filter(None, lines)).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
