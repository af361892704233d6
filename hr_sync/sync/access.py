"""Labels and readers of a space's pages: read from the source, compared, and written where they differ.

No page is written, hidden or removed otherwise, and a walk that breaks writes nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hr_sync.confluence.source import Source
from hr_sync.domain.access import (
    AttributeStep,
    PageAttributes,
    Restriction,
    effective_acl,
    plan_attributes,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Listing
from hr_sync.domain.outcome import SpaceReport, is_about_every_space
from hr_sync.domain.scope import chain_of
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
from hr_sync.sync.scope import read_parents


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownAttributes:
    """Labels and readers of some pages, by page id, and how many requests for restrictions got no usable answer."""

    of: Mapping[str, PageAttributes]
    unanswered: int


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


def shown_attributes(
    source: Source, fetcher: BodyFetcher, listing: Listing, page_ids: Collection[str]
) -> ShownAttributes:
    """Read labels and readers of these pages, as far as the listing shows them. Raise what `Source` raises."""
    parents = read_parents(source, fetcher, listing)
    own = source.attributes(listing.space, listing.heads)
    pages = [page_id for page_id in page_ids if page_id in listing.heads]
    above = {node for page_id in pages for node in chain_of(page_id, parents.of, parents.unresolved).nodes}
    restrictions = dict(own.restrictions)
    asked = sorted(node for node in above - parents.unresolved if restrictions.get(node) is None)
    answers = fetcher.ask_each(lambda node_id: _restriction_of(source, node_id), asked)
    restrictions |= {node: restriction for node, (restriction, _answered) in zip(asked, answers, strict=True)}
    return ShownAttributes(
        of={
            page_id: PageAttributes(
                labels=own.labels.get(page_id),
                readers=effective_acl(page_id, restrictions, parents.of, parents.unresolved),
            )
            for page_id in pages
        },
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
    stored = run.store.stored_attributes()
    shown = shown_attributes(run.source, run.fetcher, listing, stored)
    by_page: dict[str, list[AttributeStep]] = {}
    for step in plan_attributes(shown.of, stored):
        by_page.setdefault(step.page_id, []).append(step)
    pages = list(by_page.values())
    for start in range(0, len(pages), MAX_PAGES):
        run.context.cancellation.check()
        for step in run.store.write_attributes(pages[start : start + MAX_PAGES]):
            if step.action is ChangeAction.RELABEL:
                run.counts.relabelled += 1
            else:
                run.counts.restricted += 1
    if not shown.unanswered:
        return AccessResult(compared=True)
    doubt = f"{shown.unanswered} requests for read restrictions got no usable answer; those readers are not known."
    return AccessResult(compared=True, doubt=doubt)
