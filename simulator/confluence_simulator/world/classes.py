"""Access classes: everybody of a kind. Confluence spells them in one way in permissions and in another in roles."""

from collections.abc import Iterable

from confluence_simulator.world.records import User

ANONYMOUS = "anonymous-users"
AUTHENTICATED = "authenticated-users"
LICENSED = "all-licensed-users"
ADMINISTRATORS = "all-product-admins"
PORTAL_ADMINISTRATORS = "jsm-project-admins"
"""Nobody in a world belongs to this class."""


def in_roles(name: str) -> str:
    """Return how roles spell a class: `all-licensed-users`."""
    return name.lower().replace("_", "-")


def in_permissions(name: str) -> str:
    """Return how permissions spell a class: `ALL_LICENSED_USERS`."""
    return name.upper().replace("-", "_")


def canonical(names: Iterable[str]) -> frozenset[str]:
    """Return classes in one spelling, that of roles."""
    return frozenset(in_roles(name) for name in names)


def classes_of(user: User | None) -> frozenset[str]:
    """Return the classes that somebody belongs to; None is an anonymous caller.

    What anonymous visitors may view, everybody with an account may view, too.
    """
    if user is None:
        return frozenset({ANONYMOUS})
    found = {ANONYMOUS, AUTHENTICATED}
    if user.licensed:
        found.add(LICENSED)
    if user.administrator:
        found.add(ADMINISTRATORS)
    return frozenset(found)
