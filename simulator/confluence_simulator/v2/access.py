"""Cloud v2: who may do what in a space, by single permissions and by roles."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.routes import Route
from confluence_simulator.v2.lists import list_answer
from confluence_simulator.v2.spaces import space_of
from confluence_simulator.world import Space
from confluence_simulator.world.classes import in_roles
from confluence_simulator.world.records import RoleAssignment, SpacePermission, SpaceRole
from confluence_simulator.world.roles import VIEWER

PRINCIPALS = ("user", "group", "access-class")


def permissions(call: Call) -> Answer:
    """Answer the single permissions of a space; `access-class` is a principal type that the API document omits."""
    space = space_of(call)
    rows = _of_roles(call, space) if call.tenant.space_role_mode == "ROLES" else space.permissions

    def show(permission: SpacePermission) -> dict[str, Any]:
        return {
            "id": permission.id,
            "principal": {"type": permission.principal_type, "id": permission.principal_id},
            "operation": {"key": permission.operation, "targetType": permission.target_type},
        }

    return list_answer(
        call,
        lambda: rows,
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
    numbered = list(enumerate(_assignments(call, space), start=1))

    def show(row: tuple[int, RoleAssignment]) -> dict[str, Any]:
        principal = {"principalType": row[1].principal_type, "principalId": row[1].principal_id}
        return {"principal": principal, "roleId": row[1].role.id}

    return list_answer(call, lambda: numbered, lambda row: (row[0], row[0]), show, cursor_first=False)


def _assignments(call: Call, space: Space) -> list[RoleAssignment]:
    """Return who has which role. A site of roles alone shows each permission to view the space as the role Viewer."""
    if call.tenant.space_role_mode != "ROLES":
        return list(space.roles)
    viewer = call.world.role(VIEWER)
    viewers = [
        RoleAssignment(principal_type="ACCESS_CLASS", principal_id=in_roles(row.principal_id), role=viewer)
        if row.principal_type == "access-class"
        else RoleAssignment(principal_type=row.principal_type.upper(), principal_id=row.principal_id, role=viewer)
        for row in space.permissions
        if (row.operation, row.target_type) == ("read", "space") and row.principal_type in PRINCIPALS
    ]
    return [*space.roles, *viewers]


def _of_roles(call: Call, space: Space) -> list[SpacePermission]:
    """Return the permissions of a site of roles alone: those of each role that somebody has in the space."""
    held = {row.role.id: row.role for row in _assignments(call, space)}
    pairs = [(role, permission) for role in held.values() for permission in role.permissions]
    return [
        SpacePermission(
            id=str(number),
            principal_type="role",
            principal_id=role.id,
            operation=permission.partition("/")[0],
            target_type=permission.partition("/")[2],
        )
        for number, (role, permission) in enumerate(pairs, start=1)
    ]


ROUTES = (
    Route("GET", "/api/v2/spaces/{id}/permissions", permissions),
    Route("GET", "/api/v2/space-role-mode", role_mode),
    Route("GET", "/api/v2/space-roles", roles),
    Route("GET", "/api/v2/spaces/{id}/role-assignments", role_assignments),
)
