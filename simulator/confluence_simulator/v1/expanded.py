"""How each expansion of v1's content object is filled."""

from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.v1.expansion import Tree
from confluence_simulator.v1.restrictions import by_operation
from confluence_simulator.v1.shapes import (
    Document,
    Expansion,
    body_expansion,
    content_object,
    date,
    is_cloud,
    space_object,
    user_object,
    version_object,
)
from confluence_simulator.world import Attachment, Comment, Content, Label, Page

LABELS_EXPANDED_AT_MOST = 200
CHILD_LIMIT = 25


def history_object(call: Call, content: Content, tree: Tree) -> Document:
    own = f"/rest/api/content/{content.id}/history"
    expandable = dict.fromkeys(("lastUpdated", "previousVersion", "contributors", "nextVersion"), "")
    document: Document = {
        "latest": True,
        "createdBy": user_object(call, content.author_id),
        "createdDate": date(call, content.created_at),
    }
    if "lastUpdated" in tree:
        document["lastUpdated"] = version_object(call, content)
        del expandable["lastUpdated"]
    if "previousVersion" in tree and content.version > 1:
        states = call.world.versions(content.id)
        document["previousVersion"] = version_object(call, states[max(0, len(states) - 2)])
        del expandable["previousVersion"]
    return {**document, "_expandable": expandable, "_links": {"self": call.site_url + own}}


def label_object(label: Label) -> Document:
    return {"prefix": label.prefix, "name": label.name, "id": label.id, "label": label.name}


def label_list(call: Call, content: Content, limit: int) -> Document:
    labels = content.labels if isinstance(content, Page) else ()
    return {
        "results": [label_object(label) for label in labels[:limit]],
        "start": 0,
        "limit": limit,
        "size": min(len(labels), limit),
        "_links": {"self": f"{call.site_url}/rest/api/content/{content.id}/label"},
    }


def cut_labels(document: Document) -> Document:
    """Cut the labels of a whole list to 200, as Confluence silently does (CONFCLOUD-71415)."""
    room = LABELS_EXPANDED_AT_MOST
    for row in document["results"]:
        labels = row.get("metadata", {}).get("labels")
        if labels is not None:
            labels["results"] = labels["results"][:room]
            labels["size"] = len(labels["results"])
            room -= labels["size"]
    return document


def _metadata(call: Call, content: Content, tree: Tree) -> Document:
    document: Document = {}
    if "labels" in tree:
        document["labels"] = label_list(call, content, LABELS_EXPANDED_AT_MOST)
    own = f"/rest/api/content/{content.id}"
    names = ("currentuser", "comments", "simple", "properties", "frontend", "likes", "labels")
    return {
        **document,
        "_expandable": {name: own if name == "properties" else "" for name in names if name not in tree},
    }


def _ancestors(call: Call, content: Content, tree: Tree) -> list[Document]:
    """Root first; empty for a homepage. Folders are in the chain; above a comment are those that it answers."""
    if isinstance(content, Comment):
        return [content_object(call, above, {}, EXPANSIONS) for above in _comments_above(call, content)]
    if not isinstance(content, Page):
        return []
    inner = {name: branch for name, branch in tree.items() if name == "restrictions"}
    return [content_object(call, ancestor, inner, EXPANSIONS) for ancestor in call.world.ancestors(content)]


def _comments_above(call: Call, comment: Comment) -> list[Comment]:
    chain: list[Comment] = []
    parent = comment
    while parent.parent_comment_id is not None:
        above = call.world.find(parent.parent_comment_id)
        if not isinstance(above, Comment) or above in chain:
            break
        chain.append(above)
        parent = above
    return chain[::-1]


def children_list(call: Call, content: Content, kind: str, tree: Tree, limit: int) -> Document:
    found = [
        child
        for child in call.world.under(content.id)
        if child.kind == kind and child.status == "current" and call.sees(child)
    ]
    return {
        "results": [content_object(call, child, tree, EXPANSIONS) for child in found[:limit]],
        "start": 0,
        "limit": limit,
        "size": min(len(found), limit),
        "_links": {"self": f"{call.site_url}/rest/api/content/{content.id}/child/{kind}"},
    }


def _children(call: Call, content: Content, tree: Tree) -> Document:
    own = f"/rest/api/content/{content.id}/child"
    kinds = ("attachment", "comment", "page")
    return {
        **{kind: children_list(call, content, kind, tree[kind], CHILD_LIMIT) for kind in kinds if kind in tree},
        "_expandable": {kind: f"{own}/{kind}" for kind in kinds if kind not in tree},
        "_links": {"self": call.site_url + own},
    }


def _container(call: Call, content: Content, _: Tree) -> Document:
    if isinstance(content, Attachment | Comment):
        page = call.world.find(content.container_id)
        return {} if page is None else content_object(call, page, {}, EXPANSIONS)
    return _space(call, content, {})


def _space(call: Call, content: Content, _: Tree) -> Document:
    return space_object(call, call.world.space(content.space_id))


def _operations(_: Call, content: Content, __: Tree) -> list[dict[str, Any]]:
    return [{"operation": "read", "targetType": content.kind}]


def _child_types(call: Call, content: Content, _: Tree) -> Document:
    present = {child.kind for child in call.world.under(content.id)}
    own = f"{call.site_url}/rest/api/content/{content.id}/child"
    return {
        kind: {"value": kind in present, "_links": {"self": f"{own}/{kind}"}}
        for kind in ("attachment", "comment", "page")
    }


def _relevant_view_restrictions(call: Call, content: Content, _: Tree) -> Document | None:
    """Return what ancestors add, in Data Center's newer form; None on Cloud, which does not have it."""
    if is_cloud(call) or not isinstance(content, Page):
        return None
    chain = (content, *call.world.ancestors(content))
    full: Tree = {"read": {"restrictions": {"user": {}, "group": {}}}}
    return {"results": [by_operation(call, page, full)["read"] for page in chain if page.read]}


EXPANSIONS: dict[str, Expansion] = {
    "body": body_expansion,
    "version": lambda call, content, _: version_object(call, content),
    "space": _space,
    "history": history_object,
    "metadata": _metadata,
    "ancestors": _ancestors,
    "restrictions": by_operation,
    "children": _children,
    "container": _container,
    "operations": _operations,
    "childTypes": _child_types,
    "relevantViewRestrictions": _relevant_view_restrictions,
}
