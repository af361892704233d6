"""What stands above a page of Cloud: its parent, and its ancestors. Each kind of content has an endpoint of its own."""

from urllib.parse import quote

from hr_sync.confluence.cloud_json import COLLECTIONS, read_ancestors, read_parent
from hr_sync.confluence.http.client import HttpClient
from hr_sync.domain.content import ContentNode
from hr_sync.errors import AccessDenied, AnswerNotTrusted, AnswerUnusable, NotFound

_WIDEST = 250  # ancestors in one answer
_UNPROVEN_CHAIN = 25  # ancestors, Cloud's default limit; a chain as long may be cut
_MAX_CHAIN = 1000


def parent_on_cloud(client: HttpClient, node: ContentNode) -> ContentNode | None:
    """Return the parent of a node; None if it has none. A node whose kind is not known is a page, or a folder."""
    if node.kind is not None:
        return _parent_of(client, node)
    try:
        return _parent_of(client, ContentNode(id=node.id, kind="page"))
    except (NotFound, AccessDenied, AnswerUnusable) as no_page:
        try:
            return _parent_of(client, ContentNode(id=node.id, kind="folder"))
        except AnswerUnusable:  # some sites answer 400 for the id of a page here
            raise no_page from None


def ancestors_on_cloud(client: HttpClient, page_id: str) -> tuple[ContentNode, ...]:
    """Return the ancestors of a page, nearest first.

    The list begins at the top and is cut there, so a cut list is continued from its top.
    """
    chain = _ancestors(client, ContentNode(id=page_id, kind="page"))
    cut = len(chain) >= _UNPROVEN_CHAIN
    while cut:
        more = _ancestors(client, chain[0])
        chain = [*more, *chain]
        cut = bool(more)
        if len(chain) > _MAX_CHAIN:
            raise AnswerNotTrusted("The ancestors of a page do not end.")
    return tuple(reversed(chain))


def _parent_of(client: HttpClient, node: ContentNode) -> ContentNode | None:
    return read_parent(client.get(_node(node)), node)


def _ancestors(client: HttpClient, node: ContentNode) -> list[ContentNode]:
    walk = client.walk(f"{_node(node)}/ancestors", {"limit": _WIDEST})
    return [each for answer in walk for each in read_ancestors(answer.content)]


def _node(node: ContentNode) -> str:
    if node.kind not in COLLECTIONS:
        raise AnswerNotTrusted(
            "The parent of a page has a kind of content that this version does not know.",
            remedy="Upgrade hr_sync.",
        )
    return f"api/v2/{COLLECTIONS[node.kind]}/{quote(node.id, safe='')}"
