"""Ends the work on one space: its report, and its record in one transaction with the position."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hr_sync.domain.deletion import DeletionAction, DeletionPlan
from hr_sync.domain.outcome import ExitCode, Outcome, SpaceReport, look_command, release_command
from hr_sync.domain.principal_words import number
from hr_sync.store.values import SpaceRecord
from hr_sync.sync.context import SpaceRun


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
    warning: str | None = None


def finish(run: SpaceRun, result: SpaceResult) -> SpaceReport:
    """Check the account once more, then write and return the report of a space whose steps are done.

    A run whose credentials became invalid must not end as complete, so the check follows every answer that was used.
    Raise CredentialsRefused, LeaseLost.
    """
    run.account.prove()

    def record_of(failing_pages: int) -> SpaceRecord:
        run.counts.failed = failing_pages
        return SpaceRecord(
            report=_report(run, result, failing_pages),
            looked_at_all=result.looked_at_all,
            listed_all=result.listed_all,
            listing_digest=result.listing_digest,
            watermark=result.watermark if result.looked_at_all else None,
            is_away=run.job.kind.is_away,
            scope_fingerprint=result.scope_fingerprint,
            held=len(result.deletions.held) if result.decided_hold else None,
            held_reason=result.deletions.held_reason,
            allowed_run=result.allowed,
            requests=run.source.client.http_stats.counts().requests - run.requests_before,
        )

    return run.store.finish(record_of, clear_old_failures=result.decided_hold)


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


def held_message(space_key: str, deletions: DeletionPlan) -> str:
    """Return what is held, why, and the commands to type."""
    return (
        f"The removal of {number(len(deletions.held), 'hidden page')} of space {space_key} waits for a decision: "
        f"{deletions.held_reason}. Look at what is held with `{look_command(space_key)}`; remove it with "
        f"`{release_command(space_key)}`."
    )


def with_removals(report: SpaceReport, deletions: DeletionPlan, removed: Sequence[bool]) -> SpaceReport:
    """Return the report of a space after its removals were done or held; `removed` says of each if it was live."""
    counts = replace(report.counts)
    counts.removed += len(removed)
    counts.hidden -= sum(removed)
    if not deletions.held:
        return replace(report, counts=counts, deletions=deletions)
    others = (report.error or "").removeprefix(held_message(report.space_key, report.deletions)).strip()
    error = " ".join(filter(None, (held_message(report.space_key, deletions), others)))
    return replace(
        report, outcome=Outcome.HELD, exit_code=ExitCode.HELD, counts=counts, deletions=deletions, error=error
    )


def _report(run: SpaceRun, result: SpaceResult, failing_pages: int) -> SpaceReport:
    report = SpaceReport(
        space_key=run.space.key,
        outcome=Outcome.COMPLETE,
        counts=run.counts,
        deletions=result.deletions,
        warning=" ".join(filter(None, (result.warning, result.access.note))) or None,
    )
    doubts = list(_doubts(run.space.key, result, failing_pages))
    if result.deletions.held:
        error = " ".join([held_message(run.space.key, result.deletions), *doubts])
        return replace(report, outcome=Outcome.HELD, exit_code=ExitCode.HELD, error=error)
    if doubts:
        return replace(report, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=" ".join(doubts))
    return report


def _doubts(space_key: str, result: SpaceResult, failing_pages: int) -> Iterator[str]:
    kept = sum(each.action is DeletionAction.KEEP for each in result.deletions.doubtful)
    if kept:
        yield (
            f"The listing of space {space_key} lacks {number(kept, 'page')}, without evidence that any of them is "
            "gone: nothing of that was removed. The next full run looks again."
        )
    if failing_pages:
        pages = number(failing_pages, "page")
        yield f"{pages} of space {space_key} failed; `hr-sync status` shows why. Later runs try again."
    if result.access.doubt:
        yield result.access.doubt
