"""Answers who may read what, by what is stored. It writes nothing but names of groups."""

from collections.abc import Collection, Mapping, Sequence

from hr_sync.domain.access import AccessPolicy, Principal
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.store.read.readers import (
    Names,
    ReadablePage,
    StoredReaders,
    StoredTree,
    find_group,
    is_known_user,
    mirrored_groups_of,
    read_names,
    read_readers,
    read_tree,
    readable_pages,
    users_with_address,
)
from hr_sync.store.read.shown import read_shown_pages
from hr_sync.store.transaction import Transactions
from hr_sync.store.write.group_names import unnamed_groups, write_group_names


class AccessReader:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def shown_pages(
        self,
        space_keys: Collection[str] | None = None,
        *,
        policy: AccessPolicy | None = None,
        licence_groups: Collection[str] | None = None,
    ) -> list[ShownPages]:
        """Return what consumers are shown of each space, by key; of these spaces alone if there are any.

        `policy` and `licence_groups`: others than the stored ones, for what they would show.
        """
        return self._transactions.run(
            lambda session: read_shown_pages(
                session, space_keys=space_keys, policy=policy, licence_groups=licence_groups
            )
        )

    def readers(self, page_id: str) -> StoredReaders | None:
        """Return what is stored of who may read a page; None if the mirror does not have it."""
        return self._transactions.run(lambda session: read_readers(session, page_id))

    def tree_around(self, node_id: str) -> StoredTree | None:
        """Return the nodes and the live pages of the space of a node; None if the mirror does not have the node."""
        return self._transactions.run(lambda session: read_tree(session, node_id))

    def names_of(self, principals: Collection[Principal]) -> Names:
        """Return names of principals, and the members of groups, as far as the mirror knows them."""
        return self._transactions.run(lambda session: read_names(session, principals))

    def users_with_address(self, address: str) -> list[str]:
        """Return the ids of the users with this e-mail address, in any case."""
        return self._transactions.run(lambda session: users_with_address(session, address))

    def is_known_user(self, user_id: str) -> bool:
        """Return True if anything in the mirror names the user."""
        return self._transactions.run(lambda session: is_known_user(session, user_id))

    def find_group(self, name: str) -> str | None:
        """Return the id of the group with this id or name; None if the mirror knows none."""
        return self._transactions.run(lambda session: find_group(session, name))

    def mirrored_groups_of(self, user_id: str) -> list[str] | None:
        """Return the mirrored groups that a user is in; None if no members are mirrored at all."""
        return self._transactions.run(lambda session: mirrored_groups_of(session, user_id))

    def readable_pages(self, user_id: str, groups: Sequence[str] | None) -> list[ReadablePage]:
        """Return the live pages that somebody may read, by the function that consumers call."""
        return self._transactions.run(lambda session: readable_pages(session, user_id, groups))

    def unnamed_groups(self, group_ids: Collection[str]) -> frozenset[str]:
        """Return those of the groups whose name is not stored."""
        return self._transactions.run(lambda session: unnamed_groups(session, group_ids))

    def write_group_names(self, names: Mapping[str, str]) -> None:
        """Store the names of groups, by id; nothing else of a group changes."""
        if names:
            self._transactions.run(lambda session: write_group_names(session, names))
