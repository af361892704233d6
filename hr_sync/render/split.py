"""Markdown that is too large for one section, divided between its lines.

A table row and a line of code are never cut; a paragraph is cut between sentences, then between words, then anywhere.
Within the second half of the allowed size the cut is made where it fits the text best (between paragraphs) and, among
equals, at the line with the smallest checksum. So an edit moves the cuts near it and no others.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from hr_sync.render.result import Measure

_PREFIX = re.compile(r"(?:[ >]|[-+*] (?:\[[ x]\] )?|\d{1,9}[.)] )*")
_QUOTE = re.compile(r"[ >]*>")
_FENCE = re.compile(r"`{3,}")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|(?<=[。\uff01\uff1f\uff1b])")
_WORD = re.compile(r"\s+")

_SHORT = 16  # characters that may be repeated in parts of any size
_MOST_BLANK_LINES = 100  # in a row; further ones are left out, as each is added to the text before it

_PARAGRAPH, _LINE, _PIECE = 0, 1, 2  # how well a cut before it fits, best first


class Atom(NamedTuple):
    """What is never divided further: a line, a table's header with its first row, or a piece of a long line."""

    text: str  #: with the line breaks after it
    rank: int
    size: int
    lead: str = ""  #: repeated when a part begins here: header rows, an opening fence, the sign of a quote
    lead_size: int = 0
    trail: str = ""  #: added when a part ends here: a closing fence


def split_markdown(text: str, size: int, measure: Measure) -> list[str]:
    """Return the text in parts of at most `size`; a row or a line of code that is larger is a part by itself."""
    return [_join(atoms) for atoms in _packed(_atoms(text, size, measure), size)]


def _join(atoms: list[Atom]) -> str:
    text = atoms[0].lead + "".join(atom.text for atom in atoms)
    trail = atoms[-1].trail
    return f"{text.rstrip(chr(10))}\n{trail}" if trail else text.strip("\n")


def _packed(atoms: list[Atom], size: int) -> Iterator[list[Atom]]:
    start = 0
    while start < len(atoms):
        end, total, middle = start, atoms[start].lead_size, start + 1
        while end < len(atoms) and (end == start or total + atoms[end].size <= size):
            total += atoms[end].size
            end += 1
            if total * 2 < size:
                middle = end
        if end < len(atoms):
            cuts = range(max(min(middle, end), start + 1), end + 1)
            end = min(cuts, key=lambda cut: (atoms[cut].rank, crc32(atoms[cut].text.encode())))
        yield atoms[start:end]
        start = end


def _atoms(text: str, size: int, measure: Measure) -> list[Atom]:
    """Return the text as atoms; their texts joined are the text, but for white space at the ends of cut lines."""
    reader = _LineReader(size, measure)
    for line in text.split("\n"):
        reader.read(line)
    return reader.atoms


class _LineReader:
    """Reads lines of Markdown and knows whether it is within code or within a table."""

    def __init__(self, size: int, measure: Measure) -> None:
        self.size = size
        self.measure = measure
        self.atoms: list[Atom] = []
        self.fence = ""  # the fence that ends the code, with the prefix of its line
        self.lead = ""  # opening fence, or header rows
        self.trail = ""  # closing fence
        self.code_lines = 0
        self.blank_lines = 0
        self.lead_size = 0
        self.table_lines = 0
        self.after_blank = True

    def read(self, line: str) -> None:
        prefix = _PREFIX.match(line)
        body = line[prefix.end() :] if prefix else line
        if self.fence:
            self._code(line, body)
        elif not body:
            self.table_lines = 0
            self.blank_lines += 1
            if self.blank_lines <= _MOST_BLANK_LINES:
                self._append(line)
            self.after_blank = True
        elif fence := _FENCE.match(body):
            self._open_fence(line, line[: len(line) - len(body)], fence[0])
        elif body.startswith("|"):
            self._row(line)
        else:
            self.table_lines = 0
            self._text(line)

    def _text(self, line: str) -> None:
        if self.measure(line) <= self.size:
            self._add(line)
            return
        quote = _QUOTE.match(line)
        lead = f"{quote[0]} " if quote else ""
        lead = lead if self._may_be_repeated(lead) else ""
        pieces = list(_pieces(line, max(1, self.size - len(lead)), self.measure))
        self._add(pieces[0], end="" if len(pieces) > 1 else "\n")
        for number, piece in enumerate(pieces[1:], 2):
            self._add(piece, rank=_PIECE, lead=lead, end="" if number < len(pieces) else "\n")

    def _open_fence(self, line: str, prefix: str, fence: str) -> None:
        indent = _continued(prefix)
        self.fence = indent + fence
        leads = (f"{indent}{line[len(prefix) :]}\n", f"{self.fence}\n")
        self.lead = next((lead for lead in leads if self._may_be_repeated(lead, self.fence)), "")
        self.trail = self.fence if self.lead else ""
        self.table_lines = self.code_lines = 0
        self._add(line)

    def _code(self, line: str, body: str) -> None:
        if body == self.fence.lstrip(" >"):
            self._append(line)
            self.fence = ""
            self.after_blank = False
            return
        self.code_lines += 1
        if self.code_lines > 1:
            self._add(line, rank=_LINE, lead=self.lead, trail=self.trail)
        else:  # the first line stays with the opening fence
            self._append(line)
            self.atoms[-1] = self.atoms[-1]._replace(trail=self.trail)

    def _row(self, line: str) -> None:
        self.table_lines += 1
        if self.table_lines == 1:
            self._add(line)
            self.lead = f"{line}\n"
        elif self.table_lines <= 3:  # the line of dashes and the first row stay with the header
            self._append(line)
            self.lead += f"{line}\n" if self.table_lines == 2 else ""
            self.lead_size = self.measure(self.lead)
        elif self.lead_size * 2 <= self.size:
            self._add(line, rank=_LINE, lead=self.lead)
        else:  # a header that fills half of every part is not repeated
            self._add(line, rank=_LINE)

    def _may_be_repeated(self, *texts: str) -> bool:
        """Return whether texts are short, or leave half of every part free: longer ones would multiply the text."""
        return sum(map(len, texts)) <= _SHORT or sum(map(self.measure, texts)) * 2 <= self.size

    def _add(self, text: str, *, rank: int | None = None, lead: str = "", trail: str = "", end: str = "\n") -> None:
        if rank is None:
            rank = _PARAGRAPH if self.after_blank else _LINE
        lead_size = self.measure(lead) + (self.measure(trail) if trail else 0) if lead else 0
        self.atoms.append(Atom(text + end, rank, self.measure(text) + len(end), lead, lead_size, trail))
        self.after_blank = False
        self.blank_lines = 0

    def _append(self, line: str) -> None:
        """Add a line to the atom before it, or begin one."""
        if not self.atoms:
            self._add(line)
            return
        last = self.atoms[-1]
        self.atoms[-1] = last._replace(text=f"{last.text}{line}\n", size=last.size + self.measure(line) + 1, trail="")


def _continued(prefix: str) -> str:
    """Return the prefix of a line as the lines below it have it: list markers become spaces."""
    return re.sub(r"[^ >]", " ", prefix)


def _pieces(line: str, size: int, measure: Measure) -> Iterator[str]:
    """Return a long line in pieces: sentences, words of a long sentence, halves of a long word."""
    for sentence in _cut(line, _SENTENCE):
        if measure(sentence) <= size:
            yield sentence
            continue
        for word in _cut(sentence, _WORD):
            yield from _halves(word, size, measure)


def _cut(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    ends = [0, *(match.end() for match in pattern.finditer(text)), len(text)]
    return (text[start:end] for start, end in pairwise(ends) if end > start)


def _halves(text: str, size: int, measure: Measure) -> Iterator[str]:
    if measure(text) <= size or len(text) < 2:
        yield text
        return
    middle = len(text) // 2
    yield from _halves(text[:middle], size, measure)
    yield from _halves(text[middle:], size, measure)
