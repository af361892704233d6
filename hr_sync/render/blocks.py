"""Elements that are blocks: headings, paragraphs, lists, task lists, quotes, code, layouts."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from hr_sync.render.markdown import (
    Block,
    Heading,
    as_texts,
    escape_tags,
    fenced,
    inline_code,
    list_item,
    one_line,
    quoted,
    text_alone,
)
from hr_sync.render.plain import plain_text
from hr_sync.render.tables import table

if TYPE_CHECKING:
    from hr_sync.render.renderer import Renderer

_ITEMS = frozenset({"li", "ac:task"})
_LISTS = frozenset({"ul", "ol", "ac:task-list"})


def _paragraph(r: "Renderer", element: Element) -> list[Block]:
    return r.paragraphs(r.content(element)) if len(element) else [*text_alone(element.text)]


def _heading(r: "Renderer", element: Element) -> list[Block]:
    text = r.line(element)
    if not text:
        return []
    level = int(element.tag[1])
    title = one_line((plain_text(element),)) or text
    return [Heading(level, title, f"{'#' * level} {text}")]


def _inside(r: "Renderer", element: Element) -> list[Block]:
    return r.blocks(element)


def _bold(r: "Renderer", element: Element) -> list[Block]:
    text = r.content(element)
    return r.paragraphs(text if r.holds_blocks(text) or not text.strip() else f"**{text.strip()}**")


def _rule(r: "Renderer", element: Element) -> list[Block]:
    return [*r.blocks(element), *([] if r.cells else ["---"])]


def _quote(r: "Renderer", element: Element) -> list[Block]:
    return in_quote(r, lambda: r.texts(element))


def in_quote(r: "Renderer", render: Callable[[], list[str]]) -> list[Block]:
    """Return what `render` returns as a quote; as it is within a cell, or where quotes are nested too deep."""
    if r.cells or not r.may_indent:
        return [*render()]
    r.indents += 1
    texts = render()
    r.indents -= 1
    return [quoted(texts)] if texts else []


def _preformatted(r: "Renderer", element: Element) -> list[Block]:
    return code_block(r, plain_text(element, parameters=True), "")


def code_block(r: "Renderer", code: str, language: str) -> list[Block]:
    """Return code as a fence; within a cell, where no fence can stand, as one piece of code a line."""
    if not code.strip():
        return []
    if r.cells:
        return [inline_code(line) for line in code.split("\n") if line.strip()]
    return [fenced(code, language)]


def _list(r: "Renderer", element: Element) -> list[Block]:
    start = element.get("start") or ""
    number = int(start) if element.tag == "ol" and start.isascii() and start.isdigit() and len(start) < 9 else 1
    ordered = element.tag == "ol"
    return _items(
        r, ((f"{number + index}. " if ordered else "- ", item) for index, item in enumerate(_list_items(element)))
    )


def _list_items(element: Element) -> Iterator[list[Element | str]]:
    """Return what belongs to each item: `li`, and whatever stands beside one although it should stand within it."""
    item: list[Element | str] = [element.text] if element.text and element.text.strip() else []
    for child in element:
        if child.tag == "li" or (item and child.tag not in _LISTS):
            if item:
                yield item
            item = [child]
        else:
            item.append(child)
        if child.tail and child.tail.strip():
            item.append(child.tail)
    if item:
        yield item


def _task_list(r: "Renderer", element: Element) -> list[Block]:
    return _items(r, _tasks(element))


def _tasks(element: Element) -> Iterator[tuple[str, list[Element | str]]]:
    if element.text and element.text.strip():
        yield "- ", [element.text]
    for child in element:
        if child.tag == "ac:task":
            done = (child.findtext("ac:task-status") or "").strip() == "complete"
            yield "- [x] " if done else "- [ ] ", [child]
        else:
            yield "- ", [child]
        if child.tail and child.tail.strip():
            yield "- ", [child.tail]


def _items(r: "Renderer", items: Iterator[tuple[str, list[Element | str]]]) -> list[Block]:
    indented = r.may_indent
    r.indents += 1
    written: list[str] = []
    for marker, item in items:
        blocks: list[str] = []
        for part in item:
            if isinstance(part, str):
                blocks += as_texts(r.paragraphs(escape_tags(part)))
            else:
                blocks += r.texts(part) if part.tag in _ITEMS else as_texts(r.alone(part))
        if blocks:
            indent = 2 if marker.startswith("- ") else len(marker)
            written.append(list_item(marker, blocks, indent if indented else 0))
    r.indents -= 1
    return ["\n".join(written)] if written else []


def _extension(r: "Renderer", element: Element) -> list[Block]:
    """Render what the new editor stores twice: its fallback, and its own form only where the fallback is empty."""
    fallback = element.find("ac:adf-fallback")
    if fallback is None or not plain_text(fallback, parameters=True).strip():
        return r.blocks(element)
    return r.blocks(fallback)


_TRANSPARENT = """
    div section article header footer main nav aside address center body html figure figcaption details dl dd form
    fieldset legend li tr td th tbody thead tfoot caption colgroup ac:layout ac:layout-section ac:layout-cell
    ac:rich-text-body ac:plain-text-body ac:task ac:task-body ac:adf-node ac:adf-content ac:adf-fallback ac:caption
""".split()  # noqa: SIM905 - words read best as words

BLOCKS: "dict[str, Callable[[Renderer, Element], list[Block]]]" = {
    "p": _paragraph,
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _heading),
    "ul": _list,
    "ol": _list,
    "ac:task-list": _task_list,
    "table": table,
    "blockquote": _quote,
    "pre": _preformatted,
    "hr": _rule,
    "dt": _bold,
    "summary": _bold,
    "ac:adf-extension": _extension,
    **dict.fromkeys(_TRANSPARENT, _inside),
}
