"""The drift audit: is the mirror what the source is? Reads both, writes nothing, trusts no hash that it can compute."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hr_sync.domain.access import StoredAttributes
from hr_sync.domain.content import Head, Listing, Page, Space
from hr_sync.domain.drift import Drift, DriftKind, compare, compare_attributes
from hr_sync.domain.outcome import ExitCode
from hr_sync.domain.sanitize import content_hash
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import session_scope
from hr_sync.store.read.audit import AuditRow, audit_rows, live_elsewhere, stored_bodies
from hr_sync.store.write.access import stored_attributes
from hr_sync.sync.access import effective_attributes
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.fetch import PAGES_PER_REQUEST
from hr_sync.sync.labels import in_scope
from hr_sync.sync.sanitize import sanitize_listing, sanitize_page
from hr_sync.sync.spaces import spaces_in_scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What an audit found."""

    pages: int  #: listed in scope
    bodies: int  #: compared by hash
    drifts: Sequence[Drift]
    unseen: Sequence[str]  #: configured spaces that are not to be seen

    @property
    def exit_code(self) -> int:
        """3 when anything differs or could not be looked at."""
        return ExitCode.PARTIAL if self.drifts or self.unseen else ExitCode.COMPLETE


def audit(mirror: SyncContext, order: SyncRequest, *, sample: int) -> Audit:
    """Compare every page in scope by its head, and the bodies of at most `sample` pages of each space by hash.

    Raises HrSyncError when Confluence or the database cannot be read.
    """
    drifts: list[Drift] = []
    pages = bodies = 0
    with database_errors(mirror.engine):
        mirror.reader.check_account()
        spaces = spaces_in_scope(mirror.reader, mirror.scope, order)
        for space in spaces.chosen:
            listing = sanitize_listing(mirror.reader.listing(space))
            heads, rows = _both_sides(mirror, listing)
            drifts += compare(space.key, heads, rows)
            drifts += _compare_badges(mirror, listing, heads)
            chosen = _sample(heads, rows, sample)
            drifts += _compare_bodies(mirror, space, chosen, rows)
            pages += len(heads)
            bodies += len(chosen)
        if not order.space_keys:
            drifts += _ghosts_elsewhere(mirror, spaces.chosen)
    return Audit(pages=pages, bodies=bodies, drifts=drifts, unseen=spaces.unseen)


def _ghosts_elsewhere(mirror: SyncContext, spaces: Sequence[Space]) -> list[Drift]:
    """Find rows that are live in spaces that the scope does not cover, or that are not to be seen."""
    with session_scope(mirror.sessions) as session:
        rows = live_elsewhere(session, [space.key for space in spaces])
    why = "live in the mirror, its space is not in scope or not to be seen"
    return [Drift(page_id=page_id, space_key=key, kind=DriftKind.GHOST, why=why) for page_id, key in rows]


def _both_sides(mirror: SyncContext, listing: Listing) -> tuple[Mapping[str, Head], Mapping[str, AuditRow]]:
    with session_scope(mirror.sessions) as session:
        rows = audit_rows(session, listing.space.key)
    live = {page_id for page_id, row in rows.items() if row.live}
    placed = in_scope(mirror.reader, listing, mirror.scope.pages, live=live)
    return placed.inside.heads, {key: row for key, row in rows.items() if key not in placed.inside.unreadable}


def _compare_badges(mirror: SyncContext, listing: Listing, page_ids: Collection[str]) -> Iterator[Drift]:
    """Compare labels and readers where the mirror has any; a space without them is not asked for them."""
    with session_scope(mirror.sessions) as session:
        attributes = stored_attributes(session, listing.space.key)
    stored = {
        page_id: attributes
        for page_id, attributes in attributes.items()
        if page_id in page_ids and attributes != StoredAttributes(labels=None, acl_digest=None)
    }
    if stored:
        yield from compare_attributes(
            listing.space.key, effective_attributes(mirror.reader, listing, stored).attributes, stored
        )


def _sample(heads: Mapping[str, Head], rows: Mapping[str, AuditRow], size: int) -> list[str]:
    """Choose at random among the pages that both sides have in the same version: only there bodies must be equal."""
    same = [page_id for page_id, row in rows.items() if page_id in heads and heads[page_id].version == row.version]
    return sorted(random.sample(same, min(size, len(same))))


def _compare_bodies(
    mirror: SyncContext, space: Space, page_ids: Sequence[str], rows: Mapping[str, AuditRow]
) -> list[Drift]:
    drifts: list[Drift] = []
    for start in range(0, len(page_ids), PAGES_PER_REQUEST):
        ids = page_ids[start : start + PAGES_PER_REQUEST]
        fetched = mirror.reader.pages(ids, space)
        with session_scope(mirror.sessions) as session:
            stored = stored_bodies(session, ids)
        for page_id in ids:
            drifts += _body_drifts(space, rows[page_id], fetched.pages.get(page_id), stored.get(page_id))
    return drifts


def _body_drifts(space: Space, row: AuditRow, page: Page | None, stored: str | None) -> Iterator[Drift]:
    # A page that was edited in between proves nothing about its row.
    if page is not None and page.head.version == row.version and sanitize_page(page).content_hash != row.content_hash:
        yield _drift(space, row.id, DriftKind.BODY, "the bodies differ at the same version")
    if stored is None:
        yield _drift(space, row.id, DriftKind.STORED_BODY, "the row has no stored body")
    elif content_hash(stored) != row.content_hash:
        yield _drift(space, row.id, DriftKind.STORED_BODY, "the stored body is not what its row says")


def _drift(space: Space, page_id: str, kind: DriftKind, why: str) -> Drift:
    return Drift(page_id=page_id, space_key=space.key, kind=kind, why=why)
