"""Shows the spaces that the account sees, and lets one choose some."""

import re
from collections.abc import Sequence

from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.cli.terminal import Rows, make_console
from hr_sync.confluence.site import page_counts
from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space
from hr_sync.domain.scope import EVERY_SPACE
from hr_sync.domain.visible_spaces import is_personal
from hr_sync.errors import AccessDenied, ConfigurationError

_MOST_SHOWN = 40
_MOST_COUNTED = 20
_RANGE = re.compile(r"(\d+)-(\d+)")


def ask_spaces(dialogue: Dialogue, source: Source, given: Sequence[str], *, default: str | None) -> list[str]:
    """Return the keys of the spaces to mirror, or `["*"]`. `default` is the key of the space that was pasted."""
    spaces = sorted(source.spaces().spaces, key=lambda space: (is_personal(space), space.key))
    if not spaces:
        raise AccessDenied("The account sees no space. Give it the permission to view some, and start again.")
    keys = [space.key for space in spaces]
    if given:
        return chosen_keys(" ".join(given), keys, with_numbers=False)
    if dialogue.is_interactive:
        _show(dialogue, spaces, page_counts(source, spaces[:_MOST_COUNTED]))
    known = next((key for key in keys if default is not None and key.casefold() == default.casefold()), None)

    def ask() -> str:
        question = "Spaces to mirror: numbers, ranges like 1-3, keys, or * for all but personal ones"
        return dialogue.ask(question, option="--space KEY", default=known)

    return dialogue.settle(None, ask, lambda text: chosen_keys(text, keys, with_numbers=True))


def chosen_keys(text: str, keys: Sequence[str], *, with_numbers: bool) -> list[str]:
    """Return the keys that a text names. Raise ConfigurationError for what names none.

    A number is the place of a space among `keys`, from 1 on. Keys compare without case.
    """
    words = [word for word in re.split(r"[,;\s]+", text) if word]
    if words == [EVERY_SPACE]:
        return [EVERY_SPACE]
    if not words or EVERY_SPACE in words:
        raise ConfigurationError("Name spaces, or * alone for all.")
    found = [key for word in words for key in _named(word, keys, with_numbers=with_numbers)]
    return list(dict.fromkeys(found))


def _named(word: str, keys: Sequence[str], *, with_numbers: bool) -> list[str]:
    if with_numbers and (both := _RANGE.fullmatch(f"{word}-{word}" if word.isdecimal() else word)):
        first, last = int(both[1]), int(both[2])
        if 1 <= first <= last <= len(keys):
            return list(keys[first - 1 : last])
    same = [key for key in keys if key.casefold() == word.casefold()]
    if not same:
        raise ConfigurationError(
            f"The account sees no space {word}. It sees {', '.join(keys[:10])}{', …' if len(keys) > 10 else ''}."
        )
    return same


def _show(dialogue: Dialogue, spaces: Sequence[Space], counts: dict[str, int]) -> None:
    table = Rows(">", "space", "name", ">pages")
    for number, space in enumerate(spaces[:_MOST_SHOWN], start=1):
        table.add(number, space.key, space.name, counts.get(space.id))
    make_console(stderr=True).print(table.table)
    if len(spaces) > _MOST_SHOWN:
        dialogue.say(f"… and {len(spaces) - _MOST_SHOWN} more, which you can name by key.")
