"""v1's parts of one piece of content: history, versions, labels, children, restrictions; and spaces."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, forbidden, not_found, v1_refusal
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
from confluence_simulator.v1.space_entries import permission_entries
from confluence_simulator.world import Content, Page, Space

Row = TypeVar("Row")
PART_CAP = 200
SPACE_CAP = 500
DEFAULT_LIMIT = 25
DEFAULT_RESTRICTED = 100
NODES = frozenset({"folder", "whiteboard", "database", "embed"})


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


def _restricted(call: Call) -> Content:
    """Return the content whose restrictions are asked for; refuse nodes that are no pages where a switch says so."""
    content, status = content_of(call), call.tenant.node_restriction_status
    if content.kind not in NODES or status == 200:
        return content
    if status == 404:
        raise RefusedError(not_found(call.request.path, content.id))
    if status == 403:
        raise RefusedError(forbidden(call.request.path))
    raise RefusedError(v1_refusal(400, "BadRequestException", f"Content of type {content.kind} is not supported"))


def restrictions_by_operation(call: Call) -> Answer:
    content = _restricted(call)
    document = by_operation(call, content, dict.fromkeys(OPERATIONS, EXPANDED_BY_DEFAULT))
    document["_links"].update(base=call.site_url, context=call.tenant.context)
    return Answer(document=document)


def restrictions_of_operation(call: Call) -> Answer:
    """Answer the one list of restrictions that has pages: `start` and `limit` count users and groups alike."""
    content, operation = _restricted(call), call.captured["operation"]
    if operation not in OPERATIONS:
        raise BadParameterError("operationKey", operation, "read or update")
    start, limit = call.query.integer("start", 0, low=0), lowered_limit(call, DEFAULT_RESTRICTED, PART_CAP)
    document = operation_object(call, content, operation, EXPANDED_BY_DEFAULT, start=start, limit=limit)
    document["_links"].update(base=call.site_url, context=call.tenant.context)
    return Answer(document=document)


def restrictions(call: Call) -> Answer:
    return restriction_list(call, _restricted(call))


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
    limit = lowered_limit(call, DEFAULT_LIMIT, SPACE_CAP)
    return Answer(document=offset_list(call, found, lambda space: _expanded_space(call, space), limit=limit))


def space(call: Call) -> Answer:
    """Answer one space."""
    found = space_of(call)
    document = _expanded_space(call, found)
    document["_links"].update(top_links(call), collection="/rest/api/space")
    return Answer(document=document)


def _expanded_space(call: Call, space: Space) -> Document:
    """Expand the description and, on Cloud, the permissions."""
    expanded = {name.partition(".")[0] for name in call.query.many("expand")}
    tree: Tree = {name: {} for name in ("description",) if name in expanded}
    document = space_object(call, space, tree)
    if is_cloud(call) and "permissions" in expanded:
        document["permissions"] = permission_entries(call, space)
        document["_expandable"].pop("permissions")
    return document


def space_of(call: Call) -> Space:
    """Return the space that the path names by its key; refuse with 404 what is absent or hidden."""
    key = call.captured["key"]
    found: Space | None = next((space for space in call.world.spaces() if call.is_named(space, (key,))), None)
    if found is None or not call.sees_space(found):
        reason = "" if is_cloud(call) else "Not Found"
        message = f"No space with key : {key}"
        raise RefusedError(v1_refusal(404, "NotFoundException", message, authorized=False, reason=reason))
    return found


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
