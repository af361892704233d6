"""What a restriction would change, for whoever is about to set it in Confluence. Nothing is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hr_sync.domain.access import (
    AccessMode,
    AccessSet,
    Audience,
    Principal,
    PrincipalKind,
    Restriction,
    access_set_of,
    audience_passes,
)
from hr_sync.domain.principal_words import NamedPrincipal, named_layer
from hr_sync.errors import UsageError
from hr_sync.store.read.readers import StoredNode, StoredTree
from hr_sync.store.store import Store
from hr_sync.sync.principal_names import NamesOfConfluence, names_of
from hr_sync.sync.readable import find_group
from hr_sync.sync.readers import count_readers


@dataclass(frozen=True, kw_only=True, slots=True)
class PageEffect:
    """What a restriction would change for one page."""

    page_id: str
    title: str
    shown_before: bool  #: to every reader of the audience
    shown_after: bool
    readers_before: int | None  #: people, where that is known
    readers_after: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RestrictionPreview:
    """What would change if one node were restricted to these groups alone. Nothing was written."""

    node_id: str
    title: str | None
    groups: Sequence[NamedPrincipal]
    pages: Sequence[PageEffect]  #: live pages of its subtree, itself among them

    @property
    def shown_before(self) -> int:
        """Return how many of the pages are shown to consumers now."""
        return sum(page.shown_before for page in self.pages)

    @property
    def shown_after(self) -> int:
        """Return how many would be."""
        return sum(page.shown_after for page in self.pages)


def preview_restriction(
    store: Store, node_id: str, groups: Sequence[str], confluence: NamesOfConfluence | None = None
) -> RestrictionPreview:
    """Return what would change if a node were restricted to these groups alone. Nothing is written.

    Raise UsageError for a node or a group that nobody knows.
    """
    tree = store.access.tree_around(node_id)
    if tree is None:
        raise UsageError(f"The mirror knows no page or folder {node_id}. See why: `hr-sync explain {node_id}`.")
    group_ids = frozenset(find_group(store, each, confluence) for each in groups)
    changed = replace(tree.nodes[node_id], restriction=Restriction(groups=group_ids), outdated=False)
    concerned = sorted(_subtree(tree, node_id))
    before, after = _access_sets(tree, concerned), _access_sets(tree, concerned, changed)
    sets = {page_id: (before[page_id], after[page_id]) for page_id in concerned}
    principals = {each for pair in sets.values() for found in pair if found for layer in found for each in layer}
    names = names_of(store, {*principals, *(Principal(PrincipalKind.GROUP, each) for each in group_ids)}, confluence)
    audience = Audience(groups=tree.policy.audience_groups, licence_groups=tree.licence_groups)

    def shown(access_set: AccessSet | None) -> bool:
        return tree.policy.mode is AccessMode.ACCOUNT or audience_passes(access_set, audience)

    return RestrictionPreview(
        node_id=node_id,
        title=tree.nodes[node_id].title,
        groups=named_layer(frozenset(Principal(PrincipalKind.GROUP, each) for each in group_ids), names.groups),
        pages=[
            PageEffect(
                page_id=page_id,
                title=tree.pages[page_id],
                shown_before=shown(now),
                shown_after=shown(then),
                readers_before=count_readers(now, names.members),
                readers_after=count_readers(then, names.members),
            )
            for page_id, (now, then) in sets.items()
        ],
    )


def _subtree(tree: StoredTree, node_id: str) -> frozenset[str]:
    """Return the live pages at and below a node."""
    children: dict[str, list[str]] = {}
    for node in tree.nodes.values():
        if node.parent_id is not None:
            children.setdefault(node.parent_id, []).append(node.id)
    seen: set[str] = set()
    waiting = [node_id]
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += children.get(here, [])
    return frozenset(seen & tree.pages.keys())


def _access_sets(
    tree: StoredTree, page_ids: Iterable[str], changed: StoredNode | None = None
) -> dict[str, AccessSet | None]:
    """Return the access sets of pages as they are, or with one node changed."""
    nodes = dict(tree.nodes) if changed is None else {**tree.nodes, changed.id: changed}
    own = {node.id: node.restriction for node in nodes.values()}
    parents = {node.id: node.parent_id for node in nodes.values()}
    unresolved = {node.id for node in nodes.values() if not node.parent_known}
    outdated = {node.id for node in nodes.values() if node.outdated}
    return {
        page_id: access_set_of(page_id, tree.space.layer, own, parents, unresolved, outdated=outdated)
        for page_id in page_ids
    }
