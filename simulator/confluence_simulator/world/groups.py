"""Edits of groups, which may be nested, and of the site's own permissions: who may use and who administers it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from confluence_simulator.world import classes
from confluence_simulator.world.records import Group, SiteOperation, SitePermission, User, WorldError

if TYPE_CHECKING:
    from confluence_simulator.world.world import World

USE: SiteOperation = "use"
ADMINISTER: SiteOperation = "administer"
ANYBODY = SitePermission(
    principal_type="access-class", principal_id=classes.in_permissions(classes.ANONYMOUS), operation=USE
)


def add_group(world: "World", name: str) -> Group:
    """Add a group without members."""
    with world.store.lock:
        group = Group(id=world.store.new_uuid(), name=name)
        world.store.groups[group.id] = group
        world.store.revision += 1
        return group


def group(world: "World", name: str) -> Group:
    """Return the group of this name or id."""
    for group in world.store.groups.values():
        if name in (group.name, group.id):
            return group
    raise WorldError(f"There is no group {name!r}")


def groups(world: "World") -> list[Group]:
    """Return every group."""
    return list(world.store.groups.values())


def nest_group(world: "World", outer: str, inner: str) -> Group:
    """Make a group a member of another one; its members are members of the other, too."""
    with world.store.edit():
        holder, member = world.group(outer), world.group(inner)
        if member.id in holder.groups:
            return holder
        return _put_group(world, replace(holder, groups=(*holder.groups, member.id)))


def unnest_group(world: "World", outer: str, inner: str) -> Group:
    """Take a group out of another one."""
    with world.store.edit():
        holder, member = world.group(outer), world.group(inner)
        return _put_group(world, replace(holder, groups=tuple(each for each in holder.groups if each != member.id)))


def groups_around(world: "World", group: Group) -> list[Group]:
    """Return the groups that hold this one, directly or through others; itself only where they form a ring."""
    found: dict[str, Group] = {}
    waiting = [group.id]
    while waiting:
        inner = waiting.pop()
        for outer in world.store.groups.values():
            if inner in outer.groups and outer.id not in found:
                found[outer.id] = outer
                waiting.append(outer.id)
    return list(found.values())


def members(world: "World", name: str, *, nested: bool = True) -> list[User]:
    """Return the active members of a group; `nested` counts those of the groups in it, too."""
    group = world.group(name)
    return [user for user in world.users() if user.active and group.id in (user.all_groups if nested else user.groups)]


def permit_site(
    world: "World",
    operation: SiteOperation = USE,
    *,
    group: str | None = None,
    user: str | None = None,
    anonymous: bool = False,
) -> None:
    """Let a group, a user or anonymous visitors use the site, or let a group or a user administer it."""
    permission = _site_permission(world, operation, group=group, user=user, anonymous=anonymous)
    with world.store.edit():
        if permission not in world.store.permissions:
            put_permissions(world, (*world.store.permissions, permission))


def forbid_site(
    world: "World",
    operation: SiteOperation = USE,
    *,
    group: str | None = None,
    user: str | None = None,
    anonymous: bool = False,
) -> None:
    """Take a permission of the site away."""
    permission = _site_permission(world, operation, group=group, user=user, anonymous=anonymous)
    with world.store.edit():
        put_permissions(world, tuple(each for each in world.store.permissions if each != permission))


def permitted_groups(world: "World", operation: SiteOperation = USE) -> list[Group]:
    """Return the groups that a permission of the site names."""
    named = {
        each.principal_id
        for each in world.store.permissions
        if each.operation == operation and each.principal_type == "group"
    }
    return [group for group in world.store.groups.values() if group.id in named]


def put_permissions(world: "World", permissions: tuple[SitePermission, ...]) -> None:
    """Replace the permissions of the site."""
    world.store.permissions = permissions
    refresh(world)


def settled(world: "World", user: User) -> User:
    """Return the user with what follows from groups and permissions of the site."""
    own = [world.store.groups[group_id] for group_id in user.groups if group_id in world.store.groups]
    around = [outer.id for group in own for outer in groups_around(world, group)]
    all_groups = tuple(dict.fromkeys((*user.groups, *around)))
    principals = {user.account_id, *all_groups}
    held = {each.operation for each in world.store.permissions if each.principal_id in principals}
    return replace(
        user,
        all_groups=all_groups,
        licensed=user.active and USE in held,
        administrator=user.active and ADMINISTER in held,
    )


def refresh(world: "World") -> None:
    """Settle every user anew, after a change of groups or permissions of the site."""
    for user in list(world.store.users.values()):
        world.store.users[user.account_id] = settled(world, user)
    world.store.revision += 1


def use_of(group: Group) -> SitePermission:
    """Return the permission of a group to use the site."""
    return SitePermission(principal_type="group", principal_id=group.id, operation=USE)


def administration_of(user: User) -> SitePermission:
    """Return the permission of a user to administer the site."""
    return SitePermission(principal_type="user", principal_id=user.account_id, operation=ADMINISTER)


def _site_permission(
    world: "World", operation: SiteOperation, *, group: str | None, user: str | None, anonymous: bool
) -> SitePermission:
    if anonymous:
        if operation != USE:
            raise WorldError("Anonymous visitors cannot administer a site")
        return ANYBODY
    if group is not None:
        return SitePermission(principal_type="group", principal_id=world.group(group).id, operation=operation)
    return SitePermission(principal_type="user", principal_id=world.user(user or "").account_id, operation=operation)


def _put_group(world: "World", group: Group) -> Group:
    world.store.groups[group.id] = group
    refresh(world)
    return group
