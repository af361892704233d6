"""The walk over a tree of elements: which function renders which element, and what the walk remembers.

An element renders either to text within a line or to blocks. A block that stands within a line (a table in a `span`,
a panel in a paragraph) is set aside and leaves a marker in the line; when the line ends, it is divided at its markers.
So every element is visited once, however blocks and lines are nested.
"""

import time
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from hr_sync.render.blocks import BLOCKS
from hr_sync.render.inline import INLINE
from hr_sync.render.macros import MACROS
from hr_sync.render.markdown import Block, as_text, as_texts, escape_tags, one_line, paragraph, text_alone
from hr_sync.render.plain import plain_text
from hr_sync.render.result import (
    Excerpt,
    Include,
    IncludedText,
    RenderLimits,
    ResolveInclude,
    ResolvePage,
    ResolveUser,
)

_MARK = "\x01"  # no text of a page can hold it
_DEEPEST = 60  # one level takes up to 11 frames of Python's 1,000
_DEEPEST_INDENT = 10  # quotes and lists below this nesting are not indented further
_STEPS_PER_LOOK = 256


class OutOfTime(Exception):
    """The page took longer than `RenderLimits.seconds`."""


class Renderer:
    """The rendering of one page."""

    def __init__(
        self,
        space: str,
        resolve: ResolvePage,
        resolve_user: ResolveUser | None,
        limits: RenderLimits,
        resolve_include: ResolveInclude | None = None,
    ) -> None:
        self.space = space
        self.resolve = resolve
        self.resolve_user = resolve_user
        self.resolve_include = resolve_include
        self.includes: list[Include] = []
        self.excerpts: list[Excerpt] = []
        self.unknown_macros: dict[str, int] = {}
        self.computed_macros: dict[str, int] = {}
        self.outputs: dict[int, Element] = {}  # what computed macros show, by `id()` of their elements
        self.rendered_macros = 0
        self.hidden_characters = 0
        self.limits_reached: set[str] = set()
        self.repeatable = limits.repeated_characters
        self.cells = 0  # > 0 within a table cell, where no block can begin
        self.indents = 0
        self._held: list[list[Block]] = []
        self._depth = 0
        self._deepest = min(limits.depth, _DEEPEST)
        self._deadline = time.monotonic() + limits.seconds
        self._steps = 0

    def blocks(self, element: Element) -> list[Block]:
        """Return what is in an element as blocks."""
        if not len(element):
            return [*text_alone(element.text)]
        if self._enter():
            self._depth -= 1
            return self.paragraphs(escape_tags(plain_text(element, parameters=True)))
        out: list[Block] = []
        line: list[str] = [escape_tags(element.text)] if element.text else []
        for child in element:
            render = BLOCKS.get(child.tag)
            if render is not None:
                if line:
                    out += self.paragraphs("".join(line))
                    line.clear()
                out += render(self, child)
            elif child.tag in MACROS and _is_blank(child.tail) and all(map(_is_blank, line)):
                line.clear()  # a macro without text beside it stands alone
                out += self.paragraphs(MACROS[child.tag](self, child))
            else:
                line.append(self._in_line(child))
            if child.tail:
                line.append(escape_tags(child.tail) if "<" in child.tail else child.tail)
        if line:
            out += self.paragraphs("".join(line))
        self._depth -= 1
        return out

    def texts(self, element: Element) -> list[str]:
        """Return what is in an element as blocks none of which begins a section: a heading is bold there."""
        return as_texts(self.blocks(element)) if len(element) else text_alone(element.text)

    def alone(self, element: Element) -> list[Block]:
        """Return one element as blocks, without the text after it."""
        render = BLOCKS.get(element.tag)
        return render(self, element) if render is not None else self.paragraphs(self._in_line(element))

    def content(self, element: Element) -> str:
        """Return what is in an element as text within a line, with markers for blocks."""
        text = element.text
        if text and "<" in text:
            text = escape_tags(text)
        if not len(element):
            return text or ""
        if self._enter():
            self._depth -= 1
            return escape_tags(plain_text(element, parameters=True))
        line: list[str] = [text] if text else []
        for child in element:
            line.append(self._in_line(child))
            if child.tail:
                line.append(escape_tags(child.tail) if "<" in child.tail else child.tail)
        self._depth -= 1
        return "".join(line)

    def line(self, element: Element) -> str:
        """Return what is in an element as one line; the lines of a block are joined."""
        text = self.content(element)
        return one_line(as_text(part) for part in self._parts(text)) if _MARK in text else one_line((text,))

    def paragraphs(self, line: str) -> list[Block]:
        """Return a line with its markers as paragraphs and the blocks between them."""
        if _MARK in line:
            return [block for part in self._parts(line) if (block := paragraph(part) if type(part) is str else part)]
        text = paragraph(line)
        return [text] if text else []

    def hold(self, blocks: list[Block]) -> str:
        """Set blocks aside and return the marker that stands for them within a line."""
        if not blocks:
            return ""
        self._held.append(blocks)
        return f"{_MARK}{len(self._held) - 1}{_MARK}"

    def included(self, include: Include) -> IncludedText | None:
        """Return the text to show for an include, counted as this page's; None if only the placeholder may stand."""
        found = None if self.resolve_include is None else self.resolve_include(include)
        if found is None:
            return None
        for name, times in found.unknown_macros.items():
            self.unknown_macros[name] = self.unknown_macros.get(name, 0) + times
        for name, times in found.computed_macros.items():
            self.computed_macros[name] = self.computed_macros.get(name, 0) + times
        self.rendered_macros += found.rendered_macros
        self.hidden_characters += found.hidden_characters
        self.limits_reached |= found.limits_reached
        return found

    def output_of(self, macro: Element) -> str | None:
        """Return what a computed macro shows, as text within a line; None if only the placeholder may stand."""
        output = self.outputs.get(id(macro))
        if output is None:
            return None
        self.rendered_macros += 1
        return self._in_line(output)

    @staticmethod
    def holds_blocks(line: str) -> bool:
        """Return whether a line has a marker in it."""
        return _MARK in line

    @property
    def may_indent(self) -> bool:
        """Return whether one more quote or list may be indented."""
        return self.indents < _DEEPEST_INDENT

    def _in_line(self, child: Element) -> str:
        render = INLINE.get(child.tag) or MACROS.get(child.tag)
        if render is not None:
            return render(self, child)
        block = BLOCKS.get(child.tag)
        return self.content(child) if block is None else self.hold(block(self, child))

    def _parts(self, line: str) -> Iterator[Block]:
        for index, part in enumerate(line.split(_MARK)):
            if index % 2 == 0:
                yield part
            else:
                yield from (_Held(block) if isinstance(block, str) else block for block in self._held[int(part)])

    def _enter(self) -> bool:
        """Count one level of nesting; return whether it is one too many. Raise OutOfTime after the time limit."""
        self._depth += 1
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0 and time.monotonic() > self._deadline:
            raise OutOfTime
        if self._depth <= self._deepest:
            return False
        self.limits_reached.add("depth")
        return True


def _is_blank(text: str | None) -> bool:
    return not text or text.isspace()


class _Held(str):
    """A block that is finished Markdown, unlike the text beside it."""

    __slots__ = ()
