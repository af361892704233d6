"""Who may see what: three checks in a row, of the site, of the space, and of every restriction on the way up.

`can_view` is what the simulated API obeys. `readers.py` holds the same rule as a calculation with sets, for tests.
"""

from typing import Literal

from confluence_simulator.world import classes
from confluence_simulator.world.groups import groups_around
from confluence_simulator.world.records import (
    Attachment,
    Comment,
    Content,
    Group,
    Operation,
    Page,
    Restriction,
    Space,
    User,
)
from confluence_simulator.world.roles import may_read_space
from confluence_simulator.world.world import World

ANONYMOUS = classes.in_permissions(classes.ANONYMOUS)
LICENSED = classes.in_permissions(classes.LICENSED)
Refusal = Literal["site", "space", "content"]


def can_use(world: World, user: User | None) -> bool:
    """Return whether somebody may use the site at all; None is an anonymous caller."""
    return world.anonymous_may_use if user is None else user.licensed


def can_view_space(space: Space, user: User | None) -> bool:
    """Return whether a permission or a role lets `user` view the space, if the user may use the site."""
    if user is None:
        return _opens(space, classes.classes_of(None))
    return user.licensed and _opens(space, {user.account_id, *user.all_groups, *classes.classes_of(user)})


def can_view(world: World, content: Content, user: User | None) -> bool:
    """Return whether `user` may view this content; comments and attachments are shown with their page."""
    return refusal(world, content, user) is None


def refusal(world: World, content: Content, user: User | None, operation: Operation = "read") -> Refusal | None:
    """Return the first of the three checks that refuses `user` the content; None if the user may read (or update)."""
    if not can_use(world, user):
        return "site"
    page = _page_of(world, content)
    if page is None or not can_view_space(world.space(page.space_id), user):
        return "space"
    if not (allows(page.read, user) and all(allows(ancestor.read, user) for ancestor in world.ancestors(page))):
        return "content"
    return None if operation == "read" or allows(page.update, user) else "content"


def refusal_of_group(
    world: World, content: Content, group: Group, operation: Operation = "read"
) -> Literal["space", "content"] | None:
    """Return the check that refuses the content to whoever is a member of this group and nothing else."""
    principals = {group.id, *(outer.id for outer in groups_around(world, group))}
    page = _page_of(world, content)
    if page is None or not _opens(world.space(page.space_id), principals):
        return "space"
    chain = [each.read for each in (page, *world.ancestors(page))]
    needed = chain if operation == "read" else [*chain, page.update]
    passed = all(not restriction or principals & {*restriction.groups} for restriction in needed)
    return None if passed else "content"


def allows(restriction: Restriction, user: User | None) -> bool:
    """Return whether a restriction lets `user` pass; one that names nobody lets everybody pass."""
    if not restriction:
        return True
    return user is not None and (
        user.account_id in restriction.users or any(group in restriction.groups for group in user.all_groups)
    )


def _opens(space: Space, principals: frozenset[str] | set[str]) -> bool:
    permitted = any(
        permission.principal_type in ("user", "group", "access-class")
        and (permission.operation, permission.target_type) == ("read", "space")
        and _named(permission.principal_type, permission.principal_id) in principals
        for permission in space.permissions
    )
    return permitted or any(
        _named(row.principal_type, row.principal_id) in principals and may_read_space(row.role) for row in space.roles
    )


def _named(principal_type: str, principal_id: str) -> str:
    return classes.in_roles(principal_id) if "class" in principal_type.lower() else principal_id


def _page_of(world: World, content: Content) -> Page | None:
    found: Content | None = content
    if isinstance(content, Attachment | Comment):
        found = world.find(content.container_id)
    return found if isinstance(found, Page) else None
