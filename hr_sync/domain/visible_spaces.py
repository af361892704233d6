"""Which of the spaces that an account sees are mirrored, why the others are not, and what to set for each. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hr_sync.domain.content import Space
from hr_sync.domain.scope import EVERY_SPACE, SpaceScope


class NotMirrored(StrEnum):
    """Why a visible space is not mirrored. The first that fits counts."""

    ARCHIVED = "archived"
    EXCLUDED = "in confluence.exclude_spaces"
    PERSONAL = "personal, and confluence.include_personal_spaces is off"
    NOT_NAMED = "not in confluence.spaces"


@dataclass(frozen=True, kw_only=True, slots=True)
class VisibleSpace:
    """A space that the account sees, and what the settings say of it."""

    key: str
    name: str
    kind: str  #: personal or global
    status: str  #: current or archived
    pages: int | None  #: about how many; None: not counted
    is_mirrored: bool
    reason: NotMirrored | None = None  #: why it is not mirrored
    remedy: str | None = None  #: what to set, or to do, so that it is


def visible_spaces(
    current: Sequence[Space], archived: Sequence[Space], scope: SpaceScope, pages: Mapping[str, int]
) -> list[VisibleSpace]:
    """Return the spaces by key, current ones first. `pages` are counts by space id."""
    ordered = [*sorted(current, key=_key), *sorted(archived, key=_key)]
    return [_line(space, scope, pages.get(space.id)) for space in ordered]


def spaces_setting(keys: Sequence[str]) -> str:
    """Return the line of the settings file, below [confluence], that names these spaces."""
    return f"spaces = {json.dumps(list(keys), ensure_ascii=False)}"


def _line(space: Space, scope: SpaceScope, pages: int | None) -> VisibleSpace:
    reason = _reason(space, scope)
    return VisibleSpace(
        key=space.key,
        name=space.name,
        kind="personal" if is_personal(space) else "global",
        status="archived" if space.archived else "current",
        pages=pages,
        is_mirrored=reason is None,
        reason=reason,
        remedy=None if reason is None else _remedy(space, scope, reason),
    )


def is_personal(space: Space) -> bool:
    """Return True for the space of one person."""
    return space.key.startswith("~")


def _reason(space: Space, scope: SpaceScope) -> NotMirrored | None:
    if space.archived:
        return NotMirrored.ARCHIVED
    if scope.excludes(space.key, space.alias):
        return NotMirrored.EXCLUDED
    if scope.covers(space.key, space.alias):
        return None
    return NotMirrored.PERSONAL if scope.is_every_space else NotMirrored.NOT_NAMED


def _remedy(space: Space, scope: SpaceScope, reason: NotMirrored) -> str:
    match reason:
        case NotMirrored.ARCHIVED:
            return "unarchive it in Confluence"
        case NotMirrored.EXCLUDED:
            kept = [key for key in scope.exclude_spaces if not _names(space, key)]
            return f"exclude_{spaces_setting(kept)}"
        case NotMirrored.PERSONAL:
            return "include_personal_spaces = true"
    return spaces_setting([*(key for key in scope.spaces if key != EVERY_SPACE), space.key])


def _names(space: Space, key: str) -> bool:
    return key.casefold() in {space.key.casefold(), (space.alias or space.key).casefold()}


def _key(space: Space) -> tuple[bool, str]:
    return is_personal(space), space.key
