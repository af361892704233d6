"""Ends the work on one space: its report, and its record in one transaction with the position."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hr_sync.domain.deletion import DeletionAction, DeletionPlan
from hr_sync.domain.mass import Leaving, leaving_of
from hr_sync.domain.outcome import ExitCode, Outcome, SpaceReport, held_in_words, look_command, release_command
from hr_sync.domain.principal_words import number
from hr_sync.store.values import SpaceRecord
from hr_sync.sync.context import SpaceRun


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentResult:
    """The result of reading the attachments of a space."""

    deletions: DeletionPlan = field(default_factory=DeletionPlan)
    held: int = 0  #: removals that wait
    not_mirrored: int | None = None  #: attachments of what is not mirrored; None: not counted
    doubt: str | None = None  #: why they are not known to be as in Confluence


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessResult:
    """The result of reading the access to a space, and labels."""

    doubt: str | None = None  #: why they are not known, or not for all pages
    note: str | None = None  #: what makes the known readers fewer than Confluence's


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceResult:
    """The result of the steps of one space, beyond the counts."""

    looked_at_all: bool  #: everything that may have changed was read, so the space counts as fresh
    listed_all: bool = False  #: a complete listing was read
    decided_hold: bool = False  #: every stored page was decided about, so the hold is computed anew
    deletions: DeletionPlan = field(default_factory=DeletionPlan)
    allowed: bool = False  #: somebody allowed a mass removal, and it was considered
    watermark: datetime | None = None  #: None leaves the one that is stored
    listing_digest: str | None = None
    scope_fingerprint: str | None = None
    access: AccessResult = AccessResult()
    attachments: AttachmentResult = field(default_factory=AttachmentResult)
    warning: str | None = None


def finish(run: SpaceRun, result: SpaceResult) -> SpaceReport:
    """Check the account once more, then write and return the report of a space whose steps are done.

    A run whose credentials became invalid must not end as complete, so the check follows every answer that was used.
    Raise CredentialsRefused, LeaseLost.
    """
    run.account.prove()
    attachments_tried = result.attachments.doubt is None
    failing_files = 0
    if run.context.scope.pages.attachments:
        failing_files = run.store.failing_attachments(this_run=result.decided_hold and attachments_tried)

    def record_of(failing_pages: int) -> SpaceRecord:
        run.counts.failed = failing_pages
        return SpaceRecord(
            report=_report(run, result, failing_pages, failing_files),
            looked_at_all=result.looked_at_all,
            listed_all=result.listed_all,
            listing_digest=result.listing_digest,
            watermark=result.watermark if result.looked_at_all else None,
            is_away=run.job.kind.is_away,
            scope_fingerprint=result.scope_fingerprint,
            held=len(result.deletions.held) + result.attachments.held if result.decided_hold else None,
            held_attachments=result.attachments.held,
            not_mirrored=result.attachments.not_mirrored,
            held_reason=held_reason(result.deletions, result.attachments.deletions) or _held_before(result.attachments),
            allowed_run=result.allowed,
            leaving_pages=_leaving(result, result.deletions),
            leaving_attachments=_leaving(result, result.attachments.deletions),
            requests=run.source.client.http_stats.counts().requests - run.requests_before,
        )

    return run.store.finish(record_of, clear_old_failures=result.decided_hold, attachments_tried=attachments_tried)


def _leaving(result: SpaceResult, plan: DeletionPlan) -> Leaving | None:
    """Return what counts to the limit of all spaces: nothing of what somebody has allowed."""
    if not result.decided_hold:
        return None
    leaving = leaving_of(plan)
    return Leaving(stored=leaving.stored) if result.allowed else leaving


def next_watermark(
    began_at: datetime | None, changes: Iterable[datetime], before: datetime | None = None
) -> datetime | None:
    """Return up to where everything is stored now, on the source's clock; None if the source sent no date.

    That is the beginning of the walk: what changed during it may have been missed. A date that a page claims can only
    make it earlier, never later.
    """
    if began_at is None:
        return None
    newest = max((*changes, *((before,) if before else ())), default=began_at)
    return min(began_at, newest)


def held_reason(pages: DeletionPlan, attachments: DeletionPlan) -> str | None:
    """Return why removals are held, of pages and of attachments; None if none is."""
    return "; ".join(filter(None, (pages.held_reason, attachments.held_reason))) or None


def held_message(space_key: str, pages: DeletionPlan, attachments: DeletionPlan) -> str:
    """Return what is held, why, and the commands to type."""
    held = held_in_words(len(pages.held), len(attachments.held), how="hidden ")
    return (
        f"The removal of {held} of space {space_key} waits for a decision: {held_reason(pages, attachments)}. Look at "
        f"what is held with `{look_command(space_key)}`; remove it with `{release_command(space_key)}`."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """What was removed of a plan: of each page or attachment, whether it was live before the run."""

    pages: Sequence[bool]
    attachments: Sequence[bool]


def with_removals(report: SpaceReport, pages: DeletionPlan, attachments: DeletionPlan, removed: Removed) -> SpaceReport:
    """Return the report of a space after its removals were done or held."""
    counts = replace(report.counts)
    counts.removed += len(removed.pages)
    counts.hidden -= sum(removed.pages)
    counts.attachments_removed += len(removed.attachments)
    counts.attachments_hidden -= sum(removed.attachments)
    if not (pages.held or attachments.held):
        return replace(report, counts=counts, deletions=pages, attachments=attachments)
    before = held_message(report.space_key, report.deletions, report.attachments)
    others = (report.error or "").removeprefix(before).strip()
    error = " ".join(filter(None, (held_message(report.space_key, pages, attachments), others)))
    return replace(
        report,
        outcome=Outcome.HELD,
        exit_code=ExitCode.HELD,
        counts=counts,
        deletions=pages,
        attachments=attachments,
        error=error,
    )


def _held_before(attachments: AttachmentResult) -> str | None:
    """Return why attachments wait that this run could not decide about; None if none does."""
    return "attachments have waited for a decision since an earlier run" if attachments.held else None


def _report(run: SpaceRun, result: SpaceResult, failing_pages: int, failing_files: int) -> SpaceReport:
    report = SpaceReport(
        space_key=run.space.key,
        outcome=Outcome.COMPLETE,
        counts=run.counts,
        deletions=result.deletions,
        attachments=result.attachments.deletions,
        held_attachments=result.attachments.held,
        warning=" ".join(filter(None, (result.warning, result.access.note))) or None,
    )
    doubts = list(_doubts(run.space.key, result, failing_pages, failing_files))
    if result.deletions.held or result.attachments.deletions.held:
        message = held_message(run.space.key, result.deletions, result.attachments.deletions)
        error = " ".join([message, *doubts])
        return replace(report, outcome=Outcome.HELD, exit_code=ExitCode.HELD, error=error)
    if doubts:
        return replace(report, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=" ".join(doubts))
    return report


def _doubts(space_key: str, result: SpaceResult, failing_pages: int, failing_files: int) -> Iterator[str]:
    kept = sum(each.action is DeletionAction.KEEP for each in result.deletions.doubtful)
    if kept:
        yield (
            f"The listing of space {space_key} lacks {number(kept, 'page')}, without evidence that any of them is "
            "gone: nothing of that was removed. The next full run looks again."
        )
    unlisted = sum(each.action is DeletionAction.KEEP for each in result.attachments.deletions.doubtful)
    if unlisted:
        yield (
            f"Confluence's search lacks {number(unlisted, 'attachment')} of space {space_key}, without evidence that "
            "any of them is gone: nothing of that was removed. The next full run looks again."
        )
    if result.attachments.doubt:
        yield result.attachments.doubt
    if failing_pages:
        files = min(failing_files, failing_pages)
        counts = ((failing_pages - files, "page"), (files, "attachment"))
        what = " and ".join(number(count, name) for count, name in counts if count)
        yield f"{what} of space {space_key} failed; `hr-sync status` shows why. Later runs try again."
    if result.access.doubt:
        yield result.access.doubt
