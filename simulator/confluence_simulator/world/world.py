"""The world: a Confluence site as a plain value in memory, to be edited by tests and read by the server."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from confluence_simulator.world import attached, groups, pages, people, readers, roles, spaces
from confluence_simulator.world.clock import DEFAULT_START, DEFAULT_STEP, Clock
from confluence_simulator.world.groups import ANYBODY
from confluence_simulator.world.records import Content, Event, Group, Page, User
from confluence_simulator.world.store import FIRST_ID, Store


class World:
    """Spaces, people, pages, attachments and comments, with a clock of its own. All operations are thread-safe.

    Each edit moves the clock by one step, so that the same edits give the same ids, versions and times on every
    machine. Returned values are frozen: they show the state at the time of the call. A world begins with a group of
    all users who may use the site (`everybody`), the account that reads and administers it (`bot`) and a person who
    writes pages (`author`).
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start: datetime = DEFAULT_START,
        step: timedelta = DEFAULT_STEP,
        first_id: int = FIRST_ID,
    ) -> None:
        self.store = Store(seed=seed, start=start, step=step, first_id=first_id)
        self.add_group(people.EVERYBODY)
        groups.put_permissions(self, (groups.use_of(self.everybody), groups.ANYBODY))
        self.add_user(people.BOT, display_name="HR Bot", email="hr-bot@example.com")
        self.add_user(people.AUTHOR, display_name="Ann Lee", email="")
        groups.put_permissions(self, (*self.store.permissions, groups.administration_of(self.bot)))
        roles.add_system_roles(self)

    add_user = people.add_user
    add_service_account = people.add_service_account
    add_app = people.add_app
    user = people.user
    users = people.users
    set_groups = people.set_groups
    deactivate_user = people.deactivate_user
    activate_user = people.activate_user
    close_user = people.close_user
    rename_user = people.rename_user
    label = people.label

    permit_site = groups.permit_site
    forbid_site = groups.forbid_site
    permitted_groups = groups.permitted_groups
    add_group = groups.add_group
    group = groups.group
    nest_group = groups.nest_group
    unnest_group = groups.unnest_group
    members = groups.members
    groups = groups.groups  # last of its group: from here on the name is the method

    layers = readers.layers
    readers_of = readers.readers_of
    may_read = readers.may_read

    create_space = spaces.create_space
    space = spaces.space
    edit_space = spaces.edit_space
    archive_space = spaces.archive_space
    restore_space = spaces.restore_space
    rekey_space = spaces.rekey_space
    alias_space = spaces.alias_space
    set_homepage = spaces.set_homepage
    permit_space = spaces.permit_space
    forbid_space = spaces.forbid_space
    spaces = spaces.spaces  # last of its group, likewise

    add_role = roles.add_role
    role = roles.role
    assign_role = roles.assign_role
    unassign_role = roles.unassign_role
    roles = roles.roles  # last of its group, likewise

    create_page = pages.create_page
    create_folder = pages.create_folder
    create_blog_post = pages.create_blog_post
    page = pages.page
    descendants = pages.descendants
    edit_page = pages.edit_page
    misdate_page = pages.misdate_page
    rename_page = pages.rename_page
    move_page = pages.move_page
    place_page = pages.place_page
    label_page = pages.label_page
    unlabel_page = pages.unlabel_page
    restrict_page = pages.restrict_page
    unrestrict_page = pages.unrestrict_page
    hide_page = pages.hide_page
    trash_page = pages.trash_page
    archive_page = pages.archive_page
    restore_page = pages.restore_page
    purge_page = pages.purge_page
    pages = pages.pages  # last of its group, likewise

    attach = attached.attach
    attachments = attached.attachments
    remove_attachment = attached.remove_attachment
    comment = attached.comment
    comments = attached.comments
    resolve_comment = attached.resolve_comment
    reopen_comment = attached.reopen_comment
    edit_comment = attached.edit_comment
    remove_comment = attached.remove_comment
    restore_comment = attached.restore_comment

    @property
    def everybody(self) -> Group:
        """The group of all users."""
        return self.group(people.EVERYBODY)

    @property
    def anonymous_may_use(self) -> bool:
        """Anonymous visitors may use the site; each space says whether they may view it."""
        return ANYBODY in self.store.permissions

    @property
    def bot(self) -> User:
        """The account that reads the site, whose credentials the simulator accepts."""
        return self.user(people.BOT)

    @property
    def author(self) -> User:
        """The person who writes where an edit names nobody else."""
        return self.user(people.AUTHOR)

    @property
    def lock(self) -> threading.RLock:
        """Hold it where several reads must agree; every edit holds it."""
        return self.store.lock

    @property
    def clock(self) -> Clock:
        """The clock of this world."""
        return self.store.clock

    @property
    def now(self) -> datetime:
        """The time in this world."""
        return self.store.clock.now

    @property
    def revision(self) -> int:
        """A number that grows with every change."""
        return self.store.revision

    @property
    def events(self) -> list[Event]:
        """Every edit so far, oldest first."""
        return self.store.events

    def advance(self, by: timedelta) -> None:
        """Let time pass without an edit, e.g. until a lagging index has caught up."""
        self.store.advance(by)

    def become(self, other: "World") -> None:
        """Take over everything that `other` holds, while this world is served; listeners and the revision go on."""
        self.store.become(other.store)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every later event, until the returned function is called.

        It is called inside the edit, so it must return at once and not edit.
        """
        return self.store.listen(listener)

    def find(self, content_id: str) -> Content | None:
        """Return the present state, of any kind and status; None if there never was one or it was purged."""
        return self.store.find(content_id)

    def find_at(self, content_id: str, moment: datetime) -> Content | None:
        """Return the state at an earlier moment, as an index that lags would still hold it."""
        return self.store.find_at(content_id, moment)

    def contents(self, moment: datetime | None = None) -> list[Content]:
        """Return everything that is not purged, at a moment or now, in no promised order."""
        return self.store.contents(moment)

    def versions(self, content_id: str) -> list[Content]:
        """Return the last state of each version, oldest first. Loaded worlds know only what happened since."""
        return self.store.versions(content_id)

    def under(self, container_id: str) -> list[Content]:
        """Return children, comments and attachments directly below a page or other node, whatever their status."""
        return self.store.under(container_id)

    def ancestors(self, page: Page, moment: datetime | None = None) -> list[Page]:
        """Return the chain from the root to the parent, now or at a moment. A parent that was purged ends the chain."""
        return self.store.ancestors(page, moment)

    def new_id(self) -> str:
        """Return an id that was never used; ids grow with gaps."""
        return self.store.new_id()

    def load(self, contents: Iterable[Content]) -> None:
        """Take over ready-made content at once; the clock stands still and there are no events."""
        self.store.load(contents)
