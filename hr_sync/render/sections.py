"""A page's blocks as sections along its headings, with ids that edits elsewhere do not change.

The id of a section is a hash over the page's id, the id of the section above, its title and its occurrence among
sections of that title there. The id of a continuation is a hash over the id of its section and the line it begins with.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from hr_sync.render.markdown import Block, Heading
from hr_sync.render.result import RenderLimits, Section
from hr_sync.render.split import split_markdown

_LONGEST_TITLE = 200
_ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


@dataclass(slots=True)
class _Group:
    """A heading with the blocks below it."""

    section_id: str
    parent_id: str | None
    level: int
    path: tuple[str, ...]
    texts: list[str] = field(default_factory=list)


def make_sections(
    blocks: Sequence[Block],
    *,
    page_id: str,
    title: str,
    space: str,
    limits: RenderLimits,
    above: tuple[str, ...] = (),
) -> tuple[Section, ...]:
    """Return the sections in order; none for a page without any block. `above`: headings that all of it is below."""
    measure = limits.measure or len
    sections: list[Section] = []
    for group in _grouped(blocks, page_id):
        text = "\n\n".join(group.texts)
        size = max(1, limits.section_size)
        parts = [text] if measure(text) <= size else split_markdown(text, size, measure)
        path = (*map(short_title, above), *group.path)
        begun: dict[str, int] = {}
        for number, part in enumerate(parts):
            section_id, parent_id = group.section_id, group.parent_id
            if number:
                first = hashlib.sha256(part.encode()[:_LONGEST_TITLE]).hexdigest()
                begun[first] = begun.get(first, -1) + 1
                section_id, parent_id = _id(group.section_id, "part", first, str(begun[first])), group.section_id
            sections.append(
                Section(
                    section_id=section_id,
                    ordinal=len(sections),
                    level=group.level,
                    part=number,
                    parent_section_id=parent_id,
                    heading_path=path,
                    text=part,
                    embed_text=embed_text_of(part, space=space, title=title, path=path),
                    text_hash=hashlib.sha256(part.encode()).hexdigest(),
                )
            )
    return tuple(sections)


def embed_text_of(text: str, *, space: str, title: str, path: Sequence[str]) -> str:
    """Return a text below one line of space, page and headings."""
    return f"{_ARROW.join((space, short_title(title), *path))}\n{text}"


def _grouped(blocks: Sequence[Block], page_id: str) -> list[_Group]:
    """Return the blocks under their headings, those before the first heading at level 0."""
    groups: list[_Group] = []
    above: list[_Group] = []  # the sections around the current place, outermost first
    occurrences: dict[tuple[str, str], int] = {}
    for block in blocks:
        if isinstance(block, Heading):
            while above and above[-1].level >= block.level:
                above.pop()
            parent = above[-1] if above else None
            parent_id = parent.section_id if parent else None
            key = (parent_id or "", block.title)
            occurrences[key] = occurrences.get(key, -1) + 1
            path = (*(parent.path if parent else ()), short_title(block.title))
            section_id = _id(page_id, parent_id or "", block.title, str(occurrences[key]))
            groups.append(_Group(section_id, parent_id, block.level, path, [block.markdown]))
            above.append(groups[-1])
        else:
            if not groups:
                groups.append(_Group(_id(page_id, "start"), None, 0, ()))
            groups[-1].texts.append(block)
    return groups


def _id(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def short_title(title: str) -> str:
    """Return a title as a heading path has it."""
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"
