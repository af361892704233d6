"""Asks who the readers of the chatbot are, where spaces are not open to every licensed user."""

from collections.abc import Sequence
from dataclasses import dataclass

from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.cli.setup.space_choice import chosen_keys
from hr_sync.confluence.source import Source
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import Space
from hr_sync.domain.scope import SpaceScope
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.errors import ConfigurationError
from hr_sync.sync.shown_pages import preview_shown_pages

_MOST_SPACES = 10  # in messages
_NONE = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenAudience:
    """What options say of the readers."""

    mode: str | None = None
    groups: Sequence[str] = ()
    open_spaces: Sequence[str] = ()


def ask_audience(
    dialogue: Dialogue, source: Source, space_keys: Sequence[str], given: GivenAudience
) -> dict[str, object]:
    """Return the settings of the audience, as far as the options do not give them."""
    if given.mode == AccessMode.ACCOUNT:
        return {}
    values: dict[str, object] = {"access.open_spaces": list(given.open_spaces)}
    if given.groups:
        return {**values, "access.audience_groups": _group_ids(source, given.groups, {})}
    closed = _closed_spaces(source, space_keys, given.open_spaces)
    _tell(dialogue, closed)
    unknown = [each.space_key for each in closed if each.viewers is None]
    limited = [each for each in closed if each.viewers is not None]
    if unknown:
        values["access.open_spaces"] = [*given.open_spaces, *_ask_open_spaces(dialogue, unknown)]
    if limited:
        values["access.audience_groups"] = _ask_groups(dialogue, source, limited)
    if closed and not any(values.values()) and _ask_account_mode(dialogue):
        values["access.mode"] = AccessMode.ACCOUNT.value
    return values


def _tell(dialogue: Dialogue, closed: Sequence[ShownPages]) -> None:
    if not closed:
        dialogue.say("  Every licensed user may view these spaces. Restrictions of single pages count too.")
    for each in closed[:_MOST_SPACES]:
        dialogue.say(f"  {each.message}")
    if len(closed) > _MOST_SPACES:
        dialogue.say(f"  … and {len(closed) - _MOST_SPACES} more spaces.")


def _ask_open_spaces(dialogue: Dialogue, unknown: Sequence[str]) -> list[str]:
    def ask() -> str:
        question = f"Those of {', '.join(unknown)} that every reader of the chatbot may view (keys, * or {_NONE})"
        return dialogue.ask(question, option="--open-space KEY", default=_NONE)

    def attempt(answer: str) -> list[str]:
        return [] if answer == _NONE else chosen_keys(answer, unknown, with_numbers=False)

    return dialogue.settle(None, ask, attempt)


def _ask_groups(dialogue: Dialogue, source: Source, limited: Sequence[ShownPages]) -> list[str]:
    known = _named_groups(limited)

    def ask() -> str:
        question = f"Groups that every reader of the chatbot is in, divided by commas, or {_NONE}{_known(known)}"
        return dialogue.ask(question, option="--audience-group NAME", default=_NONE)

    def attempt(answer: str) -> list[str]:
        words = [] if answer == _NONE else [word.strip() for word in answer.split(",") if word.strip()]
        return _group_ids(source, words, known)

    return dialogue.settle(None, ask, attempt)


def _ask_account_mode(dialogue: Dialogue) -> bool:
    question = "Show all that this account sees instead, since everybody who asks the chatbot may read it"
    return dialogue.confirm(question, option="--mode account", default=False)


def _closed_spaces(source: Source, space_keys: Sequence[str], open_spaces: Sequence[str]) -> list[ShownPages]:
    """Return the spaces of which consumers would be shown nothing if every licensed user may ask."""
    scope = SpaceScope(spaces=space_keys)
    listed: Sequence[Space] = source.spaces(() if scope.is_every_space else space_keys).spaces
    spaces = [space for space in listed if scope.covers(space.key, space.alias)]
    shown = preview_shown_pages(source, AccessPolicy(), open_spaces, spaces, None)
    return [each for each in shown if each.is_warning]


def _named_groups(closed: Sequence[ShownPages]) -> dict[str, str]:
    """Return the ids of the groups that may view the spaces, by name."""
    viewers = [viewer for each in closed for viewer in each.viewers or () if viewer.kind == "group"]
    return {viewer.name or viewer.id: viewer.id for viewer in viewers}


def _known(known: dict[str, str]) -> str:
    return f"; these may view them: {', '.join(sorted(known)[:_MOST_SPACES])}" if known else ""


def _group_ids(source: Source, names: Sequence[str], known: dict[str, str]) -> list[str]:
    """Return the ids of groups by name or id. Raise ConfigurationError for one that is not visible."""
    found = {}
    for name in names:
        group_id = known.get(name) or source.group_id(name)
        if group_id is None and name in source.group_names([name]):
            group_id = name
        if group_id is None:
            raise ConfigurationError(f"No group {name} is visible to the account. Check its name.")
        found[name] = group_id
    return list(found.values())
