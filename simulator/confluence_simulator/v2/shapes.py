"""Cloud v2's JSON objects, with the keys of recorded answers (NangoHQ/integration-templates, April 2026)."""

from collections.abc import Callable
from typing import Any

import orjson

from confluence_simulator.links import blog_path, page_path, tiny, zulu
from confluence_simulator.rendering import as_adf, as_view
from confluence_simulator.world import Content, Page, Space, World

Render = Callable[[Content, str], str]


def page_object(world: World, page: Page, body_format: str, render: Render | None = None) -> dict[str, Any]:
    """Return a page or, without parent and position, a blog post; an empty `body_format` gives an empty body."""
    parent = None if page.parent_id is None else world.find(page.parent_id)
    tree = {
        "parentType": None if parent is None else parent.kind,
        "parentId": None if parent is None else parent.id,
        "ownerId": page.owner_id,
        "lastOwnerId": page.last_owner_id,
        "position": page.position,
    }
    return {
        **(tree if page.kind == "page" else {}),
        "createdAt": zulu(page.created_at),
        "authorId": page.author_id,
        "version": {**version_object(page), "ncsStepVersion": None},
        "spaceId": page.space_id,
        "status": page.status,
        "body": body_object(page, body_format, render),
        "title": page.title,
        "id": page.id,
        "_links": page_links(world, page),
    }


def page_links(world: World, page: Page) -> dict[str, str]:
    space = world.space(page.space_id)
    homepage = space.homepage_id == page.id
    webui = f"/spaces/{space.address}/overview" if homepage else page_path(space.address, page.id, page.title)
    if page.kind == "blogpost":
        webui = blog_path(space.address, page.id, page.title, page.created_at)
    return {
        "editui": f"/pages/resumedraft.action?draftId={page.id}",
        "webui": webui,
        "edituiv2": f"/spaces/{space.address}/pages/edit-v2/{page.id}",
        "tinyui": tiny(page.id),
    }


def version_object(content: Content) -> dict[str, Any]:
    return {
        "number": content.version,
        "message": content.version_message,
        "minorEdit": content.minor_edit,
        "authorId": content.editor_id,
        "createdAt": zulu(content.modified_at),
    }


def body_object(content: Content, body_format: str, render: Render | None = None) -> dict[str, Any]:
    """Return a body in one format; `render` makes the HTML that a caller is shown."""
    if not body_format:
        return {}
    value = content.storage
    if body_format == "atlas_doc_format":
        value = orjson.dumps(as_adf(value)).decode()
    elif body_format != "storage":
        value = as_view(value) if render is None else render(content, body_format)
    return {body_format: {"representation": body_format, "value": value}}


def space_object(space: Space, description_format: str) -> dict[str, Any]:
    description = None
    if description_format:
        value = {"representation": description_format, "value": space.description}
        description = {description_format: value}
    return {
        "spaceOwnerId": space.author_id,
        "homepageId": space.homepage_id,
        "createdAt": zulu(space.created_at),
        "authorId": space.author_id,
        "icon": None,
        "name": space.name,
        "key": space.key,
        "id": space.id,
        "type": space.type,
        "description": description,
        "status": space.status,
        "_links": {"webui": f"/spaces/{space.address}"},
        "currentActiveAlias": space.address,
    }
