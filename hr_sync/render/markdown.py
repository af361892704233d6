"""Pieces of Markdown as text: escapes, fences, quotes, list items, links.

Text never looks like structure: a paragraph that begins like a heading, a quote, a list, a table or a fence gets a
backslash, and so does a `<` that begins a tag. Nothing else is escaped, because the output is read by people, search
and language models before any Markdown parser reads it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: A hard line break within the text of a paragraph; no text of a page can hold it.
BREAK = "\x00"

_STRUCTURE = re.compile(r"#{1,6}(?=\s|$)|[>|]|[-+*](?=\s|$)|`{3}|~{3}|(?:=+|-{2,}|\*{3,}|_{3,})$")
_NUMBERED = re.compile(r"\d{1,9}(?=[.)](?:\s|$))")
_LIST_ITEM = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:\s|$)")
_TAG_START = re.compile(r"<(?=[A-Za-z/!?])")
_LINE_START = re.compile(r"\n(?=[^\n])")
_BACKTICKS = re.compile(r"`+")
_LANGUAGE = re.compile(r"[^A-Za-z0-9+#._-]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "ftps", "sftp", "sip", "sips", "file", "smb", "callto"})
_IN_ADDRESS = str.maketrans({" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "|": "%7C", "\\": "%5C"})


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that begins a section."""

    level: int  #: 1 to 6
    title: str  #: one line of plain text
    markdown: str  #: with its number signs


Block = str | Heading


def as_text(block: Block) -> str:
    """Return a block's Markdown."""
    return block if isinstance(block, str) else block.markdown


def as_texts(blocks: Iterable[Block]) -> list[str]:
    """Return blocks none of which begins a section: a heading becomes a bold paragraph."""
    return [block if isinstance(block, str) else _bold(block.markdown.lstrip("#").strip()) for block in blocks]


def _bold(text: str) -> str:
    return text if "**" in text else f"**{text}**"


def escape_tags(text: str) -> str:
    r"""Return text in which no `<` begins a tag: `\<b>`."""
    return _TAG_START.sub(r"\\<", text) if "<" in text else text


def paragraph(text: str) -> str:
    """Return inline Markdown as a paragraph: runs of white space are one space, hard breaks are kept."""
    if BREAK in text:
        lines = [escape_start(" ".join(line.split())) for line in text.split(BREAK)]
        return "  \n".join(line for line in lines if line)
    return escape_start(" ".join(text.split()))


def text_alone(text: str | None) -> list[str]:
    """Return the text of an element that holds no other as one paragraph; none for white space."""
    line = paragraph(escape_tags(text)) if text else ""
    return [line] if line else []


def escape_start(line: str) -> str:
    """Return a line of text that does not begin a heading, quote, list, table, fence or rule."""
    if line[:1].isalpha():
        return line
    if _STRUCTURE.match(line):
        return f"\\{line}"
    number = _NUMBERED.match(line)
    return f"{number[0]}\\{line[number.end() :]}" if number else line


def one_line(texts: Iterable[str]) -> str:
    """Return texts as one line, white space and hard breaks being one space each."""
    return " ".join(" ".join(texts).replace(BREAK, " ").split())


def wrapped(mark: str, text: str) -> str:
    """Return text between marks (`**`), with its outer white space outside of them."""
    core = text.strip()
    if not core:
        return text
    start = text.index(core)
    return f"{text[:start]}{mark}{core}{mark}{text[start + len(core) :]}"


def inline_code(text: str) -> str:
    """Return text as code within a line."""
    code = " ".join(text.split())
    if not code:
        return text
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    if not longest:
        return f"`{code}`"
    mark = "`" * (longest + 1)
    return f"{mark} {code} {mark}"


def fenced(code: str, language: str = "") -> str:
    """Return code between fences that do not occur in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{_LANGUAGE.sub('', language)[:40].lower()}\n{code.strip(chr(10))}\n{fence}"


def quoted(blocks: Sequence[str]) -> str:
    """Return blocks as a quote."""
    return "\n".join(f"> {line}" if line else ">" for line in "\n\n".join(blocks).split("\n"))


def list_item(marker: str, blocks: Sequence[str], indent: int) -> str:
    """Return a list item: the first block beside the marker, the others below it, indented by `indent` spaces."""
    parts = [blocks[0]]
    for block in blocks[1:]:
        parts += ("\n" if _LIST_ITEM.match(block) else "\n\n", block)
    text = "".join(parts)
    return marker + (_LINE_START.sub("\n" + " " * indent, text) if "\n" in text else text)


def address(href: str) -> str:
    """Return an address that may stand in a link, or "" for one that runs code or carries data."""
    href = href.strip()
    scheme = _SCHEME.match("".join(href.split()))
    if scheme and scheme[0].lower() not in _SCHEMES:
        return ""
    return href.translate(_IN_ADDRESS)


def link(text: str, href: str) -> str:
    """Return a link, or the text alone where the address may not be shown or leads to the page itself."""
    target = address(href)
    label = text.strip()
    if not target or target.startswith("#"):
        return text
    if not label or label in {href, target} or f"mailto:{label}" == href:
        return label or target.removeprefix("mailto:")
    return f"[{label}]({target})"
