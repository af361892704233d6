"""Who may see what. A page is seen by those who may view its space, the page and every one of its ancestors."""

from confluence_simulator.world.records import Attachment, Comment, Content, Page, Restriction, Space, User
from confluence_simulator.world.world import World

ANONYMOUS = "ANONYMOUS_USERS"
LICENSED = "ALL_LICENSED_USERS"


def can_view_space(space: Space, user: User | None) -> bool:
    """`user` None is an anonymous caller."""
    classes = {ANONYMOUS} if user is None else {ANONYMOUS, LICENSED}
    principals = classes if user is None else {*classes, user.account_id, *user.groups}
    return any(
        permission.operation == "read" and permission.principal_id in principals for permission in space.permissions
    )


def can_view(world: World, content: Content, user: User | None) -> bool:
    """Comments and attachments are seen by those who see their page."""
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
