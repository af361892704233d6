"""Access to a space and labels of its pages: read from the source, compared, and written where they differ.

No page is written, hidden or removed otherwise, and a walk that breaks writes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

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
from hr_sync.domain.content import Listing, Space
from hr_sync.domain.labels import plan_labels
from hr_sync.domain.outcome import SpaceReport, is_about_every_space
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
from hr_sync.sync.context import SpaceRun, SyncPolicy
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import AccessResult, SpaceResult, finish
from hr_sync.sync.scope import read_parents


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownFacts:
    """What the source shows of the pages of a space that do not depend on a version, and of everything above them."""

    viewers: SpaceViewers
    nodes: Sequence[NodeFact]
    labels: Mapping[str, frozenset[str] | None]  #: by page id; None: not known
    unanswered: int  #: requests for restrictions without a usable answer

    def access_sets(self, page_ids: Collection[str]) -> dict[str, AccessSet | None]:
        """Return the access sets of these pages, by page id. None is not known."""
        own = {node.id: node.restriction for node in self.nodes}
        parents = {node.id: node.parent_id for node in self.nodes}
        unresolved = {node.id for node in self.nodes if not node.parent_known}
        return {page_id: access_set_of(page_id, self.viewers.layer, own, parents, unresolved) for page_id in page_ids}


def sync_access(run: SpaceRun) -> SpaceReport:
    """Bring labels and readers of one space up to date, and nothing else."""
    listing = run.source.listing(run.space)
    run.counts.listed = len(listing.heads) + len(listing.unreadable)
    return finish(run, SpaceResult(looked_at_all=False, access=_compare(run, listing)))


def sync_access_after(run: SpaceRun, listing: Listing) -> AccessResult:
    """Do the same at the end of a full pass, if the settings say so. What fails here is reported and costs no more.

    Raise what is about every space: a site that is down or refuses our credentials; not a token that lacks a scope.
    """
    if not run.context.policy.access_with_full:
        return AccessResult()
    try:
        return _compare(run, listing)
    except ConfluenceError as failure:
        if isinstance(failure, CredentialsRefused):
            run.source.check_account()
        elif is_about_every_space(failure):
            raise
        return AccessResult(doubt=f"Labels and restrictions were not compared: {failure}")


def viewers_of(policy: SyncPolicy, space: Space) -> SpaceViewers:
    """Return who may view a space: everybody who asks, where the operator says so."""
    if {space.key, space.alias, EVERY_SPACE} & policy.open_spaces:
        everyone = Principal(PrincipalKind.CLASS, AccessClass.EVERYONE)
        return SpaceViewers(layer=frozenset({everyone}), source="open_spaces")
    return SpaceViewers(
        layer=None, source="permissions", doubt="the permissions of the space are not read; see access.open_spaces"
    )


def shown_facts(
    source: Source, fetcher: BodyFetcher, policy: SyncPolicy, listing: Listing, page_ids: Collection[str]
) -> ShownFacts:
    """Read labels and access of these pages, as far as the listing shows them. Raise what `Source` raises."""
    parents = read_parents(source, fetcher, listing)
    own = source.attributes(listing.space, listing.heads)
    pages = [page_id for page_id in page_ids if page_id in listing.heads]
    above = {node for page_id in pages for node in chain_of(page_id, parents.of, parents.unresolved).nodes}
    restrictions = dict(own.restrictions)
    asked = sorted(node for node in above - parents.unresolved if restrictions.get(node) is None)
    answers = fetcher.ask_each(lambda node_id: _restriction_of(source, node_id), asked)
    restrictions |= {node: restriction for node, (restriction, _answered) in zip(asked, answers, strict=True)}
    return ShownFacts(
        viewers=viewers_of(policy, listing.space),
        nodes=[
            NodeFact(
                id=node_id,
                kind=parents.kinds.get(node_id),
                parent_id=parent_id,
                parent_known=node_id not in parents.unresolved,
                restriction=restrictions.get(node_id),
            )
            for node_id, parent_id in parents.of.items()
        ],
        labels={page_id: own.labels.get(page_id) for page_id in pages},
        unanswered=sum(not answered for _restriction, answered in answers),
    )


def _restriction_of(source: Source, node_id: str) -> tuple[Restriction | None, bool]:
    """Read the restriction of one node.

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


def _compare(run: SpaceRun, listing: Listing) -> AccessResult:
    began_at = run.context.store.now()
    stored = run.store.stored_labels()
    shown = shown_facts(run.source, run.fetcher, run.context.policy, listing, stored)
    run.counts.restricted += len(run.store.write_access(shown.viewers, shown.nodes, began_at=began_at))
    steps = plan_labels(shown.labels, stored)
    for start in range(0, len(steps), MAX_PAGES):
        run.context.cancellation.check()
        run.counts.relabelled += len(run.store.write_labels(steps[start : start + MAX_PAGES]))
    if not shown.unanswered:
        return AccessResult()
    return AccessResult(
        doubt=f"{shown.unanswered} requests for read restrictions got no usable answer; "
        "who may read the pages below is not known."
    )
