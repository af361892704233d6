"""v1's audit log: who changed what, from the world's events, newest first."""

from datetime import datetime
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.v1.lists import lowered_limit, offset_list
from confluence_simulator.world import Event

DEFAULT_LIMIT = 1000
CATEGORIES = {"content_permissions_updated": "Permissions"}


def audit(call: Call) -> Answer:
    """`startDate` and `endDate` are milliseconds since 1970; `searchString` is looked for in the summary."""
    start = call.query.integer("startDate", 0, low=0)
    end = call.query.integer("endDate", 2**62, low=0)
    wanted = call.query.one("searchString").lower()
    found = [
        event
        for event in reversed(call.world.events)
        if start <= _milliseconds(event.at) <= end and wanted in _summary(event).lower()
    ]
    limit = lowered_limit(call, DEFAULT_LIMIT, DEFAULT_LIMIT)
    return Answer(document=offset_list(call, found, lambda event: _record(call, event), limit=limit))


def _record(call: Call, event: Event) -> dict[str, Any]:
    actor = call.world.user(event.actor_id)
    content = call.world.find(event.content_id)
    return {
        "author": {
            "type": "user",
            "displayName": actor.display_name,
            "operations": None,
            "username": actor.username,
            "userKey": actor.user_key,
            "accountId": actor.account_id,
            "accountType": "atlassian",
            "isExternalCollaborator": False,
            "publicName": actor.display_name,
        },
        "remoteAddress": "127.0.0.1",
        "creationDate": _milliseconds(event.at),
        "summary": _summary(event),
        "description": "",
        "category": CATEGORIES.get(event.name, "Pages"),
        "sysAdmin": False,
        "superAdmin": False,
        "affectedObject": {"name": "" if content is None else content.title, "objectType": "Page"},
        "changedValues": _changed_values(event),
        "associatedObjects": [{"name": event.content_id, "objectType": "Content"}],
    }


def _changed_values(event: Event) -> list[dict[str, str]]:
    if event.name != "page_moved":
        return []
    return [{"name": "parent", "oldValue": event.old_parent_id or "", "newValue": event.new_parent_id or ""}]


def _summary(event: Event) -> str:
    return event.name.replace("_", " ").capitalize()


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
