"""v1's permissions: of a space and of the site on Data Center; whether somebody may read a page on Cloud."""

from typing import Any

import orjson

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, no_such_page, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v1.content import content_of
from confluence_simulator.v1.parts import space_of
from confluence_simulator.world import SitePermission, Space, User, WorldError
from confluence_simulator.world.access import ANONYMOUS, refusal, refusal_of_group
from confluence_simulator.world.records import Operation, SpacePermission

SPACES_FROM = (9, 1)
SITE_FROM = (9, 2)
CHECKED: dict[str, Operation] = {"read": "read", "update": "update", "delete": "update"}
LAYERS = {
    "site": "is not allowed to use Confluence",
    "space": "does not have permission to the space",
    "content": "does not have permission to the content",
}


def space_permissions(call: Call) -> Answer:
    """Answer the permissions of users and groups in a space: a bare list, without pages and without anonymous ones."""
    space = _administered_space(call)
    found = [row for row in space.permissions if row.principal_type in ("user", "group")]
    return Answer(document=[_of_space(call, space, row) for row in found])


def anonymous_space_permissions(call: Call) -> Answer:
    """Answer what anonymous visitors may do in a space; entries name no subject."""
    space = _administered_space(call)
    found = [row for row in space.permissions if row.principal_id == ANONYMOUS]
    return Answer(document=[_of_space(call, space, row) for row in found])


def site_permissions(call: Call) -> Answer:
    """Answer who may use and who administers Confluence, to administrators alone."""
    return _of_site(call, ("user", "group"))


def anonymous_site_permissions(call: Call) -> Answer:
    """Answer whether anonymous visitors may use Confluence."""
    return _of_site(call, ("access-class",))


def check(call: Call) -> Answer:
    """Answer whether a user or a group may read, update or delete content, and which layer refuses it.

    Whoever asks about others than themselves must be an administrator.
    """
    content = content_of(call)
    kind, identifier, operation = _question(call)
    if kind == "group":
        _must_administer(call)
        found = next((group for group in call.world.groups() if group.id == identifier), None)
        if found is None:
            raise BadParameterError("subject", identifier, "the id of a group")
        return _verdict(call, "Group", refusal_of_group(call.world, content, found, operation))
    user = _subject(call, identifier)
    if user is None or call.user is None or user.account_id != call.user.account_id:
        _must_administer(call)
    if user is None:
        refused = refusal(call.world, content, None, operation)
        plural = "Anonymous users are not allowed to use Confluence"
        return _verdict(call, "Anonymous user", refused, plural if refused == "site" else "")
    return _verdict(call, "User", refusal(call.world, content, user, operation))


def _question(call: Call) -> tuple[str, str, Operation]:
    try:
        given = orjson.loads(call.request.body)
        kind, identifier = given["subject"]["type"], given["subject"]["identifier"]
        operation = CHECKED[given["operation"]]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadParameterError("subject, operation", "", "a subject with type and identifier, and read") from error
    if kind not in ("user", "group"):
        raise BadParameterError("subject", str(kind), "user or group")
    return kind, str(identifier), operation


def _subject(call: Call, identifier: str) -> User | None:
    """Return the user of this account id; None for `anonymous`."""
    if identifier == "anonymous":
        return None
    try:
        user = call.world.user(identifier)
    except WorldError as error:
        raise BadParameterError("subject", identifier, "an account id") from error
    if user.account_id != identifier:
        raise BadParameterError("subject", identifier, "an account id")
    return user


def _verdict(call: Call, who: str, refused: str | None, message: str = "") -> Answer:
    links = {"base": call.site_url, "context": call.tenant.context, "self": call.site_url + call.route}
    document: dict[str, Any] = {"hasPermission": refused is None, "errors": [], "_links": links}
    if refused is not None:
        document["errors"] = [{"translation": message or f"{who} {LAYERS[refused]}", "args": []}]
    return Answer(document=document)


def _must_administer(call: Call) -> None:
    if not call.administers:
        message = "Only Confluence administrators may check the permissions of others"
        raise RefusedError(v1_refusal(403, "PermissionException", message, authorized=False))


def _administered_space(call: Call) -> Space:
    """Return the space that the path names; refuse older versions, spaces that are not shown, and missing rights."""
    if not call.tenant.at_least(*SPACES_FROM):
        raise RefusedError(no_such_page())
    space = space_of(call)
    if not call.administers:
        if call.tenant.unprivileged_status == 500:
            raise RefusedError(v1_refusal(500, "ServiceException", "Internal Server Error"))
        message = "Not permitted to view the permissions of this space"
        raise RefusedError(v1_refusal(403, "PermissionException", message, authorized=False))
    return space


def _of_space(call: Call, space: Space, row: SpacePermission) -> dict[str, Any]:
    found: dict[str, Any] = {"operation": {"targetType": row.target_type, "operationKey": row.operation}}
    if row.principal_type in ("user", "group"):
        found["subject"] = _named(call, row.principal_type, row.principal_id)
    return {**found, "spaceKey": space.key, "spaceId": int(space.id)}


def _of_site(call: Call, types: tuple[str, ...]) -> Answer:
    if not call.tenant.at_least(*SITE_FROM):
        return no_such_page()
    if not call.administers:
        message = "Not permitted to view global permissions"
        return v1_refusal(403, "PermissionException", message, authorized=False)
    found = [row for row in call.world.store.permissions if row.principal_type in types]
    return Answer(document=[_entry(call, row) for row in found])


def _entry(call: Call, row: SitePermission) -> dict[str, Any]:
    found: dict[str, Any] = {"operation": {"targetType": "application", "operationKey": row.operation}}
    if row.principal_type != "access-class":
        found["subject"] = _named(call, row.principal_type, row.principal_id)
    return found


def _named(call: Call, principal_type: str, principal_id: str) -> dict[str, Any]:
    """Return a user by key, or a group by name."""
    if principal_type == "group":
        name = call.world.group(principal_id).name
        return {"displayName": name, "type": "group", "name": name}
    user = call.world.user(principal_id)
    return {"displayName": user.display_name, "type": "user", "userKey": user.user_key}


CLOUD_ROUTES = (Route("POST", "/rest/api/content/{id}/permission/check", check),)
DATACENTER_ROUTES = (
    Route("GET", "/rest/api/space/{key}/permissions", space_permissions),
    Route("GET", "/rest/api/space/{key}/permissions/anonymous", anonymous_space_permissions),
    Route("GET", "/rest/api/permissions", site_permissions),
    Route("GET", "/rest/api/permissions/anonymous", anonymous_site_permissions),
)
