"""Ends the work on one space: what it came to, and what is written about it in one transaction with the position."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hr_sync.domain.outcome import ExitCode, Outcome, SpaceReport
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import check_lease
from hr_sync.store.write.failures import forget_failures_before, outstanding
from hr_sync.store.write.runs import SpaceRecord, record_space
from hr_sync.sync.apply import SpaceContext


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessResult:
    """What became of labels and readers."""

    compared: bool = False  #: those of every live page, with what a walk that finished showed
    doubt: str | None = None  #: why that is not so, or not for all of them


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceResult:
    """What the steps of one space found out, beyond the counts."""

    looked_at_all: bool  #: everything that may have changed was looked at, so that the space may count as fresh
    listed_all: bool = False  #: a complete listing was walked
    departed: bool = False  #: every page of the space has left, so that none is tried again
    wrongly_absent: int = 0  #: pages that the listing did not show and that are there
    held: int = 0  #: removals that wait for a decision
    narrowed: int = 0  #: pages that the configured scope no longer covers and that wait for a confirmation
    watermark: datetime | None = None  #: newest change seen, on Confluence's clock
    listing_digest: str | None = None
    scope_fingerprint: str | None = None
    attributes: AccessResult = AccessResult()


def finish_space(work: SpaceContext, findings: SpaceResult) -> SpaceReport:
    """Write and give the report of a space whose steps are done. Raises LeaseLost."""
    with session_scope(work.mirror.sessions) as session:
        check_lease(session, work.lease)
        if findings.listed_all or findings.departed:
            # A full pass tries every page again, so what it did not note anew has succeeded or is gone. In a space
            # that has gone nothing is tried any more; one that comes back is listed, and tried, as a whole.
            forget_failures_before(session, work.space.key, work.run_id)
        failed = outstanding(session, work.space.key)
        work.counts.failed = len(failed)
        report = _report(work, findings)
        record = SpaceRecord(
            report=report,
            held=findings.held + findings.narrowed,
            looked_at_all=findings.looked_at_all,
            listed_all=findings.listed_all,
            listing_digest=findings.listing_digest,
            # Pages that failed are remembered by themselves; a listing that missed some moves no position.
            watermark=None if findings.wrongly_absent else findings.watermark,
            scope_fingerprint=None if findings.narrowed else findings.scope_fingerprint,
            compared_access=findings.attributes.compared,
        )
        record_space(session, work.lease, work.run_id, work.space, record)
    return report


def _report(work: SpaceContext, findings: SpaceResult) -> SpaceReport:
    report = SpaceReport(space_key=work.space.key, outcome=Outcome.COMPLETE, counts=work.counts)
    held = [_held(work.space.key, findings.held)] if findings.held else []
    held += [_narrowed(findings.narrowed)] if findings.narrowed else []
    if held:
        return replace(report, outcome=Outcome.HELD, exit_code=ExitCode.HELD, error=" ".join(held))
    doubts = _doubts(findings, work.counts.failed)
    if doubts:
        return replace(report, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=" ".join(doubts))
    return report


def _held(space_key: str, pages: int) -> str:
    return (
        f"{pages} pages would leave space {space_key}, more than may without a decision; none did. Look at them with "
        f"`hr-sync run --space {space_key} --dry-run`; release them with --allow-mass-delete."
    )


def _narrowed(pages: int) -> str:
    return (
        f"The configured scope no longer covers {pages} pages; they were kept. "
        "If that is meant, remove them with --accept-narrower-scope."
    )


def _doubts(findings: SpaceResult, failed: int) -> Sequence[str]:
    doubts = []
    if findings.wrongly_absent:
        doubts.append(
            f"The listing did not show {findings.wrongly_absent} pages for which there is no evidence that they have "
            "gone; they were kept. The next full run asks again."
        )
    if failed:
        doubts.append(f"{failed} pages failed; `hr-sync status` tells why. Later runs try them again.")
    if findings.attributes.doubt:
        doubts.append(findings.attributes.doubt)
    return doubts
