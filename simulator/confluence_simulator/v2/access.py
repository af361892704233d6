"""Cloud v2: who may do what in a space, by single permissions and by roles."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.routes import Route
from confluence_simulator.v2.lists import list_answer
from confluence_simulator.v2.spaces import space_of
from confluence_simulator.world.records import RoleAssignment, SpacePermission, SpaceRole


def permissions(call: Call) -> Answer:
    """Answer the single permissions of a space; `access-class` is a principal type that the API document omits."""
    space = space_of(call)

    def show(permission: SpacePermission) -> dict[str, Any]:
        return {
            "id": permission.id,
            "principal": {"type": permission.principal_type, "id": permission.principal_id},
            "operation": {"key": permission.operation, "targetType": permission.target_type},
        }

    return list_answer(
        call,
        lambda: space.permissions,
        lambda permission: (int(permission.id), int(permission.id)),
        show,
        cursor_first=False,
    )


def role_mode(call: Call) -> Answer:
    """Answer how far the site has come from permissions to roles; some sites leave the member out."""
    mode = call.tenant.space_role_mode
    return Answer(document={"mode": mode} if mode else {})


def roles(call: Call) -> Answer:
    """Answer the roles of the site, each with the permissions that it consists of."""
    known = call.world.roles()

    def show(role: SpaceRole) -> dict[str, Any]:
        return {
            "id": role.id,
            "type": role.type,
            "displayName": role.name,
            "description": role.description,
            "spacePermissions": list(role.permissions),
        }

    return list_answer(call, lambda: known, lambda role: (int(role.number), int(role.number)), show, cursor_first=False)


def role_assignments(call: Call) -> Answer:
    """Answer who has which role in a space."""
    space = space_of(call)
    numbered = list(enumerate(space.roles, start=1))

    def show(row: tuple[int, RoleAssignment]) -> dict[str, Any]:
        principal = {"principalType": row[1].principal_type, "principalId": row[1].principal_id}
        return {"principal": principal, "roleId": row[1].role.id}

    return list_answer(call, lambda: numbered, lambda row: (row[0], row[0]), show, cursor_first=False)


ROUTES = (
    Route("GET", "/api/v2/spaces/{id}/permissions", permissions),
    Route("GET", "/api/v2/space-role-mode", role_mode),
    Route("GET", "/api/v2/space-roles", roles),
    Route("GET", "/api/v2/spaces/{id}/role-assignments", role_assignments),
)
