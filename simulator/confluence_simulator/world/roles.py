"""Edits of roles: which there are, and who has which in a space."""

import uuid
from typing import TYPE_CHECKING

from confluence_simulator.world import classes
from confluence_simulator.world.records import RoleAssignment, Space, SpaceRole, WorldError

if TYPE_CHECKING:
    from confluence_simulator.world.world import World

READ_SPACE = "read/space"
ADMIN, MEMBER, VIEWER = "Admin", "Member", "Viewer"


def add_role(world: "World", name: str, *permissions: str, description: str = "", custom: bool = True) -> SpaceRole:
    """Make a role; without `read/space` among its permissions it lets nobody view a space."""
    with world.lock:
        if any(role.name == name for role in world.store.roles.values()):
            raise WorldError(f"There is a role {name!r} already")
        role = SpaceRole(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
            number=len(world.store.roles) + 1,
            name=name,
            type="CUSTOM" if custom else "SYSTEM",
            description=description,
            permissions=permissions,
        )
        world.store.roles[role.id] = role
        world.store.revision += 1
        return role


def add_system_roles(world: "World") -> None:
    """Make the roles that every site has."""
    add_role(world, ADMIN, READ_SPACE, "create/page", "administer/space", custom=False)
    add_role(world, MEMBER, READ_SPACE, "create/page", custom=False)
    add_role(world, VIEWER, READ_SPACE, custom=False)


def roles(world: "World") -> list[SpaceRole]:
    """Return every role."""
    return list(world.store.roles.values())


def role(world: "World", name: str) -> SpaceRole:
    """Return the role of this name or id."""
    for role in world.store.roles.values():
        if name in (role.name, role.id):
            return role
    raise WorldError(f"There is no role {name!r}")


def assign_role(
    world: "World", key: str, name: str, *, group: str | None = None, user: str | None = None, everyone: str = ""
) -> Space:
    """Give a group, a user or an access class (`authenticated-users`, `anonymous-users`, ...) a role in a space."""
    if group is not None:
        principal = ("GROUP", world.group(group).id)
    elif user is not None:
        principal = ("USER", world.user(user).account_id)
    else:
        principal = ("ACCESS_CLASS", classes.in_roles(everyone))
    with world.lock:
        assignment = RoleAssignment(principal_type=principal[0], principal_id=principal[1], role=role(world, name))
        space = world.space(key)
        return world.edit_space(key, roles=(*space.roles, assignment))


def unassign_role(world: "World", key: str, name: str) -> Space:
    """Take a role in a space from everybody."""
    with world.lock:
        space, taken = world.space(key), role(world, name)
        return world.edit_space(key, roles=tuple(row for row in space.roles if row.role != taken))


def may_read_space(role: SpaceRole) -> bool:
    """Whether a holder of this role may view the space."""
    return READ_SPACE in role.permissions
