"""Archived pages of a space, where the settings name them: listed, stored with their bodies, and never live.

What fails here costs archived pages alone: their rows stay as they were, and the run is partial.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from hr_sync.confluence.archived import ArchivedPages
from hr_sync.confluence.source import Source
from hr_sync.domain.archived import is_kept_as_archived, plan_archived
from hr_sync.domain.content import ContentKind, Fetched, Listing, Page, Space, StoredPage
from hr_sync.domain.deletion import LookupStatus
from hr_sync.domain.plan import Step
from hr_sync.domain.principal_words import number
from hr_sync.domain.scope import PageScope, ScopeDecision
from hr_sync.errors import UNANSWERED
from hr_sync.store.space_store import SpaceReader
from hr_sync.store.values import MAX_PAGES, PageWrite
from hr_sync.sync.context import SpaceRun
from hr_sync.sync.fetch import PAGES_PER_REQUEST, BodyFetcher
from hr_sync.sync.kinds import look_up_each
from hr_sync.sync.scope import split_by_scope

_WITHOUT_ARCHIVE = (
    "confluence.include names archived_pages, and this Confluence archives whole spaces and no single pages: nothing "
    "is mirrored for it. Take the word out."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchivedList:
    """The archived pages of a space as they were listed."""

    mirrored: bool = False
    listing: Listing | None = None  #: None: they are not mirrored, or could not be listed
    doubt: str | None = None  #: why they could not be listed
    same_scope: bool = False  #: the last full run decided by the same settings which pages are in scope

    def holds(self, page_id: str) -> bool:
        """Return True unless the list shows that a page is not in the archive."""
        return self.listing is None or page_id in self.listing


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchivedToWrite:
    """The archived pages in scope, and the stored rows of them."""

    listing: Listing | None = None
    stored: Mapping[str, StoredPage] = field(default_factory=dict)
    outside: Mapping[str, ScopeDecision] = field(default_factory=dict)  #: id → why an archived page is out of scope


def keeps_archived(source: Source, scope: PageScope) -> bool:
    """Return True if archived pages are mirrored: the settings say so, and Confluence has such pages."""
    return scope.archived_pages and source.archived is not None


def archive_warnings(source: Source, scope: PageScope) -> Sequence[str]:
    """Return a warning where the settings name archived pages and Confluence has none."""
    return [_WITHOUT_ARCHIVE] if scope.archived_pages and source.archived is None else []


def list_archived(source: Source, space: Space, scope: PageScope, fingerprint: str | None) -> ArchivedList:
    """List the archived pages of a space, if they are mirrored. Raise errors about the site.

    `fingerprint`: of the scope of the last full run.
    """
    if not scope.archived_pages or source.archived is None:
        return ArchivedList()
    try:
        listing = source.archived.listing(space)
    except UNANSWERED as failure:
        source.check_account()  # raises when it is not the archive, but the site or our account
        doubt = (
            f"The archived pages of space {space.key} were not listed; they stay as they were, and nobody is shown "
            f"them: {failure} The next full run tries again."
        )
        return ArchivedList(mirrored=True, doubt=doubt)
    return ArchivedList(mirrored=True, listing=listing, same_scope=fingerprint == scope.fingerprint)


def settle_both(
    source: Source, fetcher: BodyFetcher, listing: Listing, archived: ArchivedList
) -> tuple[Listing, ArchivedList]:
    """Look up the pages that both lists show, and take each out of the list that is wrong.

    A page that is archived or taken back between the two walks is in both. One without an answer is unreadable.
    """
    archive = archived.listing
    both = [] if archive is None else sorted(page_id for page_id in _ids(archive) if page_id in listing)
    if archive is None or not both:
        return listing, archived
    lookups = look_up_each(source, fetcher, dict.fromkeys(both, ContentKind.PAGE))
    gone = {each.page_id for each in lookups if each.result is LookupStatus.FOUND and each.status == "archived"}
    current = {each.page_id for each in lookups if each.is_current_in(listing.space)}
    unclear = set(both) - gone - current
    listing = _without(listing, gone | unclear)
    why = "it is listed as current and as archived, and a lookup by id does not say which"
    listing = replace(listing, unreadable={**listing.unreadable, **dict.fromkeys(sorted(unclear), why)})
    return listing, replace(archived, listing=_without(archive, current | unclear))


def rows_aside(rows: Mapping[str, StoredPage], listing: Listing, archived: ArchivedList) -> frozenset[str]:
    """Return the rows that are in no question: of pages that stay in the archive, as far as is known."""
    if not archived.mirrored:
        return frozenset()
    return frozenset(
        page_id
        for page_id, row in rows.items()
        if is_kept_as_archived(row) and page_id not in listing and archived.holds(page_id)
    )


def archived_in_scope(
    source: Source,
    store: SpaceReader,
    fetcher: BodyFetcher,
    archived: ArchivedList,
    rows: Mapping[str, StoredPage],
    *,
    scope: PageScope,
) -> ArchivedToWrite:
    """Return the archived pages that are to be stored. `rows`: of the space. One of unknown scope stays as it is.

    Where the settings are the same, only pages that are about to be written are asked for their place and labels: no
    list shows labels of archived pages, and nobody is shown these pages.
    """
    archive = archived.listing
    if archive is None:
        return ArchivedToWrite()
    elsewhere = [page_id for page_id in archive.heads if page_id not in rows]
    stored = {page_id: rows[page_id] for page_id in archive.heads if page_id in rows}
    stored |= store.stored_by_id(elsewhere) if elsewhere else {}
    steps = plan_archived(archive, stored).steps
    asked = {step.page_id for step in steps} if archived.same_scope else archive.heads.keys()
    heads = {page_id: archive.heads[page_id] for page_id in sorted(asked)}
    others = split_by_scope(source, fetcher, replace(archive, heads=heads, unreadable={}), stored, scope).others
    return ArchivedToWrite(
        listing=_without(archive, others.keys()),
        stored=stored,
        outside={page_id: each for page_id, each in others.items() if each.in_scope is False},
    )


def sync_archived(run: SpaceRun, archived: ArchivedToWrite) -> str | None:
    """Store new and changed archived pages. Return a sentence about those that could not be; None if there is none."""
    source = run.source.archived
    if archived.listing is None or source is None:
        return None
    failed = set(archived.listing.unreadable)
    plan = plan_archived(archived.listing, archived.stored)
    failed |= _write(run, [PageWrite.of(step, None) for step in plan.without_body])
    steps = {step.page_id: step for step in plan.fetches}
    with closing(run.fetcher.read_ahead(_bodies(source, run.space, list(steps)))) as answers:
        for fetched in answers:
            pages = [
                page for _, page in sorted(fetched.pages.items()) if _is_usable(page, steps, run.context.scope.pages)
            ]
            failed |= fetched.absent | fetched.unreadable.keys()
            failed |= fetched.pages.keys() - {page.head.id for page in pages}
            failed |= _write(run, [PageWrite.of(steps[page.head.id], page) for page in pages])
    if not failed:
        return None
    return (
        f"{number(len(failed), 'archived page')} of space {run.space.key} could not be read or stored; what is stored "
        "of them stays, and nobody is shown it. The next full run tries again."
    )


def _bodies(source: ArchivedPages, space: Space, ids: Sequence[str]) -> Iterator[Fetched]:
    for start in range(0, len(ids), PAGES_PER_REQUEST):
        yield source.pages(ids[start : start + PAGES_PER_REQUEST], space)


def _is_usable(page: Page, steps: Mapping[str, Step], scope: PageScope) -> bool:
    """Return True if a body is as new as the list showed, and its scope the one that was decided on."""
    listed = steps[page.head.id].head
    if listed is None or page.head.version < listed.version:
        return False
    moved = scope.by_tree and page.head.parent_id != listed.parent_id
    return not moved and not (scope.by_label and page.head.version != listed.version)


def _write(run: SpaceRun, writes: Sequence[PageWrite]) -> frozenset[str]:
    """Store these pages. Return the ids of those that the database refused."""
    refused: frozenset[str] = frozenset()
    for start in range(0, len(writes), MAX_PAGES):
        run.context.cancellation.check()
        refused |= run.store.write_archived(writes[start : start + MAX_PAGES])
    return refused


def _ids(listing: Listing) -> set[str]:
    return {*listing.heads, *listing.unreadable}


def _without(listing: Listing, page_ids: Collection[str]) -> Listing:
    return replace(
        listing,
        heads={page_id: head for page_id, head in listing.heads.items() if page_id not in page_ids},
        unreadable={page_id: why for page_id, why in listing.unreadable.items() if page_id not in page_ids},
    )
