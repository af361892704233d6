"""What a user may read, by the facts that consumers get, and what only one of two users may read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hr_sync.domain.principal_words import listed
from hr_sync.errors import UsageError
from hr_sync.store.read.readers import ReadablePage
from hr_sync.store.store import Store
from hr_sync.sync.principal_names import NamesOfConfluence


@dataclass(frozen=True, kw_only=True, slots=True)
class Readable:
    """What somebody may read."""

    user: str
    is_known: bool  #: the mirror names the user anywhere
    groups: Sequence[str] | None  #: ids; None: no members are mirrored, so none counts
    pages: Sequence[ReadablePage]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadersComparison:
    """What only one of two users may read."""

    user: Readable
    other: Readable
    both: int
    only_user: Sequence[ReadablePage]
    only_other: Sequence[ReadablePage]


def pages_of_user(
    store: Store, user: str, groups: Collection[str] | None, confluence: NamesOfConfluence | None = None
) -> Readable:
    """Return what somebody may read: a user by id or e-mail address, in these groups, by id or name.

    Without groups those count in which the mirror has the user. Raise UsageError for an address or a group that nobody
    knows.
    """
    user_id = find_user(store, user)
    given = None if groups is None else sorted({find_group(store, each, confluence) for each in groups})
    return Readable(
        user=user_id,
        is_known=store.access.is_known_user(user_id),
        groups=store.access.mirrored_groups_of(user_id) if given is None else given,
        pages=store.access.readable_pages(user_id, given),
    )


def compare(user: Readable, other: Readable) -> ReadersComparison:
    """Return what only one of two users may read."""
    here, there = ({page.id for page in each.pages} for each in (user, other))
    return ReadersComparison(
        user=user,
        other=other,
        both=len(here & there),
        only_user=[page for page in user.pages if page.id not in there],
        only_other=[page for page in other.pages if page.id not in here],
    )


def find_user(store: Store, given: str) -> str:
    """Return the id of a user, given by id or e-mail address. Raise UsageError for an address of none or of several."""
    if "@" not in given:
        return given
    found = store.access.users_with_address(given)
    if len(found) != 1:
        known = "no user" if not found else f"{len(found)} users ({listed(found)})"
        raise UsageError(
            f"The mirror knows {known} with the address {given}. Name the account id (Cloud) or the user key (Data "
            "Center) instead."
        )
    return found[0]


def find_group(store: Store, given: str, confluence: NamesOfConfluence | None = None) -> str:
    """Return the id of a group, given by id or name. Raise UsageError for one that nobody knows."""
    found = store.access.find_group(given)
    if found is None and confluence is not None:
        found = confluence.group_id(given)
    if found is None:
        raise UsageError(f"No group {given} is known to the mirror, or visible in Confluence. Check its name or id.")
    return found
