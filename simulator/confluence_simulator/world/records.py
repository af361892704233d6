"""What a Confluence site holds, as frozen values: spaces, content, people, restrictions, events.

Every edit makes a new value; nothing here knows HTTP, JSON or a flavour of Confluence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["page", "blogpost", "folder", "whiteboard", "database", "embed", "comment", "attachment"]
Status = Literal["current", "archived", "trashed", "draft", "purged"]
SpaceType = Literal["global", "collaboration", "knowledge_base", "personal"]
SpaceStatus = Literal["current", "archived"]
Operation = Literal["read", "update"]
AccountType = Literal["atlassian", "app", "customer"]
SiteOperation = Literal["use", "administer"]

LazyText = Callable[[], str]
"""Renders the same text on each call; large worlds hold these in place of bodies."""


class WorldError(ValueError):
    """An edit that Confluence would refuse: an unknown id, a title that is taken, a cycle of parents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`groups` are the ids of the groups that are members of this one; their members are members of it, too."""

    id: str
    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`account_id` names a user on Cloud, `username` and `user_key` on Data Center.

    `all_groups`, `licensed` and `administrator` follow from the groups and the site's permissions; the world sets them.
    """

    account_id: str
    username: str
    user_key: str
    display_name: str
    email: str
    public_name: str = ""
    """The name that everybody is shown on Cloud; empty: the display name."""
    account_type: AccountType = "atlassian"
    """Confluence calls service accounts and bots of apps `app`, and portal customers `customer`."""
    active: bool = True
    closed: bool = False
    """The account was deleted: answers still name its id, as a former user of unknown type."""
    groups: tuple[str, ...] = ()
    """Ids of the groups that the user is a direct member of."""
    all_groups: tuple[str, ...] = ()
    """Ids of the groups that the user is a member of, directly or through a nested group."""
    licensed: bool = False
    """The user may use Confluence: active, and permitted to use the site."""
    administrator: bool = False
    """The user administers Confluence; this alone lets nobody read a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePermission:
    """A global permission. `principal_type` is user, group or access-class (anonymous users alone)."""

    principal_type: str
    principal_id: str
    operation: SiteOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePermission:
    """`principal_type` is user, group or access-class; the last is in real answers though not in the API document.

    A principal of any other type is nobody.
    """

    id: str
    principal_type: str
    principal_id: str
    operation: str
    target_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRole:
    """A named set of permissions in a space, e.g. `read/space`."""

    id: str
    number: int
    name: str
    type: Literal["SYSTEM", "CUSTOM"]
    description: str = ""
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """`principal_type` is USER, GROUP or ACCESS_CLASS."""

    principal_type: str
    principal_id: str
    role: SpaceRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    id: str
    name: str
    prefix: str = "global"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    id: str
    key: str
    name: str
    type: SpaceType
    status: SpaceStatus
    created_at: datetime
    changed_at: datetime
    author_id: str
    homepage_id: str | None = None
    description: str = ""
    labels: tuple[Label, ...] = ()
    permissions: tuple[SpacePermission, ...] = ()
    roles: tuple[RoleAssignment, ...] = ()
    alias: str = ""
    """The name that an administrator gave the space for its addresses; the key and the id stay as they are."""

    @property
    def address(self) -> str:
        """The name of the space in links: its alias, or its key where it has none."""
        return self.alias or self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Who may do an operation: any one of these users or members of these groups. Empty lets everybody."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)


UNRESTRICTED = Restriction()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`modified_at` is when the current version was made; `changed_at` also moves with labels, moves, restrictions."""

    id: str
    kind: Kind
    space_id: str
    space_key: str
    title: str
    status: Status = "current"
    version: int = 1
    version_message: str = ""
    minor_edit: bool = False
    created_at: datetime
    modified_at: datetime
    changed_at: datetime
    author_id: str
    editor_id: str
    body: str | LazyText = field(default="", repr=False, compare=False)

    @property
    def storage(self) -> str:
        """The body in storage format, rendered now if the world holds only its recipe."""
        return self.body if isinstance(self.body, str) else self.body()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Content):
    """A page, a blog post, a folder, a whiteboard, a database or an embed (Smart Link): a node of a space's tree.

    Each kind can be the parent of another; each can carry restrictions.
    """

    parent_id: str | None = None
    position: int | None = None
    owner_id: str = ""
    last_owner_id: str | None = None
    moved_at: datetime | None = None
    """When the page itself was last moved; None if it never was."""
    labels: tuple[Label, ...] = ()
    read: Restriction = UNRESTRICTED
    update: Restriction = UNRESTRICTED


def last_touched(content: Content, *, moves: bool) -> datetime:
    """Return the date that orders by modification compare: of the version or, if `moves` count, of a later move."""
    moved_at = content.moved_at if moves and isinstance(content, Page) else None
    return content.modified_at if moved_at is None else max(content.modified_at, moved_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Content):
    container_id: str
    media_type: str
    file_size: int
    file_id: str
    comment: str = ""
    payload: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment(Content):
    container_id: str
    location: Literal["footer", "inline"] = "footer"
    parent_comment_id: str | None = None
    selection: str = ""
    resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One edit, named as Data Center names its webhook events (`page_updated`, `page_moved`, ...)."""

    name: str
    at: datetime
    content_id: str
    actor_id: str
    old_parent_id: str | None = None
    new_parent_id: str | None = None
