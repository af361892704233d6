"""v1's content object in both dialects, with the keys that recorded answers show.

What was expanded stands in the object; what could be expanded is named under `_expandable`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from confluence_simulator.call import Call
from confluence_simulator.links import blog_path, page_path, tiny, with_offset, zulu
from confluence_simulator.macro_output import rendered_body
from confluence_simulator.v1.expansion import Tree
from confluence_simulator.v1.people import cloud_user, datacenter_user
from confluence_simulator.v2.attached_shapes import download_link
from confluence_simulator.v2.shapes import body_object
from confluence_simulator.world import Attachment, Comment, Content, Page, Space, User

Document = dict[str, Any]
CLOUD_BODIES = (
    "editor",
    "atlas_doc_format",
    "view",
    "export_view",
    "styled_view",
    "dynamic",
    "storage",
    "editor2",
    "anonymous_export_view",
)
DATACENTER_BODIES = ("editor", "view", "export_view", "styled_view", "storage", "anonymous_export_view")


def is_cloud(call: Call) -> bool:
    return call.tenant.flavor == "cloud"


def date(call: Call, moment: datetime) -> str:
    return zulu(moment) if is_cloud(call) else with_offset(moment, call.tenant.utc_offset)


def friendly(moment: datetime) -> str:
    return moment.strftime("%b %d, %Y")


def user_object(call: Call, account_id: str) -> Document:
    user = call.world.user(account_id)
    if is_cloud(call):
        return cloud_user(user, call.site_url, shows_email=shows_email(call, user))
    return datacenter_user(user, call.site_url, call.tenant.context)


def shows_email(call: Call, user: User) -> bool:
    """Return whether the caller may read the e-mail address of an account."""
    return not call.tenant.emails_hidden or (call.user is not None and call.user.account_id == user.account_id)


def content_links(call: Call, content: Content) -> Document:
    """In lists; `base`, `context` and `collection` belong to top-level objects alone."""
    own = f"{call.site_url}/rest/api/content/{content.id}"
    if isinstance(content, Attachment | Comment):
        page = call.world.find(content.container_id)
        path = page_path(content.space_key, content.container_id, "" if page is None else page.title)
        suffix = f"?focusedCommentId={content.id}" if content.kind == "comment" else f"?preview=/{content.id}"
        links = {"webui": path + suffix, "self": own}
        return links if isinstance(content, Comment) else {**links, "download": download_link(content)}
    draft = f"/pages/resumedraft.action?draftId={content.id}"
    if is_cloud(call):
        return {
            "self": own,
            "tinyui": tiny(content.id),
            "editui": draft,
            "webui": web_path(call, content),
            "edituiv2": f"/spaces/{call.world.space(content.space_id).address}/pages/edit-v2/{content.id}",
        }
    return {"webui": web_path(call, content), "edit": draft, "tinyui": tiny(content.id), "self": own}


def web_path(call: Call, content: Content) -> str:
    if is_cloud(call) and content.kind == "blogpost":
        return blog_path(call.world.space(content.space_id).address, content.id, content.title, content.created_at)
    if is_cloud(call):
        return page_path(call.world.space(content.space_id).address, content.id, content.title)
    if any(character in content.title for character in "?&/\\;+%"):
        return f"/pages/viewpage.action?pageId={content.id}"
    if content.kind == "blogpost":
        return f"/display/{content.space_key}/{content.created_at:%Y/%m/%d}/{quote_plus(content.title)}"
    return f"/display/{content.space_key}/{quote_plus(content.title)}"


def top_links(call: Call) -> Document:
    return {"collection": "/rest/api/content", "base": call.site_url, "context": call.tenant.context}


Expansion = Callable[[Call, Content, Tree], Any]


def content_object(
    call: Call, content: Content, tree: Tree, expansions: Mapping[str, Expansion], *, top: bool = False
) -> Document:
    """`tree` is what to expand and `expansions` how; `top` adds the links of a single read."""
    document: Document = {"id": content.id, "type": content.kind, "status": content.status, "title": content.title}
    if is_cloud(call):
        document["macroRenderedOutput"] = {}
    document["extensions"] = extensions(content, tree.get("extensions", {}))
    expandable = expandables(call, content)
    for name, expand in expansions.items():
        if name in tree and (name in expandable or name in UNNAMED_EXPANSIONS):
            document[name] = expand(call, content, tree[name])
            expandable.pop(name, None)
    if isinstance(content, Attachment):
        no_labels = {"results": [], "start": 0, "limit": 200, "size": 0}
        document["metadata"] = {"mediaType": content.media_type, "labels": no_labels}
        expandable.pop("metadata", None)
    document["_expandable"] = expandable
    document["_links"] = {**content_links(call, content), **(top_links(call) if top else {})}
    return document


def extensions(content: Content, tree: Tree) -> Document:
    if isinstance(content, Attachment):
        return {
            "mediaType": content.media_type,
            "fileSize": content.file_size,
            "comment": content.comment,
            "mediaTypeDescription": content.media_type,
            "fileId": content.file_id,
            "collectionName": f"contentId-{content.container_id}",
        }
    if isinstance(content, Comment):
        return _comment_extensions(content, tree)
    position = content.position if isinstance(content, Page) else None
    return {"position": "none" if position is None else position}


def _comment_extensions(comment: Comment, tree: Tree) -> Document:
    """Only what begins a thread beside words of the page names these words; footer comments have no state."""
    found: Document = {"location": comment.location}
    is_inline = comment.location == "inline"
    if "inlineProperties" in tree and is_inline and comment.selection:
        found["inlineProperties"] = {
            "originalSelection": comment.selection,
            "markerRef": f"marker-{comment.id}",
        }
    if "resolution" in tree and is_inline:
        found["resolution"] = {"status": "resolved" if comment.resolved else "open"}
    names = ("inlineProperties", "resolution")
    return {**found, "_expandable": {name: "" for name in names if name not in tree}}


def expandables(call: Call, content: Content) -> Document:
    own = f"/rest/api/content/{content.id}"
    space = f"/rest/api/space/{content.space_key}"
    found = {
        "container": space,
        "metadata": "",
        "operations": "",
        "children": f"{own}/child",
        "restrictions": f"{own}/restriction/byOperation",
        "history": f"{own}/history",
        "ancestors": "",
        "body": "",
        "version": "",
        "descendants": f"{own}/descendant",
        "space": space,
    }
    if isinstance(content, Attachment | Comment):
        found["container"] = f"/rest/api/content/{content.container_id}"
    if is_cloud(call):
        found |= {"childTypes": "", "schedulePublishInfo": "", "schedulePublishDate": ""}
    return found


# Expanded on demand, but never named under `_expandable` in recorded answers.
UNNAMED_EXPANSIONS = frozenset({"relevantViewRestrictions"})


def version_object(call: Call, content: Content) -> Document:
    own = f"/rest/api/content/{content.id}"
    document: Document = {
        "by": user_object(call, content.editor_id),
        "when": date(call, content.modified_at),
        "message": content.version_message,
        "number": content.version,
        "minorEdit": content.minor_edit,
        "_expandable": {"content": own},
    }
    if is_cloud(call):
        return {
            **document,
            "friendlyWhen": friendly(content.modified_at),
            "ncsStepVersion": "1",
            "ncsStepVersionSource": "ncs-ack",
            "confRev": f"confluence$content${content.id}.{content.version}",
            "contentTypeModified": False,
            "_expandable": {"collaborators": "", "content": own},
            "_links": {"self": f"{call.site_url}{own}/version/{content.version}"},
        }
    self_link = f"{call.site_url}/rest/experimental/content/{content.id}/version/{content.version}"
    return {**document, "hidden": False, "_links": {"self": self_link}}


def body_expansion(call: Call, content: Content, tree: Tree) -> Document:
    names = CLOUD_BODIES if is_cloud(call) else DATACENTER_BODIES
    document: Document = {}
    for name in tree:
        if name in names:
            body = body_object(content, name, lambda *asked: rendered_body(call, *asked))[name]
            own = f"/rest/api/content/{content.id}"
            if is_cloud(call) and name == "storage":
                document[name] = {**body, "embeddedContent": [], "_expandable": {"content": own}}
            else:
                document[name] = {**body, "_expandable": {"webresource": "", "content": own}}
    document["_expandable"] = {name: "" for name in names if name not in document}
    return document


def space_object(call: Call, space: Space, tree: Tree | None = None) -> Document:
    """`id` is a JSON number here, unlike in v2 and unlike ids of content."""
    own = f"/rest/api/space/{space.key}"
    webui = f"/spaces/{space.address}" if is_cloud(call) else f"/display/{space.key}"
    expandable = {"metadata": "", "icon": "", "description": ""}
    if space.homepage_id is not None:
        expandable["homepage"] = f"/rest/api/content/{space.homepage_id}"
    document: Document = {"id": int(space.id), "key": space.key, "name": space.name, "type": space.type}
    if is_cloud(call):
        expandable |= {
            "settings": f"{own}/settings",
            "operations": "",
            "lookAndFeel": f"/rest/api/settings/lookandfeel?spaceKey={space.key}",
            "identifiers": "",
            "permissions": "",
            "roles": "",
            "theme": f"{own}/theme",
            "history": "",
        }
        document |= {"alias": space.address, "status": space.status}
    else:
        document["status"] = space.status.upper()
    if tree and "description" in tree:
        document["description"] = {
            "plain": {"value": space.description, "representation": "plain", "embeddedContent": []}
        }
        expandable.pop("description")
    return {**document, "_expandable": expandable, "_links": {"webui": webui, "self": call.site_url + own}}
