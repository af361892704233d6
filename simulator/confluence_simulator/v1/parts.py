"""v1's parts of one piece of content: history, versions, labels, children, restrictions; and spaces."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v1.content import content_of, shown
from confluence_simulator.v1.expanded import history_object, label_object
from confluence_simulator.v1.expansion import Tree, limit_cap, parse_expand
from confluence_simulator.v1.lists import lowered_limit, offset_list
from confluence_simulator.v1.restrictions import (
    EXPANDED_BY_DEFAULT,
    OPERATIONS,
    by_operation,
    operation_object,
    restriction_list,
)
from confluence_simulator.v1.shapes import Document, is_cloud, space_object, top_links, version_object
from confluence_simulator.world import Content, Page, Space

Row = TypeVar("Row")
PART_CAP = 200
SPACE_CAP = 500
DEFAULT_LIMIT = 25
DEFAULT_RESTRICTED = 100


def _part(call: Call, rows: Sequence[Row], show: Callable[[Row], Document], default: int = PART_CAP) -> Answer:
    return Answer(document=offset_list(call, rows, show, limit=lowered_limit(call, default, PART_CAP)))


def history(call: Call) -> Answer:
    expand = call.query.many("expand")
    document = history_object(call, content_of(call), {name: {} for name in expand})
    document["_links"].update(base=call.site_url, context=call.tenant.context)
    return Answer(document=document)


def versions(call: Call) -> Answer:
    """Newest first."""
    states = call.world.versions(content_of(call).id)[::-1]
    return _part(call, states, lambda state: version_object(call, state))


def labels(call: Call) -> Answer:
    content = content_of(call)
    prefix = call.query.one("prefix")
    found = content.labels if isinstance(content, Page) else ()
    return _part(call, [label for label in found if not prefix or label.prefix == prefix], label_object)


def children(call: Call) -> Answer:
    """`/child/page`, `/child/attachment`, `/child/comment`."""
    content = content_of(call)
    tree = parse_expand(call.query)
    filename = call.query.one("filename")
    found: list[Content] = [
        row
        for row in call.world.under(content.id)
        if row.kind == call.captured["type"]
        and row.status == "current"
        and (not filename or row.title == filename)
        and call.sees(row)
    ]
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    return Answer(document=offset_list(call, found, lambda row: shown(call, row, tree), limit=limit))


def descendants(call: Call) -> Answer:
    content = content_of(call)
    tree = parse_expand(call.query)
    found = [row for row in call.world.descendants(content.id) if row.status == "current" and row.kind == "page"]
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    return Answer(document=offset_list(call, found, lambda row: shown(call, row, tree), limit=limit, sees=call.sees))


def restrictions_by_operation(call: Call) -> Answer:
    content = content_of(call)
    document = by_operation(call, content, dict.fromkeys(OPERATIONS, EXPANDED_BY_DEFAULT))
    document["_links"].update(base=call.site_url, context=call.tenant.context)
    return Answer(document=document)


def restrictions_of_operation(call: Call) -> Answer:
    """Answer the one list of restrictions that has pages: `start` and `limit` count users and groups alike."""
    content, operation = content_of(call), call.captured["operation"]
    if operation not in OPERATIONS:
        raise BadParameterError("operationKey", operation, "read or update")
    start, limit = call.query.integer("start", 0, low=0), lowered_limit(call, DEFAULT_RESTRICTED, PART_CAP)
    document = operation_object(call, content, operation, EXPANDED_BY_DEFAULT, start=start, limit=limit)
    document["_links"].update(base=call.site_url, context=call.tenant.context)
    return Answer(document=document)


def restrictions(call: Call) -> Answer:
    return restriction_list(call, content_of(call))


def spaces(call: Call) -> Answer:
    keys, ids = call.query.many("spaceKey"), call.query.many("spaceId")
    of_type = call.query.one("type")
    status = call.query.one("status").lower()
    found = [
        space
        for space in call.world.spaces()
        if (not keys or call.is_named(space, keys))
        and (not ids or space.id in ids)
        and (not of_type or space.type == of_type)
        and (not status or space.status == status)
        and call.sees_space(space)
    ]
    described = any(name.startswith("description") for name in call.query.many("expand"))
    tree: Tree = {"description": {}} if described else {}
    limit = lowered_limit(call, DEFAULT_LIMIT, SPACE_CAP)
    return Answer(document=offset_list(call, found, lambda space: space_object(call, space, tree), limit=limit))


def space(call: Call) -> Answer:
    key = call.captured["key"]
    found: Space | None = next((space for space in call.world.spaces() if call.is_named(space, (key,))), None)
    if found is None or not call.sees_space(found):
        reason = "" if is_cloud(call) else "Not Found"
        message = f"No space with key : {key}"
        raise RefusedError(v1_refusal(404, "NotFoundException", message, authorized=False, reason=reason))
    document = space_object(call, found)
    document["_links"].update(top_links(call), collection="/rest/api/space")
    return Answer(document=document)


ALIVE_ROUTES = (
    Route("GET", "/rest/api/content/{id}/restriction/byOperation", restrictions_by_operation),
    Route("GET", "/rest/api/content/{id}/restriction/byOperation/{operation}", restrictions_of_operation),
    Route("GET", "/rest/api/content/{id}/restriction", restrictions),
)
REMOVED_ROUTES = (
    Route("GET", "/rest/api/content/{id}/history", history),
    Route("GET", "/rest/api/content/{id}/version", versions),
    Route("GET", "/rest/api/content/{id}/label", labels),
    Route("GET", "/rest/api/content/{id}/child/{type}", children),
    Route("GET", "/rest/api/content/{id}/descendant/page", descendants),
    Route("GET", "/rest/api/space", spaces),
    Route("GET", "/rest/api/space/{key}", space),
)
