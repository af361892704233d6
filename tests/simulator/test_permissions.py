"""Permissions of spaces and of the site, and whether somebody may read a page, in the words of the API."""

from typing import Any, Literal

import pytest
from confluence_simulator import Fault, Simulator, World
from confluence_simulator.world import Asker

from tests.simulator.sites import Client, client, furnished_world, titled

READ = {"targetType": "space", "operationKey": "read"}
USE = {"targetType": "application", "operationKey": "use"}


def listed(site: Client, path: str) -> Any:
    """Return a bare list of JSON."""
    answer = site.ask(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_data_center_lists_users_and_groups_of_a_space() -> None:
    """A bare list of every operation, by user key and group name; classes and anonymous visitors are not in it."""
    world = furnished_world()
    world.permit_space("HR", user="ann.lee")
    world.permit_space("HR", user="ann.lee", operation="create", target_type="page")
    world.permit_space("HR", everyone="ANONYMOUS_USERS")
    with Simulator(world, flavor="datacenter", context_path="/confluence") as simulator:
        site, space = client(simulator), world.space("HR")
        of_space = {"spaceKey": "HR", "spaceId": int(space.id)}
        group = {"displayName": "confluence-users", "type": "group", "name": "confluence-users"}
        user = {"displayName": "Ann Lee", "type": "user", "userKey": world.author.user_key}

        assert listed(site, "/rest/api/space/HR/permissions") == [
            {"operation": READ, "subject": group, **of_space},
            {"operation": READ, "subject": user, **of_space},
            {"operation": {"targetType": "page", "operationKey": "create"}, "subject": user, **of_space},
        ]
        assert listed(site, "/rest/api/space/HR/permissions/anonymous") == [{"operation": READ, **of_space}]
        assert listed(site, "/rest/api/space/OLD/permissions/anonymous") == []
        assert site.ask("/rest/api/space/NONE/permissions").status_code == 404


def test_data_center_says_who_may_use_it() -> None:
    """By group and user, to administrators; whether anonymous visitors may is asked apart."""
    world = furnished_world()
    with Simulator(world, flavor="datacenter") as simulator:
        site = client(simulator)
        group = {"displayName": "confluence-users", "type": "group", "name": "confluence-users"}
        bot = {"displayName": "HR Bot", "type": "user", "userKey": world.bot.user_key}

        assert listed(site, "/rest/api/permissions") == [
            {"operation": USE, "subject": group},
            {"operation": {"targetType": "application", "operationKey": "administer"}, "subject": bot},
        ]
        assert listed(site, "/rest/api/permissions/anonymous") == [{"operation": USE}]
        world.forbid_site(anonymous=True)
        assert listed(site, "/rest/api/permissions/anonymous") == []


@pytest.mark.parametrize(
    ("version", "of_space", "of_site"),
    [("8.5.4", 404, 404), ("9.0.3", 404, 404), ("9.1.0", 200, 404), ("9.2", 200, 200)],
)
def test_older_versions_have_no_permissions(version: str, of_space: int, of_site: int) -> None:
    """Those of spaces are there from 9.1, those of the site from 9.2."""
    with Simulator(furnished_world(), flavor="datacenter", version=version) as simulator:
        site = client(simulator)

        for end in ("", "/anonymous"):
            assert site.ask(f"/rest/api/space/HR/permissions{end}").status_code == of_space
            assert site.ask(f"/rest/api/permissions{end}").status_code == of_site


@pytest.mark.parametrize("status", [500, 403])
def test_permissions_need_an_administrator(status: Literal[403, 500]) -> None:
    """Without the rights Data Center says 500 of a space, or 403 as documented, and 403 of the site."""
    world = furnished_world()
    world.forbid_site("administer", user=world.bot.username)
    with Simulator(world, flavor="datacenter", unprivileged_status=status) as simulator:
        site = client(simulator)

        for end in ("", "/anonymous"):
            assert site.ask(f"/rest/api/space/HR/permissions{end}").status_code == status
            assert site.ask(f"/rest/api/permissions{end}").status_code == 403
        assert site.get("/rest/api/space/HR")["key"] == "HR"
        world.permit_site("administer", group="confluence-users")
        assert site.ask("/rest/api/space/HR/permissions").status_code == 200


def test_rights_can_be_lost_for_a_while() -> None:
    """By a fault, on Data Center too."""
    with Simulator(furnished_world(), flavor="datacenter") as simulator:
        simulator.faults.add(Fault(kind="admin-rights-lost"))
        statuses = [client(simulator).ask("/rest/api/space/HR/permissions").status_code for _ in range(2)]

        assert statuses == [500, 200]
        assert simulator.faults.fired


def test_a_bare_list_can_be_spoiled() -> None:
    """The faults of permissions know Data Center's form, too."""
    with Simulator(furnished_world(), flavor="datacenter") as simulator:
        site, path = client(simulator), "/rest/api/space/HR/permissions"
        kinds = ("permissions-left-out", "permission-without-principal", "permission-without-id")
        found = []
        for kind in (*kinds, "permission-unknown-principal"):
            simulator.faults.add(Fault(kind=kind))
            found.append([row.get("subject") for row in listed(site, path)])
            simulator.faults.clear()

        name = {"displayName": "confluence-users"}
        assert found == [
            [],
            [None],
            [{**name, "type": "group"}],
            [{**name, "type": "team", "name": "confluence-users"}],
        ]


def test_a_site_of_roles_alone_shows_views_as_roles() -> None:
    """Its permissions name roles; who may view a space is the same in every mode."""
    world = furnished_world()
    world.permit_space("HR", user="ann.lee")
    world.permit_space("HR", user="ann.lee", operation="create", target_type="page")
    world.permit_space("HR", other=("team", "1"))
    with Simulator(world, space_role_mode="ROLES") as simulator:
        site, space = client(simulator), world.space("HR")
        viewer = world.role("Viewer").id
        rows = site.get(f"/api/v2/spaces/{space.id}/role-assignments")["results"]
        permissions = site.get(f"/api/v2/spaces/{space.id}/permissions")["results"]

        assert [row["roleId"] for row in rows] == [viewer] * 3
        assert {tuple(row["principal"].values()) for row in rows} == {
            ("GROUP", world.everybody.id),
            ("USER", world.author.account_id),
            ("ACCESS_CLASS", "all-licensed-users"),
        }
        assert [(row["principal"], row["operation"]) for row in permissions] == [
            ({"type": "role", "id": viewer}, {"key": "read", "targetType": "space"})
        ]


def test_v1_lists_classes_without_subjects() -> None:
    """Beside the users and groups of a space, where permissions are expanded."""
    world = furnished_world()
    world.permit_space("HR", user="ann.lee")
    world.permit_space("HR", everyone="ANONYMOUS_USERS")
    with Simulator(world, removed_v1=False) as simulator:
        space = client(simulator).get("/rest/api/space/HR", expand="permissions,description.plain")
        entries = space["permissions"]

        assert [list(row.get("subjects", {})) for row in entries] == [
            [],
            ["group", "_expandable"],
            ["user", "_expandable"],
            [],
        ]
        assert [row["anonymousAccess"] for row in entries] == [False, False, False, True]
        assert "permissions" not in space["_expandable"]
        assert "permissions" in client(simulator).get("/rest/api/space/HR")["_expandable"]


def asked(site: Client, page_id: str, kind: str, identifier: str, operation: str = "read") -> Any:
    """Ask whether somebody may do something with a page."""
    body = {"subject": {"type": kind, "identifier": identifier}, "operation": operation}
    return site.send(f"/rest/api/content/{page_id}/permission/check", body)


def test_a_check_names_the_layer_that_refuses() -> None:
    """The site, the space, or the content; for a group, there is no layer of the site."""
    world = furnished_world()
    world.add_group("outside")
    world.add_group("insiders")
    world.add_user("unlicensed", groups=("people-operations",))
    world.create_space("PAY", readers=("insiders", "confluence-users"))
    world.forbid_space("PAY", everyone="ALL_LICENSED_USERS")
    pay = world.create_page(space_key="PAY", title="Pay").id
    world.restrict_page(pay, groups=("insiders",))
    world.restrict_page(pay, users=("ann.lee",), groups=("insiders",), operation="update")
    carl = world.add_user("carl")
    with Simulator(world) as simulator:
        site = client(simulator)
        questions = {
            "bot": ("user", world.bot.account_id),
            "carl": ("user", carl.account_id),
            "unlicensed": ("user", world.user("unlicensed").account_id),
            "anonymous": ("user", "anonymous"),
            "insiders": ("group", world.group("insiders").id),
            "users": ("group", world.everybody.id),
            "outside": ("group", world.group("outside").id),
        }
        answers = {name: asked(site, pay, *question).json() for name, question in questions.items()}

        assert {name: answer["hasPermission"] for name, answer in answers.items()} == {
            **dict.fromkeys(questions, False),
            "bot": True,
            "insiders": True,
        }
        assert {name: [error["translation"] for error in answer["errors"]] for name, answer in answers.items()} == {
            "bot": [],
            "carl": ["User does not have permission to the content"],
            "unlicensed": ["User is not allowed to use Confluence"],
            "anonymous": ["Anonymous user does not have permission to the space"],
            "insiders": [],
            "users": ["Group does not have permission to the content"],
            "outside": ["Group does not have permission to the space"],
        }
        world.forbid_site(anonymous=True)
        refused = asked(site, pay, "user", "anonymous").json()["errors"]
        assert refused == [{"translation": "Anonymous users are not allowed to use Confluence", "args": []}]
        assert asked(site, pay, "group", world.group("insiders").id, "update").json()["hasPermission"]
        assert asked(site, pay, "user", world.bot.account_id, "delete").json()["hasPermission"]


def test_checks_agree_with_the_rule() -> None:
    """For every account and every page that the caller sees, below folders and across spaces."""
    world = furnished_world()
    for name in ("carl", "dora"):
        world.add_user(
            name, groups=("people-operations", "confluence-users") if name == "dora" else ("confluence-users",)
        )
    world.deactivate_user("carl")
    world.restrict_page(titled(world, "Forms").id, users=("carl",))
    with Simulator(world) as simulator:
        site = client(simulator)
        for page in (*world.pages(), *world.pages(kind="folder")):
            for user in world.users():
                answer = asked(site, page.id, "user", user.account_id).json()["hasPermission"]
                assert answer == world.may_read(page.id, Asker(user=user.account_id))


def test_a_check_of_others_needs_an_administrator() -> None:
    """Everybody may ask about themselves; what is absent or hidden is 404, a question without sense 400."""
    world = furnished_world()
    world.forbid_site("administer", user=world.bot.username)
    home = titled(world, "Home").id
    with Simulator(world) as simulator:
        site = client(simulator)

        assert asked(site, home, "user", world.bot.account_id).json()["hasPermission"]
        for kind, identifier in (
            ("user", world.author.account_id),
            ("user", "anonymous"),
            ("group", world.everybody.id),
        ):
            assert asked(site, home, kind, identifier).status_code == 403
        assert asked(site, "1", "user", world.bot.account_id).status_code == 404
        world.permit_site("administer", user=world.bot.username)
        wrong = [("user", "nobody", "read"), ("user", "ann.lee", "read"), ("group", "none", "read")]
        wrong += [("team", "1", "read"), ("user", world.bot.account_id, "print")]
        assert {asked(site, home, *question).status_code for question in wrong} == {400}
        assert site.send(f"/rest/api/content/{home}/permission/check", []).status_code == 400
        world.hide_page(home)
        assert asked(site, home, "user", world.bot.account_id).status_code == 404
    with Simulator(world, flavor="datacenter") as simulator:
        assert asked(client(simulator), home, "user", world.bot.account_id).status_code == 404


NODES = ("folder", "whiteboard", "database", "embed")


@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_restrictions_of_nodes_that_are_no_pages(status: Literal[200, 400, 403, 404]) -> None:
    """Answered like those of a page, or refused by a switch; pages are always answered."""
    world = furnished_world()
    leave = titled(world, "Leave")
    nodes = [world.create_page(space_key="HR", title=kind, parent_id=leave.id, kind=kind) for kind in NODES]  # type: ignore[arg-type]
    for node in nodes:
        world.restrict_page(node.id, groups=("people-operations",))
    with Simulator(world, node_restriction_status=status) as simulator:
        site = client(simulator)
        for node in (*nodes, leave):
            path = f"/rest/api/content/{node.id}/restriction"
            answers = [site.ask(path + end) for end in ("", "/byOperation", "/byOperation/read")]

            expected = 200 if node == leave else status
            assert {answer.status_code for answer in answers} == {expected}
            if expected == 200:
                groups = answers[1].json()["read"]["restrictions"]["group"]["results"]
                assert [row["name"] for row in groups] == ["people-operations"]


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_ancestors_name_nodes_of_every_kind(flavor: Literal["cloud", "datacenter"]) -> None:
    """Root first, in searches as in lists, with their types."""
    world = World()
    world.create_space("A")
    parent = world.create_page(space_key="A", title="Home")
    for kind in NODES:
        parent = world.create_page(space_key="A", title=kind, parent_id=parent.id, kind=kind)  # type: ignore[arg-type]
    page = world.create_page(space_key="A", title="Leaf", parent_id=parent.id)
    with Simulator(world, flavor=flavor, removed_v1=False) as simulator:
        site = client(simulator)
        found = site.get("/rest/api/content/search", cql=f"id = {page.id}", expand="ancestors")["results"]
        found += [site.get(f"/rest/api/content/{page.id}", expand="ancestors")]

        for row in found:
            assert [each["type"] for each in row["ancestors"]] == ["page", *NODES]
            assert row["ancestors"][-1]["id"] == parent.id
