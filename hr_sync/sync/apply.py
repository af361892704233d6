"""The steps that full runs and resyncs share: write pages, note failures, carry out rulings. All under one lease."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hr_sync.domain.content import Space
from hr_sync.domain.deletion import Ruling, Verdict, leaving
from hr_sync.domain.outcome import Counts
from hr_sync.domain.plan import Action, Step
from hr_sync.errors import Stopped
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.write.deletions import apply_rulings
from hr_sync.store.write.failures import Failure, record_failures
from hr_sync.store.write.pages import MOST_PAGES, Write, apply_pages
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.sanitize import SanitizedPage


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceContext:
    """One space in one run: what its steps share. `counts` grows as the work goes on."""

    mirror: SyncContext
    order: SyncRequest
    run_id: int
    space: Space
    mirrored_space_ids: frozenset[str]
    fetcher: BodyFetcher
    lease: Lease
    since: datetime | None = None  #: what changed after it arrives now for the first time, so that its lag counts
    counts: Counts = field(default_factory=Counts)


def write_bodies(work: SpaceContext, steps: Sequence[Step]) -> frozenset[str]:
    """Fetch and write the pages of these steps. Gives the ids that were listed but are not to be had any more."""
    by_id = {step.page_id: step for step in steps}
    absent: set[str] = set()
    done = 0
    with closing(work.fetcher.fetch(work.space, list(by_id))) as answers:
        for bodies in answers:
            work.counts.bodies += len(bodies.pages)
            done += len(bodies.pages) + len(bodies.unreadable) + len(bodies.absent)
            absent |= bodies.absent
            stale = _stale(bodies.pages, by_id)
            note_unreadable(work, {**bodies.unreadable, **stale})
            _write_all(
                work,
                [
                    Write(
                        action=by_id[page_id].action,
                        reason=by_id[page_id].reason,
                        head=page.head,
                        storage=page.storage,
                        content_hash=page.content_hash,
                    )
                    for page_id, page in sorted(bodies.pages.items())
                    if page_id not in stale
                ],
            )
            work.mirror.tell(work.space.key, done, len(by_id))
    return frozenset(absent)


def _stale(pages: Mapping[str, SanitizedPage], steps: Mapping[str, Step]) -> dict[str, str]:
    """Find bodies older than the listing: from a replica that lags, and as such no page that was brought up to date."""
    return {
        page_id: f"the body is of version {page.head.version}, the listing showed {listed.version}"
        for page_id, page in pages.items()
        if (listed := steps[page_id].head) is not None and page.head.version < listed.version
    }


def write_heads(work: SpaceContext, steps: Sequence[Step]) -> None:
    """Write pages whose body is the same: moved, renamed without a version, given another address."""
    _write_all(
        work,
        [Write(action=step.action, reason=step.reason, head=step.head) for step in steps if step.head is not None],
    )


def note_unreadable(work: SpaceContext, unreadable: Mapping[str, str], *, stage: str = "read") -> None:
    """Remember pages that are there and cannot be used: id → what was wrong."""
    note_failures(
        work,
        [
            Failure(page_id=page_id, stage=stage, error_class="Unreadable", message=reason)
            for page_id, reason in unreadable.items()
        ],
    )


def note_failures(work: SpaceContext, failures: Sequence[Failure]) -> None:
    """Remember failures, so that later runs try again and people see why a page is not there."""
    if not failures:
        return
    with session_scope(work.mirror.sessions) as session:
        check_lease(session, work.lease)
        record_failures(session, work.space.key, work.run_id, failures)


def carry_out(work: SpaceContext, rulings: Sequence[Ruling], *, live_pages: int, confirmed: bool = False) -> int:
    """Hide and remove, unless so much would leave that somebody must decide. Gives the number of removals held.

    `confirmed` says that somebody has decided.
    """
    going = leaving(rulings)
    if going > work.mirror.guard.limit(live_pages) and not (confirmed or work.order.allow_mass_delete):
        return going
    due = [ruling for ruling in rulings if ruling.verdict in (Verdict.HIDE, Verdict.REMOVE)]
    if due:
        marked = apply_rulings(work.mirror.sessions, work.lease, work.run_id, due)
        hidden = {ruling.page_id for ruling in due if ruling.verdict is Verdict.HIDE}
        work.counts.hidden += len(hidden.intersection(marked))
        work.counts.removed += len(set(marked) - hidden)
    return 0


def _write_all(work: SpaceContext, writes: Sequence[Write]) -> None:
    for start in range(0, len(writes), MOST_PAGES):
        _write(work, writes[start : start + MOST_PAGES])


def _write(work: SpaceContext, writes: Sequence[Write]) -> None:
    """Write a chunk and count it. The chunk is one transaction: all of it is there afterwards, or none."""
    if work.mirror.stop.is_set():
        raise Stopped("Asked to stop; what was written so far stays, the next run does the rest.")
    if not writes:
        return
    failed = {failure.page_id for failure in apply_pages(work.mirror.sessions, work.lease, work.run_id, writes)}
    now = datetime.now(UTC)
    for write in writes:
        if write.head.id not in failed:
            name = _COUNTED[write.action]
            setattr(work.counts, name, getattr(work.counts, name) + 1)
            if work.since is not None and write.head.last_updated > work.since:
                work.mirror.observe_lag((now - write.head.last_updated).total_seconds())


_COUNTED = {
    Action.INSERT: "inserted",
    Action.UPDATE: "updated",
    Action.MOVE: "moved",
    Action.RESTORE: "restored",
}
