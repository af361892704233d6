"""Plain text, Markdown, CSV and HTML."""

import codecs
import csv
import io
import re
from collections import Counter

from lxml import etree, html

from hr_sync.documents.collected import Collected, Refused
from hr_sync.documents.result import Limits, Reason
from hr_sync.render.markdown import Heading
from hr_sync.render.page import render_included
from hr_sync.render.result import RenderLimits

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_HEADING = re.compile(r"(#{1,6})[ \t]++(\S.*)")
_BLANKS = " \t"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SEPARATORS = ",;\t|"
_SAMPLE_LINES = 20
_UNSHOWN = frozenset({"script", "style", "head", "template", "noscript", "iframe", "object", "svg", "math", "select"})
_CHARSET = re.compile(rb"""<meta[^>]{1,200}charset\s*+=\s*+["']?+\s*+([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_HEAD_BYTES = 4096
_NAME = re.compile(r"[a-z][a-z0-9]*")


def read_text(data: bytes, out: Collected, limits: Limits) -> None:
    """Add paragraphs that keep their lines."""
    del limits
    lines: list[str] = []
    for line in io.StringIO(decoded(data)):
        if line.strip():
            lines.append(line)
        elif lines:
            out.lines("".join(lines))
            lines.clear()
    out.lines("".join(lines))


def read_markdown(data: bytes, out: Collected, limits: Limits) -> None:
    """Add Markdown as it is, in sections along its headings."""
    del limits
    lines: list[str] = []
    fence = ""
    for line in decoded(data).split("\n"):
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading:
            out.block("\n".join(lines).strip("\n"))
            lines.clear()
            out.block(Heading(len(heading[1]), _without_closing(heading[2]), line.strip()))
        else:
            lines.append(line)
    out.block("\n".join(lines).strip("\n"))


def _without_closing(title: str) -> str:
    """Return a title without the `##` that may stand behind it."""
    title = title.rstrip(_BLANKS)
    bare = title.rstrip("#")
    # Not by a regular expression, which takes a time with the square of the blanks.
    return bare.rstrip(_BLANKS) if bare.endswith(tuple(_BLANKS)) else title


def read_csv(data: bytes, out: Collected, limits: Limits) -> None:
    """Add one table, the first row as its header."""
    text = decoded(data)
    csv.field_size_limit(limits.file_bytes)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        out.table(([cell.strip() for cell in row] for row in rows), has_header=True)
    except csv.Error as error:
        raise Refused(Reason.DAMAGED) from error


def read_html(data: bytes, out: Collected, limits: Limits) -> None:
    """Add what a browser would show, rendered as a page's body is."""
    try:
        # `huge_tree` stays off: libxml2 then ends a tree that is too deep.
        root = html.document_fromstring(
            _decoded_html(data).encode(errors="replace"), parser=html.HTMLParser(encoding="utf-8", no_network=True)
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Refused(Reason.DAMAGED) from error
    rendered = render_included(
        _as_storage(root),
        None,
        space="",
        resolve=lambda _title, _space: None,
        resolve_include=lambda _include: None,
        limits=RenderLimits(characters=limits.file_bytes, seconds=limits.seconds / 2),
    )
    if rendered is None:
        raise Refused(Reason.DAMAGED)
    out.hide(rendered.hidden_characters)
    for block in rendered.blocks:
        out.block(block)


def decoded(data: bytes) -> str:
    """Return text by its mark, else as UTF-8, else as Windows-1252, which has a character for nearly every byte."""
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252" if encoding == "utf-8" else encoding, errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _separator(text: str) -> str:
    """Return what separates the columns: the sign that most lines have, outside of quotes, in the same number."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in text[:100_000].split("\n")[:_SAMPLE_LINES] if line.strip()]
    best, found = ",", 0
    for sign in _SEPARATORS:
        counts = Counter(line.count(sign) for line in lines)
        counts.pop(0, None)
        same = max(counts.values(), default=0)
        if same > found:
            best, found = sign, same
    return best


def _decoded_html(data: bytes) -> str:
    """Return HTML by its mark, else as it says itself, else as `decoded` does."""
    said = None if data.startswith(tuple(_MARKS)) else _CHARSET.search(data[:_HEAD_BYTES])
    name = said[1].decode("ascii").lower() if said else ""
    try:
        encoding = codecs.lookup(name).name
        # Browsers read none of these because a page says so: it would not be readable as far as that.
        if not encoding.startswith(("utf-7", "utf-16", "utf-32")):
            return data.decode(encoding, errors="replace")
    except (LookupError, ValueError):  # no encoding, or none of texts
        pass
    return decoded(data)


def _as_storage(root: html.HtmlElement) -> str:
    """Return the elements of a page as XML without what no reader sees, and without macros of Confluence."""
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or element.tag in _UNSHOWN:
            parent = element.getparent()
            if parent is not None:
                element.drop_tree()
        elif not _NAME.fullmatch(element.tag):
            element.tag = "span"
        for name in [name for name in element.attrib if not _NAME.fullmatch(str(name))]:
            del element.attrib[name]
    body = root.find("body")
    shown = root if body is None else body
    parts = [html.tostring(each, encoding="unicode", method="xml") for each in shown]
    return "".join([_escaped(shown.text or ""), *parts])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
