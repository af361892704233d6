"""Which spaces a run works on: the configured ones that the account sees, narrowed by the order."""

from collections.abc import Sequence

from hr_sync.confluence.cloud import CloudReader
from hr_sync.errors import UsageError
from hr_sync.model.page import Space
from hr_sync.sync.mirror import Order, Scope

EVERY_SPACE = "*"


def spaces_in_scope(reader: CloudReader, scope: Scope, order: Order) -> tuple[list[Space], list[str]]:
    """Give the spaces to work on, sorted by key, and the keys that were asked for and are not to be seen.

    Raises UsageError for an ordered space outside of the configured scope, and what the reader raises.
    """
    if EVERY_SPACE in scope.spaces:
        spaces = [space for space in reader.spaces() if _wanted(space, scope)]
        keys: Sequence[str] = [space.key for space in spaces]
    else:
        keys = [key for key in scope.spaces if key not in scope.exclude_spaces]
        spaces = reader.spaces(keys)
    _refuse_others(order.space_keys, keys)
    if order.space_keys:
        keys = order.space_keys
    by_key = {space.key: space for space in spaces}
    return (
        sorted((by_key[key] for key in set(keys) & by_key.keys()), key=lambda space: space.key),
        sorted(set(keys) - by_key.keys()),
    )


def _wanted(space: Space, scope: Scope) -> bool:
    if space.type == "personal" and not scope.include_personal_spaces:
        return False
    return space.key not in scope.exclude_spaces


def _refuse_others(ordered: Sequence[str], keys: Sequence[str]) -> None:
    others = sorted(set(ordered) - set(keys))
    if others:
        raise UsageError(
            f"Space {', '.join(others)} is not in the configured scope ({', '.join(sorted(keys)) or 'empty'}). "
            "Add it to confluence.spaces, or ask for one that is there."
        )
