"""Own restrictions and parents of the nodes of a space, by one walk over a listing of v1 that expands both.

`ancestors` begins at the top, and each entry is a node with its type, folders among them. The restrictions of ancestors
are not expanded: one that is hidden or in the trash makes the whole answer a 404 (CONFCLOUD-77618).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from hr_sync.confluence.access import SEARCH, WIDEST_EXPANDED, nodes_of
from hr_sync.confluence.access_json import CLOUD, RESTRICTIONS, Naming, read_restrictions
from hr_sync.confluence.both_ends import from_both_ends
from hr_sync.confluence.http.client import HttpClient, Query
from hr_sync.confluence.http.response import Answer, Json
from hr_sync.confluence.json_fields import TYPE_OF, FieldError, word_of
from hr_sync.confluence.pagination import with_smaller_pages
from hr_sync.domain.access import NodeFact, Restriction
from hr_sync.domain.content import ContentKind, ContentNode, Space

_ALONE = 10  #: answers before another walk begins at the other end of the space
NODE_PARTS = f"{RESTRICTIONS},ancestors"


@dataclass(kw_only=True, slots=True)
class WalkedNodes:
    """What a walk found so far, by node id."""

    own: dict[str, Restriction | None] = field(default_factory=dict)
    parents: dict[str, ContentNode | None] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    contested: set[str] = field(default_factory=set)  #: nodes that two chains give different parents or kinds
    answers: int = 0
    has_next: bool = False  #: the last answer named a next one

    @property
    def facts(self) -> dict[str, NodeFact]:
        """Return what was found. The parent of a contested node, as of one that was moved meanwhile, is not known."""
        return {node_id: self._fact(node_id) for node_id in self.kinds.keys() | self.own.keys()}

    def take(self, answer: Json, naming: Naming) -> None:
        """Add an answer. What cannot be read of a node stays absent."""
        self.own.update(read_restrictions(answer, naming))
        for item in answer["results"]:
            try:
                chain = _chain_of(item)
            except FieldError:
                self.contested.add(item["id"])
                continue
            for parent, node in zip([None, *chain], chain, strict=False):
                self._note(node, parent)

    def _fact(self, node_id: str) -> NodeFact:
        is_contested = node_id in self.contested
        parent = None if is_contested else self.parents[node_id]
        return NodeFact(
            id=node_id,
            kind=None if is_contested else self.kinds[node_id],
            parent_id=parent.id if parent else None,
            restriction=self.own.get(node_id),
            parent_known=not is_contested,
        )

    def _note(self, node: ContentNode, parent: ContentNode | None) -> None:
        kind = node.kind or ""
        if self.kinds.setdefault(node.id, kind) != kind or self.parents.setdefault(node.id, parent) != parent:
            self.contested.add(node.id)


def walk_nodes(
    client: HttpClient, path: str, query: Query, naming: Naming, tries: int | None, *, by_offset: bool = False
) -> WalkedNodes:
    """Walk a listing of v1 whose query expands NODE_PARTS. Raise what HttpClient raises."""
    found = WalkedNodes()
    for answer in client.walk(path, query, max_attempts=tries, by_offset=by_offset):
        found.take(answer.content, naming)
        found.answers += 1
        found.has_next = answer.has_next
    return found


def search_nodes(client: HttpClient, space: Space, kinds: Sequence[str], check_site: Callable[[], None]) -> WalkedNodes:
    """Walk the search index of Cloud over the nodes of a space that are of these kinds, a large space from both ends.

    A node that no answer shows, since the index may order nodes of the same date in another way each time, is absent.
    """

    def answers(order: str, width: int, tries: int | None) -> Iterator[Answer]:
        query = {"cql": f"{nodes_of(space.key, kinds)} order by {order}", "limit": width, "expand": NODE_PARTS}
        return client.walk(SEARCH, query, max_attempts=tries)

    def walk(width: int, tries: int | None) -> WalkedNodes:
        found = WalkedNodes()
        upwards, downwards = (answers(order, width, tries) for order in ("created", "created desc"))
        for answer in from_both_ends(upwards, downwards, alone=_ALONE):
            found.take(answer.content, CLOUD)
            answer.content["results"].clear()  # megabytes, which the walk would keep until its next answer
        return found

    return with_smaller_pages(walk, WIDEST_EXPANDED, check_site=check_site)


def _chain_of(item: Mapping[str, Any]) -> list[ContentNode]:
    """Return the chain from the top down to a node, itself included."""
    ancestors = item.get("ancestors")
    if item.get("type") == TYPE_OF[ContentKind.BLOG_POST]:
        ancestors = []  # a blog post has none; whether an answer says so is not documented
    if not isinstance(ancestors, list) or not all(isinstance(each, dict) for each in ancestors):
        raise FieldError("ancestors")
    nodes = (*ancestors, item)
    chain = [ContentNode(id=intern(word_of(node, "id")), kind=intern(word_of(node, "type"))) for node in nodes]
    if len({each.id for each in chain}) != len(chain):
        raise FieldError("ancestors")
    return chain
