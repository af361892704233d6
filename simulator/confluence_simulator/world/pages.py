"""Edits of pages, blog posts, folders, whiteboards, databases and embeds. Each edit says whether it makes a version.

An edit or a rename makes a version; a move, a label, a restriction, trash, archive and restore do not.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from confluence_simulator.world.world import World


def page(world: "World", page_id: str) -> Page:
    """Return the present state of a page or of another node; a purged or unknown one raises WorldError."""
    found = world.find(str(page_id))
    if not isinstance(found, Page):
        raise WorldError(f"There is no page {page_id!r}")
    return found


def pages(
    world: "World", *, space_key: str | None = None, status: Status | None = None, kind: Kind = "page"
) -> list[Page]:
    """Return everything of one kind in ascending order of id, without what was purged."""
    found = [
        content
        for content in world.contents()
        if isinstance(content, Page)
        and content.kind == kind
        and (space_key is None or content.space_key == space_key)
        and (status is None or content.status == status)
    ]
    return sorted(found, key=lambda page: int(page.id))


def create_page(
    world: "World",
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
    with world.store.edit() as moment:
        space = world.space(space_key)
        if parent_id is not None and world.page(parent_id).space_id != space.id:
            raise WorldError("A parent must be in the same space")
        author = world.author if by is None else world.user(by)
        page_id = world.new_id()
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
            labels=tuple(world.label(name) for name in labels),
        )
        return _change(world, page, f"{kind}_created" if kind != "blogpost" else "blog_created", moment)


def create_folder(world: "World", *, space_key: str, title: str, parent_id: str | None = None) -> Page:
    return world.create_page(space_key=space_key, title=title, parent_id=parent_id, kind="folder")


def create_blog_post(world: "World", *, space_key: str, title: str, storage: str | LazyText = "") -> Page:
    return world.create_page(space_key=space_key, title=title, storage=storage, kind="blogpost")


def edit_page(
    world: "World",
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
    with world.store.edit() as moment:
        page = world.page(page_id)
        edited = replace(
            page,
            title=page.title if title is None else title,
            body=page.body if storage is None else storage,
            version=page.version + 1,
            version_message=message,
            minor_edit=minor,
            modified_at=moment if at is None else whole_milliseconds(at.astimezone(UTC)),
            editor_id=(world.author if by is None else world.user(by)).account_id,
        )
        return _change(world, edited, "page_updated", moment)


def misdate_page(world: "World", page_id: str, moment: datetime) -> Page:
    """Date the present version otherwise, in the past or in the future, without a new version."""
    with world.store.edit() as now:
        dated = replace(world.page(page_id), modified_at=whole_milliseconds(moment.astimezone(UTC)))
        return _change(world, dated, "page_updated", now)


def rename_page(world: "World", page_id: str, title: str) -> Page:
    return world.edit_page(page_id, title=title)


def move_page(world: "World", page_id: str, *, parent_id: str | None = None, space_key: str | None = None) -> Page:
    """Move a page, or another node, below `parent_id` (None: to the top) of `space_key` (None: its own space).

    Its descendants move with it, and whatever is attached to any of them.
    """
    with world.store.edit() as moment:
        page = world.page(page_id)
        space = world.space(space_key or page.space_key)
        if parent_id is not None:
            parent = world.page(parent_id)
            if parent.space_id != space.id:
                raise WorldError("A parent must be in the same space")
            if page_id in (parent.id, *(ancestor.id for ancestor in world.ancestors(parent))):
                raise WorldError("A page cannot move under itself")
        moving = world.descendants(page_id)
        attached = [each for node in (page, *moving) for each in world.under(node.id) if not isinstance(each, Page)]
        for each in (*moving, *attached):
            world.store.put(replace(each, space_id=space.id, space_key=space.key, changed_at=moment))
        moved = replace(page, parent_id=parent_id, space_id=space.id, space_key=space.key, moved_at=moment)
        return _change(world, moved, "page_moved", moment, old_parent_id=page.parent_id)


def place_page(world: "World", page_id: str, position: int | None) -> Page:
    """Set the position among siblings; None is what pages that were never ordered have."""
    with world.store.edit() as moment:
        return _change(world, replace(world.page(page_id), position=position), "page_children_reordered", moment)


def label_page(world: "World", page_id: str, *names: str, prefix: str = "global") -> Page:
    with world.store.edit() as moment:
        page = world.page(page_id)
        present = {label.name for label in page.labels}
        new = tuple(world.label(name, prefix=prefix) for name in names if name not in present)
        return _change(world, replace(page, labels=(*page.labels, *new)), "label_added", moment)


def unlabel_page(world: "World", page_id: str, *names: str) -> Page:
    with world.store.edit() as moment:
        page = world.page(page_id)
        kept = tuple(label for label in page.labels if label.name not in names)
        return _change(world, replace(page, labels=kept), "label_removed", moment)


def restrict_page(
    world: "World",
    page_id: str,
    *,
    users: Iterable[str] = (),
    groups: Iterable[str] = (),
    operation: Operation = "read",
    bot: bool = True,
) -> Page:
    """Let only these users and groups read (or update) the page; nobody at all lifts the restriction.

    The account that reads the site is added unless `bot` is False; then the page looks deleted to that account.
    """
    members = tuple(world.user(name).account_id for name in users)
    allowed = Restriction(users=members, groups=tuple(world.group(name).id for name in groups))
    if bot and allowed and world.bot.account_id not in members:
        allowed = replace(allowed, users=(*members, world.bot.account_id))
    return _restrict(world, page_id, operation, allowed)


def hide_page(world: "World", page_id: str) -> Page:
    """Restrict reading to the world's author alone, so that the account that reads the site cannot view the page."""
    return world.restrict_page(page_id, users=(world.author.username,), bot=False)


def unrestrict_page(world: "World", page_id: str, *, operation: Operation = "read") -> Page:
    return _restrict(world, page_id, operation, Restriction())


def trash_page(world: "World", page_id: str, *, tree: bool = False) -> Page:
    """Trash a page; its children move up to the page's own parent, or with `tree` are trashed too."""
    with world.store.edit() as moment:
        page = world.page(page_id)
        _leave(world, page, "trashed", moment, tree=tree)
        return _change(world, replace(page, status="trashed"), "page_trashed", moment)


def archive_page(world: "World", page_id: str, *, tree: bool = False) -> Page:
    """Archive a page: its title stays taken, and it stays in the default list of Cloud."""
    with world.store.edit() as moment:
        page = world.page(page_id)
        _leave(world, page, "archived", moment, tree=tree)
        return _change(world, replace(page, status="archived"), "page_archived", moment)


def restore_page(world: "World", page_id: str) -> Page:
    """Restore a page from trash or archive with the same id and version; to the top if its parent is gone."""
    with world.store.edit() as moment:
        page = world.page(page_id)
        parent = None if page.parent_id is None else world.find(page.parent_id)
        there = parent is not None and parent.status == "current" and parent.space_id == page.space_id
        restored = replace(page, status="current", parent_id=page.parent_id if there else None)
        return _change(world, restored, "page_restored", moment)


def purge_page(world: "World", page_id: str) -> None:
    """Remove a page for good, with its comments and attachments; its children move up to the page's own parent."""
    with world.store.edit() as moment:
        page = world.page(page_id)
        _leave(world, page, "purged", moment, tree=False)
        for attached in world.under(page_id):
            world.store.put(replace(attached, status="purged", changed_at=moment))
        _change(world, replace(page, status="purged"), "page_removed", moment)


def descendants(world: "World", page_id: str) -> list[Page]:
    """Return every page and other node below, parents before children."""
    found: list[Page] = []
    waiting = [page_id]
    while waiting:
        children = [child for child in world.under(waiting.pop(0)) if isinstance(child, Page)]
        found += children
        waiting += [child.id for child in children]
    return found


def _leave(world: "World", page: Page, status: Status, moment: datetime, *, tree: bool) -> None:
    if tree:
        for descendant in world.descendants(page.id):
            world.store.put(replace(descendant, status=status, changed_at=moment))
        return
    for child in world.under(page.id):
        if isinstance(child, Page) and child.status != "trashed":
            world.store.put(replace(child, parent_id=page.parent_id, changed_at=moment))


def _restrict(world: "World", page_id: str, operation: Operation, allowed: Restriction) -> Page:
    with world.store.edit() as moment:
        page = world.page(page_id)
        restricted = replace(page, read=allowed) if operation == "read" else replace(page, update=allowed)
        return _change(world, restricted, "content_permissions_updated", moment)


def _change(world: "World", page: Page, event: str, moment: datetime, **details: Any) -> Page:
    changed = replace(page, changed_at=moment)
    world.store.put(changed)
    new_parent = {"new_parent_id": page.parent_id} if "old_parent_id" in details else {}
    world.store.publish(
        Event(name=event, at=moment, content_id=page.id, actor_id=page.editor_id, **details, **new_parent)
    )
    return changed
