"""Edits of people: users, service accounts and bots of apps; and the labels that everybody shares."""

from dataclasses import replace
from typing import TYPE_CHECKING

from confluence_simulator.world import groups
from confluence_simulator.world.records import AccountType, Label, User, WorldError

if TYPE_CHECKING:
    from confluence_simulator.world.world import World

EVERYBODY = "confluence-users"
BOT = "hr-bot"
AUTHOR = "ann.lee"


def add_user(
    world: "World",
    username: str,
    *,
    display_name: str = "",
    email: str = "",
    groups: tuple[str, ...] = (EVERYBODY,),
    account_type: AccountType = "atlassian",
    public_name: str = "",
) -> User:
    """Add a user; `groups` are names or ids. Whoever is in none of the groups that may use the site reads nothing."""
    with world.store.lock:
        user = User(
            account_id=f"712020:{world.store.new_uuid()}",
            username=username,
            user_key=f"{world.store.random.getrandbits(128):032x}",
            display_name=display_name or username,
            email=email,
            account_type=account_type,
            public_name=public_name,
            groups=tuple(world.group(name).id for name in groups),
        )
        return _settle(world, user)


def add_service_account(world: "World", username: str, *, groups: tuple[str, ...] = (EVERYBODY,)) -> User:
    """Add a service account: an account of type `app` with an address of its own kind."""
    email = f"{username}@serviceaccount.atlassian.com"
    return add_user(world, username, email=email, groups=groups, account_type="app")


def add_app(world: "World", username: str) -> User:
    """Add the bot of an app, which may use the site without being in a group."""
    with world.store.lock:
        app = add_user(world, username, groups=(), account_type="app")
        world.permit_site("use", user=app.account_id)
        return world.user(app.account_id)


def label(world: "World", name: str, *, prefix: str = "global") -> Label:
    """Return the one label of this name: everything that carries it shares its id."""
    with world.store.lock:
        if (prefix, name) not in world.store.labels:
            world.store.labels[prefix, name] = Label(id=world.new_id(), name=name, prefix=prefix)
        return world.store.labels[prefix, name]


def deactivate_user(world: "World", username: str) -> User:
    """Deactivate a user, whom Cloud then shows as "Name (Unlicensed)"; restrictions still name the account."""
    return _put_user(world, replace(world.user(username), active=False))


def activate_user(world: "World", username: str) -> User:
    """Let a deactivated user in again."""
    return _put_user(world, replace(world.user(username), active=True))


def close_user(world: "World", username: str) -> User:
    """Delete an account: Cloud shows a former user of unknown type; restrictions still name the account."""
    return _put_user(world, replace(world.user(username), active=False, closed=True))


def rename_user(world: "World", username: str, *, display_name: str, public_name: str = "") -> User:
    """Rename an account; everybody is shown `public_name`, where it is not empty."""
    return _put_user(world, replace(world.user(username), display_name=display_name, public_name=public_name))


def set_groups(world: "World", username: str, groups: tuple[str, ...]) -> User:
    """Make the user a direct member of these groups and of no other."""
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
    """Return every account, deactivated and deleted ones included."""
    return list(world.store.users.values())


def _put_user(world: "World", user: User) -> User:
    with world.store.edit():
        return _settle(world, user)


def _settle(world: "World", user: User) -> User:
    settled = groups.settled(world, user)
    world.store.users[user.account_id] = settled
    world.store.revision += 1
    return settled
