"""Everything that people do to a Confluence, as data: an edit is a name and two numbers that choose what it meets."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from confluence_simulator import World
from confluence_simulator.world import Comment, Page, WorldError
from confluence_simulator.world.records import Space, Status

Thing = TypeVar("Thing")
EVERYBODY = "confluence-users"
LABELS = ("secret", "shown", "other")
NODES = ("folder", "whiteboard", "database", "embed")
DIRTY = ("", "\u200b", "\x07 and\x00", "\u202etxt", "\U000e0041", "naïve\u200d", "\U0001d4b3", "\ufeff")


class Author:
    """Edits a world. The first page of the space that is not mirrored stays, so that a world is never empty."""

    def __init__(self, world: World, spaces: Sequence[str], apart: str) -> None:
        """`spaces` are mirrored, `apart` is not; keys at the beginning."""
        self._world = world
        self._ids = [world.space(key).id for key in (*spaces, apart)]
        self._written = 0

    @property
    def spaces(self) -> list[Space]:
        """Return every space of the world, in an order that stays."""
        return [self._world.space(space_id) for space_id in self._ids]

    @property
    def mirrored(self) -> list[Space]:
        """Return the spaces that people may lose, in the same order."""
        return [space for space in self.spaces if space.id != self._apart.id]

    @property
    def _apart(self) -> Space:
        return self._world.space(self._ids[2])

    def edit(self, name: str, which: int, other: int) -> None:
        """Do one thing; what Confluence would refuse is not done."""
        try:
            EDITS[name](self, which, other)
        except WorldError:
            return

    def create(self, which: int, other: int) -> None:
        """Write a page at the top of a space, or below another one."""
        space_key = _chosen(self.spaces, which).key
        above = [page.id for page in (*self._current(), *self._nodes()) if page.space_key == space_key]
        parent_id = above[other % len(above)] if above and other % 3 else None
        self._world.create_page(
            space_key=space_key,
            title=self._text("Page"),
            storage=f"<p>{self._text('New')}</p>",
            parent_id=parent_id,
            labels=(LABELS[other % 3],) if other % 4 == 0 else (),
        )

    def create_node(self, which: int, other: int) -> None:
        """Make a folder, a whiteboard, a database or an embed below a page."""
        above = self._one(which)
        self._world.create_page(
            space_key=above.space_key,
            title=self._text("Node"),
            parent_id=above.id,
            kind=NODES[other % len(NODES)],  # type: ignore[arg-type] # words of Kind
        )

    def change(self, which: int, _: int) -> None:
        """Save a new version with another text."""
        self._world.edit_page(self._one(which).id, storage=f"<p>{self._text('Text')}</p>")

    def misdate(self, which: int, other: int) -> None:
        """Save a new version whose date is wrong, in the future or in the past."""
        days = timedelta(days=other - 20)
        self._world.edit_page(self._one(which).id, storage=f"<p>{self._text('Text')}</p>", at=self._world.now + days)

    def rename(self, which: int, _: int) -> None:
        """Save a new version with another title."""
        self._world.rename_page(self._one(which).id, self._text("Title"))

    def swap(self, which: int, other: int) -> None:
        """Let two pages of a space change their titles."""
        first, second = self._one(which), self._one(other)
        if first.id != second.id and first.space_key == second.space_key:
            self._world.rename_page(first.id, self._text("Between"))
            self._world.rename_page(second.id, first.title)
            self._world.rename_page(first.id, second.title)

    def move(self, which: int, other: int) -> None:
        """Hang a page below another one, which may be in another space."""
        parent = _chosen([*self._nodes(), *self._current()], other)
        self._world.move_page(self._one(which).id, parent_id=parent.id, space_key=parent.space_key)

    def move_node(self, which: int, other: int) -> None:
        """Hang a folder or the like, and everything below it, below a page, which may be in another space."""
        parent = self._one(other)
        self._world.move_page(_chosen(self._nodes(), which).id, parent_id=parent.id, space_key=parent.space_key)

    def move_to_top(self, which: int, other: int) -> None:
        """Move a page to the top of a space."""
        self._world.move_page(self._one(which).id, space_key=_chosen(self.spaces, other).key)

    def trash(self, which: int, other: int) -> None:
        """Put a page into the trash, with or without what is below it."""
        self._world.trash_page(self._one(which).id, tree=other % 2 == 1)

    def archive(self, which: int, other: int) -> None:
        """Archive a page."""
        self._world.archive_page(self._one(which).id, tree=other % 2 == 1)

    def restore(self, which: int, _: int) -> None:
        """Bring back what was put into the trash or archived."""
        gone = [page for page in self._world.pages() if page.status in ("trashed", "archived")]
        if gone:
            self._world.restore_page(gone[which % len(gone)].id)

    def purge(self, which: int, _: int) -> None:
        """Delete a page for good, without the trash in between."""
        self._world.purge_page(self._one(which).id)

    def hide(self, which: int, _: int) -> None:
        """Restrict a page away from the account that syncs; everything below it goes too."""
        self._world.hide_page(self._one(which).id)

    def restrict(self, which: int, other: int) -> None:
        """Restrict a page or a folder to some, the account that syncs among them."""
        node = _chosen([*self._current(), *self._nodes()], which)
        groups = ("confluence-users",) if other % 2 else ()
        self._world.restrict_page(node.id, users=(self._world.author.username,), groups=groups)

    def show(self, which: int, _: int) -> None:
        """Lift a restriction."""
        restricted = [page for page in (*self._world.pages(), *self._nodes()) if page.read]
        if restricted:
            self._world.unrestrict_page(restricted[which % len(restricted)].id)

    def label(self, which: int, other: int) -> None:
        """Label a page, which makes no version."""
        self._world.label_page(self._one(which).id, LABELS[other % 3])

    def unlabel(self, which: int, _: int) -> None:
        """Take the labels off a page."""
        page = self._one(which)
        self._world.unlabel_page(page.id, *(label.name for label in page.labels))

    def attach(self, which: int, other: int) -> None:
        """Attach a file to a page, or another version of the one with this name."""
        name = f"file {other % 3}.pdf"
        self._world.attach(self._one(which).id, filename=name, payload=self._text("Bytes").encode())

    def detach(self, which: int, other: int) -> None:
        """Put a file into the trash."""
        files = [each for page in self._current() for each in self._world.attachments(page.id)]
        self._world.remove_attachment(_chosen(files, which + other).id)

    def comment(self, which: int, other: int) -> None:
        """Write a comment about a page, below it or about words of it, or answer one."""
        page = self._one(which)
        there = [each for each in self._world.comments(page.id) if each.status == "current"]
        parent = _chosen(there, which + other).id if there and other % 3 == 2 else None
        selection = "words" if other % 3 == 1 else ""
        self._world.comment(page.id, storage=self._text("Comment"), selection=selection, parent_comment_id=parent)

    def edit_comment(self, which: int, other: int) -> None:
        """Write another text into a comment."""
        self._world.edit_comment(self._comment(which + other).id, storage=self._text("Other"))

    def resolve_comment(self, which: int, other: int) -> None:
        """Resolve a comment, or open it again."""
        chosen = self._comment(which + other)
        (self._world.reopen_comment if chosen.resolved else self._world.resolve_comment)(chosen.id)

    def remove_comment(self, which: int, other: int) -> None:
        """Delete a comment for good, or put it into the trash."""
        self._world.remove_comment(self._comment(which + other).id, trash=other % 2 == 0)

    def restore_comment(self, which: int, other: int) -> None:
        """Bring a comment back from the trash."""
        self._world.restore_comment(self._comment(which + other, status="trashed").id)

    def _comment(self, which: int, *, status: str = "current") -> Comment:
        every = [each for page in self._current() for each in self._world.comments(page.id)]
        return _chosen([each for each in every if each.status == status], which)

    def post(self, which: int, _: int) -> None:
        """Write a post into the blog of a space."""
        space_key = _chosen(self.spaces, which).key
        self._world.create_blog_post(
            space_key=space_key, title=self._text("Post"), storage=f"<p>{self._text('New')}</p>"
        )

    def change_post(self, which: int, other: int) -> None:
        """Save a new version of a post, label it, or restrict it to some."""
        post = _chosen(self._posts("current"), which)
        if other % 3 == 0:
            self._world.edit_page(post.id, storage=f"<p>{self._text('Text')}</p>")
        elif other % 3 == 1:
            self._world.label_page(post.id, LABELS[other % 3])
        else:
            self._world.restrict_page(post.id, users=(self._world.author.username,))

    def lose_post(self, which: int, other: int) -> None:
        """Put a post into the trash, restrict it away from the account, or delete it for good."""
        post = _chosen(self._posts("current"), which)
        (self._world.trash_page, self._world.hide_page, self._world.purge_page)[other % 3](post.id)

    def return_post(self, which: int, _: int) -> None:
        """Bring a post back from the trash, or lift its restriction."""
        gone = [post for post in self._posts(None) if post.status == "trashed" or post.read]
        post = _chosen(gone, which)
        if post.status == "trashed":
            self._world.restore_page(post.id)
        else:
            self._world.unrestrict_page(post.id)

    def forbid(self, which: int, _: int) -> None:
        """Take a space away from the account."""
        self._world.forbid_space(_chosen(self.mirrored, which).id, group=EVERYBODY)

    def permit(self, which: int, _: int) -> None:
        """Give it back."""
        self.forbid(which, 0)
        self._world.permit_space(_chosen(self.mirrored, which).id, group=EVERYBODY)

    def archive_space(self, which: int, _: int) -> None:
        """Archive a space; its pages stay current."""
        self._world.archive_space(_chosen(self.mirrored, which).id)

    def restore_space(self, which: int, _: int) -> None:
        """Bring a space back."""
        self._world.restore_space(_chosen(self.mirrored, which).id)

    def rekey(self, which: int, _: int) -> None:
        """Give a space another key."""
        self._written += 1
        self._world.rekey_space(_chosen(self.mirrored, which).id, f"K{self._written}")

    def create_space(self, _: int, __: int) -> None:
        """Make a space with two pages, at most two of them in one history."""
        if len(self._ids) < 5:
            self._written += 1
            space = self._world.create_space(f"N{self._written}", self._text("Space"))
            self._ids.append(space.id)
            top = self._world.create_page(space_key=space.key, title=self._text("Top"), storage="<p>Top</p>")
            self._world.create_page(
                space_key=space.key, title=self._text("Low"), storage="<p>Low</p>", parent_id=top.id
            )

    def _current(self) -> list[Page]:
        pages = self._world.pages(status="current")
        apart = next((page.id for page in pages if page.space_id == self._apart.id), None)
        return [page for page in pages if page.id != apart]

    def _nodes(self) -> list[Page]:
        return [
            page
            for kind in NODES
            for page in self._world.pages(status="current", kind=kind)  # type: ignore[arg-type] # words of Kind
        ]

    def _posts(self, status: Status | None) -> list[Page]:
        return self._world.pages(status=status, kind="blogpost")

    def _one(self, which: int) -> Page:
        return _chosen(self._current(), which)

    def _text(self, word: str) -> str:
        self._written += 1
        return f"{word} {self._written}{DIRTY[self._written % len(DIRTY)]}"


def _chosen(things: Sequence[Thing], which: int) -> Thing:
    """Choose one. A world from which everything has been taken has none, as Confluence would say."""
    if not things:
        raise WorldError("There is none")
    return things[which % len(things)]


EDITS: Mapping[str, Callable[[Author, int, int], None]] = {
    "create": Author.create,
    "create node": Author.create_node,
    "change": Author.change,
    "misdate": Author.misdate,
    "rename": Author.rename,
    "swap": Author.swap,
    "move": Author.move,
    "move node": Author.move_node,
    "move to top": Author.move_to_top,
    "trash": Author.trash,
    "archive": Author.archive,
    "restore": Author.restore,
    "purge": Author.purge,
    "hide": Author.hide,
    "restrict": Author.restrict,
    "show": Author.show,
    "label": Author.label,
    "unlabel": Author.unlabel,
    "post": Author.post,
    "change post": Author.change_post,
    "lose post": Author.lose_post,
    "return post": Author.return_post,
    "attach": Author.attach,
    "detach": Author.detach,
    "comment": Author.comment,
    "edit comment": Author.edit_comment,
    "resolve comment": Author.resolve_comment,
    "remove comment": Author.remove_comment,
    "restore comment": Author.restore_comment,
    "forbid": Author.forbid,
    "permit": Author.permit,
    "archive space": Author.archive_space,
    "restore space": Author.restore_space,
    "rekey": Author.rekey,
    "create space": Author.create_space,
}
TAKE_AWAY = (
    "trash",
    "archive",
    "purge",
    "hide",
    "lose post",
    "move to top",
    "forbid",
    "archive space",
)  #: from those who may read
