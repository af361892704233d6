"""Edits of people: groups, users and the labels that everybody shares."""

from dataclasses import replace
from typing import TYPE_CHECKING

from confluence_simulator.world.records import Group, Label, User, WorldError

if TYPE_CHECKING:
    from confluence_simulator.world.world import World

EVERYBODY = "confluence-users"
BOT = "hr-bot"
AUTHOR = "ann.lee"


def add_group(world: "World", name: str) -> Group:
    with world.store.lock:
        group = Group(id=world.store.new_uuid(), name=name)
        world.store.groups[group.id] = group
        world.store.revision += 1
        return group


def add_user(
    world: "World", username: str, *, display_name: str = "", email: str = "", groups: tuple[str, ...] = (EVERYBODY,)
) -> User:
    """Add a user; `groups` are names or ids."""
    with world.store.lock:
        user = User(
            account_id=f"712020:{world.store.new_uuid()}",
            username=username,
            user_key=f"{world.store.random.getrandbits(128):032x}",
            display_name=display_name or username,
            email=email,
            groups=tuple(world.group(name).id for name in groups),
        )
        world.store.users[user.account_id] = user
        world.store.revision += 1
        return user


def label(world: "World", name: str, *, prefix: str = "global") -> Label:
    """Return the one label of this name: everything that carries it shares its id."""
    with world.store.lock:
        if (prefix, name) not in world.store.labels:
            world.store.labels[prefix, name] = Label(id=world.new_id(), name=name, prefix=prefix)
        return world.store.labels[prefix, name]


def deactivate_user(world: "World", username: str) -> User:
    """Deactivate a user, whom Cloud then shows as "Name (Unlicensed)"."""
    return _put_user(world, replace(world.user(username), active=False))


def set_groups(world: "World", username: str, groups: tuple[str, ...]) -> User:
    return _put_user(world, replace(world.user(username), groups=tuple(world.group(name).id for name in groups)))


def user(world: "World", name: str) -> User:
    """Return the user of this username, account id or user key."""
    if name in world.store.users:
        return world.store.users[name]
    for user in world.store.users.values():
        if name in (user.username, user.account_id, user.user_key):
            return user
    raise WorldError(f"There is no user {name!r}")


def users(world: "World") -> list[User]:
    return list(world.store.users.values())


def group(world: "World", name: str) -> Group:
    """Return the group of this name or id."""
    for group in world.store.groups.values():
        if name in (group.name, group.id):
            return group
    raise WorldError(f"There is no group {name!r}")


def groups(world: "World") -> list[Group]:
    return list(world.store.groups.values())


def _put_user(world: "World", user: User) -> User:
    with world.store.edit():
        world.store.users[user.account_id] = user
        world.store.revision += 1
        return user
