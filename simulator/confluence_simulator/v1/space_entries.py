"""What Cloud's v1 adds to a space with `expand=permissions`: the entries of access classes come without `subjects`."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.v1.people import cloud_group
from confluence_simulator.v1.shapes import user_object
from confluence_simulator.world import Space
from confluence_simulator.world.access import ANONYMOUS
from confluence_simulator.world.records import SpacePermission


def permission_entries(call: Call, space: Space) -> list[dict[str, Any]]:
    """Return one entry for each permission in the space."""
    return [_entry(call, row) for row in space.permissions]


def _entry(call: Call, row: SpacePermission) -> dict[str, Any]:
    found: dict[str, Any] = {"id": int(row.id)}
    if row.principal_type == "user":
        found["subjects"] = {"user": {"results": [user_object(call, row.principal_id)], "size": 1}, "_expandable": {}}
    if row.principal_type == "group":
        group = cloud_group(call.world.group(row.principal_id), call.site_url)
        found["subjects"] = {"group": {"results": [group], "size": 1}, "_expandable": {}}
    return {
        **found,
        "operation": {"operation": row.operation, "targetType": row.target_type},
        "anonymousAccess": row.principal_id == ANONYMOUS,
        "unlicensedAccess": False,
    }
