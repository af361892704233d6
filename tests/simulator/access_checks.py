"""Effects of the faults of access."""

from confluence_simulator import Simulator

from tests.simulator.fault_probes import Check
from tests.simulator.sites import Client, titled


def permissions_path(simulator: Simulator) -> str:
    """Return where the permissions of space HR are listed."""
    return f"/api/v2/spaces/{simulator.world.space('HR').id}/permissions"


def check_left_out(simulator: Simulator, site: Client) -> None:
    documents = [site.get(permissions_path(simulator), limit=1) for _ in range(2)]
    assert [len(document["results"]) for document in documents] == [0, 1]
    assert ["next" in document["_links"] for document in documents] == [False, True]


def check_without_principal(simulator: Simulator, site: Client) -> None:
    first, second = site.get(permissions_path(simulator))["results"]
    assert "principal" not in first
    assert "principal" in second


def check_without_id(simulator: Simulator, site: Client) -> None:
    first, second = site.get(permissions_path(simulator))["results"]
    assert first["principal"] == {"type": "group"}
    assert second["principal"] == {"type": "access-class", "id": "ALL_LICENSED_USERS"}


def check_unknown_principal(simulator: Simulator, site: Client) -> None:
    first, second = site.get(permissions_path(simulator))["results"]
    assert (first["principal"]["type"], second["principal"]["type"]) == ("team", "access-class")


def check_role_mode(_: Simulator, site: Client) -> None:
    assert [site.get("/api/v2/space-role-mode")["mode"] for _ in range(2)] == ["ROLES_OF_ANOTHER_KIND", "PRE_ROLES"]


def check_role_permissions(_: Simulator, site: Client) -> None:
    first, second = site.get("/api/v2/space-roles")["results"][:2]
    assert "spacePermissions" not in first
    assert second["spacePermissions"]


def check_restriction_ids(simulator: Simulator, site: Client) -> None:
    path = f"/rest/api/content/{titled(simulator.world, 'Leave').id}/restriction/byOperation"
    users = [site.get(path)["read"]["restrictions"]["user"]["results"] for _ in range(2)]
    assert [["accountId" in user for user in listed] for listed in users] == [[False, False], [True, True]]


def check_rights_lost(simulator: Simulator, site: Client) -> None:
    asked = {"subject": {"type": "user", "identifier": simulator.world.author.account_id}, "operation": "read"}
    path = f"/rest/api/content/{titled(simulator.world, 'Home').id}/permission/check"
    assert [site.send(path, asked).status_code for _ in range(2)] == [403, 200]


def check_key_ends(_: Simulator, site: Client) -> None:
    """Make the key at the request of the fault, which comes too early for it; its effect has a test of its own."""
    assert site.send("/api/v2/admin-key", {}).status_code == 200


def check_tokens(simulator: Simulator, site: Client) -> None:
    """Ask a site without an OAuth client, which the fault leaves as it is; its effect has a test of its own."""
    assert site.get("/api/v2/spaces", limit=1)["results"]
    assert simulator.tenant.client_id == ""


def check_forbid(_: Simulator, site: Client) -> None:
    assert [row["key"] for row in site.get("/api/v2/spaces")["results"]] == ["OLD", "~ann"]


def check_leave(simulator: Simulator, site: Client) -> None:
    path = f"/rest/api/group/{simulator.world.everybody.id}/membersByGroupId"
    assert [row["displayName"] for row in site.get(path)["results"]] == ["HR Bot"]


ACCESS_EXPECTED: dict[str, Check] = {
    "permissions-left-out": check_left_out,
    "permission-without-principal": check_without_principal,
    "permission-without-id": check_without_id,
    "permission-unknown-principal": check_unknown_principal,
    "role-mode-unknown": check_role_mode,
    "role-without-permissions": check_role_permissions,
    "restriction-without-user-id": check_restriction_ids,
    "token-expiry": check_tokens,
    "tokens-end": check_tokens,
    "admin-key-ends": check_key_ends,
    "admin-rights-lost": check_rights_lost,
    "forbid-during-walk": check_forbid,
    "leave-during-walk": check_leave,
}
