"""Who may read pages that are about to be written, where no access pass follows.

Their bodies have been read before, so their text is no newer than these facts.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hr_sync.confluence.source import Source
from hr_sync.domain.access import NodeFact, Restriction
from hr_sync.domain.content import ContentKind, ContentNode, Head
from hr_sync.errors import UNANSWERED
from hr_sync.sync.access import own_restriction, viewers_of_run
from hr_sync.sync.context import SpaceRun
from hr_sync.sync.kinds import look_up_each


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFacts:
    """All facts that decide who may read some pages, read one after the other."""

    restrictions: Mapping[str, Restriction]  #: own ones, of the pages of which every fact is known
    above: Sequence[NodeFact] = ()  #: what is above them


FactsOf: TypeAlias = Callable[[Collection[Head]], PageFacts]


def no_facts(_heads: Collection[Head]) -> PageFacts:
    """Read nothing: an access pass follows."""
    return PageFacts(restrictions={})


def facts_of_pages(run: SpaceRun, heads: Collection[Head]) -> PageFacts:
    """Read who may read these pages: what is above them, the restrictions there and their own, the viewers.

    Read nothing where the settings do not enforce access. Of a page without a restriction here some fact is not known,
    or other people may view the space than at the last pass over it. The next pass finds out. Raise errors about the
    whole site.
    """
    if not heads or not run.context.policy.reads_access:
        return no_facts(heads)
    try:
        viewers = viewers_of_run(run)
    except UNANSWERED:
        run.source.check_account()  # raises if the site refuses us, and not this request alone
        return no_facts(heads)
    if viewers.layer is None or viewers.layer != run.store.stored_viewers():
        return no_facts(heads)
    pages = sorted(head.id for head in heads)
    kinds = {head.id: head.kind for head in heads}
    found = run.fetcher.ask_each(lambda page_id: _above(run.source, page_id, kinds[page_id]), pages)
    chains = dict(zip(pages, found, strict=True))
    above = _nodes_of(chain for chain in chains.values() if chain is not None)
    nodes = sorted({*pages, *above})
    answers = run.fetcher.ask_each(lambda node_id: own_restriction(run.source, node_id), nodes)
    own = {node: restriction for node, (restriction, _answered) in zip(nodes, answers, strict=True)}
    lookups = look_up_each(run.source, run.fetcher, kinds)
    here = {lookup.page_id for lookup in lookups if lookup.is_current_in(run.space)}

    def is_known(head: Head) -> bool:
        chain = chains[head.id]
        if chain is None or head.id not in here or head.parent_id != (chain[0].id if chain else None):
            return False
        return all(node.id in above and own[node.id] is not None for node in chain)

    known = {head.id: restriction for head in heads if is_known(head) and (restriction := own[head.id]) is not None}
    return PageFacts(
        restrictions=known, above=[replace(fact, restriction=own[node]) for node, fact in sorted(above.items())]
    )


def _above(source: Source, page_id: str, kind: ContentKind) -> Sequence[ContentNode] | None:
    """Return what is above a page, from its parent to the top; None if it is not known."""
    if kind is ContentKind.BLOG_POST:
        return ()
    try:
        return source.ancestors(page_id)
    except UNANSWERED:
        return None


def _nodes_of(chains: Iterable[Sequence[ContentNode]]) -> dict[str, NodeFact]:
    """Return the nodes of these chains by id, without those to which two of them give different parents."""
    found: dict[str, NodeFact] = {}
    contested = set()
    for chain in chains:
        for node, parent in zip(chain, [*chain, None][1:], strict=True):
            fact = NodeFact(id=node.id, kind=node.kind, parent_id=parent.id if parent else None, restriction=None)
            if found.setdefault(node.id, fact).parent_id != fact.parent_id:
                contested.add(node.id)
    return {node: fact for node, fact in found.items() if node not in contested}
