"""Mirrors the members of groups, and accounts, for askers who are known by their user id alone."""

from datetime import timedelta

from hr_sync.confluence.source import Source
from hr_sync.errors import UNANSWERED, AccessDenied, NotFound
from hr_sync.store.store import Store
from hr_sync.sync.fetch import BodyFetcher


def sync_groups(source: Source, store: Store, fetcher: BodyFetcher, *, interval: timedelta) -> list[str]:
    """Read the members of every group that is named anywhere, if one of them was not read for `interval`.

    Return warnings. A group that is not visible has no known members, so nobody counts as one; of one without a usable
    answer the last known members stay, until they are older than `access.max_age_hours`.
    """
    groups = store.groups_in_use()
    if not store.groups_are_due(groups, interval):
        return []
    began_at = store.now()
    names = sorted(groups)
    answers = fetcher.ask_each(lambda group_id: _members(source, group_id), names)
    for group_id, (members, is_answered) in zip(names, answers, strict=True):
        if is_answered:
            store.write_members(group_id, members, began_at)
    store.forget_groups(groups)
    store.access.write_group_names(source.group_names(store.access.unnamed_groups(groups)))
    store.write_identities(source.identities(sorted(store.users_in_use())).values())
    unread = [name for name, (members, _) in zip(names, answers, strict=True) if members is None]
    if not unread:
        return []
    count = "1 group" if len(unread) == 1 else f"{len(unread)} groups"
    return [f"The members of {count} ({', '.join(unread[:3])}) could not be read: they are not shown what it may read."]


def _members(source: Source, group_id: str) -> tuple[frozenset[str] | None, bool]:
    """Return the members of a group, None if they are not known, and whether the request was answered."""
    try:
        return source.members(group_id), True
    except (NotFound, AccessDenied):
        return None, True
    except UNANSWERED:
        return None, False
