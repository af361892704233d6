"""Groups and their members, permissions and roles in a space."""

from typing import Literal

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import WorldError

from tests.simulator.sites import client, furnished_world, titled

MODES: tuple[Literal["PRE_ROLES", "ROLES_TRANSITION", "ROLES", ""], ...] = (
    "PRE_ROLES",
    "ROLES_TRANSITION",
    "ROLES",
    "",
)


@pytest.fixture
def crowded() -> World:
    """Make a group of 250 members, one of whom has left."""
    world = furnished_world()
    world.add_group("crowd")
    for number in range(250):
        world.add_user(f"user{number:03d}", groups=("crowd",))
    world.deactivate_user("user007")
    return world


def test_members_of_a_group_come_in_pages(crowded: World) -> None:
    """By id on Cloud and by name on Data Center, at most 200 at once; who has left is not a member."""
    group = crowded.group("crowd")
    ends = {"cloud": f"{group.id}/membersByGroupId", "datacenter": f"{group.name}/member"}
    for flavor, end in ends.items():
        with Simulator(crowded, flavor="cloud" if flavor == "cloud" else "datacenter") as simulator:
            site, path = client(simulator), f"/rest/api/group/{end}"
            first = site.get(path)
            second = site.get(path, start=200)

            assert [first["size"], second["size"]] == [200, 49]
            assert "next" in first["_links"]
            assert "next" not in second["_links"]
            member = "accountId" if flavor == "cloud" else "userKey"
            assert len({row[member] for row in first["results"] + second["results"]}) == 249
            assert site.ask(path, limit=201).status_code == 400
            assert site.ask(path.replace(group.id, "none").replace("crowd", "none")).status_code == 404


def test_groups_of_a_user(crowded: World) -> None:
    """By account id on Cloud, by key or name on Data Center."""
    user = crowded.user("user001")
    with Simulator(crowded) as simulator:
        found = client(simulator).get("/rest/api/user/memberof", accountId=user.account_id)["results"]
        assert [row["name"] for row in found] == ["crowd"]
        assert client(simulator).ask("/rest/api/user/memberof", accountId="none").status_code == 404
    with Simulator(crowded, flavor="datacenter") as simulator:
        for query in ({"key": user.user_key}, {"username": user.username}):
            found = client(simulator).get("/rest/api/user/memberof", **query)["results"]
            assert [row["name"] for row in found] == ["crowd"]


def test_permissions_name_access_classes(cloud: Simulator) -> None:
    """Beside users and groups."""
    world = cloud.world
    world.permit_space("HR", user="ann.lee")
    rows = client(cloud).get(f"/api/v2/spaces/{world.space('HR').id}/permissions")["results"]

    assert [row["principal"]["type"] for row in rows] == ["group", "user", "access-class"]
    assert rows[2]["principal"]["id"] == "ALL_LICENSED_USERS"
    assert {(row["operation"]["key"], row["operation"]["targetType"]) for row in rows} == {("read", "space")}


@pytest.mark.parametrize("mode", MODES)
def test_role_mode(mode: Literal["PRE_ROLES", "ROLES_TRANSITION", "ROLES", ""]) -> None:
    """By a switch; some sites leave it out."""
    with Simulator(furnished_world(), space_role_mode=mode) as simulator:
        assert client(simulator).get("/api/v2/space-role-mode").get("mode", "") == mode


def test_roles_let_view_a_space_if_they_read_it(cloud: Simulator) -> None:
    """A group, a user or an access class has a role; one without `read/space` gives no view."""
    site, world = client(cloud), cloud.world
    space, page = world.space("HR").id, titled(world, "Home").id
    world.forbid_space("HR", group="confluence-users")
    world.add_role("Auditor", "administer/space")
    world.assign_role("HR", "Auditor", user=world.bot.username)
    assert site.ask(f"/api/v2/pages/{page}").status_code == 404

    for principal in ({"group": "confluence-users"}, {"user": world.bot.username}, {"everyone": "authenticated-users"}):
        world.assign_role("HR", "Viewer", **principal)
        assert site.ask(f"/api/v2/pages/{page}").status_code == 200
        rows = site.get(f"/api/v2/spaces/{space}/role-assignments")["results"]
        named = {role["id"]: role for role in site.get("/api/v2/space-roles")["results"]}
        assert [named[row["roleId"]]["displayName"] for row in rows] == ["Auditor", "Viewer"]
        assert "read/space" in named[rows[1]["roleId"]]["spacePermissions"]
        assert (named[rows[0]["roleId"]]["type"], named[rows[1]["roleId"]]["type"]) == ("CUSTOM", "SYSTEM")
        assert rows[1]["principal"]["principalType"] == {"group": "GROUP", "user": "USER"}.get(
            next(iter(principal)), "ACCESS_CLASS"
        )
        world.unassign_role("HR", "Viewer")
        assert site.ask(f"/api/v2/pages/{page}").status_code == 404


def test_roles_that_cannot_be() -> None:
    """A name that is taken, and one that nobody made."""
    world = furnished_world()
    with pytest.raises(WorldError, match="already"):
        world.add_role("Viewer")
    with pytest.raises(WorldError, match="no role"):
        world.assign_role("HR", "Nobody", group="confluence-users")
