"""A body that is not well-formed, made well-formed without losing a character of its text.

Old pages, pages from importers and pages that were cut off end up here. Elements that were left open are closed where
their parent ends, closing tags without an opening one are dropped, and markup that is none (`a < b`) becomes text. No
step looks at a character more than a few times: the time is linear in the length whatever the text is.
"""

import re
from html import escape

_DEEPEST = 1_000  #: tags below this nesting are dropped, their text is not
_VOID = frozenset({"br", "hr", "img", "col", "input", "wbr", "area", "link", "meta", "source", "embed", "param"})
_CLOSED_BY_THEMSELVES = frozenset({"p", "li", "tr", "dt", "dd", "option"})
_CELLS = frozenset({"td", "th"})
_ENDS_CELL = frozenset({"td", "th", "tr", "tbody", "tfoot"})
#: Elements that hold text alone; one that was left open ends at the next tag, so that it does not swallow the page.
_TEXT_ONLY = frozenset(
    {"ac:task-id", "ac:task-uuid", "ac:task-status", "ac:placeholder", "ac:adf-attribute", "script", "style"}
)
_MACRO_PARTS = frozenset({"ac:parameter", "ac:rich-text-body", "ac:plain-text-body"})
_NAME = re.compile(r"/?([A-Za-z_][A-Za-z0-9_.:-]*)\s*", re.ASCII)
_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"<]*)"|'([^'<]*)'|([^\s"'=<>`]+)))?[\s=]*""",
)
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_.:-]*", re.ASCII)
_TAG_END = re.compile(r"[\s/]*>")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)")
_DECLARATION = re.compile(r"<![A-Za-z][^<>\[]*[>\[]", re.ASCII)
_DECLARATION_END = re.compile(r"\]\s*>")


class _Repair:
    """One pass over a text. `out` is well-formed once every open element is closed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.open: list[str] = []
        self.open_counts: dict[str, int] = {}
        self.found: dict[str, int] = {}  # where an end occurs next, so that no part of the text is searched twice

    def run(self) -> str:
        text, position = self.text, 0
        while (at := text.find("<", position)) >= 0:
            self.out.append(_escaped(text[position:at]))
            position = self.markup(at)
        self.out.append(_escaped(text[position:]))
        self.close(len(self.open))
        return "".join(self.out)

    def markup(self, at: int) -> int:
        """Read the markup at `<` and return where the text continues."""
        text = self.text
        if text.startswith("<![CDATA[", at):
            end = self.find("]]>", at + 9)
            if end >= 0:
                self.out.append(escape(text[at + 9 : end], quote=False))
                return end + 3
        elif text.startswith("<!--", at):
            end = self.find("-->", at + 4)
            if end >= 0:
                return end + 3
        elif text.startswith("<?", at):
            end = self.find("?>", at + 2)
            if end >= 0:
                return end + 2
        elif text.startswith("<!", at):
            if (end := self.declaration(at)) >= 0:
                return end
        elif (end := self.tag(at)) >= 0:
            return end
        self.out.append("&lt;")
        return at + 1

    def find(self, end: str, start: int) -> int:
        found = self.found.get(end)
        if found is None or 0 <= found < start:
            found = self.found[end] = self.text.find(end, start)
        return found

    def declaration(self, at: int) -> int:
        """Read a document type with what it declares. Return where it ends, or -1 when it is none."""
        start = _DECLARATION.match(self.text, at)
        if start is None or start[0].endswith(">"):
            return -1 if start is None else start.end()
        bracket = self.find("]", start.end())
        end = _DECLARATION_END.match(self.text, bracket) if bracket >= 0 else None
        return -1 if end is None else end.end()

    def tag(self, at: int) -> int:
        """Read one tag. Return where it ends, or -1 when it is none."""
        text = self.text
        name_match = _NAME.match(text, at + 1)
        if name_match is None:
            return -1
        attributes: dict[str, str] = {}
        position = name_match.end()
        while (end := _TAG_END.match(text, position)) is None:
            attribute = _ATTRIBUTE.match(text, position)
            if attribute is None or attribute.end() == position:
                if text[position : position + 1] not in {'"', "'", "="}:
                    return -1  # the tag does not end before the next one begins
                position += 1
                continue
            name, position = attribute[1] if ":" in attribute[1] else attribute[1].lower(), attribute.end()
            value = next((group for group in attribute.groups()[1:] if group is not None), "")
            if _ATTRIBUTE_NAME.fullmatch(name):
                attributes.setdefault(name, value)
        name = name_match[1] if ":" in name_match[1] else name_match[1].lower()
        if text[at + 1] == "/":
            self.close_element(name)
        else:
            self.open_element(name, attributes, is_empty="/" in end[0] or name in _VOID)
        return end.end()

    def open_element(self, name: str, attributes: dict[str, str], *, is_empty: bool) -> None:
        if self.open and self.open[-1] in _CELLS and name in _ENDS_CELL:
            self.close(1)
        last = self.open[-1] if self.open else ""
        if last in _TEXT_ONLY or (last == name and name in _CLOSED_BY_THEMSELVES):
            self.close(1)
        elif name in _MACRO_PARTS:
            self.close_element("ac:parameter")
        if len(self.open) >= _DEEPEST:
            return
        written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
        if is_empty:
            self.out.append(f"<{name}{written}/>")
            return
        self.out.append(f"<{name}{written}>")
        self.open.append(name)
        self.open_counts[name] = self.open_counts.get(name, 0) + 1

    def close_element(self, name: str) -> None:
        if self.open_counts.get(name):
            above = next(index for index, each in enumerate(reversed(self.open)) if each == name)
            self.close(above + 1)

    def close(self, number: int) -> None:
        for _ in range(number):
            name = self.open.pop()
            self.open_counts[name] -= 1
            self.out.append(f"</{name}>")


def _escaped(text: str) -> str:
    if "&" in text:
        text = _BARE_AMPERSAND.sub("&amp;", text)
    return text.replace(">", "&gt;").replace('"', "&quot;")


def repaired(text: str) -> str:
    """Return the text as well-formed XML content.

    `text` holds no entity but the five of XML, and no character that XML does not allow (`document.py` replaces them).
    """
    return _Repair(text).run()
