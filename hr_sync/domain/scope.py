"""What is mirrored: which spaces, and which of their pages. Pure.

A page tree is a page and everything below it; a blog post is in none. Whether a page is in scope has three answers:
yes, no, and not known, because its place or its labels could not be read. The decision table, first line that fits:

    the page, or something above it, is in exclude_page_trees      no
    it has one of exclude_labels                                   no
    it is in none of page_trees, and the whole way up is known     no
    it has none of include_labels, and its labels are known        no
    anything that one of these rules needs is not known            not known
    otherwise                                                      yes
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hr_sync.domain.content import ContentKind, ItemKind

EVERY_SPACE = "*"
MAX_LEVELS = 1_000  #: a page below more levels than this has no known place; a cycle of parents ends here too


@dataclass(frozen=True, kw_only=True, slots=True)
class ScopeDecision:
    """Whether a page is in scope, and the rule that decides it in words for an operator."""

    in_scope: bool | None  #: None: not known
    rule: str
    parent_id: str | None = None  #: parent of the page in the chain that was decided on


@dataclass(frozen=True, kw_only=True, slots=True)
class PageScope:
    """Which pages of the mirrored spaces are mirrored: all, or those in some page trees and with some labels."""

    page_trees: frozenset[str] = frozenset()  #: ids of the pages at the top; empty means all pages
    exclude_page_trees: frozenset[str] = frozenset()  #: wins over `page_trees`
    include_labels: frozenset[str] = frozenset()  #: a page needs one of them; empty means no page needs any
    exclude_labels: frozenset[str] = frozenset()  #: wins over `include_labels`
    items: frozenset[ItemKind] = frozenset()  #: what is mirrored with these pages
    blog_posts: bool = False  #: those of the spaces are mirrored too
    archived_pages: bool = False  #: those of the spaces are stored too, and never live

    @property
    def kinds(self) -> tuple[ContentKind, ...]:
        """Return the kinds of content that are mirrored as pages."""
        return (ContentKind.PAGE, ContentKind.BLOG_POST) if self.blog_posts else (ContentKind.PAGE,)

    @property
    def by_tree(self) -> bool:
        """Return True if the scope depends on a page's place."""
        return bool(self.page_trees or self.exclude_page_trees)

    @property
    def by_label(self) -> bool:
        """Return True if the scope depends on a page's labels."""
        return bool(self.include_labels or self.exclude_labels)

    @property
    def is_everything(self) -> bool:
        """Return True if no page is out of scope."""
        return not self.by_tree and not self.by_label

    @property
    def fingerprint(self) -> str:
        """Return SHA-256 hex that differs when another set of pages may be in scope."""
        sets = (self.page_trees, self.exclude_page_trees, self.include_labels, self.exclude_labels)
        known = ([sorted(each) for each in sets], self.blog_posts, *(("archived",) if self.archived_pages else ()))
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def decide(self, chain: "Chain", labels: frozenset[str] | None) -> ScopeDecision:
        """Look one page up in the decision table. `labels` None: not known."""
        place, named = self._by_place(chain), self._by_labels(labels)
        decision = next(
            (each for wanted in (False, None) for each in (place, named) if each.in_scope is wanted),
            place if self.by_tree else named,
        )
        return decision if len(chain.nodes) == 1 else replace(decision, parent_id=chain.nodes[1])

    def _by_place(self, chain: "Chain") -> ScopeDecision:
        if not self.by_tree:
            return _EVERY_PAGE
        if excluded := next((node for node in chain.nodes if node in self.exclude_page_trees), None):
            return ScopeDecision(in_scope=False, rule=f"it is in confluence.exclude_page_trees ({excluded})")
        chosen = next((node for node in chain.nodes if node in self.page_trees), None)
        if not chain.complete and (self.exclude_page_trees or chosen is None):
            return ScopeDecision(in_scope=None, rule="its place in the page trees could not be read")
        if chosen is None and self.page_trees:
            return ScopeDecision(in_scope=False, rule="it is in none of confluence.page_trees")
        rule = f"it is in confluence.page_trees ({chosen})" if chosen else "it is in no excluded page tree"
        return ScopeDecision(in_scope=True, rule=rule)

    def _by_labels(self, labels: frozenset[str] | None) -> ScopeDecision:
        if not self.by_label:
            return _EVERY_PAGE
        if labels is None:
            return ScopeDecision(in_scope=None, rule="its labels could not be read")
        if excluded := sorted(self.exclude_labels & labels):
            return ScopeDecision(in_scope=False, rule=f"it has a label of confluence.exclude_labels ({excluded[0]})")
        if self.include_labels and not self.include_labels & labels:
            return ScopeDecision(in_scope=False, rule="it has none of confluence.include_labels")
        return ScopeDecision(in_scope=True, rule="its labels put it in scope")


KIND_LEFT_OUT = ScopeDecision(in_scope=False, rule="confluence.include does not name blog_posts")
_EVERY_PAGE = ScopeDecision(in_scope=True, rule="every current page of its space is in scope")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceScope:
    """Which spaces are mirrored, and which of their pages. Confluence's space keys do not differ by case."""

    spaces: Sequence[str]  #: keys or aliases, or just "*" for all that the account sees
    exclude_spaces: Sequence[str] = ()
    include_personal_spaces: bool = False  #: matters for "*" only
    pages: PageScope = field(default_factory=PageScope)

    @property
    def is_every_space(self) -> bool:
        """Return True if the spaces are not named one by one."""
        return EVERY_SPACE in self.spaces

    def covers(self, key: str, alias: str | None = None, former_names: Sequence[str] = ()) -> bool:
        """Return True if a space is meant to be mirrored, visible or not.

        A space that had a configured name is; an excluded name excludes as long as the space has it.
        """
        if self.excludes(key, alias):
            return False
        if self.is_every_space:
            return self.include_personal_spaces or not key.startswith("~")
        names = {name.casefold() for name in (key, alias, *former_names) if name}
        return bool(names & {name.casefold() for name in self.spaces})

    def excludes(self, key: str, alias: str | None = None) -> bool:
        """Return True if the space is not to be mirrored, whatever `spaces` says."""
        names = {name.casefold() for name in (key, alias) if name}
        return bool(names & {name.casefold() for name in self.exclude_spaces})


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """A page and everything above it, from the page upwards."""

    nodes: Sequence[str]
    complete: bool  #: the way up is known to its top


def chain_of(page_id: str, parents: Mapping[str, str | None], unresolved: Collection[str] = frozenset()) -> Chain:
    """Return the page and everything above it.

    `parents` holds the parent of each node, None at the top of a space; `unresolved` are nodes whose parent could not
    be read. The chain is not complete where it meets one of those, a node without an entry, or a cycle.
    """
    nodes = list(ancestry(page_id, parents))
    last = nodes[-1]
    complete = last in parents and parents[last] is None and not unresolved_in(nodes, unresolved)
    return Chain(nodes=nodes, complete=complete)


def unresolved_in(nodes: Sequence[str], unresolved: Collection[str]) -> bool:
    """Return True if the parent of one of these nodes could not be read."""
    return bool(unresolved) and any(node in unresolved for node in nodes)


def ancestry(page_id: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the page and everything above it, as far as is known; ends in a cycle too."""
    seen: set[str] = set()
    here: str | None = page_id
    while here is not None and here not in seen and len(seen) < MAX_LEVELS:
        seen.add(here)
        yield here
        here = parents.get(here)


def same_space_key(one: str, other: str) -> bool:
    """Return True if two keys name the same space: Confluence's keys do not differ by case."""
    return one.casefold() == other.casefold()
