"""v1's restrictions: a page's own, by operation. What its ancestors add is not shown; readers must add it up."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.v1.expansion import Tree
from confluence_simulator.v1.people import cloud_group, datacenter_group
from confluence_simulator.v1.shapes import is_cloud, user_object
from confluence_simulator.world import Content, Page, Restriction

Document = dict[str, Any]
OPERATIONS = ("read", "update")
LISTED_AT_MOST = 200


EXPANDED_BY_DEFAULT: Tree = {"restrictions": {"user": {}, "group": {}}}


def by_operation(call: Call, content: Content, tree: Tree) -> Document:
    """Both operations are there even when nothing is restricted. `tree` is relative to `restrictions`."""
    own = f"{call.site_url}/rest/api/content/{content.id}/restriction/byOperation"
    return {
        **{operation: operation_object(call, content, operation, tree.get(operation, {})) for operation in OPERATIONS},
        "_links": {"self": own},
    }


def operation_object(
    call: Call, content: Content, operation: str, tree: Tree, *, start: int = 0, limit: int = LISTED_AT_MOST
) -> Document:
    """Users and groups are lists of their own, cut at 200 with `size` equal to `limit`."""
    path = f"/rest/api/content/{content.id}"
    wanted = tree.get("restrictions", {})
    members = _members(call, content, operation)
    shown = {name: _listed(call, rows, start, limit) for name, rows in members.items() if name in wanted}
    expandable = {name: "" for name in members if name not in wanted}
    return {
        "operation": operation,
        "restrictions": {**shown, **({"_expandable": expandable} if expandable else {})},
        "_expandable": {"content": path},
        "_links": {"self": f"{call.site_url}{path}/restriction/byOperation/{operation}"},
    }


def _members(call: Call, content: Content, operation: str) -> dict[str, list[Document]]:
    restriction = Restriction()
    if isinstance(content, Page):
        restriction = content.read if operation == "read" else content.update
    group = cloud_group if is_cloud(call) else datacenter_group
    return {
        "user": [user_object(call, account_id) for account_id in restriction.users],
        "group": [group(call.world.group(group_id), call.site_url) for group_id in restriction.groups],
    }


def _listed(call: Call, rows: list[Document], start: int, limit: int) -> Document:
    limit = min(limit, call.conditions.permissions_cap or LISTED_AT_MOST)
    shown = rows[start : start + limit]
    return {"results": shown, "start": start, "limit": limit, "size": len(shown)}


def restriction_list(call: Call, content: Content) -> Answer:
    results = [operation_object(call, content, operation, EXPANDED_BY_DEFAULT) for operation in OPERATIONS]
    own = f"{call.site_url}/rest/api/content/{content.id}/restriction"
    return Answer(
        document={
            "results": results,
            "start": 0,
            "limit": 100,
            "size": len(results),
            "restrictionsHash": str(content.changed_at.timestamp()),
            "_links": {"self": own, "base": call.site_url, "context": call.tenant.context},
        }
    )
