"""Decides which pages are in scope: reads parents and labels, and passes both to `PageScope.decide`.

This is the only module that does so. Whatever cannot be read makes a page's scope unknown, never open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hr_sync.confluence.source import Source
from hr_sync.domain.access import NodeFact
from hr_sync.domain.content import ContentKind, ContentNode, KindById, Listing, StoredPage
from hr_sync.domain.deletion import LookupStatus
from hr_sync.domain.plan import decide
from hr_sync.domain.scope import KIND_LEFT_OUT, MAX_LEVELS, Chain, PageScope, ScopeDecision, chain_of
from hr_sync.errors import UNANSWERED
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.kinds import labels_of_kinds


@dataclass(frozen=True, kw_only=True, slots=True)
class ScopedListing:
    """A complete listing, split by the scope."""

    in_scope: Listing
    others: Mapping[str, ScopeDecision]  #: id → why a listed page is not in scope, or that it is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class Parents:
    """The parent of every listed page and of everything above it."""

    of: Mapping[str, str | None]  #: by node id; None at the top of the space
    unresolved: frozenset[str]  #: nodes whose parent could not be read
    kinds: Mapping[str, str | None] = field(default_factory=dict)  #: by node id; None: not given


def split_by_scope(
    source: Source, fetcher: BodyFetcher, listing: Listing, stored: Mapping[str, StoredPage], scope: PageScope
) -> ScopedListing:
    """Split a complete listing by the scope. Raise errors about the whole site."""
    if scope.is_everything:
        return ScopedListing(in_scope=listing, others={})
    parents = read_parents(source, fetcher, listing) if scope.by_tree else Parents(of={}, unresolved=frozenset())
    listed = [*listing.heads, *listing.unreadable]
    chains = {page_id: chain_of(page_id, parents.of, parents.unresolved) for page_id in listed}
    undecided = [page_id for page_id, chain in chains.items() if _place_may_be_in(scope, chain)]
    labels = _labels(source, fetcher, listing, stored, undecided) if scope.by_label else {}
    decisions = {page_id: scope.decide(chains[page_id], labels.get(page_id)) for page_id in listed}
    others = {page_id: decision for page_id, decision in decisions.items() if not decision.in_scope}
    return ScopedListing(
        in_scope=replace(
            listing,
            heads={page_id: head for page_id, head in listing.heads.items() if page_id not in others},
            unreadable={page_id: why for page_id, why in listing.unreadable.items() if page_id not in others},
        ),
        others=others,
    )


def scope_of_pages(source: Source, fetcher: BodyFetcher, pages: KindById, scope: PageScope) -> dict[str, ScopeDecision]:
    """Read place and labels of each of these pages, and decide. Raise errors about the whole site."""
    left_out = {page_id: KIND_LEFT_OUT for page_id, kind in pages.items() if kind not in scope.kinds}
    pages = {page_id: kind for page_id, kind in pages.items() if page_id not in left_out}
    ids = list(pages)
    if scope.is_everything:
        return left_out | {page_id: scope.decide(Chain(nodes=[page_id], complete=True), None) for page_id in ids}
    chains = fetcher.ask_each(lambda page: _chain_of(source, *page), pages.items()) if scope.by_tree else None
    labels = fetcher.ask_each(lambda page: source.labels_of(*page), pages.items()) if scope.by_label else None
    return left_out | {
        page_id: scope.decide(
            chains[index] if chains else Chain(nodes=[page_id], complete=False), labels[index] if labels else None
        )
        for index, page_id in enumerate(ids)
    }


def read_parents(source: Source, fetcher: BodyFetcher, listing: Listing) -> Parents:
    """Read the parent of every listed page and of everything above it, whatever its kind.

    The listing gives the parents of its pages; folders, whiteboards, databases, embeds and pages that are not listed
    are requested.
    """
    known = {head.id: head.parent_id for head in listing.heads.values()}
    asked = {
        head.parent_id: (ContentNode(id=head.parent_id, kind=head.parent_type), head.id)
        for head in listing.heads.values()
        if head.parent_id is not None and head.parent_id not in known
    }
    known |= dict.fromkeys(listing.unreadable_posts)
    asked |= {page_id: (_page(page_id), page_id) for page_id in listing.unreadable if page_id not in known}
    kinds: dict[str, str | None] = {head.id: str(head.kind) for head in listing.heads.values()}
    return _resolve_parents(source, fetcher, known, asked, kinds=kinds)


def _page(page_id: str) -> ContentNode:
    return ContentNode(id=page_id, kind=str(ContentKind.PAGE))


def confirm_parents(
    source: Source,
    fetcher: BodyFetcher,
    pages: KindById,
    stored: Mapping[str, NodeFact],
    shown: Mapping[str, NodeFact],
) -> Parents:
    """Read the parent of these pages and of everything above them, with few requests.

    A stored parent that a walk has `shown` again is confirmed: a server may leave a node out of a chain, so that one
    that is new or another one is requested by id, as is what the walk did not show. A blog post has none.
    """
    posts = [page_id for page_id, kind in pages.items() if kind is ContentKind.BLOG_POST]
    known: dict[str, str | None] = dict.fromkeys(posts)
    kinds: dict[str, str | None] = dict.fromkeys(posts, str(ContentKind.BLOG_POST))
    asked: dict[str, tuple[ContentNode, str]] = {}
    for page_id in pages:
        child, node_id = page_id, page_id
        while node_id not in known and node_id not in asked:
            fact = shown.get(node_id)
            kinds[node_id] = fact.kind if fact and fact.kind else str(ContentKind.PAGE) if node_id == page_id else None
            if fact is None or not _is_confirmed(fact, stored.get(node_id)):
                asked[node_id] = (ContentNode(id=node_id, kind=kinds[node_id]), child)
                break
            known[node_id] = fact.parent_id
            if fact.parent_id is None:
                break
            child, node_id = node_id, fact.parent_id
    return _resolve_parents(source, fetcher, known, asked, kinds=kinds)


def _is_confirmed(shown: NodeFact, stored: NodeFact | None) -> bool:
    known = shown.parent_known and stored is not None and stored.parent_known
    return known and stored is not None and stored.parent_id == shown.parent_id


def _resolve_parents(
    source: Source,
    fetcher: BodyFetcher,
    parents: dict[str, str | None],
    asked: dict[str, tuple[ContentNode, str]],
    *,
    kinds: dict[str, str | None],
) -> Parents:
    """Request the parents of nodes, level by level to the top.

    `asked`: node id → the node, and the child that named it. A node that cannot be read by itself may still be among
    the ancestors of its child.
    """
    unresolved: set[str] = set()
    for _ in range(MAX_LEVELS):
        if not asked:
            break
        level = list(asked.values())
        kinds |= {node.id: node.kind for node, _child in level}
        found = fetcher.ask_each(lambda entry: _parent_of(source, *entry), level)
        asked = {}
        for (node, _child), answer in zip(level, found, strict=True):
            if answer is None:
                parents[node.id] = None
                unresolved.add(node.id)
                continue
            above = answer.parent
            parents[node.id] = above.id if above else None
            if above is not None and above.id not in parents:
                asked[above.id] = (above, node.id)
    unresolved |= asked.keys()
    return Parents(of=parents, unresolved=frozenset(unresolved), kinds=kinds)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    parent: ContentNode | None  # None at the top of the space


def _parent_of(source: Source, node: ContentNode, child_id: str) -> _Found | None:
    """Return the parent of a node; None if it cannot be read."""
    try:
        return _Found(parent=source.parent_of(node))
    except UNANSWERED:
        pass
    try:
        chain = source.ancestors(child_id)
    except UNANSWERED:
        return None
    ids = [each.id for each in chain]
    if node.id not in ids:
        return None
    above = chain[ids.index(node.id) + 1 :]
    return _Found(parent=above[0] if above else None)


def _chain_of(source: Source, page_id: str, kind: ContentKind) -> Chain:
    if kind is ContentKind.BLOG_POST:
        return Chain(nodes=[page_id], complete=True)
    try:
        return Chain(nodes=[page_id, *(node.id for node in source.ancestors(page_id))], complete=True)
    except UNANSWERED:
        return Chain(nodes=[page_id], complete=False)


def _labels(
    source: Source,
    fetcher: BodyFetcher,
    listing: Listing,
    stored: Mapping[str, StoredPage],
    page_ids: Sequence[str],
) -> dict[str, frozenset[str] | None]:
    """Read the labels of listed pages.

    The labels of a page whose text is about to be written are read from the page, so that no lagging list decides about
    new text.
    """
    written = [page_id for page_id in page_ids if _is_written(listing, stored, page_id)]
    others = set(page_ids) - set(written)
    kinds = {page_id: listing.kind_of(page_id) for page_id in page_ids}
    labels = labels_of_kinds(source, listing.space, {page_id: kinds[page_id] for page_id in others})
    alone = fetcher.ask_each(lambda page_id: source.labels_of(page_id, kinds[page_id]), written)
    return {**labels, **dict(zip(written, alone, strict=True))}


def _place_may_be_in(scope: PageScope, chain: Chain) -> bool:
    by_place = PageScope(page_trees=scope.page_trees, exclude_page_trees=scope.exclude_page_trees)
    return by_place.decide(chain, frozenset()).in_scope is not False


def _is_written(listing: Listing, stored: Mapping[str, StoredPage], page_id: str) -> bool:
    head = listing.heads.get(page_id)
    if head is None:
        return False
    _, fetch, _ = decide(head, stored.get(page_id))
    return fetch


def page_trees_not_visible(source: Source, scope: PageScope) -> Sequence[str]:
    """Return the ids of `page_trees` and `exclude_page_trees` that are not visible as pages, sorted.

    An id without an answer is not among them: the pages below it are reported as unreadable then.
    """
    roots = sorted(scope.page_trees | scope.exclude_page_trees)
    if not roots:
        return []
    found = source.lookup_many(roots)
    return [root for root in roots if root not in found and source.lookup(root).result is LookupStatus.NOT_FOUND]
