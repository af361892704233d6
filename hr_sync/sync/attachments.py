"""The attachments of one space, without their bytes: by the rules of `hr_sync.domain.attachments`.

What fails here costs the pages of the space nothing: the run is partial and says why. Attachments stay as they were
then, and who may read them is decided by their pages as ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hr_sync.confluence.source import Source
from hr_sync.domain.attachments import (
    AttachmentListing,
    AttachmentPlan,
    AttachmentWrite,
    decide_switched_off,
    decide_unlisted,
    plan_attachments,
    plan_recent_attachments,
    write_after_lookup,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Listing, Space
from hr_sync.domain.deletion import (
    DeletionDecision,
    DeletionPlan,
    HoldState,
    LookupStatus,
    plan_deletions,
)
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.errors import UNANSWERED
from hr_sync.store.read.attachments import StoredAttachments
from hr_sync.store.space_store import SpaceReader
from hr_sync.store.values import MAX_PAGES, FailureStage, SpaceState
from hr_sync.sync.absence import Hide, access_lost, check_account_and_space, hide_nothing, in_chunks, spread
from hr_sync.sync.apply import record_failures
from hr_sync.sync.context import SpaceJob, SpaceRun, SyncContext
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.finish import AttachmentResult


def sync_attachments(run: SpaceRun, listed: Listing) -> AttachmentResult:
    """Write and hide what differs from the listing of the attachments of the space. Removals are planned only.

    `listed`: the pages in scope that the space has just shown.
    """
    if not run.context.scope.pages.attachments:
        _switch_off(run)
        return AttachmentResult(not_mirrored=0)
    try:
        return _sync(run, listed)
    except UNANSWERED as failure:
        run.source.check_account()  # raises when it is not the attachments, but the site or our account
        return AttachmentResult(held=run.state.attachment_hold.held, doubt=_not_read(run.space, str(failure)))


def sync_recent_attachments(run: SpaceRun, since: datetime) -> AttachmentResult:
    """Write the attachments that have a new version. What is gone, or was and is back, is left to a full run."""
    if not run.context.scope.pages.attachments:
        return AttachmentResult()
    try:
        listing = run.source.recent_attachments(run.space, since)
        stored = run.store.stored_attachments(listing.attachments)
        plan = plan_recent_attachments(listing, stored.by_id, stored.pages, space_id=run.space.id)
        run.counts.attachments_listed = len(listing.attachments)
        _record_unreadable(run, listing)
        _write(run, plan.writes)
    except UNANSWERED as failure:
        run.source.check_account()
        return AttachmentResult(doubt=_not_read(run.space, str(failure)))
    return AttachmentResult()


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentPreview:
    """What a full run would do with the attachments of a space."""

    writes: tuple[AttachmentWrite, ...] = ()
    deletions: DeletionPlan = field(default_factory=DeletionPlan)


def preview_attachments(
    context: SyncContext,
    store: SpaceReader,
    fetcher: BodyFetcher,
    job: SpaceJob,
    state: SpaceState,
    *,
    pages: frozenset[str],
) -> AttachmentPreview:
    """Return what a full run would do whose pages are these; write nothing."""
    if not context.scope.pages.attachments:
        hidden = tuple(decide_switched_off(row) for row in store.shown_attachments())
        return AttachmentPreview(deletions=DeletionPlan(hide=hidden))
    listing = context.source.attachments(job.space)
    stored = _after_the_pages(store.stored_attachments(listing.attachments), pages)
    plan = plan_attachments(listing, stored.by_id, pages, space_id=job.space.id)
    again = _look_up_again(context.source, fetcher, job.space, plan, stored)
    hold = state.attachment_hold
    known = _known(listing, plan)
    decisions = decide_absent_attachments(
        context.source, fetcher, job.space, plan, known=known, hold=hold, hide=hide_nothing
    )
    limit, allow = context.policy.limit, job.request.allow_mass_delete
    deletions = plan_leaving_attachments(decisions, stored, limit=limit, hold=hold, allow=allow)
    return AttachmentPreview(writes=(*plan.writes, *again), deletions=deletions)


def _after_the_pages(stored: StoredAttachments, pages: frozenset[str]) -> StoredAttachments:
    """Return what is stored as it is when a run has written these pages, and shows all of them."""
    rows = {each: replace(row, page_is_live=row.page_id in pages) for each, row in stored.by_id.items()}
    return StoredAttachments(by_id=rows, pages=pages)


def _sync(run: SpaceRun, listed: Listing) -> AttachmentResult:
    listing = run.source.attachments(run.space)
    stored = run.store.stored_attachments(listing.attachments)
    stored = replace(stored, pages=frozenset(page_id for page_id in stored.pages if page_id in listed))
    plan = plan_attachments(listing, stored.by_id, stored.pages, space_id=run.space.id)
    run.counts.attachments_listed = len(listing.attachments)
    _record_unreadable(run, listing)
    _write(run, plan.writes)
    _write(run, _look_up_again(run.source, run.fetcher, run.space, plan, stored))

    def hide(decisions: Sequence[DeletionDecision]) -> None:
        run.counts.attachments_hidden += len(run.store.hide_attachments(decisions))

    hold, known = run.state.attachment_hold, _known(listing, plan)
    decisions = decide_absent_attachments(run.source, run.fetcher, run.space, plan, known=known, hold=hold, hide=hide)
    limit, allow = run.context.policy.limit, run.job.request.allow_mass_delete
    deletions = plan_leaving_attachments(decisions, stored, limit=limit, hold=hold, allow=allow)
    return AttachmentResult(deletions=deletions, held=len(deletions.held), not_mirrored=plan.not_mirrored)


def _look_up_again(
    source: Source, fetcher: BodyFetcher, space: Space, plan: AttachmentPlan, stored: StoredAttachments
) -> list[AttachmentWrite]:
    """Look up by id what the list alone does not bring back, and return what is written of it."""
    lookups = fetcher.ask_each(source.lookup_attachment, [row.id for row in plan.look_up])
    found = (
        write_after_lookup(row, lookup, stored.pages, space_id=space.id)
        for row, lookup in zip(plan.look_up, lookups, strict=True)
    )
    return [write for write in found if write is not None]


def decide_absent_attachments(
    source: Source,
    fetcher: BodyFetcher,
    space: Space,
    plan: AttachmentPlan,
    *,
    known: Sequence[str],
    hold: HoldState,
    hide: Hide,
) -> list[DeletionDecision]:
    """Look each attachment up that is to be verified, between two access checks, and hide those with evidence.

    `known` are attachments that the listing has just shown. Raise AnswerNotTrusted if an access check fails.
    """
    decisions: list[DeletionDecision] = []
    for rows in in_chunks(plan.verify):
        _check_access(source, space, known)
        lookups = fetcher.ask_each(source.lookup_attachment, [row.id for row in rows])
        _check_access(source, space, known)
        decided = [
            decide_unlisted(row, lookup, space=space, hold=hold) for row, lookup in zip(rows, lookups, strict=True)
        ]
        hide(decided)
        decisions += decided
    return decisions


def plan_leaving_attachments(
    decisions: Sequence[DeletionDecision],
    stored: StoredAttachments,
    *,
    limit: DeletionLimit,
    hold: HoldState,
    allow: bool,
) -> DeletionPlan:
    """Apply the rules of removals to the attachments of a space."""
    kept = sum(row.page_id in stored.pages and not row.removed for row in stored.by_id.values())
    return plan_deletions(decisions, stored_pages=kept, limit=limit, hold=hold, allow=allow, what="attachments")


def _switch_off(run: SpaceRun) -> None:
    decisions = [decide_switched_off(row) for row in run.store.shown_attachments()]
    if decisions:
        run.counts.attachments_hidden += len(run.store.hide_attachments(decisions))


def _known(listing: AttachmentListing, plan: AttachmentPlan) -> list[str]:
    """Return a few attachments that the listing shows, and that are in no question."""
    asked = {row.id for row in (*plan.verify, *plan.look_up)}
    return spread([attachment_id for attachment_id in listing.attachments if attachment_id not in asked])


def _check_access(source: Source, space: Space, known: Sequence[str]) -> None:
    """Check that the account is known, and may view the space and an attachment that was listed a moment ago."""
    check_account_and_space(source, space)
    if known and not any(source.lookup_attachment(each).result is LookupStatus.FOUND for each in known):
        raise access_lost(space)


def _record_unreadable(run: SpaceRun, listing: AttachmentListing) -> None:
    record_failures(run, listing.unreadable, stage=FailureStage.ATTACHMENT)


def _write(run: SpaceRun, writes: Sequence[AttachmentWrite]) -> None:
    for start in range(0, len(writes), MAX_PAGES):
        run.context.cancellation.check()
        chunk = writes[start : start + MAX_PAGES]
        written = run.store.write_attachments(chunk)
        for write in chunk:
            if write.attachment.id in written:
                name = "attachments_updated" if write.action is ChangeAction.UPDATE else "attachments_added"
                setattr(run.counts, name, getattr(run.counts, name) + 1)


def _not_read(space: Space, why: str) -> str:
    return (
        f"The attachments of space {space.key} were not read; they stay as they were: {why} Where the account may not "
        'search, grant it, or leave attachments out with confluence.include = ["pages"].'
    )
