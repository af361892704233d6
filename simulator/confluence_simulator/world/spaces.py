"""Edits of spaces: keys and aliases, homepages, permissions, archiving."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from confluence_simulator.world import classes
from confluence_simulator.world.people import EVERYBODY
from confluence_simulator.world.records import Space, SpacePermission, SpaceStatus, SpaceType, WorldError

if TYPE_CHECKING:
    from confluence_simulator.world.world import World


def create_space(
    world: "World",
    key: str,
    name: str = "",
    *,
    type: SpaceType = "global",  # noqa: A002 - Confluence's own word
    status: SpaceStatus = "current",
    description: str = "",
    labels: tuple[str, ...] = (),
    readers: tuple[str, ...] = (EVERYBODY,),
    created_at: datetime | None = None,
) -> Space:
    """Create a space; it has no homepage until `set_homepage`.

    `readers` are groups that may view it. If the group of all users is one of them, the class of all licensed users is
    permitted, too, as on a usual Cloud site.
    """
    with world.store.edit() as moment:
        if any(space.key.casefold() == key.casefold() for space in world.store.spaces.values()):
            raise WorldError(f"A space already exists with key {key}")
        space = Space(
            id=world.new_id(),
            key=key,
            name=name or key,
            type=type,
            status=status,
            created_at=created_at or moment,
            changed_at=moment,
            author_id=world.author.account_id,
            description=description,
            labels=tuple(world.label(name) for name in labels),
        )
        if EVERYBODY in readers:
            space = replace(space, permissions=(_licensed_users(space),))
        _put_space(world, space)
        for reader in readers:
            world.permit_space(key, group=reader)
        return world.space(key)


def space(world: "World", key: str) -> Space:
    """Return the space of this key or id."""
    if key in world.store.spaces:
        return world.store.spaces[key]
    for space in world.store.spaces.values():
        if key in (space.key, space.id):
            return space
    raise WorldError(f"There is no space {key!r}")


def spaces(world: "World") -> list[Space]:
    return list(world.store.spaces.values())


def edit_space(world: "World", key: str, **changes: Any) -> Space:
    """`name`, `type`, `status` (current or archived) or `description`; pages keep theirs."""
    with world.store.edit() as moment:
        return _put_space(world, replace(world.space(key), changed_at=moment, **changes))


def archive_space(world: "World", key: str) -> Space:
    return world.edit_space(key, status="archived")


def restore_space(world: "World", key: str) -> Space:
    return world.edit_space(key, status="current")


def rekey_space(world: "World", key: str, new_key: str) -> Space:
    """Give the space another key: its id and its pages stay, their links change."""
    with world.store.edit() as moment:
        space = _put_space(world, replace(world.space(key), key=new_key, changed_at=moment))
        for content in world.contents():
            if content.space_id == space.id:
                world.store.put(replace(content, space_key=new_key, changed_at=moment))
        return space


def alias_space(world: "World", key: str, alias: str) -> Space:
    """Give the space an alias: its links change, its key does not. An empty alias takes it away."""
    space = world.space(key)
    taken = {name.casefold() for other in world.spaces() if other.id != space.id for name in (other.key, other.alias)}
    if alias and alias.casefold() in taken:
        raise WorldError(f"A space already exists with key or alias {alias}")
    return world.edit_space(key, alias=alias)


def set_homepage(world: "World", key: str, page_id: str | None) -> Space:
    return world.edit_space(key, homepage_id=page_id)


def permit_space(
    world: "World",
    key: str,
    *,
    group: str | None = None,
    user: str | None = None,
    everyone: str = "",
    other: tuple[str, str] | None = None,
    operation: str = "read",
    target_type: str = "space",
) -> Space:
    """Let a group, a user, or an access class (`ANONYMOUS_USERS`, `ALL_LICENSED_USERS`) view the space.

    `other` is the type and id of a principal of any other kind, which lets nobody in. Only `read` on `space` gives a
    view; other operations stand in the lists of permissions.
    """
    principal = other or _principal(world, group=group, user=user, everyone=everyone)
    with world.store.edit():
        space = world.space(key)
        permission = SpacePermission(
            id=world.new_id(),
            principal_type=principal[0],
            principal_id=principal[1],
            operation=operation,
            target_type=target_type,
        )
        return _put_space(world, replace(space, permissions=(*space.permissions, permission)))


def forbid_space(
    world: "World", key: str, *, group: str | None = None, user: str | None = None, everyone: str = ""
) -> Space:
    """Take every permission in the space away from a group, a user or an access class.

    What is taken from the group of all users is taken from the class of all licensed users, too: they are the same
    people.
    """
    taken = {_principal(world, group=group, user=user, everyone=everyone)}
    if group is not None and world.group(group) == world.everybody:
        taken.add(_principal(world, everyone=classes.LICENSED))
    with world.store.edit():
        space = world.space(key)
        kept = tuple(row for row in space.permissions if (row.principal_type, row.principal_id) not in taken)
        return _put_space(world, replace(space, permissions=kept))


def _principal(
    world: "World", *, group: str | None = None, user: str | None = None, everyone: str = ""
) -> tuple[str, str]:
    if group is not None:
        return "group", world.group(group).id
    if user is not None:
        return "user", world.user(user).account_id
    if not everyone:
        raise WorldError("Name a group, a user or an access class")
    return "access-class", classes.in_permissions(everyone)


def _licensed_users(space: Space) -> SpacePermission:
    """Return the permission of all licensed users; its id comes from the space, so that it takes no other id."""
    return SpacePermission(
        id=f"{space.id}00",
        principal_type="access-class",
        principal_id=classes.in_permissions(classes.LICENSED),
        operation="read",
        target_type="space",
    )


def _put_space(world: "World", space: Space) -> Space:
    world.store.spaces[space.id] = space
    world.store.revision += 1
    return space
