"""The rule as a calculation with sets: who may read what, for the tests of a client.

It shares no code with `access.py`, which the simulated API obeys; tests hold the two equal. An asker passes a layer
that names one of its principals, and may read a page if it passes every layer: the site's, the space's, and that of
each read restriction on the way up, the page's own among them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluence_simulator.world import classes
from confluence_simulator.world.groups import ADMINISTER, USE
from confluence_simulator.world.records import Content, Page, WorldError
from confluence_simulator.world.roles import READ_SPACE

if TYPE_CHECKING:
    from confluence_simulator.world.world import World

SITE = "site"
SPACE = "space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One check on the way: the users (account ids), groups (ids) and classes of whom an asker must be one.

    `node_id` is the id of the restricted page or other node, or `site` or `space`.
    """

    node_id: str
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody who wants to read: a user of the world, members of groups, members of classes, or all of these.

    `user` is a username, account id or user key, and brings the groups and classes that the world knows of it.
    `groups` are names or ids, and bring the groups around them. `classes` may be spelled in either way. `Asker()`
    passes no layer.
    """

    user: str | None = None
    groups: Collection[str] = ()
    classes: Collection[str] = ()


ANONYMOUS = Asker(classes=(classes.ANONYMOUS,))


def layers(world: "World", content_id: str) -> tuple[Layer, ...]:
    """Return the layers of a page or another node, from the site's to its own; of an attachment, those of its page."""
    with world.lock:
        chain = _chain(world, content_id)
        restricted = [
            Layer(node_id=node.id, users=frozenset(node.read.users), groups=frozenset(node.read.groups))
            for node in chain
            if node.read.users or node.read.groups
        ]
        return (_site(world), _space(world, chain[-1].space_id), *restricted)


def may_read(world: "World", content_id: str, asker: Asker) -> bool:
    """Return whether the asker passes every layer of the content; what does not exist can be read by nobody.

    An asker without a user passes the site's layer if one of its groups may use the site, or if it is of the class of
    all licensed users; an anonymous visitor passes it where the site lets anonymous visitors in.
    """
    with world.lock:
        try:
            passed = layers(world, content_id)
        except WorldError:
            return False
        users, groups, of_classes = _principals(world, asker)
        visits = asker.user is None and classes.ANONYMOUS in of_classes and world.anonymous_may_use
        return all(
            bool(users & layer.users or groups & layer.groups or of_classes & layer.classes)
            or (visits and layer.node_id == SITE)
            for layer in passed
        )


def readers_of(world: "World", content_id: str) -> frozenset[str]:
    """Return the account ids of all who may read the content: the intersection of the layers as sets of people."""
    with world.lock:
        inside = _insiders(world)
        people = {user.account_id for user in world.users() if user.active}
        for layer in layers(world, content_id):
            named = set(layer.users)
            for group_id in layer.groups:
                named |= inside.get(group_id, frozenset())
            for name in layer.classes:
                named |= _in_class(world, name)
            people &= named
        return frozenset(people)


def _chain(world: "World", content_id: str) -> list[Page]:
    """Return the way from the root to the node itself."""
    content: Content | None = world.find(content_id)
    content = world.find(getattr(content, "container_id", content_id))
    if not isinstance(content, Page):
        raise WorldError(f"There is no page {content_id!r}")
    chain = [content]
    while chain[-1].parent_id is not None:
        parent = world.find(chain[-1].parent_id)
        if not isinstance(parent, Page) or parent in chain:
            break
        chain.append(parent)
    return chain[::-1]


def _site(world: "World") -> Layer:
    """Return who may use the site with an account."""
    named = [each for each in world.store.permissions if each.operation == USE]
    return Layer(
        node_id=SITE,
        users=frozenset(each.principal_id for each in named if each.principal_type == "user"),
        groups=frozenset(each.principal_id for each in named if each.principal_type == "group"),
        classes=frozenset({classes.LICENSED}),
    )


def _space(world: "World", space_id: str) -> Layer:
    space = world.space(space_id)
    rows = [
        (permission.principal_type, permission.principal_id)
        for permission in space.permissions
        if permission.operation == "read" and permission.target_type == "space"
    ]
    rows += [(row.principal_type, row.principal_id) for row in space.roles if READ_SPACE in row.role.permissions]
    return Layer(
        node_id=SPACE,
        users=frozenset(name for kind, name in rows if kind in ("user", "USER")),
        groups=frozenset(name for kind, name in rows if kind in ("group", "GROUP")),
        classes=classes.canonical(name for kind, name in rows if kind in ("access-class", "ACCESS_CLASS")),
    )


def _insiders(world: "World") -> dict[str, frozenset[str]]:
    """Return the account ids in each group, those of the groups within it included."""
    users = world.users()
    inside = {group.id: {user.account_id for user in users if group.id in user.groups} for group in world.groups()}
    grown = True
    while grown:
        before = sum(len(people) for people in inside.values())
        for group in world.groups():
            for nested in group.groups:
                inside[group.id] |= inside.get(nested, set())
        grown = before != sum(len(people) for people in inside.values())
    return {group_id: frozenset(people) for group_id, people in inside.items()}


def _licensed(world: "World", operation: str = USE) -> frozenset[str]:
    """Return the account ids of the active users whom a permission of the site names, directly or by a group."""
    inside = _insiders(world)
    found: set[str] = set()
    for permission in world.store.permissions:
        if permission.operation == operation:
            found |= inside.get(permission.principal_id, frozenset({permission.principal_id}))
    return frozenset(user.account_id for user in world.users() if user.active and user.account_id in found)


def _in_class(world: "World", name: str) -> frozenset[str]:
    """Return the account ids of everybody in a class. Whoever has an account counts among the anonymous, too."""
    everybody = frozenset(user.account_id for user in world.users())
    if name == classes.LICENSED:
        return _licensed(world)
    if name == classes.ADMINISTRATORS:
        return _licensed(world, ADMINISTER)
    return everybody if name in (classes.ANONYMOUS, classes.AUTHENTICATED) else frozenset()


def _principals(world: "World", asker: Asker) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the account ids, group ids and classes that the asker stands for."""
    inside = _insiders(world)
    groups = {world.group(name).id for name in asker.groups}
    grown = True
    while grown:
        outer = {group.id for group in world.groups() if groups & {*group.groups}} - groups
        groups |= outer
        grown = bool(outer)
    of_classes = set(classes.canonical(asker.classes))
    users: set[str] = set()
    if asker.user is not None:
        account = world.user(asker.user)
        if account.active:
            users.add(account.account_id)
            groups |= {group_id for group_id, people in inside.items() if account.account_id in people}
            of_classes |= {
                name
                for name in (classes.ANONYMOUS, classes.AUTHENTICATED, classes.LICENSED, classes.ADMINISTRATORS)
                if account.account_id in _in_class(world, name)
            }
    return frozenset(users), frozenset(groups), frozenset(of_classes)
