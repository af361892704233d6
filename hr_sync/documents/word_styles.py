"""Which paragraphs of a DOCX are headings and which are items of lists: by themselves or by their styles."""

import re
from dataclasses import dataclass

from lxml import etree

from hr_sync.documents.ooxml import attribute, child, local

_LONGEST_CHAIN = 20  # of styles that are based on others
_HEADING_NAME = re.compile(r"heading ([1-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """What a paragraph is."""

    heading_level: int = 0  #: 1 to 6; 0 for none
    list_level: int | None = None  #: from 0


class ParagraphStyles:
    """The styles of one document."""

    def __init__(self, root: etree._Element | None) -> None:
        """Take the root of `styles.xml`, None where there is none."""
        self._styles = (
            {attribute(each, "styleId"): each for each in root if local(each) == "style"} if root is not None else {}
        )
        self._known: dict[str, ParagraphStyle] = {}

    def of(self, paragraph: etree._Element) -> ParagraphStyle:
        """Return what a paragraph is; what it says itself counts before its style."""
        properties = child(paragraph, "pPr")
        if properties is None:
            return ParagraphStyle()
        named = child(properties, "pStyle")
        style = self._named(attribute(named, "val") or "") if named is not None else ParagraphStyle()
        own = _level(child(properties, "outlineLvl"))
        heading = style.heading_level if own is None else own
        listed = _list_level(properties)
        return ParagraphStyle(heading, style.list_level if listed is None else listed)

    def _named(self, style_id: str) -> ParagraphStyle:
        known = self._known.get(style_id)
        if known is None:
            known = self._known[style_id] = self._resolved(style_id)
        return known

    def _resolved(self, style_id: str) -> ParagraphStyle:
        """Return what a style makes of a paragraph, by the styles that it is based on where it says nothing."""
        heading: int | None = None
        listed: int | None = None
        for _ in range(_LONGEST_CHAIN):
            style = self._styles.get(style_id)
            if style is None:
                break
            name = child(style, "name")
            heading = _by_name(attribute(name, "val") or "") if heading is None and name is not None else heading
            properties = child(style, "pPr")
            if properties is not None:
                heading = _level(child(properties, "outlineLvl")) if heading is None else heading
                listed = _list_level(properties) if listed is None else listed
            based_on = child(style, "basedOn")
            style_id = attribute(based_on, "val") or "" if based_on is not None else ""
        return ParagraphStyle(heading or 0, listed)


def _by_name(name: str) -> int | None:
    if name.lower() == "title":
        return 1
    match = _HEADING_NAME.fullmatch(name)
    return min(int(match[1]), 6) if match else None


def _level(outline: etree._Element | None) -> int | None:
    """Return the level of a heading, 0 for text, None where nothing is said."""
    value = attribute(outline, "val") if outline is not None else None
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(int(value) + 1, 6) if len(value) == 1 and value != "9" else 0


def _list_level(properties: etree._Element) -> int | None:
    number = child(properties, "numPr", "numId")
    if number is None or attribute(number, "val") == "0":
        return None
    level = child(properties, "numPr", "ilvl")
    value = attribute(level, "val") or "" if level is not None else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) == 1 else 0
