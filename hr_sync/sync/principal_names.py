"""Names of users and groups: from the mirror, and from Confluence what the mirror does not know."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from hr_sync.confluence.source import Source
from hr_sync.domain.access import (
    Identity,
    Principal,
    PrincipalKind,
)
from hr_sync.domain.principal_words import GroupFact
from hr_sync.errors import ConfluenceError
from hr_sync.store.read.readers import Names
from hr_sync.store.store import Store

Value = TypeVar("Value")


class NamesOfConfluence:
    """Asks Confluence for names that the mirror does not know; returns none where it cannot be reached or refuses."""

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open: Callable[[], Source] | None = open_source  #: None: it could not be reached
        self._source: Source | None = None

    def groups(self, group_ids: Collection[str]) -> dict[str, str]:
        """Return names of groups, by id."""
        return self._asked(lambda source: source.group_names(group_ids), {}) if group_ids else {}

    def users(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return names of users, by id."""
        found: dict[str, Identity] = {}
        if user_ids:
            found = self._asked(lambda source: source.identities(user_ids), found)
        return {each.user_id: each.display_name for each in found.values() if each.display_name}

    def group_id(self, name: str) -> str | None:
        """Return the id of the group with this name; None if none is visible."""
        return self._asked(lambda source: source.group_id(name), None)

    def _asked(self, ask: Callable[[Source], Value], otherwise: Value) -> Value:
        if self._open is None:
            return otherwise
        try:
            self._source = self._source or self._open()
            return ask(self._source)
        except ConfluenceError:
            self._open = None  # whoever waits for an answer waits for one time-out
            return otherwise


def names_of(store: Store, principals: Iterable[Principal], confluence: NamesOfConfluence | None) -> Names:
    """Return names from the mirror, and from Confluence what it lacks."""
    wanted = set(principals)
    names = store.access.names_of(wanted)
    groups = {
        each.id
        for each in wanted
        if each.kind is PrincipalKind.GROUP and (each.id not in names.groups or names.groups[each.id].name is None)
    }
    users = {each.id for each in wanted if each.kind is PrincipalKind.USER} - names.users.keys()
    if confluence is None:
        return names
    named = {
        group_id: replace(names.groups.get(group_id, GroupFact()), name=name)
        for group_id, name in confluence.groups(groups).items()
    }
    return replace(names, groups={**names.groups, **named}, users={**confluence.users(users), **names.users})
