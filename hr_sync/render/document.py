"""A storage body as a tree of elements. No entity and no document type ever reaches the parser.

Bodies use prefixes that they do not declare (`ac:`, `ri:`) and entities that only HTML knows (`&nbsp;`). Entities are
replaced here, once and never within another, and the text becomes content of an element of our own, where a document
type is a syntax error: nothing can be expanded and nothing can be fetched. Names keep their prefixes as written.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from html.entities import html5
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hr_sync.render.invisible import remove_hidden_elements, without_invisible_characters
from hr_sync.render.repair import repaired
from hr_sync.render.result import ParsedAs

_REFERENCE = re.compile(r"&(?:#[0-9]{1,8};|#[xX][0-9A-Fa-f]{1,7};|[A-Za-z][A-Za-z0-9]{1,31};)?", re.ASCII)
_XML_REFERENCES = frozenset({"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"})
_TAG = re.compile(r"<[^<>]*>")
_CDATA = "<![CDATA["
_MAY_HIDE = re.compile(r"\s(?:style|hidden)\b")


@dataclass(frozen=True, slots=True)
class Document:
    """A body that was read."""

    root: Element
    parsed_as: ParsedAs
    hidden_characters: int


def parse(storage: str) -> Document:
    """Read a storage body. Never raises: what is not well-formed is repaired, whatever it is."""
    text, hidden = without_invisible_characters(replace_entities(storage))
    parsed_as = ParsedAs.STRICT
    try:
        root = _parsed(text)
    except expat.ExpatError:
        parsed_as = ParsedAs.REPAIRED
        try:
            root = _parsed(repaired(text))
        except expat.ExpatError:  # nothing is known that ends here
            parsed_as = ParsedAs.TEXT
            root = Element("body")
            root.text = without_tags(text)
    if _may_hide(text, parsed_as):
        hidden += remove_hidden_elements(root)
    return Document(root, parsed_as, hidden)


def _may_hide(text: str, parsed_as: ParsedAs) -> bool:
    """Return whether an element may have an attribute that hides it. Repaired text has it in any case."""
    if parsed_as is not ParsedAs.STRICT:
        return True
    return ("style" in text or "hidden" in text) and _MAY_HIDE.search(text) is not None


def text_of_oversized(storage: str) -> tuple[str, int]:
    """Return the text of a body that is too large to be parsed, and the number of invisible characters in it."""
    text, hidden = without_invisible_characters(replace_entities(storage))
    return without_tags(text), hidden


def without_tags(text: str) -> str:
    """Return the text between tags, entities of XML replaced, in linear time."""
    return unescape(_TAG.sub(" ", text.replace(_CDATA, "").replace("]]>", "")))


def replace_entities(storage: str) -> str:
    """Return the body with no entity but the five of XML; what is no entity keeps its characters. CDATA is kept."""
    if "&" not in storage:
        return storage
    parts: list[str] = []
    position = 0
    while (start := storage.find(_CDATA, position)) >= 0:
        end = storage.find("]]>", start)
        if end < 0:
            break
        parts += (_REFERENCE.sub(_replaced, storage[position:start]), storage[start : end + 3])
        position = end + 3
    parts.append(_REFERENCE.sub(_replaced, storage[position:]))
    return "".join(parts)


def _replaced(match: re.Match[str]) -> str:
    return _replacement(match[0])


@lru_cache(1_000)
def _replacement(reference: str) -> str:
    if reference in _XML_REFERENCES:
        return reference
    if reference.startswith("&#"):
        return escape(unescape(reference))
    named = html5.get(reference[1:])
    return escape(named) if named is not None else f"&amp;{reference[1:]}"


def _parsed(content: str) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.buffer_size = 65_536
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(f"<body>{content}</body>".encode(), True)
    return builder.close()
