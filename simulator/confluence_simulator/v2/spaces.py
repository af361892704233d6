"""Cloud v2: spaces."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.v2.lists import list_answer
from confluence_simulator.v2.shapes import space_object
from confluence_simulator.world import Space

TYPES = ("global", "collaboration", "knowledge_base", "personal")
STATUSES = ("current", "archived")
SORTS = ("id", "-id", "key", "-key", "name", "-name")
DESCRIPTION_FORMATS = ("plain", "view")


def spaces(call: Call) -> Answer:
    """List spaces; archived ones too unless `status` says otherwise."""
    ids, keys = call.query.ids("ids", most=250), call.query.many("keys", most=250)
    of_type, status = call.query.choice("type", TYPES), call.query.choice("status", STATUSES)
    labels = call.query.many("labels")
    description_format = call.query.choice("description-format", DESCRIPTION_FORMATS)
    sort = call.query.choice("sort", SORTS, "id")

    def matches(space: Space) -> bool:
        return (
            (not ids or space.id in ids)
            and (not keys or call.is_named(space, keys))
            and (not of_type or space.type == of_type)
            and (not status or space.status == status)
            and (not labels or any(label.name in labels for label in space.labels))
        )

    def key(space: Space) -> tuple[str | int, int]:
        order = sort.removeprefix("-")
        values: dict[str, str | int] = {"id": int(space.id), "key": space.key, "name": space.name}
        return values[order], int(space.id)

    def show(space: Space) -> dict[str, Any]:
        return space_object(space, description_format)

    return list_answer(
        call,
        lambda: [space for space in call.world.spaces() if matches(space)],
        key,
        show,
        sort=sort,
        cursor_first=False,
        sees=call.sees_space,
    )


def space(call: Call) -> Answer:
    document = space_object(space_of(call), call.query.choice("description-format", DESCRIPTION_FORMATS))
    document["_links"]["base"] = call.site_url
    return Answer(document=document)


def space_of(call: Call) -> Space:
    """Return the space that the path names."""
    space_id = call.captured_id()
    found = next((space for space in call.world.spaces() if space.id == space_id), None)
    if found is None or not call.sees_space(found):
        raise RefusedError(v2_not_found("space", space_id))
    return found


ROUTES = (
    Route("GET", "/api/v2/spaces", spaces),
    Route("GET", "/api/v2/spaces/{id}", space),
)
