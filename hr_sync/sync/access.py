"""Labels and readers of a space's pages: read from the source, compared, and written where they differ.

No page is written, hidden or removed otherwise, and a walk that breaks writes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hr_sync.confluence.source import Source
from hr_sync.domain.access import AttributeStep, PageAttributes, plan_attributes
from hr_sync.domain.access import Restriction, effective_acl
from hr_sync.domain.content import Listing
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Action
from hr_sync.domain.scope import ancestry
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    ConfluenceError,
    CredentialsRefused,
    NotFound,
    ServerFailed,
    Stopped,
)
from hr_sync.store.engine import session_scope
from hr_sync.store.write.access import stored_attributes, write_attributes
from hr_sync.store.write.pages import MOST_PAGES
from hr_sync.sync.apply import SpaceContext
from hr_sync.sync.failure_outcomes import meets_every_space
from hr_sync.sync.finish import AccessResult, SpaceResult, finish_space
from hr_sync.sync.placing import UNLISTED, chains
from hr_sync.sync.sanitize import sanitize_labels, sanitize_listing


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectiveAttributes:
    """The badges of some pages, by page id, and how many questions about restrictions got no answer to be used."""

    attributes: Mapping[str, PageAttributes]
    unanswered: int


def sync_access(work: SpaceContext) -> SpaceReport:
    """Bring labels and readers of one space up to date, and nothing else."""
    listing = sanitize_listing(work.mirror.reader.listing(work.space))
    work.counts.listed = len(listing.heads) + len(listing.unreadable)
    return finish_space(work, SpaceResult(looked_at_all=False, attributes=_refresh(work, listing)))


def refresh_access(work: SpaceContext, listing: Listing) -> AccessResult:
    """Do the same at the end of a full pass, where it is wanted; what goes wrong with it is told and costs no more.

    Raises what would meet every space: a site that is down or has shut us out. A token that lacks a scope has not.
    """
    if not work.mirror.access_with_full:
        return AccessResult()
    try:
        return _refresh(work, listing)
    except ConfluenceError as failure:
        if isinstance(failure, CredentialsRefused):
            work.mirror.reader.check_account()
        elif meets_every_space(failure):
            raise
        return AccessResult(doubt=f"Labels and restrictions were not compared: {failure}")


def effective_attributes(reader: Source, listing: Listing, page_ids: Collection[str]) -> EffectiveAttributes:
    """Ask for the badges of these pages of a space, as far as the listing shows them. Raises what the reader raises."""
    parents, lost = chains(reader, listing)
    # What is above a whiteboard or a database, and what they restrict themselves, no question of ours tells.
    lost |= {head.parent_id for head in listing.heads.values() if head.parent_id and head.parent_type in UNLISTED}
    own = reader.attributes(listing.space, listing.heads)
    pages = [page_id for page_id in page_ids if page_id in listing.heads]
    on_the_way = {node_id for page_id in pages for node_id in ancestry(page_id, parents)}
    restrictions = dict(own.restrictions)
    unanswered = 0
    for node_id in sorted(on_the_way - lost):
        if restrictions.get(node_id) is None:
            restrictions[node_id], answered = _ask(reader, node_id)
            unanswered += not answered
    attributes = {
        page_id: PageAttributes(
            labels=sanitize_labels(own.labels.get(page_id)), readers=effective_acl(page_id, restrictions, parents, lost)
        )
        for page_id in pages
    }
    return EffectiveAttributes(attributes=attributes, unanswered=unanswered)


def _ask(reader: Source, node_id: str) -> tuple[Restriction | None, bool]:
    """Ask one page or folder. That it is not to be seen is an answer, and its restriction stays unknown."""
    try:
        return reader.restriction_of(node_id), True
    except (NotFound, AccessDenied):
        return None, True
    except AnswerNotTrusted:
        return None, False
    except ServerFailed:
        reader.check_account()  # raises when it is not the page that is broken, but the server
        return None, False


def _refresh(work: SpaceContext, listing: Listing) -> AccessResult:
    with session_scope(work.mirror.sessions) as session:
        stored = stored_attributes(session, work.space.key)
    shown = effective_attributes(work.mirror.reader, listing, stored)
    by_page: dict[str, list[AttributeStep]] = {}
    for step in plan_attributes(shown.attributes, stored):
        by_page.setdefault(step.page_id, []).append(step)
    pages = list(by_page.values())
    for start in range(0, len(pages), MOST_PAGES):
        _write(work, pages[start : start + MOST_PAGES])
    if not shown.unanswered:
        return AccessResult(compared=True)
    doubt = f"{shown.unanswered} questions about who may read pages got no answer; those count as not known."
    return AccessResult(compared=True, doubt=doubt)


def _write(work: SpaceContext, pages: Sequence[Sequence[AttributeStep]]) -> None:
    """Write a chunk and count it. The chunk is one transaction: all of it is there afterwards, or none."""
    if work.mirror.stop.is_set():
        raise Stopped("Asked to stop; what was written so far stays, the next run does the rest.")
    for step in write_attributes(work.mirror.sessions, work.lease, work.run_id, pages):
        if step.action is Action.RELABEL:
            work.counts.relabelled += 1
        else:
            work.counts.restricted += 1
