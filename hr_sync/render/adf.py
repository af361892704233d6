"""Atlassian Document Format (JSON) as the tree of the storage format, so that one renderer reads both.

A node that is not known gives its content; a document that is no JSON, or nested too deep for a parser, its texts.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from hr_sync.render.document import Document
from hr_sync.render.invisible import without_invisible_characters
from hr_sync.render.result import MENTIONED, ParsedAs

Node = Mapping[str, Any]

_DEEPEST = 200  # levels of nodes; below it a node gives its texts
_TEXTS = re.compile(r'"text"\s*:\s*("(?:[^"\\]|\\.)*+")')
_TAGS = {
    "paragraph": "p",
    "bulletList": "ul",
    "orderedList": "ol",
    "listItem": "li",
    "taskItem": "ac:task",
    "taskList": "ac:task-list",
    "decisionList": "ul",
    "decisionItem": "li",
    "blockquote": "blockquote",
    "rule": "hr",
    "hardBreak": "br",
    "table": "table",
    "tableRow": "tr",
    "tableCell": "td",
    "tableHeader": "th",
    "layoutSection": "ac:layout-section",
    "layoutColumn": "ac:layout-cell",
    "caption": "ac:caption",
}
_INLINE_TAGS = {"strong": "strong", "em": "em", "strike": "del", "code": "code"}
_BLOCKS = frozenset({*_TAGS, "heading", "codeBlock", "panel", "expand", "nestedExpand", "mediaSingle", "mediaGroup"})


def storage_tree(adf: str) -> Document:
    """Return an ADF document as a tree of the storage format. Never raises."""
    text, hidden = without_invisible_characters(adf)
    root = Element("body")
    try:
        node = json.loads(text)
        if isinstance(node, dict):
            _add(root, node, 0)
        else:
            root.text = node if isinstance(node, str) else ""
    except (ValueError, TypeError, RecursionError):
        root = Element("body")
        root.text = "\n".join(_texts(text)) or ("" if text.lstrip()[:1] in {"{", "["} else text)
        return Document(root, ParsedAs.TEXT, hidden)
    hidden += _clean(root)
    return Document(root, ParsedAs.STRICT, hidden)


def _clean(root: Element) -> int:
    """Remove invisible characters that JSON had escaped, and return their number."""
    removed = 0
    for element in root.iter():
        if element.text:
            element.text, hidden = without_invisible_characters(element.text)
            removed += hidden
        for key, value in element.attrib.items():
            element.set(key, without_invisible_characters(value)[0])
    return removed


def _texts(document: str) -> list[str]:
    texts: list[str] = []
    for match in _TEXTS.finditer(document):
        try:
            texts.append(without_invisible_characters(str(json.loads(match[1])))[0])
        except ValueError:
            texts.append(match[1])
    return texts


def _add(parent: Element, node: Node, depth: int) -> None:
    """Add a node, with what is in it, below an element."""
    if depth > _DEEPEST:
        SubElement(parent, "p").text = " ".join(_texts(json.dumps(node)))
        return
    kind = str(node.get("type"))
    if kind == "text":
        _add_text(parent, node)
        return
    build = _BUILD.get(kind)
    holder = build(parent, _attributes(node), node) if build else SubElement(parent, _TAGS.get(kind, _unknown(node)))
    if kind in {"tableCell", "tableHeader"}:
        for name in ("colspan", "rowspan"):
            holder.set(name, str(_attributes(node).get(name) or 1))
    if kind == "orderedList":
        holder.set("start", str(_attributes(node).get("order") or 1))
    text = node.get("text")
    if isinstance(text, str):
        holder.text = (holder.text or "") + text
    for child in node.get("content") or ():
        if isinstance(child, dict):
            _add(holder, child, depth + 1)


def _unknown(node: Node) -> str:
    content = node.get("content") or ()
    return "div" if any(isinstance(child, dict) and child.get("type") in _BLOCKS for child in content) else "span"


def _attributes(node: Node) -> Node:
    attributes = node.get("attrs")
    return attributes if isinstance(attributes, dict) else {}


def _add_text(parent: Element, node: Node) -> None:
    """Add a text within the elements of its marks, outermost last so that `code` is innermost."""
    marks = [mark for mark in node.get("marks") or () if isinstance(mark, dict)]
    for mark in sorted(marks, key=lambda mark: mark.get("type") == "code"):
        kind = str(mark.get("type"))
        if kind == "link":
            parent = SubElement(parent, "a", {"href": str(_attributes(mark).get("href") or "")})
        elif kind == "subsup":
            parent = SubElement(parent, "sup" if _attributes(mark).get("type") == "sup" else "sub")
        elif kind in _INLINE_TAGS:
            parent = SubElement(parent, _INLINE_TAGS[kind])
    SubElement(parent, "span").text = str(node.get("text") or "")


def _macro(parent: Element, name: str, parameters: Mapping[str, object]) -> Element:
    macro = SubElement(parent, "ac:structured-macro", {"ac:name": name})
    for key, value in parameters.items():
        if isinstance(value, str | int | float) and value != "":
            SubElement(macro, "ac:parameter", {"ac:name": key}).text = str(value)
    return macro


def _heading(parent: Element, attributes: Node, _: Node) -> Element:
    level = attributes.get("level")
    return SubElement(parent, f"h{level}" if isinstance(level, int) and 1 <= level <= 6 else "h6")


def _box(parent: Element, attributes: Node, _: Node) -> Element:
    kind = str(attributes.get("panelType"))
    name = kind if kind in {"info", "note", "warning", "success", "error", "tip"} else "panel"
    return SubElement(_macro(parent, name, {}), "ac:rich-text-body")


def _expand(parent: Element, attributes: Node, _: Node) -> Element:
    return SubElement(_macro(parent, "expand", {"title": attributes.get("title")}), "ac:rich-text-body")


def _code(parent: Element, attributes: Node, _: Node) -> Element:
    return SubElement(_macro(parent, "code", {"language": attributes.get("language")}), "ac:plain-text-body")


def _status(parent: Element, attributes: Node, _: Node) -> Element:
    return _macro(parent, "status", {"title": attributes.get("text")})


def _mention(parent: Element, attributes: Node, _: Node) -> Element:
    holder = SubElement(parent, "ac:link")
    person = {"ri:account-id": str(attributes.get("id") or ""), MENTIONED: str(attributes.get("text") or "")}
    SubElement(holder, "ri:user", person)
    return SubElement(holder, "ac:link-body")


def _date(parent: Element, attributes: Node, _: Node) -> Element:
    holder = SubElement(parent, "time")
    try:
        moment = datetime.fromtimestamp(int(str(attributes.get("timestamp"))) / 1000, tz=UTC)
        holder.set("datetime", moment.date().isoformat())
    except (ValueError, OverflowError, OSError):
        holder.text = str(attributes.get("timestamp") or "")
    return holder


def _emoji(parent: Element, attributes: Node, _: Node) -> Element:
    shown = str(attributes.get("text") or attributes.get("shortName") or "")
    return SubElement(parent, "ac:emoticon", {"ac:emoji-fallback": shown, "ac:emoji-shortname": shown})


def _card(parent: Element, attributes: Node, _: Node) -> Element:
    holder = SubElement(parent, "a" if attributes.get("url") else "span", {"href": str(attributes.get("url") or "")})
    data = attributes.get("data")
    if isinstance(data, dict):
        holder.text = str(data.get("name") or "")
    return holder


def _media(parent: Element, attributes: Node, _: Node) -> Element:
    image = SubElement(parent, "ac:image", {"ac:alt": str(attributes.get("alt") or "")})
    source = str(attributes.get("url") or "")
    if source:
        SubElement(image, "ri:url", {"ri:value": source})
    return image


def _task(parent: Element, attributes: Node, _: Node) -> Element:
    task = SubElement(parent, "ac:task")
    SubElement(task, "ac:task-status").text = "complete" if attributes.get("state") == "DONE" else "incomplete"
    return SubElement(task, "ac:task-body")


def _extension(parent: Element, attributes: Node, node: Node) -> Element:
    given = attributes.get("parameters")
    parameters = given.get("macroParams") if isinstance(given, dict) else None
    values = {
        key: value.get("value") if isinstance(value, dict) else value
        for key, value in (parameters.items() if isinstance(parameters, dict) else ())
    }
    macro = _macro(parent, str(attributes.get("extensionKey") or ""), values)
    if isinstance(attributes.get("text"), str):
        SubElement(macro, "ac:rich-text-body").text = str(attributes["text"])
    return SubElement(macro, "ac:rich-text-body") if node.get("content") else macro


_BUILD: Mapping[str, Callable[[Element, Node, Node], Element]] = {
    "heading": _heading,
    "panel": _box,
    "expand": _expand,
    "nestedExpand": _expand,
    "codeBlock": _code,
    "status": _status,
    "mention": _mention,
    "date": _date,
    "emoji": _emoji,
    "inlineCard": _card,
    "blockCard": _card,
    "embedCard": _card,
    "media": _media,
    "mediaInline": _media,
    "taskItem": _task,
    "extension": _extension,
    "bodiedExtension": _extension,
    "inlineExtension": _extension,
}
