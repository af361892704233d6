"""Everything that people do to a Confluence, as data: an edit is a name and two numbers that choose what it meets."""

from collections.abc import Callable, Mapping, Sequence

from confluence_simulator import World
from confluence_simulator.world import Page, WorldError

DIRTY = ("", "\u200b", "\x07 and\x00", "\u202etxt", "\U000e0041", "naïve\u200d", "\U0001d4b3", "\ufeff")


class Author:
    """Edits a world. The homepage of the space that is not mirrored stays, so that a world is never empty."""

    def __init__(self, world: World, spaces: Sequence[str], apart: str) -> None:
        """`spaces` are mirrored, `apart` is not."""
        self._world = world
        self._spaces = (*spaces, apart)
        self._apart = apart
        self._written = 0

    def edit(self, name: str, which: int, other: int) -> None:
        """Do one thing; what Confluence would refuse is not done."""
        try:
            EDITS[name](self, which, other)
        except WorldError:
            return

    def create(self, which: int, other: int) -> None:
        """Write a page at the top of a space, or below another one."""
        space_key = self._spaces[which % len(self._spaces)]
        above = [page.id for page in (*self._current(), *self._folders()) if page.space_key == space_key]
        parent_id = above[other % len(above)] if above and other % 3 else None
        self._world.create_page(
            space_key=space_key, title=self._text("Page"), storage=f"<p>{self._text('New')}</p>", parent_id=parent_id
        )

    def create_folder(self, which: int, _: int) -> None:
        """Make a folder below a page."""
        above = self._one(which)
        self._world.create_folder(space_key=above.space_key, title=self._text("Folder"), parent_id=above.id)

    def change(self, which: int, _: int) -> None:
        """Save a new version with another text."""
        self._world.edit_page(self._one(which).id, storage=f"<p>{self._text('Text')}</p>")

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
        parent = _chosen([*self._folders(), *self._current()], other)
        self._world.move_page(self._one(which).id, parent_id=parent.id, space_key=parent.space_key)

    def move_to_top(self, which: int, other: int) -> None:
        """Move a page to the top of a space."""
        self._world.move_page(self._one(which).id, space_key=self._spaces[other % len(self._spaces)])

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
        node = _chosen([*self._current(), *self._folders()], which)
        groups = ("confluence-users",) if other % 2 else ()
        self._world.restrict_page(node.id, users=(self._world.author.username,), groups=groups)

    def show(self, which: int, _: int) -> None:
        """Lift a restriction."""
        restricted = [page for page in (*self._world.pages(), *self._world.pages(kind="folder")) if page.read]
        if restricted:
            self._world.unrestrict_page(restricted[which % len(restricted)].id)

    def label(self, which: int, other: int) -> None:
        """Label a page, which makes no version."""
        self._world.label_page(self._one(which).id, f"label-{other % 3}")

    def unlabel(self, which: int, _: int) -> None:
        """Take the labels off a page."""
        page = self._one(which)
        self._world.unlabel_page(page.id, *(label.name for label in page.labels))

    def forbid(self, _: int, __: int) -> None:
        """Take the second space away from the account."""
        self._world.forbid_space(self._spaces[1], group="confluence-users")

    def permit(self, _: int, __: int) -> None:
        """Return it back."""
        self.forbid(0, 0)
        self._world.permit_space(self._spaces[1], group="confluence-users")

    def _current(self) -> list[Page]:
        pages = self._world.pages(status="current")
        apart = next((page.id for page in pages if page.space_key == self._apart), None)
        return [page for page in pages if page.id != apart]

    def _folders(self) -> list[Page]:
        return self._world.pages(status="current", kind="folder")

    def _one(self, which: int) -> Page:
        return _chosen(self._current(), which)

    def _text(self, word: str) -> str:
        self._written += 1
        return f"{word} {self._written}{DIRTY[self._written % len(DIRTY)]}"


def _chosen(pages: Sequence[Page], which: int) -> Page:
    """Choose one. A world from which everything has been taken has none, as Confluence would say."""
    if not pages:
        raise WorldError("There is no page")
    return pages[which % len(pages)]


EDITS: Mapping[str, Callable[[Author, int, int], None]] = {
    "create": Author.create,
    "create folder": Author.create_folder,
    "change": Author.change,
    "rename": Author.rename,
    "swap": Author.swap,
    "move": Author.move,
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
    "forbid": Author.forbid,
    "permit": Author.permit,
}
