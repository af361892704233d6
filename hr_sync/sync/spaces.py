"""Which spaces a run works on: the configured ones that the account sees, narrowed by the order."""

from collections.abc import Sequence
from dataclasses import dataclass

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space
from hr_sync.errors import UsageError
from hr_sync.sync.context import Scope, SyncRequest
from hr_sync.sync.sanitize import sanitize_space

EVERY_SPACE = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class InScope:
    """The spaces of a run, sorted by key."""

    every: Sequence[Space]  #: of the configured scope, as far as the account sees them
    chosen: Sequence[Space]  #: those among them that the order is about
    unseen: Sequence[str]  #: keys that were asked for and are not to be seen


def spaces_in_scope(reader: Source, scope: Scope, order: SyncRequest) -> InScope:
    """Ask which spaces are there. Raises UsageError for an ordered space outside of the configured scope."""
    if EVERY_SPACE in scope.spaces:
        spaces = [space for space in reader.spaces() if covers(scope, space.key)]
        keys = {space.key for space in spaces}
    else:
        keys = set(scope.spaces) - set(scope.exclude_spaces)
        spaces = reader.spaces(sorted(keys))
    _refuse_others(order.space_keys, keys)
    chosen = set(order.space_keys) or keys
    spaces = sorted(map(sanitize_space, spaces), key=lambda space: space.key)
    return InScope(
        every=spaces,
        chosen=[space for space in spaces if space.key in chosen],
        unseen=sorted(chosen - {space.key for space in spaces}),
    )


def covers(scope: Scope, space_key: str) -> bool:
    """Return True if the configured scope is meant to cover a space, whether the account sees it or not."""
    if space_key in scope.exclude_spaces:
        return False
    if EVERY_SPACE in scope.spaces:
        return scope.include_personal_spaces or not space_key.startswith("~")
    return space_key in scope.spaces


def _refuse_others(ordered: Sequence[str], keys: set[str]) -> None:
    others = sorted(set(ordered) - keys)
    if others:
        raise UsageError(
            f"Space {', '.join(others)} is not in the configured scope ({', '.join(sorted(keys)) or 'empty'}). "
            "Add it to confluence.spaces, or ask for one that is there."
        )
