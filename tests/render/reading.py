"""A second reading of storage bodies, by lxml, that shares nothing with the renderer but the lists of macro names.

It says of every text in a body whether it has to appear in the Markdown, or which class of text it belongs to that may
be left out. `./scripts/word-recall` and the tests stand on it.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from hr_sync.render import macro_names
from hr_sync.render.macros import is_configuration
from hr_sync.render.page import render_page
from hr_sync.render.result import RenderedPage

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "simulator/confluence_simulator/handbook"
SHARED = ROOT.parent / "shared/fixtures"

_NAMESPACES = {"ac": "urn:ac", "ri": "urn:ri", "at": "urn:at"}
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(#?[A-Za-z0-9]+);")
_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_HIDING = re.compile(r"display:\s*none|visibility:\s*hidden")
_WITHIN_A_LINE = {
    *("a", "b", "big", "code", "em", "font", "i", "ins", "kbd", "mark", "s", "small", "span", "strong", "sub", "sup"),
    *("u", "del", "tt", "foo", "ac:inline-comment-marker", "ac:link", "ac:link-body", "ac:plain-text-link-body"),
}
_FORMULA = {"math", "{http://www.w3.org/1998/Math/MathML}math"}
_CLASSES = {
    "style": "code for browsers",
    "script": "code for browsers",
    "ac:placeholder": "hint to editors",
    "ac:task-id": "identifier or state of a task",
    "ac:task-uuid": "identifier or state of a task",
    "ac:task-status": "identifier or state of a task",
    "ac:adf-attribute": "attribute of the new editor",
}
_TEXT_PARAMETERS = {
    **dict.fromkeys((*macro_names.BOXES, *macro_names.PREFORMATTED, *macro_names.TRANSPARENT, "status"), ("title",)),
    **dict.fromkeys(macro_names.FORMULAS, ("body",)),
    "jira": ("key",),
}
_KNOWN = {
    *macro_names.DROPPED,
    *macro_names.COMPUTED,
    *macro_names.INCLUDES,
    *macro_names.EXCERPTS,
    *macro_names.DIAGRAMS,
    *macro_names.EMBEDDED,
    *_TEXT_PARAMETERS,
    "details",
}


def render(storage: str) -> RenderedPage:
    """Render a body with nothing resolved."""
    return render_page(storage, title="Title", space="HR", page_id="1", resolve=lambda _title, _space: None)


def bodies(folder: Path) -> Iterator[tuple[str, str]]:
    """Return the name and the text of every storage or HTML body below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".xml", ".html", ".xhtml"}:
            yield str(path.relative_to(folder)), path.read_text(encoding="utf-8")


def parsed(storage: str) -> etree._Element:
    """Return a body as lxml reads it, with recovery."""
    pieces = [
        piece if index % 2 else _ENTITY.sub(_character, piece) for index, piece in enumerate(_CDATA.split(storage))
    ]
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    document = f"<body {declared}>{''.join(pieces)}</body>".encode()
    parser = etree.XMLParser(
        recover=True, huge_tree=True, resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(document, parser)


def texts(storage: str) -> Iterator[tuple[str, str]]:
    """Return every text of a body with its class; the class of a text that has to appear is ""."""
    root = parsed(storage)
    for element in root.iter():
        if element.text:
            yield _class(element), element.text
        if element.tail and element is not root:
            parent = element.getparent()
            yield _class(parent) if parent is not None else "", element.tail


def words(storage: str) -> dict[str, Counter[str]]:
    """Return the words of a body by class; words that inline elements divide (`<b>A</b>bc`) are one."""
    joined: dict[str, list[str]] = {}
    for event, element in etree.iterwalk(parsed(storage), events=("start", "end")):
        owner = element if event == "start" else element.getparent()
        if _name(element) not in _WITHIN_A_LINE:
            for parts in joined.values():
                parts.append(" ")
        text = element.text if event == "start" else element.tail
        if text and owner is not None:
            joined.setdefault(_class(owner), []).append(text)
    return {name: _counted(_visible("".join(parts))) for name, parts in joined.items()}


def output_words(markdown: str) -> Counter[str]:
    """Return the words of Markdown without its marks."""
    return _counted(markdown.replace("<br>", " "))


def _counted(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", re.sub(r"~~|[\\*`^]", "", text)))


def squeezed(text: str) -> str:
    """Return text without white space and without what Markdown adds or the renderer takes out of it."""
    return re.sub(r"[\s\\`*>]|<br>", "", _visible(text))


def _visible(text: str) -> str:
    return re.sub("[\u00ad\u200b-\u200f\ufeff]", "", text)


def _character(match: re.Match[str]) -> str:
    return html.escape(html.unescape(match[0])) if html.unescape(match[0]) != match[0] else f"&amp;{match[1]};"


def _name(element: etree._Element) -> str:
    tag = str(element.tag)
    for prefix, uri in _NAMESPACES.items():
        tag = tag.replace(f"{{{uri}}}", f"{prefix}:")
    return tag


def _text(element: etree._Element) -> str:
    return "".join(map(str, element.itertext()))


def _attribute(element: etree._Element, name: str) -> str:
    return element.get(f"{{{_NAMESPACES['ac']}}}{name}") or ""


def _class(element: etree._Element) -> str:
    for each in (element, *element.iterancestors()):
        name = _name(each)
        if name in _CLASSES:
            return _CLASSES[name]
        if _HIDING.search(each.get("style") or ""):
            return "hidden by its style"
        if name == "ac:parameter":
            return _class_of_parameter(each)
        if name == "ac:adf-content":
            extension = next(above for above in each.iterancestors() if _name(above) == "ac:adf-extension")
            fallback = next((part for part in extension if _name(part) == "ac:adf-fallback"), None)
            if fallback is not None and _text(fallback).strip():
                return "stored twice by the new editor"
        if each.get("class") == "katex-html" or (_name(each) in _FORMULA and not _name(element).endswith("annotation")):
            return "formula stored in several forms"
    return ""


def _class_of_parameter(parameter: etree._Element) -> str:
    macro = parameter.getparent()
    name, key = (_attribute(macro, "name") if macro is not None else "").lower(), _attribute(parameter, "name")
    if key in _TEXT_PARAMETERS.get(name, ()):
        return ""
    if name in macro_names.DROPPED:
        return f"dropped macro: {name}"
    if name in _KNOWN:
        return "setting of a known macro"
    return "setting of an unknown macro" if is_configuration(_text(parameter).strip()) else ""
