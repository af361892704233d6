"""Who may see what: a page is shown to those who may view its space, the page and every one of its ancestors."""

from confluence_simulator.world.records import Attachment, Comment, Content, Page, Restriction, Space, User
from confluence_simulator.world.roles import may_read_space
from confluence_simulator.world.world import World

ANONYMOUS = "ANONYMOUS_USERS"
LICENSED = "ALL_LICENSED_USERS"
ROLE_ANONYMOUS = "anonymous-users"
ROLE_CLASSES = frozenset({ROLE_ANONYMOUS, "authenticated-users", "all-licensed-users"})
"""Access classes of roles that every account of the simulator belongs to."""


def can_view_space(space: Space, user: User | None) -> bool:
    """Whether a permission or a role lets `user` (None: an anonymous caller) view the space."""
    if user is None:
        principals = {ANONYMOUS, ROLE_ANONYMOUS}
    else:
        principals = {ANONYMOUS, LICENSED, *ROLE_CLASSES, user.account_id, *user.groups}
    permitted = any(
        permission.operation == "read" and permission.principal_id in principals for permission in space.permissions
    )
    return permitted or any(row.principal_id in principals and may_read_space(row.role) for row in space.roles)


def can_view(world: World, content: Content, user: User | None) -> bool:
    """Whether `user` may view this content; comments and attachments are shown with their page."""
    page: Content | None = content
    if isinstance(content, Attachment | Comment):
        page = world.find(content.container_id)
    if not isinstance(page, Page) or not can_view_space(world.space(page.space_id), user):
        return False
    return allows(page.read, user) and all(allows(ancestor.read, user) for ancestor in world.ancestors(page))


def allows(restriction: Restriction, user: User | None) -> bool:
    if not restriction:
        return True
    return user is not None and (
        user.account_id in restriction.users or any(group in restriction.groups for group in user.groups)
    )
