"""The drift audit: compares the mirror with the source. Reads both, writes nothing, computes every hash anew."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hr_sync.domain.content import Head, Listing, Page, Space
from hr_sync.domain.drift import Drift, DriftKind, compare, compare_access, compare_labels
from hr_sync.domain.outcome import ExitCode
from hr_sync.domain.sanitize import content_hash
from hr_sync.errors import AnswerNotTrusted
from hr_sync.store.read.audit import AuditRow
from hr_sync.sync.access import facts_of_listing, viewers_of
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.fetch import BodyFetcher, in_batches
from hr_sync.sync.kinds import labels_of_kinds, list_kinds
from hr_sync.sync.scope import split_by_scope
from hr_sync.sync.spaces import select_spaces


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The result of an audit."""

    pages: int  #: listed in scope
    bodies: int  #: compared by hash
    drifts: Sequence[Drift]
    not_visible: Sequence[str]  #: configured spaces that are not visible

    @property
    def exit_code(self) -> int:
        """Return 3 if anything differs or could not be looked at."""
        return ExitCode.PARTIAL if self.drifts or self.not_visible else ExitCode.COMPLETE


def audit(context: SyncContext, request: SyncRequest, *, sample: int) -> Audit:
    """Compare every page in scope by its head, and the bodies of at most `sample` pages of each space by hash.

    Raise HrSyncError if Confluence or the database cannot be read.
    """
    drifts: list[Drift] = []
    pages = bodies = 0
    context.source.check_account()
    spaces = select_spaces(context.source, context.store, context.scope, request)
    with BodyFetcher(context.source, context.connections) as fetcher:
        for space in spaces.chosen:
            listing = _list(context, space)
            heads, rows = _both_sides(context, fetcher, listing)
            drifts += compare(space.key, heads, rows)
            drifts += _compare_attributes(context, fetcher, listing, heads)
            chosen = _sample(heads, rows, sample)
            drifts += _compare_bodies(context, space, chosen, heads, rows)
            pages += len(heads)
            bodies += len(chosen)
    if not request.space_keys:
        drifts += _ghosts_elsewhere(context, spaces.chosen)
    return Audit(pages=pages, bodies=bodies, drifts=drifts, not_visible=[*spaces.not_visible, *spaces.unreadable])


def _list(context: SyncContext, space: Space) -> Listing:
    """List everything that is mirrored of a space. Raise AnswerNotTrusted where blog posts cannot be listed."""
    listed = list_kinds(context.source, space, context.scope.pages.kinds)
    if listed.doubt is not None:
        raise AnswerNotTrusted(listed.doubt)
    return listed.listing


def _ghosts_elsewhere(context: SyncContext, spaces: Sequence[Space]) -> list[Drift]:
    """Find rows that are live in spaces that are not in scope, or not visible."""
    rows = context.store.audits.live_elsewhere([space.key for space in spaces])
    why = "live in the mirror, its space is not in scope or not visible"
    return [Drift(page_id=page_id, space_key=key, kind=DriftKind.GHOST, why=why) for page_id, key in rows]


def _both_sides(
    context: SyncContext, fetcher: BodyFetcher, listing: Listing
) -> tuple[Mapping[str, Head], Mapping[str, AuditRow]]:
    rows = context.store.audits.audit_rows(listing.space.key)
    stored = context.store.reader(listing.space).stored_pages()
    scoped = split_by_scope(context.source, fetcher, listing, stored, context.scope.pages)
    unreadable = scoped.in_scope.unreadable
    return scoped.in_scope.heads, {key: row for key, row in rows.items() if key not in unreadable}


def _compare_attributes(
    context: SyncContext, fetcher: BodyFetcher, listing: Listing, page_ids: Collection[str]
) -> Iterator[Drift]:
    """Compare labels and access where the mirror has any; they are not requested for other spaces."""
    store = context.store.reader(listing.space)
    labels = {page_id: each for page_id, each in store.stored_labels().items() if page_id in page_ids}
    sets = {page_id: each for page_id, each in store.stored_access_sets().items() if page_id in page_ids}
    known = [page_id for page_id in labels if labels[page_id] is not None or sets.get(page_id) is not None]
    if known:
        viewers = viewers_of(listing.space, context.policy.open_spaces, lambda: context.source.viewers(listing.space))
        pages = {page_id: listing.kind_of(page_id) for page_id in known}
        facts = facts_of_listing(context.source, fetcher, viewers, listing, pages)
        yield from compare_labels(listing.space.key, labels_of_kinds(context.source, listing.space, pages), labels)
        yield from compare_access(listing.space.key, facts.access_sets(known), sets)


def _sample(heads: Mapping[str, Head], rows: Mapping[str, AuditRow], size: int) -> list[str]:
    """Choose at random among the pages that both sides have in the same version: only there bodies must be equal."""
    same = [page_id for page_id, row in rows.items() if page_id in heads and heads[page_id].version == row.version]
    return sorted(random.sample(same, min(size, len(same))))


def _compare_bodies(
    context: SyncContext,
    space: Space,
    page_ids: Sequence[str],
    heads: Mapping[str, Head],
    rows: Mapping[str, AuditRow],
) -> list[Drift]:
    drifts: list[Drift] = []
    for ids, kind in in_batches({page_id: heads[page_id].kind for page_id in page_ids}):
        fetched = context.source.pages(ids, space, kind)
        stored = context.store.audits.stored_bodies(ids)
        for page_id in ids:
            drifts += _body_drifts(space, rows[page_id], fetched.pages.get(page_id), stored.get(page_id))
    return drifts


def _body_drifts(space: Space, row: AuditRow, page: Page | None, stored: str | None) -> Iterator[Drift]:
    # A page that was edited in between is no evidence about its row.
    if page is not None and page.head.version == row.version and page.content_hash != row.content_hash:
        yield _drift(space, row.id, DriftKind.BODY, "the bodies differ at the same version")
    if stored is None:
        yield _drift(space, row.id, DriftKind.STORED_BODY, "the row has no stored body")
    elif content_hash(stored) != row.content_hash:
        yield _drift(space, row.id, DriftKind.STORED_BODY, "the stored body has another hash than its row")


def _drift(space: Space, page_id: str, kind: DriftKind, why: str) -> Drift:
    return Drift(page_id=page_id, space_key=space.key, kind=kind, why=why)
