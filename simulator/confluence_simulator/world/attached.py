"""Edits of attachments with their bytes, and of footer and inline comments."""

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from confluence_simulator.world.records import Attachment, Comment, Event, Page, WorldError

if TYPE_CHECKING:
    from confluence_simulator.world.world import World

Attached = TypeVar("Attached", Attachment, Comment)


def attach(
    world: "World", page_id: str, *, filename: str, payload: bytes, media_type: str = "text/plain", comment: str = ""
) -> Attachment:
    """Attach a file; one of the same name on the same page becomes a new version of that attachment."""
    with world.store.edit() as moment:
        page = world.page(page_id)
        same = [old for old in world.attachments(page_id) if old.title == filename]
        if same:
            attachment = replace(
                same[0],
                version=same[0].version + 1,
                modified_at=moment,
                media_type=media_type,
                file_size=len(payload),
                payload=payload,
                comment=comment,
            )
        else:
            attachment = Attachment(
                **_on(world, page, moment, id_prefix="att"),
                kind="attachment",
                title=filename,
                container_id=page.id,
                media_type=media_type,
                file_size=len(payload),
                file_id=str(uuid.UUID(hashlib.md5(payload, usedforsecurity=False).hexdigest())),
                comment=comment,
                payload=payload,
            )
        return _change_attached(world, attachment, "attachment_created", moment)


def remove_attachment(world: "World", attachment_id: str) -> Attachment:
    with world.store.edit() as moment:
        attachment = _attached(world, attachment_id, Attachment)
        return _change_attached(world, replace(attachment, status="trashed"), "attachment_trashed", moment)


def attachments(world: "World", page_id: str) -> list[Attachment]:
    """Return the current attachments of a page."""
    return [
        content for content in world.under(page_id) if isinstance(content, Attachment) and content.status == "current"
    ]


def comment(
    world: "World",
    page_id: str,
    *,
    storage: str,
    selection: str = "",
    parent_comment_id: str | None = None,
    by: str | None = None,
) -> Comment:
    """Write a footer comment, or an inline one where `selection` names a part of the page's text.

    A reply stands where the comment stands that it answers.
    """
    with world.store.edit() as moment:
        page = world.page(page_id)
        made = _on(world, page, moment)
        if by is not None:
            made["author_id"] = made["editor_id"] = world.user(by).account_id
        parent = None if parent_comment_id is None else _attached(world, parent_comment_id, Comment)
        is_inline = bool(selection) or (parent is not None and parent.location == "inline")
        comment = Comment(
            **made,
            kind="comment",
            title=f"Re: {page.title}",
            body=storage,
            container_id=page.id,
            location="inline" if is_inline else "footer",
            selection=selection,
            parent_comment_id=parent_comment_id,
        )
        return _change_attached(world, comment, "comment_created", moment)


def resolve_comment(world: "World", comment_id: str) -> Comment:
    with world.store.edit() as moment:
        comment = _attached(world, comment_id, Comment)
        return _change_attached(world, replace(comment, resolved=True), "comment_updated", moment)


def reopen_comment(world: "World", comment_id: str) -> Comment:
    with world.store.edit() as moment:
        comment = _attached(world, comment_id, Comment)
        return _change_attached(world, replace(comment, resolved=False), "comment_updated", moment)


def edit_comment(world: "World", comment_id: str, *, storage: str) -> Comment:
    """Write another text, which is a new version."""
    with world.store.edit() as moment:
        comment = _attached(world, comment_id, Comment)
        edited = replace(comment, body=storage, version=comment.version + 1, modified_at=moment)
        return _change_attached(world, edited, "comment_updated", moment)


def remove_comment(world: "World", comment_id: str, *, trash: bool = False) -> Comment:
    """Delete a comment for good, as both flavours do; or put it into the trash, where `restore_comment` finds it."""
    with world.store.edit() as moment:
        comment = _attached(world, comment_id, Comment)
        removed = replace(comment, status="trashed" if trash else "purged")
        return _change_attached(world, removed, "comment_removed", moment)


def restore_comment(world: "World", comment_id: str) -> Comment:
    """Bring back a comment that was in the trash."""
    with world.store.edit() as moment:
        comment = _attached(world, comment_id, Comment)
        return _change_attached(world, replace(comment, status="current"), "comment_restored", moment)


def comments(world: "World", page_id: str) -> list[Comment]:
    return [content for content in world.under(page_id) if isinstance(content, Comment)]


def _attached(world: "World", content_id: str, kind: type[Attached]) -> Attached:
    found = world.find(content_id)
    if not isinstance(found, kind):
        raise WorldError(f"There is no {kind.__name__.lower()} {content_id!r}")
    return found


def _change_attached(world: "World", content: Attached, event: str, moment: datetime) -> Attached:
    changed = replace(content, changed_at=moment)
    world.store.put(changed)
    world.store.publish(Event(name=event, at=moment, content_id=content.id, actor_id=content.editor_id))
    return changed


def _on(world: "World", page: Page, moment: datetime, *, id_prefix: str = "") -> dict[str, Any]:
    author = world.author.account_id
    return {
        "id": id_prefix + world.new_id(),
        "space_id": page.space_id,
        "space_key": page.space_key,
        "created_at": moment,
        "modified_at": moment,
        "changed_at": moment,
        "author_id": author,
        "editor_id": author,
    }
