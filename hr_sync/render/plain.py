"""The text of an element without any structure."""

from xml.etree.ElementTree import Element

from hr_sync.render.invisible import REMOVED

#: Elements whose text is no text of the page: identifiers, state, hints to editors, code for browsers.
UNREAD = frozenset(
    {"ac:task-id", "ac:task-uuid", "ac:task-status", "ac:placeholder", "ac:adf-attribute", "ac:adf-mark",
     "script", "style", REMOVED}
)  # fmt: skip
_JOINING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "ins", "kbd", "mark", "s", "small", "span", "strong", "sub", "sup",
     "u", "ac:inline-comment-marker", "ac:link-body"}
)  # fmt: skip


def plain_text(element: Element, *, parameters: bool = False) -> str:
    """Return the text in an element, however deep; `parameters`: with the text of macro parameters.

    Words of neighbouring cells, paragraphs and items are kept apart by a space.
    """
    if not len(element):
        return element.text or ""
    parts: list[str] = []
    waiting: list[Element | str] = [element]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        if item.tag in UNREAD or (item.tag == "ac:parameter" and not parameters):
            continue
        if item is not element and item.tag not in _JOINING:
            parts.append("\n" if item.tag == "br" else " ")
            waiting.append(" ")
        if item.text:
            parts.append(item.text)
        for child in reversed(item):
            if child.tail:
                waiting.append(child.tail)
            waiting.append(child)
    return "".join(parts)
