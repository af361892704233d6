"""Cloud v2's JSON objects for labels, versions, attachments and comments."""

from typing import Any
from urllib.parse import quote

from confluence_simulator.links import page_path, zulu
from confluence_simulator.v2.shapes import body_object, version_object
from confluence_simulator.world import Attachment, Comment, Content, Label, World


def label_object(label: Label) -> dict[str, str]:
    return {"id": label.id, "name": label.name, "prefix": label.prefix}


def listed_version(state: Content, body_format: str) -> dict[str, Any]:
    """With the title and, if asked for, the body that this version had."""
    name = "blogpost" if state.kind == "blogpost" else "page"
    content: dict[str, Any] = {"title": state.title, "id": state.id}
    if body_format:
        content["body"] = body_object(state, body_format)
    return {**version_object(state), name: content}


def download_link(attachment: Attachment) -> str:
    """Relative to `base`, without the context path."""
    stamp = int(attachment.modified_at.timestamp() * 1000)
    query = f"version={attachment.version}&modificationDate={stamp}&cacheVersion=1&api=v2"
    return f"/download/attachments/{attachment.container_id}/{quote(attachment.title)}?{query}"


def attachment_object(world: World, attachment: Attachment) -> dict[str, Any]:
    preview = quote(f"/{attachment.container_id}/{attachment.id.removeprefix('att')}/{attachment.title}", safe="")
    webui = f"/pages/viewpageattachments.action?pageId={attachment.container_id}&preview={preview}"
    download = download_link(attachment)
    return {
        "mediaTypeDescription": None,
        "webuiLink": webui,
        "createdAt": zulu(attachment.created_at),
        "comment": attachment.comment,
        "version": version_object(attachment),
        "fileId": attachment.file_id,
        container_key(world.find(attachment.container_id)): attachment.container_id,
        "mediaType": attachment.media_type,
        "downloadLink": download,
        "status": attachment.status,
        "title": attachment.title,
        "fileSize": attachment.file_size,
        "id": attachment.id,
        "_links": {"download": download, "webui": webui},
    }


def container_key(container: Content | None) -> str:
    return "blogPostId" if container is not None and container.kind == "blogpost" else "pageId"


def comment_object(world: World, comment: Comment, body_format: str) -> dict[str, Any]:
    page = world.find(comment.container_id)
    title = "" if page is None else page.title
    path = page_path(comment.space_key, comment.container_id, title)
    document: dict[str, Any] = {
        "id": comment.id,
        "status": comment.status,
        "title": comment.title,
        container_key(page): comment.container_id,
        "version": version_object(comment),
        "body": body_object(comment, body_format),
        "_links": {"webui": f"{path}?focusedCommentId={comment.id}"},
    }
    if comment.parent_comment_id is not None:
        document["parentCommentId"] = comment.parent_comment_id
    if comment.location == "inline":
        document["resolutionStatus"] = "resolved" if comment.resolved else "open"
        document["properties"] = {
            "inlineMarkerRef": f"marker-{comment.id}",
            "inlineOriginalSelection": comment.selection,
        }
    return document
