"""v1's groups: the members of a group, and the groups of a user. Lists hold what the server has flattened."""

from collections.abc import Sequence
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v1.lists import offset_list
from confluence_simulator.v1.people import cloud_group, datacenter_group
from confluence_simulator.v1.shapes import is_cloud, user_object
from confluence_simulator.world import Group, User, WorldError

MOST = 200


def members(call: Call) -> Answer:
    """Answer the members of the group that the path names: by id on Cloud, by name on Data Center."""
    wanted = call.captured["group"]
    groups = call.world.groups()
    group = next((group for group in groups if wanted == (group.id if is_cloud(call) else group.name)), None)
    if group is None:
        raise _not_found(f"No group with id or name: {wanted}")
    found = [user for user in call.world.users() if group.id in user.groups and user.active]
    return _listed(call, found, lambda user: user_object(call, user.account_id))


def groups_of_user(call: Call) -> Answer:
    """Answer the groups of the user that `accountId` (Cloud), `key` or `username` (Data Center) names."""
    names = ("accountId",) if is_cloud(call) else ("key", "username")
    wanted = next((call.query.one(name) for name in names if name in call.query), "")
    try:
        user: User = call.world.user(wanted)
    except WorldError as error:
        raise _not_found(f"No user with id: {wanted}") from error
    groups = [call.world.group(group_id) for group_id in user.groups]
    return _listed(call, groups, lambda group: _group(call, group))


def _group(call: Call, group: Group) -> dict[str, Any]:
    return cloud_group(group, call.site_url) if is_cloud(call) else datacenter_group(group, call.site_url)


def _listed(call: Call, rows: Sequence[Any], show: Any) -> Answer:
    limit = call.query.integer("limit", MOST, low=0)
    if limit > MOST:
        raise BadParameterError("limit", str(limit), f"at most {MOST}")
    cap = call.conditions.limit_cap
    return Answer(document=offset_list(call, rows, show, limit=min(limit, cap) if cap else limit))


def _not_found(message: str) -> RefusedError:
    return RefusedError(v1_refusal(404, "NotFoundException", message, authorized=False))


CLOUD_ROUTES = (
    Route("GET", "/rest/api/group/{group}/membersByGroupId", members),
    Route("GET", "/rest/api/user/memberof", groups_of_user),
)
DATACENTER_ROUTES = (
    Route("GET", "/rest/api/group/{group}/member", members),
    Route("GET", "/rest/api/user/memberof", groups_of_user),
)
