"""Cloud v2: the tree of pages and folders, and who may view a space."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.links import zulu
from confluence_simulator.listing import Key
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.v2.lists import content_key, list_answer
from confluence_simulator.v2.pages import content_of
from confluence_simulator.v2.shapes import version_object
from confluence_simulator.v2.spaces import space_of
from confluence_simulator.world import Page
from confluence_simulator.world.records import SpacePermission

CHILD_SORTS = ("created-date", "-created-date", "id", "-id", "child-position", "-child-position", "modified-date")
DEEPEST = 10
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
        return content_key(sort.removeprefix("-"))(row)

    return list_answer(call, rows, key, _child, sort=sort, sees=call.sees)


def children(call: Call) -> Answer:
    """The older endpoint: pages only, another shape."""
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
    """Cut at `depth` (2) without a word."""
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


def folder(call: Call) -> Answer:
    found = _node_of(call)
    parent = None if found.parent_id is None else call.world.find(found.parent_id)
    return Answer(
        document={
            "id": found.id,
            "type": "folder",
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
                "webui": f"/spaces/{found.space_key}/folder/{found.id}",
                "base": call.site_url,
            },
        }
    )


def permissions(call: Call) -> Answer:
    space = space_of(call)

    def show(permission: SpacePermission) -> dict[str, Any]:
        return {
            "id": permission.id,
            "principal": {"type": permission.principal_type, "id": permission.principal_id},
            "operation": {"key": permission.operation, "targetType": permission.target_type},
        }

    return list_answer(
        call,
        lambda: space.permissions,
        lambda permission: (int(permission.id), int(permission.id)),
        show,
        cursor_first=False,
    )


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
    """The page or folder that the path names."""
    if not call.route.startswith("/api/v2/folders"):
        return content_of(call)
    folder_id = call.captured_id()
    found = call.find_page(folder_id, "folder")
    if found is None:
        raise RefusedError(v2_not_found("folder", folder_id))
    return found


ROUTES = (
    Route("GET", "/api/v2/pages/{id}/ancestors", ancestors),
    Route("GET", "/api/v2/pages/{id}/direct-children", direct_children),
    Route("GET", "/api/v2/pages/{id}/children", children),
    Route("GET", "/api/v2/pages/{id}/descendants", descendants),
    Route("GET", "/api/v2/folders/{id}", folder),
    Route("GET", "/api/v2/folders/{id}/ancestors", ancestors),
    Route("GET", "/api/v2/folders/{id}/direct-children", direct_children),
    Route("GET", "/api/v2/folders/{id}/descendants", descendants),
    Route("GET", "/api/v2/spaces/{id}/permissions", permissions),
)
