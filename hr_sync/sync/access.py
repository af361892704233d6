"""Access to a space, and labels of its pages: read from the source, compared, and written where they differ.

Access is stored as facts: who may view the space, and place and own restriction of each of its nodes. What a page's
readers must pass is derived from them in the transaction that writes them. No page is written, hidden or removed
otherwise, and a walk that breaks writes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hr_sync.confluence.source import Source
from hr_sync.domain.access import (
    AccessClass,
    AccessSet,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
    SpaceViewers,
    access_set_of,
)
from hr_sync.domain.content import ContentKind, KindById, Listing, Space
from hr_sync.domain.outcome import SpaceReport, is_about_every_space
from hr_sync.domain.plan import plan_labels
from hr_sync.domain.scope import EVERY_SPACE, chain_of
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    ConfluenceError,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
    ScopeMissing,
    ServerFailed,
)
from hr_sync.store.values import MAX_PAGES
from hr_sync.sync.context import SpaceRun
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import AccessResult, SpaceResult, finish
from hr_sync.sync.kinds import labels_of_kinds, look_up_each
from hr_sync.sync.scope import Parents, confirm_parents


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceFacts:
    """What the source shows of the access to the pages of a space."""

    viewers: SpaceViewers
    nodes: Sequence[NodeFact]  #: the pages, and everything above them
    unanswered: int  #: requests for restrictions without a usable answer

    def access_sets(self, page_ids: Collection[str]) -> dict[str, AccessSet | None]:
        """Return the access sets of these pages, by page id. None is not known."""
        own = {node.id: node.restriction for node in self.nodes}
        parents = {node.id: node.parent_id for node in self.nodes}
        unresolved = {node.id for node in self.nodes if not node.parent_known}
        return {page_id: access_set_of(page_id, self.viewers.layer, own, parents, unresolved) for page_id in page_ids}


def sync_access(run: SpaceRun) -> SpaceReport:
    """Bring the access to one space up to date, and nothing else.

    No listing is read: the places that are stored are confirmed by the walk that reads the restrictions.
    """
    return finish(run, SpaceResult(looked_at_all=False, access=read_access(run)))


def read_access(run: SpaceRun) -> AccessResult:
    """Read and write the access to one space, without a listing. A walk that breaks writes nothing."""
    began_at = run.context.store.now()
    pages = run.store.live_kinds()
    stored = run.store.stored_nodes()
    run.counts.listed = len(pages)
    viewers = viewers_of_run(run)
    shown = run.source.node_facts(run.space, _kinds_in(pages))
    facts = _facts(run.source, run.fetcher, run.space, viewers=viewers, stored=stored, pages=pages, shown=shown)
    run.counts.restricted += len(run.store.write_access(facts.viewers, facts.nodes, began_at=began_at))
    if run.context.policy.compares_labels:
        _compare_labels(run)
    return _result(facts)


def sync_access_after(run: SpaceRun, listing: Listing) -> AccessResult:
    """Do the same at the end of a full pass, if the settings say so. What fails here is reported and costs no more.

    Raise what is about every space: a site that is down or refuses our credentials; not a token that lacks a scope.
    """
    if not run.context.policy.reads_access:
        return AccessResult()
    try:
        return _sync_listed(run, listing)
    except ConfluenceError as failure:
        if isinstance(failure, CredentialsRefused):
            run.source.check_account()
        elif is_about_every_space(failure):
            raise
        return AccessResult(doubt=f"Who may read the pages of space {run.space.key} was not read: {failure}")


def facts_of_listing(
    source: Source, fetcher: BodyFetcher, viewers: SpaceViewers, listing: Listing, pages: KindById
) -> SpaceFacts:
    """Read the access to these pages, whose places a listing shows. Raise what `Source` raises.

    The walk that reads the restrictions confirms these places: the listing is older than it, and than new texts. A blog
    post has the same place always, so that it needs no listing.
    """
    shown = source.node_facts(listing.space, _kinds_in(pages))
    listed = {
        head.id: NodeFact(id=head.id, kind=str(head.kind), parent_id=head.parent_id, restriction=None)
        for head in listing.heads.values()
    }
    placed = {each: kind for each, kind in pages.items() if each in listed or kind is ContentKind.BLOG_POST}
    return _facts(source, fetcher, listing.space, viewers=viewers, stored=listed, pages=placed, shown=shown)


def viewers_of(space: Space, open_spaces: Collection[str], read: Callable[[], SpaceViewers]) -> SpaceViewers:
    """Return who may view a space: everybody who asks, where the operator says so; else what `read` returns."""
    names = {name.casefold() for name in (space.key, space.alias, EVERY_SPACE) if name}
    if names & {each.casefold() for each in open_spaces}:
        everyone = Principal(PrincipalKind.CLASS, AccessClass.EVERYONE)
        return SpaceViewers(layer=frozenset({everyone}), source="open_spaces")
    return read()


def own_restriction(source: Source, node_id: str) -> tuple[Restriction | None, bool]:
    """Read the restriction of one node. Return it, None if it is not known, and whether the request was answered.

    A node that is not visible counts as answered, and its restriction stays unknown.
    """
    try:
        return source.restriction_of(node_id), True
    except (ScopeMissing, AnswerNotTrusted, EndpointRemoved):
        return None, False
    except (NotFound, AccessDenied):
        return None, True
    except ServerFailed:
        source.check_account()  # raises if the server fails, and not the page
        return None, False


def _facts(
    source: Source,
    fetcher: BodyFetcher,
    space: Space,
    *,
    viewers: SpaceViewers,
    stored: Mapping[str, NodeFact],
    pages: KindById,
    shown: Mapping[str, NodeFact],
) -> SpaceFacts:
    """Complete what a walk has shown: what it left out, or cut, is requested by id, as are places that are new."""
    parents = confirm_parents(source, fetcher, pages, stored, shown)
    moved = {page_id: pages[page_id] for page_id in sorted(pages) if not _stayed(page_id, parents, stored, shown)}
    lookups = look_up_each(source, fetcher, moved)
    absent = {lookup.page_id for lookup in lookups if not lookup.is_current_in(space)}
    page_ids = pages.keys() - absent
    parents = replace(parents, unresolved=parents.unresolved | absent)
    nodes = {node for each in page_ids for node in chain_of(each, parents.of, parents.unresolved).nodes}
    restrictions = {node: fact.restriction if (fact := shown.get(node)) else None for node in nodes}
    asked = sorted(node for node in nodes - parents.unresolved if restrictions[node] is None)
    answers = fetcher.ask_each(lambda node_id: own_restriction(source, node_id), asked)
    restrictions |= {node: restriction for node, (restriction, _answered) in zip(asked, answers, strict=True)}
    return SpaceFacts(
        viewers=viewers,
        nodes=[
            NodeFact(
                id=node,
                kind=parents.kinds.get(node),
                parent_id=parents.of.get(node),
                parent_known=node in parents.of and node not in parents.unresolved,
                restriction=restrictions[node],
            )
            for node in sorted(nodes)
        ],
        unanswered=sum(not answered for _restriction, answered in answers),
    )


def _kinds_in(pages: KindById) -> list[ContentKind]:
    """Return the kinds of these pages: pages always, so that what is above others is among what is read."""
    return [kind for kind in ContentKind if kind is ContentKind.PAGE or kind in pages.values()]


def _stayed(page_id: str, parents: Parents, stored: Mapping[str, NodeFact], shown: Mapping[str, NodeFact]) -> bool:
    """Return True if the walk shows a page of the space in its place, which is the stored one.

    Another page may be in another space by now, and answers by id as before. That space has other viewers.
    """
    if page_id not in shown or not shown[page_id].parent_known:
        return False
    parent_id = shown[page_id].parent_id
    fact = stored.get(page_id)
    return parents.of.get(page_id) == parent_id and (fact is None or fact.parent_id == parent_id)


def viewers_of_run(run: SpaceRun) -> SpaceViewers:
    """Return who may view the space of a run. Raise what `Source` raises."""
    return viewers_of(run.space, run.context.policy.open_spaces, lambda: run.source.viewers(run.space, run.roles.get()))


def _sync_listed(run: SpaceRun, listing: Listing) -> AccessResult:
    began_at = run.context.store.now()
    pages = run.store.live_kinds()
    facts = facts_of_listing(run.source, run.fetcher, viewers_of_run(run), listing, pages)
    run.counts.restricted += len(run.store.write_access(facts.viewers, facts.nodes, began_at=began_at))
    if run.context.policy.compares_labels:
        _compare_labels(run)
    return _result(facts)


def _compare_labels(run: SpaceRun) -> None:
    stored = run.store.stored_labels()
    steps = plan_labels(labels_of_kinds(run.source, run.space, run.store.live_kinds()), stored)
    for start in range(0, len(steps), MAX_PAGES):
        run.context.cancellation.check()
        run.counts.relabelled += len(run.store.write_labels(steps[start : start + MAX_PAGES]))


def _result(facts: SpaceFacts) -> AccessResult:
    doubts = []
    if facts.viewers.layer is None:
        doubts.append(facts.viewers.doubt or "Who may view the space is not known.")
    if facts.unanswered:
        doubts.append(
            f"{facts.unanswered} requests for read restrictions got no usable answer; "
            "who may read the pages below is not known."
        )
    note = facts.viewers.doubt if facts.viewers.layer is not None else None
    return AccessResult(doubt=" ".join(doubts) or None, note=note)
