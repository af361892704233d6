"""Edits of pages, blog posts, folders, whiteboards, databases and embeds. Each edit says whether it makes a version.

An edit or a rename makes a version; a move, a label, a restriction, trash, archive and restore do not.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from confluence_simulator.world.clock import whole_milliseconds
from confluence_simulator.world.records import (
    Event,
    Kind,
    LazyText,
    Operation,
    Page,
    Restriction,
    Status,
    WorldError,
)
from confluence_simulator.world.spaces import SpaceEdits


class PageEdits(SpaceEdits):
    def page(self, page_id: str) -> Page:
        """Return the present state of a page or of another node; a purged or unknown one raises WorldError."""
        found = self.find(str(page_id))
        if not isinstance(found, Page):
            raise WorldError(f"There is no page {page_id!r}")
        return found

    def pages(self, *, space_key: str | None = None, status: Status | None = None, kind: Kind = "page") -> list[Page]:
        """Everything of one kind in ascending order of id, purged ones left out."""
        found = [
            content
            for content in self.contents()
            if isinstance(content, Page)
            and content.kind == kind
            and (space_key is None or content.space_key == space_key)
            and (status is None or content.status == status)
        ]
        return sorted(found, key=lambda page: int(page.id))

    def create_page(
        self,
        *,
        space_key: str,
        title: str,
        storage: str | LazyText = "",
        parent_id: str | None = None,
        labels: Iterable[str] = (),
        kind: Kind = "page",
        position: int | None = None,
        status: Status = "current",
        by: str | None = None,
    ) -> Page:
        """Create a page or, with `kind`, another node of the tree.

        `by` is a username or account id; without it the world's author writes.
        """
        with self._edit() as moment:
            space = self.space(space_key)
            if parent_id is not None and self.page(parent_id).space_id != space.id:
                raise WorldError("A parent must be in the same space")
            author = self.author if by is None else self.user(by)
            page_id = self.new_id()
            page = Page(
                id=page_id,
                kind=kind,
                space_id=space.id,
                space_key=space.key,
                title=title,
                status=status,
                created_at=moment,
                modified_at=moment,
                changed_at=moment,
                author_id=author.account_id,
                editor_id=author.account_id,
                owner_id=author.account_id,
                body=storage,
                parent_id=parent_id,
                position=int(page_id) if position is None and kind == "page" else position,
                labels=tuple(self.label(name) for name in labels),
            )
            return self._change(page, f"{kind}_created" if kind != "blogpost" else "blog_created", moment)

    def create_folder(self, *, space_key: str, title: str, parent_id: str | None = None) -> Page:
        return self.create_page(space_key=space_key, title=title, parent_id=parent_id, kind="folder")

    def create_blog_post(self, *, space_key: str, title: str, storage: str | LazyText = "") -> Page:
        return self.create_page(space_key=space_key, title=title, storage=storage, kind="blogpost")

    def edit_page(
        self,
        page_id: str,
        *,
        storage: str | LazyText | None = None,
        title: str | None = None,
        message: str = "",
        minor: bool = False,
        by: str | None = None,
        at: datetime | None = None,
    ) -> Page:
        """Save a new version, also when nothing differs, as Confluence does.

        `at` dates the version otherwise, in the past or in the future; the world's clock goes on by one step as ever.
        """
        with self._edit() as moment:
            page = self.page(page_id)
            edited = replace(
                page,
                title=page.title if title is None else title,
                body=page.body if storage is None else storage,
                version=page.version + 1,
                version_message=message,
                minor_edit=minor,
                modified_at=moment if at is None else whole_milliseconds(at.astimezone(UTC)),
                editor_id=(self.author if by is None else self.user(by)).account_id,
            )
            return self._change(edited, "page_updated", moment)

    def misdate_page(self, page_id: str, moment: datetime) -> Page:
        """Date the present version otherwise, in the past or in the future, without a new version."""
        with self._edit() as now:
            dated = replace(self.page(page_id), modified_at=whole_milliseconds(moment.astimezone(UTC)))
            return self._change(dated, "page_updated", now)

    def rename_page(self, page_id: str, title: str) -> Page:
        return self.edit_page(page_id, title=title)

    def move_page(self, page_id: str, *, parent_id: str | None = None, space_key: str | None = None) -> Page:
        """Move a page, or another node, below `parent_id` (None: to the top) of `space_key` (None: its own space).

        Its descendants move with it.
        """
        with self._edit() as moment:
            page = self.page(page_id)
            space = self.space(space_key or page.space_key)
            if parent_id is not None:
                parent = self.page(parent_id)
                if parent.space_id != space.id:
                    raise WorldError("A parent must be in the same space")
                if page_id in (parent.id, *(ancestor.id for ancestor in self.ancestors(parent))):
                    raise WorldError("A page cannot move under itself")
            for descendant in self.descendants(page_id):
                self._put(replace(descendant, space_id=space.id, space_key=space.key, changed_at=moment))
            moved = replace(page, parent_id=parent_id, space_id=space.id, space_key=space.key, moved_at=moment)
            return self._change(moved, "page_moved", moment, old_parent_id=page.parent_id)

    def place_page(self, page_id: str, position: int | None) -> Page:
        """Reorder among siblings; None is what pages that were never ordered have."""
        with self._edit() as moment:
            return self._change(replace(self.page(page_id), position=position), "page_children_reordered", moment)

    def label_page(self, page_id: str, *names: str, prefix: str = "global") -> Page:
        with self._edit() as moment:
            page = self.page(page_id)
            present = {label.name for label in page.labels}
            new = tuple(self.label(name, prefix=prefix) for name in names if name not in present)
            return self._change(replace(page, labels=(*page.labels, *new)), "label_added", moment)

    def unlabel_page(self, page_id: str, *names: str) -> Page:
        with self._edit() as moment:
            page = self.page(page_id)
            kept = tuple(label for label in page.labels if label.name not in names)
            return self._change(replace(page, labels=kept), "label_removed", moment)

    def restrict_page(
        self,
        page_id: str,
        *,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        operation: Operation = "read",
        bot: bool = True,
    ) -> Page:
        """Let only these users and groups read (or update) the page; nobody at all lifts the restriction.

        The account that syncs is added unless `bot` is False: then the page vanishes from its eyes, like a deleted one.
        """
        members = tuple(self.user(name).account_id for name in users)
        allowed = Restriction(users=members, groups=tuple(self.group(name).id for name in groups))
        if bot and allowed and self.bot.account_id not in members:
            allowed = replace(allowed, users=(*members, self.bot.account_id))
        return self._restrict(page_id, operation, allowed)

    def hide_page(self, page_id: str) -> Page:
        """Restrict reading to the world's author alone, so that the account that syncs sees it no more."""
        return self.restrict_page(page_id, users=(self.author.username,), bot=False)

    def unrestrict_page(self, page_id: str, *, operation: Operation = "read") -> Page:
        return self._restrict(page_id, operation, Restriction())

    def trash_page(self, page_id: str, *, tree: bool = False) -> Page:
        """Without `tree` the children move up to the page's own parent; with it they are trashed too."""
        with self._edit() as moment:
            page = self.page(page_id)
            self._leave(page, "trashed", moment, tree=tree)
            return self._change(replace(page, status="trashed"), "page_trashed", moment)

    def archive_page(self, page_id: str, *, tree: bool = False) -> Page:
        """Archived pages keep their title taken and stay in the default list of Cloud."""
        with self._edit() as moment:
            page = self.page(page_id)
            self._leave(page, "archived", moment, tree=tree)
            return self._change(replace(page, status="archived"), "page_archived", moment)

    def restore_page(self, page_id: str) -> Page:
        """Back from trash or archive with the same id and version; to the top if its parent is gone."""
        with self._edit() as moment:
            page = self.page(page_id)
            parent = None if page.parent_id is None else self.find(page.parent_id)
            there = parent is not None and parent.status == "current" and parent.space_id == page.space_id
            restored = replace(page, status="current", parent_id=page.parent_id if there else None)
            return self._change(restored, "page_restored", moment)

    def purge_page(self, page_id: str) -> None:
        """Gone for good, with its comments and attachments; children move up to the page's own parent."""
        with self._edit() as moment:
            page = self.page(page_id)
            self._leave(page, "purged", moment, tree=False)
            for attached in self.under(page_id):
                self._put(replace(attached, status="purged", changed_at=moment))
            self._change(replace(page, status="purged"), "page_removed", moment)

    def descendants(self, page_id: str) -> list[Page]:
        """Return every page and other node below, parents before children."""
        found: list[Page] = []
        waiting = [page_id]
        while waiting:
            children = [child for child in self.under(waiting.pop(0)) if isinstance(child, Page)]
            found += children
            waiting += [child.id for child in children]
        return found

    def _leave(self, page: Page, status: Status, moment: datetime, *, tree: bool) -> None:
        if tree:
            for descendant in self.descendants(page.id):
                self._put(replace(descendant, status=status, changed_at=moment))
            return
        for child in self.under(page.id):
            if isinstance(child, Page) and child.status != "trashed":
                self._put(replace(child, parent_id=page.parent_id, changed_at=moment))

    def _restrict(self, page_id: str, operation: Operation, allowed: Restriction) -> Page:
        with self._edit() as moment:
            page = self.page(page_id)
            restricted = replace(page, read=allowed) if operation == "read" else replace(page, update=allowed)
            return self._change(restricted, "content_permissions_updated", moment)

    def _change(self, page: Page, event: str, moment: datetime, **details: Any) -> Page:
        changed = replace(page, changed_at=moment)
        self._put(changed)
        new_parent = {"new_parent_id": page.parent_id} if "old_parent_id" in details else {}
        self._tell(Event(name=event, at=moment, content_id=page.id, actor_id=page.editor_id, **details, **new_parent))
        return changed
