"""Turns mistakes into one message that names each key, its source and the remedy, and never a value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

OF_FIELD = "of_"  #: begins the type of an error that a group raises about one of its fields


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake. `key` is empty for a source as a whole, `source` for a key that is not set anywhere."""

    key: str = ""
    source: str = ""
    what: str


def printable(name: str) -> str:
    """Return a name in which nothing ends a line or controls a terminal: names come from outside too."""
    return name if name.isprintable() else ascii(name)


def validation_mistakes(
    error: ValidationError, sources: Mapping[str, str], *, config_name: str, places: Mapping[str, str], table: str = ""
) -> list[Mistake]:
    """Return what the model refused. `sources` names the source of each value by key path.

    `places`: the path of a key as it stands in the file, where it is of a site. `table` begins the paths of keys of
    this site: `sites.emea.`.
    """
    mistakes = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        key = ".".join(str(part) for part in fault["loc"][:2])
        if fault["type"].startswith(OF_FIELD):  # about one field of a group, found by a look at another group
            key += f".{fault['type'].removeprefix(OF_FIELD)}"
        what = fault["msg"].removeprefix("Value error, ").replace("Input should", "must").replace("should", "must")
        if fault["type"] == "missing":
            group, name = map(str, fault["loc"])
            variable = f"HR_SYNC_{table.replace('.', '__')}{group}__{name}".upper()
            what = f"required; set {name} below [{table}{group}] in {config_name}, or {variable}"
        if entries := fault["loc"][2:]:
            what = f"entry {int(entries[0]) + 1} {what}"
        place = places.get(key, key) if key in sources else f"{table}{key}"
        mistakes.append(Mistake(key=place, source=sources.get(key, ""), what=what))
    return mistakes


def message(mistakes: Iterable[Mistake]) -> str:
    """Return one message for all mistakes."""
    lines = [f"  {_place(mistake)}: {mistake.what}" for mistake in mistakes]
    count = "one mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n".join([f"{count} in the settings; nothing was started:", *lines])


def _place(mistake: Mistake) -> str:
    return f"{mistake.key} ({mistake.source})" if mistake.key and mistake.source else mistake.key or mistake.source
