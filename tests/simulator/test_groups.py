"""Groups: all of them, those that may use the site, nested ones, and accounts of each type by their ids."""

from typing import Any

import pytest
from confluence_simulator import Simulator, World

from tests.simulator.sites import Client, client, furnished_world


@pytest.fixture
def nested() -> World:
    """Make a group `all` that holds `part`, which holds `core`; each has one member of its own."""
    world = furnished_world()
    for name in ("all", "part", "core"):
        world.add_group(name)
        world.add_user(f"{name}-member", groups=(name,))
    world.nest_group("all", "part")
    world.nest_group("part", "core")
    return world


def names(site: Client, path: str, **query: Any) -> list[str]:
    """Return the names of the groups, or of the users, in a list."""
    rows = site.get(path, **query)["results"]
    return [row.get("name") or row["displayName"] for row in rows]


def test_cloud_counts_members_of_nested_groups(nested: World) -> None:
    """Among those of the outer group, and the outer groups among those of a user."""
    with Simulator(nested) as simulator:
        site = client(simulator)
        path = f"/rest/api/group/{nested.group('all').id}/membersByGroupId"

        assert names(site, path) == ["all-member", "part-member", "core-member"]
        assert "totalSize" not in site.get(path)
        assert site.get(path, limit=1, shouldReturnTotalSize="true")["totalSize"] == 3
        core = nested.user("core-member").account_id
        assert names(site, "/rest/api/user/memberof", accountId=core) == ["core", "part", "all"]


@pytest.mark.parametrize("flatten", [True, False])
def test_data_center_counts_them_by_a_switch(nested: World, flatten: bool) -> None:
    """It also lists the groups within a group, and those around it."""
    with Simulator(nested, flavor="datacenter", flatten_groups=flatten) as simulator:
        site = client(simulator)

        everyone = ["all-member", "part-member", "core-member"]
        assert names(site, "/rest/api/group/all/member") == (everyone if flatten else ["all-member"])
        assert names(site, "/rest/api/group/all/groupmember") == ["part"]
        assert names(site, "/rest/api/group/core/groupmember") == []
        assert names(site, "/rest/api/group/core/groupancestor") == ["part", "all"]
        around = names(site, "/rest/api/user/memberof", username="core-member")
        assert around == (["core", "part", "all"] if flatten else ["core"])
        assert site.get("/rest/api/group/core")["name"] == "core"
        assert site.ask("/rest/api/group/none").status_code == 404
        assert site.ask("/rest/api/group/none/groupmember").status_code == 404


def test_groups_that_may_use_confluence(nested: World) -> None:
    """By `accessType` on Cloud, which Data Center does not have; all groups come by name, in pages."""
    nested.permit_site(group="part")
    nested.permit_site("administer", group="core")
    with Simulator(nested) as simulator:
        site = client(simulator)

        assert names(site, "/rest/api/group") == ["all", "confluence-users", "core", "part", "people-operations"]
        assert names(site, "/rest/api/group", accessType="user") == ["confluence-users", "part"]
        assert names(site, "/rest/api/group", accessType="admin") == ["core"]
        assert site.ask("/rest/api/group", accessType="owner").status_code == 400
        first = site.get("/rest/api/group", limit=2)
        assert first["_links"]["next"].startswith("/rest/api/group?")
        assert [row["name"] for row in first["results"]] == ["all", "confluence-users"]
        assert site.get("/rest/api/group/by-id", id=nested.group("core").id)["name"] == "core"
        assert site.get("/rest/api/group/by-name", name="core")["id"] == nested.group("core").id
        assert site.ask("/rest/api/group/by-id", id="core").status_code == 404
    with Simulator(nested, flavor="datacenter") as simulator:
        assert len(names(client(simulator), "/rest/api/group", accessType="user")) == 5


def test_accounts_of_each_type_by_id(nested: World) -> None:
    """People, service accounts, apps, deactivated and deleted ones; only the last are of unknown type."""
    accounts = {
        "atlassian": nested.author,
        "service": nested.add_service_account("reader"),
        "app": nested.add_app("bot"),
        "inactive": nested.deactivate_user("all-member"),
        "closed": nested.close_user("core-member"),
    }
    with Simulator(nested) as simulator:
        site = client(simulator)
        found = {name: site.get("/rest/api/user", accountId=account.account_id) for name, account in accounts.items()}
        ids = [account.account_id for account in accounts.values()]
        bulk = site.get("/rest/api/user/bulk", accountId=[*ids, "nobody"])["results"]
        posted = site.send("/api/v2/users-bulk", {"accountIds": [*ids, "nobody"]}).json()["results"]

        shown = {name: (row["type"], row["accountType"], row["accountStatus"]) for name, row in found.items()}
        assert shown == {
            "atlassian": ("known", "atlassian", "active"),
            "service": ("known", "app", "active"),
            "app": ("known", "app", "active"),
            "inactive": ("known", "atlassian", "inactive"),
            "closed": ("unknown", "", "closed"),
        }
        assert found["service"]["email"] == "reader@serviceaccount.atlassian.com"
        assert found["inactive"]["displayName"].endswith("(Unlicensed)")
        assert found["closed"]["displayName"] == "Former user (Deleted)"
        assert [row["accountId"] for row in bulk] == [row["accountId"] for row in posted] == ids
        assert [row["accountType"] for row in posted] == ["atlassian", "app", "app", "atlassian", "unknown"]
        assert site.ask("/rest/api/user", accountId="nobody").status_code == 404
        assert site.ask("/rest/api/user", accountId=nested.author.username).status_code == 404
        assert site.ask("/rest/api/user/bulk").status_code == 400
        assert site.send("/api/v2/users-bulk", []).status_code == 400


def test_accounts_by_key_on_data_center(nested: World) -> None:
    """Or by name; without an e-mail address."""
    former = nested.close_user("core-member")
    with Simulator(nested, flavor="datacenter") as simulator:
        site = client(simulator)

        found = site.get("/rest/api/user", key=former.user_key)
        assert found == site.get("/rest/api/user", username="core-member")
        assert found["displayName"] == "Unknown User (core-member)"
        assert "email" not in found
        assert site.ask("/rest/api/user", key=former.account_id).status_code == 404


def test_addresses_of_others_can_be_hidden(nested: World) -> None:
    """The caller still reads its own."""
    other = nested.add_user("other", email="other@example.com")
    for hidden in (False, True):
        with Simulator(nested, emails_hidden=hidden) as simulator:
            site = client(simulator)
            posted = site.send("/api/v2/users-bulk", {"accountIds": [other.account_id]}).json()["results"]

            assert site.get("/rest/api/user", accountId=other.account_id)["email"] == ("" if hidden else other.email)
            assert posted[0]["email"] == ("" if hidden else other.email)
            assert site.get("/rest/api/user/current")["email"] == nested.bot.email
