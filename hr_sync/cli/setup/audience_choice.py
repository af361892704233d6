"""Asks who the readers of the chatbot are, where spaces are not open to every licensed user."""

from collections.abc import Sequence

from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.confluence.source import Source
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import Space
from hr_sync.domain.scope import SpaceScope
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.errors import ConfigurationError
from hr_sync.sync.shown_pages import preview_shown_pages

_MOST_SPACES = 10  # in messages


def ask_audience(
    dialogue: Dialogue, source: Source, space_keys: Sequence[str], mode: str | None, groups: Sequence[str]
) -> dict[str, object]:
    """Return the settings of the audience beside its mode."""
    if mode == AccessMode.ACCOUNT:
        return {}
    if groups:
        return {"access.audience_groups": _group_ids(source, groups, {})}
    closed = _closed_spaces(source, space_keys)
    if not closed:
        dialogue.say(
            "  Every licensed user may view these spaces; restrictions of single pages count as in Confluence."
        )
        return {}
    for each in closed[:_MOST_SPACES]:
        dialogue.say(f"  {each.message}")
    if len(closed) > _MOST_SPACES:
        dialogue.say(f"  … and {len(closed) - _MOST_SPACES} more spaces.")
    known = _named_groups(closed)

    def ask() -> str:
        return dialogue.ask(
            "Groups that every reader of the chatbot is in, divided by commas (- for none: pages of these spaces are "
            f"not shown){_known(known)}",
            option="--audience-group NAME",
            default="-",
        )

    def attempt(answer: str) -> list[str]:
        words = [] if answer == "-" else [word.strip() for word in answer.split(",") if word.strip()]
        return _group_ids(source, words, known)

    return {"access.audience_groups": dialogue.settle(None, ask, attempt)}


def _closed_spaces(source: Source, space_keys: Sequence[str]) -> list[ShownPages]:
    """Return the spaces of which consumers would be shown nothing if every licensed user may ask."""
    scope = SpaceScope(spaces=space_keys)
    listed: Sequence[Space] = source.spaces(() if scope.is_every_space else space_keys).spaces
    spaces = [space for space in listed if scope.covers(space.key, space.alias)]
    return [each for each in preview_shown_pages(source, AccessPolicy(), (), spaces, None) if each.is_warning]


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
