"""The public Python API, from its signatures and docstrings."""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

from hr_sync import engines, reading
from reference_pages.markdown import code, table, words

_INTRODUCTION = """# Python API

`hr_sync.reading` has these names and promises them ([what stays](../reading.md#what-stays)). The
[guide](../reading.md) begins with an example.
"""
_ENGINES = """
## hr_sync.engines

What an [engine](../engines.md) calls. A `Mode` is `full`, `incremental` or `access`, also
as text; a `Cancellation` has `set()`.
"""
_OF_ENGINES = ("DueSpace", "SpaceResult", "due_spaces", "prune", "run_space")
_FIELD = re.compile(r"^    (\w+): ([^#=\n]+?)(?: = [^#\n]+?)?(?:  #: (.*))?$", re.MULTILINE)
_VIEWS = ("LIVE_ATTACHMENTS", "LIVE_COMMENTS", "LIVE_PAGES", "LIVE_SECTIONS", "MIRROR_FRESHNESS")


def python_page() -> str:
    """Return the page."""
    parts = [f"\n{_part(name, getattr(reading, name))}" for name in reading.__all__]
    of_engines = [f"\n{_part(name, getattr(engines, name))}" for name in _OF_ENGINES]
    return "".join([_INTRODUCTION, *parts, _ENGINES, *of_engines])


def _part(name: str, thing: Any) -> str:
    if name in _VIEWS:
        return f"## {name}\n\nThe view [{thing.name}](tables.md#{thing.name}), a table of SQLAlchemy for `select`.\n"
    if name == "ConfluencePage":
        return f"## {name}\n\nThe table [confluence_pages](tables.md#confluence_pages), mapped for SQLAlchemy's ORM.\n"
    if dataclasses.is_dataclass(thing):
        return f"## {name}\n\n{_document(thing)}\n\n{_fields(thing)}"
    if inspect.isclass(thing):
        own = [(each, member) for each, member in vars(thing).items() if not each.startswith("_")]
        methods = "".join(f"\n{_callable(f'{name}.{each}', each, member, '###')}" for each, member in own)
        return f"## {name}\n\n{_document(thing)}\n{methods}"
    return _callable(name, name, thing, "##")


def _callable(heading: str, name: str, thing: Any, level: str) -> str:
    function = inspect.unwrap(thing)
    text = str(inspect.signature(function)).replace("(self, ", "(").replace("(self)", "()")
    text = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)
    return f"{level} {heading}\n\n```python\n{name}{text}\n```\n\n{_document(thing)}\n"


def _fields(thing: Any) -> str:
    described = field_comments(thing)
    rows = [(code(name), code(kind), words(text)) for name, (kind, text) in described.items()]
    return table(("field", "type", "what it is"), rows)


def field_comments(thing: Any) -> dict[str, tuple[str, str]]:
    """Return type and comment of each field of a dataclass, as they stand in the source."""
    source = Path(inspect.getfile(thing)).read_text(encoding="utf-8")
    body = re.search(rf"^class {thing.__name__}\b.*?(?=^\S|\Z)", source, re.MULTILINE | re.DOTALL)
    if body is None:
        raise LookupError(thing.__name__)
    found = {name: (kind, comment) for name, kind, comment in _FIELD.findall(body[0])}
    return {each.name: found[each.name] for each in dataclasses.fields(thing)}


def _document(thing: Any) -> str:
    """Return a docstring as Markdown, its examples as code."""
    lines, is_example = [], False
    for line in inspect.cleandoc(thing.__doc__ or "").splitlines():
        if line.lstrip().startswith(">>>") and not is_example:
            lines.append("```pycon")
            is_example = True
        elif is_example and not line.strip():
            lines.append("```")
            is_example = False
        lines.append(line.strip() if is_example and not line.startswith((" ", "...")) else line)
    return re.sub(r" \(docs/[^)]*\)", "", "\n".join([*lines, "```"] if is_example else lines))
