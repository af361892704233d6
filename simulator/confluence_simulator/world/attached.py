"""Edits of what hangs on a page: attachments with their bytes, footer and inline comments."""

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from confluence_simulator.world.pages import PageEdits
from confluence_simulator.world.records import Attachment, Comment, Event, Page, WorldError

Attached = TypeVar("Attached", Attachment, Comment)


class AttachedEdits(PageEdits):
    def attach(
        self, page_id: str, *, filename: str, payload: bytes, media_type: str = "text/plain", comment: str = ""
    ) -> Attachment:
        """A file of the same name on the same page becomes a new version of that attachment."""
        with self._edit() as moment:
            page = self.page(page_id)
            same = [old for old in self.attachments(page_id) if old.title == filename]
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
                    **self._on(page, moment, id_prefix="att"),
                    kind="attachment",
                    title=filename,
                    container_id=page.id,
                    media_type=media_type,
                    file_size=len(payload),
                    file_id=str(uuid.UUID(hashlib.md5(payload, usedforsecurity=False).hexdigest())),
                    comment=comment,
                    payload=payload,
                )
            return self._change_attached(attachment, "attachment_created", moment)

    def remove_attachment(self, attachment_id: str) -> Attachment:
        with self._edit() as moment:
            attachment = self._attached(attachment_id, Attachment)
            return self._change_attached(replace(attachment, status="trashed"), "attachment_trashed", moment)

    def attachments(self, page_id: str) -> list[Attachment]:
        """Current ones only."""
        return [
            content
            for content in self.under(page_id)
            if isinstance(content, Attachment) and content.status == "current"
        ]

    def comment(
        self,
        page_id: str,
        *,
        storage: str,
        selection: str = "",
        parent_comment_id: str | None = None,
        by: str | None = None,
    ) -> Comment:
        """A footer comment, or an inline one where a `selection` of the page's text is named."""
        with self._edit() as moment:
            page = self.page(page_id)
            made = self._on(page, moment)
            if by is not None:
                made["author_id"] = made["editor_id"] = self.user(by).account_id
            comment = Comment(
                **made,
                kind="comment",
                title=f"Re: {page.title}",
                body=storage,
                container_id=page.id,
                location="inline" if selection else "footer",
                selection=selection,
                parent_comment_id=parent_comment_id,
            )
            return self._change_attached(comment, "comment_created", moment)

    def resolve_comment(self, comment_id: str) -> Comment:
        with self._edit() as moment:
            comment = self._attached(comment_id, Comment)
            return self._change_attached(replace(comment, resolved=True), "comment_updated", moment)

    def comments(self, page_id: str) -> list[Comment]:
        return [content for content in self.under(page_id) if isinstance(content, Comment)]

    def _attached(self, content_id: str, kind: type[Attached]) -> Attached:
        found = self.find(content_id)
        if not isinstance(found, kind):
            raise WorldError(f"There is no {kind.__name__.lower()} {content_id!r}")
        return found

    def _change_attached(self, content: Attached, event: str, moment: datetime) -> Attached:
        changed = replace(content, changed_at=moment)
        self._put(changed)
        self._tell(Event(name=event, at=moment, content_id=content.id, actor_id=content.editor_id))
        return changed

    def _on(self, page: Page, moment: datetime, *, id_prefix: str = "") -> dict[str, Any]:
        author = self.author.account_id
        return {
            "id": id_prefix + self.new_id(),
            "space_id": page.space_id,
            "space_key": page.space_key,
            "created_at": moment,
            "modified_at": moment,
            "changed_at": moment,
            "author_id": author,
            "editor_id": author,
        }
