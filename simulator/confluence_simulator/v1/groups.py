"""v1's groups: all of them, their members, the groups around them, and the groups of a user.

Cloud counts the members of nested groups among those of the outer group; Data Center does so by a switch, and lists the
nested groups themselves.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v1.lists import offset_list
from confluence_simulator.v1.people import cloud_group, datacenter_group
from confluence_simulator.v1.shapes import is_cloud, user_object
from confluence_simulator.world import Group, User, WorldError
from confluence_simulator.world.groups import ADMINISTER, USE, groups_around

Row = TypeVar("Row")
MOST = 200
ACCESS_TYPES = ("user", "admin", "site-admin")


def groups(call: Call) -> Answer:
    """Answer all groups by name; on Cloud, `accessType` leaves those that may use or administer Confluence."""
    found = call.world.groups()
    access = call.query.choice("accessType", ACCESS_TYPES) if is_cloud(call) else ""
    if access:
        permitted = {group.id for group in call.world.permitted_groups(USE if access == "user" else ADMINISTER)}
        found = [group for group in found if group.id in permitted]
    return _listed(call, sorted(found, key=lambda group: group.name), lambda group: group_object(call, group))


def group(call: Call) -> Answer:
    """Answer one group: by `id` or `name` on Cloud, by the name in the path on Data Center."""
    if is_cloud(call):
        by_id = call.route.endswith("/by-id")
        return Answer(document=group_object(call, _named(call, call.query.one("id" if by_id else "name"), by_id=by_id)))
    return Answer(document=group_object(call, _of_path(call)))


def members(call: Call) -> Answer:
    """Answer the active members of the group that the path names: by id on Cloud, by name on Data Center."""
    nested = is_cloud(call) or call.tenant.flatten_groups
    found = call.world.members(_of_path(call).id, nested=nested)
    answer = _listed(call, found, lambda user: user_object(call, user.account_id))
    if is_cloud(call) and call.query.flag("shouldReturnTotalSize"):
        answer.document["totalSize"] = len(found)
    return answer


def nested_groups(call: Call) -> Answer:
    """Answer the groups that are direct members of a group."""
    found = [call.world.group(group_id) for group_id in _of_path(call).groups]
    return _listed(call, found, lambda group: group_object(call, group))


def outer_groups(call: Call) -> Answer:
    """Answer the groups that a group is a member of, directly or through others."""
    return _listed(call, groups_around(call.world, _of_path(call)), lambda group: group_object(call, group))


def groups_of_user(call: Call) -> Answer:
    """Answer the groups of the user that `accountId` (Cloud), `key` or `username` (Data Center) names."""
    names = ("accountId",) if is_cloud(call) else ("key", "username")
    wanted = next((call.query.one(name) for name in names if name in call.query), "")
    try:
        user: User = call.world.user(wanted)
    except WorldError as error:
        raise _not_found(f"No user with id: {wanted}") from error
    ids = user.all_groups if is_cloud(call) or call.tenant.flatten_groups else user.groups
    return _listed(call, [call.world.group(group_id) for group_id in ids], lambda group: group_object(call, group))


def group_object(call: Call, group: Group) -> dict[str, Any]:
    """Return a group as the flavour shows it."""
    return cloud_group(group, call.site_url) if is_cloud(call) else datacenter_group(group, call.site_url)


def _of_path(call: Call) -> Group:
    return _named(call, call.captured["group"], by_id=is_cloud(call))


def _named(call: Call, wanted: str, *, by_id: bool) -> Group:
    for group in call.world.groups():
        if wanted == (group.id if by_id else group.name):
            return group
    raise _not_found(f"No group with id or name: {wanted}")


def _listed(call: Call, rows: Sequence[Row], show: Callable[[Row], dict[str, Any]]) -> Answer:
    limit = call.query.integer("limit", MOST, low=0)
    if limit > MOST:
        raise BadParameterError("limit", str(limit), f"at most {MOST}")
    cap = call.conditions.limit_cap
    return Answer(document=offset_list(call, rows, show, limit=min(limit, cap) if cap else limit))


def _not_found(message: str) -> RefusedError:
    return RefusedError(v1_refusal(404, "NotFoundException", message, authorized=False))


CLOUD_ROUTES = (
    Route("GET", "/rest/api/group", groups),
    Route("GET", "/rest/api/group/by-id", group),
    Route("GET", "/rest/api/group/by-name", group),
    Route("GET", "/rest/api/group/{group}/membersByGroupId", members),
    Route("GET", "/rest/api/user/memberof", groups_of_user),
)
DATACENTER_ROUTES = (
    Route("GET", "/rest/api/group", groups),
    Route("GET", "/rest/api/group/{group}", group),
    Route("GET", "/rest/api/group/{group}/member", members),
    Route("GET", "/rest/api/group/{group}/groupmember", nested_groups),
    Route("GET", "/rest/api/group/{group}/groupancestor", outer_groups),
    Route("GET", "/rest/api/user/memberof", groups_of_user),
)
