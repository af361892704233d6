"""From mistakes to one message that names each key, its source and the remedy, and never a value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """`key` is the key path, empty for a source as a whole; `source` a file path, a variable, or empty when unset."""

    key: str = ""
    source: str = ""
    what: str


def printable(name: str) -> str:
    """Names come from outside too: nothing in them may end a line or steer a terminal."""
    return name if name.isprintable() else ascii(name)


def validation_mistakes(error: ValidationError, sources: Mapping[str, str], *, config_name: str) -> list[Mistake]:
    """What the model refused. `sources` tells by key path where the refused value stood."""
    mistakes = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        key = ".".join(str(part) for part in fault["loc"][:2])
        what = fault["msg"].removeprefix("Value error, ").replace("Input should", "must").replace("should", "must")
        if fault["type"] == "missing":
            group, name = map(str, fault["loc"])
            what = f"required; set {name} below [{group}] in {config_name}, or HR_SYNC_{group.upper()}__{name.upper()}"
        if entries := fault["loc"][2:]:
            what = f"entry {int(entries[0]) + 1} {what}"
        mistakes.append(Mistake(key=key, source=sources.get(key, ""), what=what))
    return mistakes


def message(mistakes: Iterable[Mistake]) -> str:
    lines = [f"  {_place(mistake)}: {mistake.what}" for mistake in mistakes]
    count = "one mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n".join([f"{count} in the settings; nothing was started:", *lines])


def _place(mistake: Mistake) -> str:
    return f"{mistake.key} ({mistake.source})" if mistake.key and mistake.source else mistake.key or mistake.source
