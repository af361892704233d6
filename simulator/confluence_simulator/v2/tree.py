"""Cloud v2: the tree of a space, which holds pages, folders, whiteboards, databases and embeds."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.links import zulu
from confluence_simulator.listing import Key
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v2_not_found, v2_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v2.lists import content_key, list_answer
from confluence_simulator.v2.pages import content_of
from confluence_simulator.v2.shapes import version_object
from confluence_simulator.world import Page
from confluence_simulator.world.records import Kind

CHILD_SORTS = ("created-date", "-created-date", "id", "-id", "child-position", "-child-position", "modified-date")
DEEPEST = 10
NODE_KINDS: Mapping[str, Kind] = MappingProxyType(
    {"folders": "folder", "whiteboards": "whiteboard", "databases": "database", "embeds": "embed"}
)
"""Collections in paths, and the kind of the nodes that they hold."""
DESCENDANT_DEPTH = 2


def ancestors(call: Call) -> Answer:
    """Root first, ids and types only, no cursor: the last `limit` of a longer chain."""
    page = _node_of(call)
    limit = call.limit(25, 250)
    chain = [{"id": ancestor.id, "type": ancestor.kind} for ancestor in call.world.ancestors(page)]
    document: dict[str, Any] = {"results": chain[-limit:]}
    if page.kind == "page":
        document["_links"] = {}
    return Answer(document=document)


def direct_children(call: Call) -> Answer:
    parent = _node_of(call)
    sort = call.query.choice("sort", CHILD_SORTS, "child-position")

    def rows() -> list[Page]:
        return [row for row in call.world.under(parent.id) if isinstance(row, Page) and row.status == "current"]

    def key(row: Page) -> Key:
        """Children without a position stand first; a cursor that points at one can break (CONFCLOUD-84015)."""
        if sort.endswith("child-position"):
            return (-1 if row.position is None else row.position, int(row.id))
        return content_key(sort.removeprefix("-"), moves=call.tenant.moves_touch_modified)(row)

    return list_answer(call, rows, key, _child, sort=sort, sees=call.sees)


def children(call: Call) -> Answer:
    """List children as the older endpoint does: pages only, another shape."""
    parent = content_of(call)

    def rows() -> list[Page]:
        found = (row for row in call.world.under(parent.id) if isinstance(row, Page))
        return [row for row in found if row.kind == "page" and row.status == "current"]

    def show(row: Page) -> dict[str, Any]:
        return {
            "id": row.id,
            "status": row.status,
            "title": row.title,
            "spaceId": row.space_id,
            "childPosition": row.position,
        }

    return list_answer(call, rows, content_key("id"), show, sees=call.sees)


def descendants(call: Call) -> Answer:
    """List descendants, silently cut at `depth` (2)."""
    root = _node_of(call)
    depth = call.query.integer("depth", DESCENDANT_DEPTH, low=1, high=DEEPEST)
    above = len(call.world.ancestors(root))

    def level(row: Page) -> int:
        return len(call.world.ancestors(row)) - above

    def rows() -> list[Page]:
        return [row for row in call.world.descendants(root.id) if level(row) <= depth and row.status == "current"]

    def show(row: Page) -> dict[str, Any]:
        return {
            "id": row.id,
            "status": row.status,
            "title": row.title,
            "type": row.kind,
            "parentId": row.parent_id,
            "depth": level(row),
            "childPosition": row.position,
        }

    return list_answer(call, rows, content_key("id"), show, sees=call.sees)


def node(call: Call) -> Answer:
    """Answer the single read of a folder, a whiteboard, a database or an embed."""
    found = _node_of(call)
    parent = None if found.parent_id is None else call.world.find(found.parent_id)
    document: dict[str, Any] = {
        "id": found.id,
        "type": found.kind,
        "status": found.status,
        "title": found.title,
        "parentId": found.parent_id,
        "parentType": None if parent is None else parent.kind,
        "position": found.position,
        "authorId": found.author_id,
        "ownerId": found.owner_id,
        "createdAt": zulu(found.created_at),
        "version": version_object(found),
        "_links": {
            "webui": f"/spaces/{call.world.space(found.space_id).address}/{found.kind}/{found.id}",
            "base": call.site_url,
        },
    }
    if call.tenant.node_space_id:
        document["spaceId"] = found.space_id
    if found.kind == "embed":
        document["embedUrl"] = f"https://example.com/embedded/{found.id}"
    return Answer(document=document)


def _child(row: Page) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "title": row.title,
        "type": row.kind,
        "spaceId": row.space_id,
        "childPosition": row.position,
    }


def _node_of(call: Call) -> Page:
    """Return the page, or the node of another kind, that the path names."""
    collection = call.route.removeprefix("/api/v2/").partition("/")[0]
    if collection not in NODE_KINDS:
        return content_of(call)
    kind, node_id = NODE_KINDS[collection], call.captured_id()
    found = call.find_page(node_id, kind)
    if found is not None:
        return found
    if call.tenant.wrong_kind_status == 400 and isinstance(call.find(node_id), Page):
        raise RefusedError(v2_refusal(400, "INVALID_REQUEST_PARAMETER", f"Content {node_id} is not a {kind}"))
    raise RefusedError(v2_not_found(kind, node_id))


def _routes(collection: str) -> tuple[Route, ...]:
    return (
        Route("GET", f"/api/v2/{collection}/{{id}}", node),
        Route("GET", f"/api/v2/{collection}/{{id}}/ancestors", ancestors),
        Route("GET", f"/api/v2/{collection}/{{id}}/direct-children", direct_children),
        Route("GET", f"/api/v2/{collection}/{{id}}/descendants", descendants),
    )


ROUTES = (
    Route("GET", "/api/v2/pages/{id}/ancestors", ancestors),
    Route("GET", "/api/v2/pages/{id}/direct-children", direct_children),
    Route("GET", "/api/v2/pages/{id}/children", children),
    Route("GET", "/api/v2/pages/{id}/descendants", descendants),
    *(route for collection in NODE_KINDS for route in _routes(collection)),
)
