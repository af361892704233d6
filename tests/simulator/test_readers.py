"""The rule of who may read what: the calculation with sets, and that the served answers obey it."""

import random

import pytest
from confluence_simulator import World
from confluence_simulator.world import Asker, Layer, WorldError
from confluence_simulator.world.access import can_view, can_view_space, refusal, refusal_of_group
from confluence_simulator.world.groups import groups_around
from confluence_simulator.world.readers import ANONYMOUS
from confluence_simulator.world.records import Kind

KINDS: tuple[Kind, ...] = ("page", "folder", "whiteboard", "database", "embed")
CLASSES = ("ANONYMOUS_USERS", "authenticated-users", "ALL_LICENSED_USERS", "all-product-admins", "jsm-project-admins")


def random_world(seed: int) -> World:
    """Make a tree of every kind of node, nested groups, accounts of every type, and permissions of every kind."""
    chance = random.Random(seed)  # noqa: S311 - repeatable worlds, no secrets
    world = World(seed=seed)
    world.add_role("Auditor", "administer/space")
    groups = [world.add_group(f"group-{number}").name for number in range(5)]
    for _ in range(4):
        world.nest_group(chance.choice(groups), chance.choice(groups))
    users = [world.add_user(f"user-{number}", groups=tuple(chance.sample(groups, 2))).username for number in range(6)]
    users += [world.add_user(f"licensed-{number}").username for number in range(3)]
    users += [world.add_service_account("service").username, world.add_app("app").username]
    world.deactivate_user(users[6])
    world.close_user(users[0])
    if chance.random() < 0.5:
        world.permit_site(group=chance.choice(groups))
    if chance.random() < 0.3:
        world.forbid_site(anonymous=True)
    if chance.random() < 0.3:
        world.permit_site("administer", user=chance.choice(users))
    for number in range(3):
        key = f"S{number}"
        world.create_space(key, readers=("confluence-users",) if chance.random() < 0.4 else ())
        for _ in range(chance.randrange(4)):
            kind = chance.randrange(3)
            group = chance.choice(groups) if kind == 0 else None
            user = chance.choice(users) if kind == 1 else None
            everyone = chance.choice(CLASSES)
            if chance.random() < 0.5:
                operation = chance.choice(("read", "create"))
                world.permit_space(key, group=group, user=user, everyone=everyone, operation=operation)
            else:
                role = chance.choice(("Viewer", "Auditor"))
                world.assign_role(key, role, group=group, user=user, everyone=everyone)
        nodes = [world.create_page(space_key=key, title="Home").id]
        for place in range(8):
            parent = chance.choice(nodes)
            nodes.append(
                world.create_page(space_key=key, title=f"N{place}", parent_id=parent, kind=chance.choice(KINDS)).id
            )
        for node in chance.sample(nodes, 3):
            within = chance.sample(groups, chance.randrange(3))
            world.restrict_page(node, users=chance.sample(users, 2), groups=within, bot=chance.random() < 0.5)
    return world


@pytest.mark.parametrize("seed", range(40))
def test_the_calculation_and_the_served_rule_agree(seed: int) -> None:
    """For every account, every group and an anonymous visitor, on every node."""
    world = random_world(seed)
    for content in world.contents():
        readers = world.readers_of(content.id)
        for user in world.users():
            seen = can_view(world, content, user)
            assert world.may_read(content.id, Asker(user=user.username)) == seen
            assert (user.account_id in readers) == seen
        assert world.may_read(content.id, ANONYMOUS) == can_view(world, content, None)
        licensed = {group.id for group in world.permitted_groups()}
        for group in world.groups():
            uses = bool({group.id, *(outer.id for outer in groups_around(world, group))} & licensed)
            seen = uses and refusal_of_group(world, content, group) is None
            assert world.may_read(content.id, Asker(groups=(group.name,))) == seen


def small_world() -> World:
    """Make a space HR that the group hr may view, with a page below a restricted folder."""
    world = World()
    for name in ("hr", "managers", "heads"):
        world.add_group(name)
    world.create_space("HR", readers=("hr",))
    folder = world.create_folder(space_key="HR", title="Pay")
    world.create_page(space_key="HR", title="Bands", parent_id=folder.id)
    world.restrict_page(folder.id, groups=("managers",), bot=False)
    return world


def test_layers_name_the_site_the_space_and_each_restricted_node() -> None:
    """In that order; a node that restricts nobody has no layer."""
    world = small_world()
    folder, page = world.pages(kind="folder")[0], world.pages()[0]

    assert world.layers(page.id) == (
        Layer(node_id="site", groups=frozenset({world.everybody.id}), classes=frozenset({"all-licensed-users"})),
        Layer(node_id="space", groups=frozenset({world.group("hr").id})),
        Layer(node_id=folder.id, groups=frozenset({world.group("managers").id})),
    )
    with pytest.raises(WorldError):
        world.layers("1")


def test_every_layer_must_be_passed() -> None:
    """The site, the space and the folder above each refuse whoever passes the others alone."""
    world = small_world()
    page = world.pages()[0]
    names = {"all": ("confluence-users", "hr", "managers"), "no-site": ("hr", "managers")}
    names |= {"no-space": ("confluence-users", "managers"), "no-folder": ("confluence-users", "hr")}
    users = {name: world.add_user(name, groups=groups) for name, groups in names.items()}

    assert {name: refusal(world, page, user) for name, user in users.items()} == {
        "all": None,
        "no-site": "site",
        "no-space": "space",
        "no-folder": "content",
    }
    assert world.readers_of(page.id) == {users["all"].account_id}
    assert [name for name, groups in names.items() if world.may_read(page.id, Asker(groups=groups))] == ["all"]
    assert not world.may_read("1", Asker(user="all"))
    assert not world.may_read(page.id, Asker())


def test_members_of_a_nested_group_are_members_of_the_outer_one() -> None:
    """Through any number of groups, also where they form a ring, until a group is taken out."""
    world = small_world()
    page, head = world.pages()[0], world.add_user("head", groups=("confluence-users", "heads", "hr"))
    assert world.readers_of(page.id) == frozenset()

    world.nest_group("managers", "heads")
    world.nest_group("heads", "managers")
    assert world.readers_of(page.id) == {head.account_id}
    assert world.may_read(page.id, Asker(groups=("heads", "hr", "confluence-users")))
    assert [user.username for user in world.members("managers")] == ["head"]
    assert world.members("managers", nested=False) == []

    world.unnest_group("managers", "heads")
    assert world.readers_of(page.id) == frozenset()


def test_a_class_is_meant_in_either_spelling() -> None:
    """As permissions spell it, and as roles do."""
    world = small_world()
    home = world.create_page(space_key="HR", title="Home")
    asker = Asker(classes=("ALL_LICENSED_USERS",))
    assert not world.may_read(home.id, asker)

    world.permit_space("HR", everyone="all-licensed-users")
    assert world.space("HR").permissions[-1].principal_id == "ALL_LICENSED_USERS"
    assert world.may_read(home.id, asker)
    assert world.may_read(home.id, Asker(classes=("all-licensed-users",)))

    world.forbid_space("HR", everyone="all-licensed-users")
    world.assign_role("HR", "Viewer", everyone="ALL_LICENSED_USERS")
    assert world.space("HR").roles[-1].principal_id == "all-licensed-users"
    assert world.may_read(home.id, asker)


def test_principals_of_other_kinds_and_other_operations_give_no_view() -> None:
    """They stand in the list of permissions and let nobody in."""
    world = small_world()
    home = world.create_page(space_key="HR", title="Home")
    world.permit_space("HR", other=("role", world.role("Viewer").id))
    world.permit_space("HR", other=("role", world.author.account_id))
    world.permit_space("HR", user=world.author.username, operation="create", target_type="space")
    world.permit_space("HR", user=world.author.username, operation="read", target_type="page")

    assert world.readers_of(home.id) == frozenset()
    assert not can_view(world, home, world.author)


def test_a_restriction_to_an_account_that_cannot_read_lets_nobody_else_in() -> None:
    """A page restricted to a service account alone, a deactivated or a deleted user cannot be read by anybody else."""
    world = World()
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="Pay")
    service = world.add_service_account("reader")
    for name in ("gone", "deleted"):
        world.add_user(name)
    world.deactivate_user("gone")
    world.close_user("deleted")

    readers = {}
    for name in ("reader", "gone", "deleted"):
        world.restrict_page(page.id, users=(name,), bot=False)
        readers[name] = world.readers_of(page.id)
    assert readers == {"reader": {service.account_id}, "gone": frozenset(), "deleted": frozenset()}

    world.activate_user("gone")
    world.restrict_page(page.id, users=("gone",), bot=False)
    assert world.readers_of(page.id) == {world.user("gone").account_id}


def test_who_may_not_use_the_site_reads_nothing() -> None:
    """Neither by a group that lost the permission nor as an anonymous visitor."""
    world = World()
    world.create_space("HR")
    world.permit_space("HR", everyone="ANONYMOUS_USERS")
    page = world.create_page(space_key="HR", title="Home")
    assert world.may_read(page.id, ANONYMOUS)

    world.forbid_site(anonymous=True)
    assert not world.may_read(page.id, ANONYMOUS)
    assert world.may_read(page.id, Asker(user="ann.lee"))

    world.forbid_site(group="confluence-users")
    assert world.readers_of(page.id) == frozenset()
    assert not can_view_space(world.space("HR"), world.author)
    assert not world.may_read(page.id, Asker(groups=("confluence-users",)))
    with pytest.raises(WorldError):
        world.permit_site("administer", anonymous=True)


def test_a_usual_space_is_open_to_every_licensed_user() -> None:
    """By the group of all users and by their class, and by neither once the group is forbidden."""
    world = World()
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="Home")
    group, licensed = Asker(groups=("confluence-users",)), Asker(classes=("all-licensed-users",))
    assert world.may_read(page.id, group)
    assert world.may_read(page.id, licensed)

    world.forbid_space("HR", group="confluence-users")
    assert world.readers_of(page.id) == frozenset()
    assert not world.may_read(page.id, licensed)
    with pytest.raises(WorldError):
        world.forbid_space("HR")
