"""Works on the spaces of a run side by side, each under its lease; what goes wrong with one costs only that one."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TypeAlias

import structlog

from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Counts, Outcome, RunReport, SpaceReport
from hr_sync.errors import HrSyncError
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Busy
from hr_sync.store.write.runs import SpaceRecord, record_space
from hr_sync.sync.apply import SpaceContext
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.failure_outcomes import meets_every_space, outcome_of
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.lease_holder import leased
from hr_sync.sync.workers import host_and_pid

log = structlog.get_logger(__name__)


Task: TypeAlias = Callable[[SpaceContext], SpaceReport]  #: what is done with one space
_MOST_SIDE_BY_SIDE = 6  # spaces at once; those that fetch no bodies yet are listed ahead, which holds their heads


def work_on(
    mirror: SyncContext, order: SyncRequest, run_id: int, tasks: Mapping[Space, Task], mirrored: Sequence[Space]
) -> list[SpaceReport]:
    """Work on the spaces side by side; all together make no more requests at once than the gateway lets through."""
    if not tasks:
        return []
    side_by_side = min(len(tasks), mirror.connections, _MOST_SIDE_BY_SIDE)
    with (
        ThreadPoolExecutor(side_by_side, thread_name_prefix="space") as workers,
        BodyFetcher(mirror.reader, mirror.connections) as fetcher,
    ):
        round_ = _Round(mirror, order, run_id, frozenset(space.id for space in mirrored), fetcher)
        return list(workers.map(round_.work_on, tasks.keys(), tasks.values()))


class _Round:
    """The spaces of one run. A failure that would meet every space ends it for those that have not begun."""

    def __init__(
        self,
        mirror: SyncContext,
        order: SyncRequest,
        run_id: int,
        mirrored_space_ids: frozenset[str],
        fetcher: BodyFetcher,
    ) -> None:
        self._mirror = mirror
        self._order = order
        self._run_id = run_id
        self._mirrored_space_ids = mirrored_space_ids
        self._fetcher = fetcher
        self._ended_by: HrSyncError | None = None

    def work_on(self, space: Space, task: Task) -> SpaceReport:
        """Do the task of one space under its lease. What goes wrong is reported and costs only this space."""
        mirror, run_id = self._mirror, self._run_id
        with (
            structlog.contextvars.bound_contextvars(run_id=run_id, space=space.key),
            leased(mirror.sessions, space.key, f"{mirror.worker}:{run_id}", seconds=mirror.lease_seconds) as lease,
        ):
            if isinstance(lease, Busy):
                log.info("space.busy", holder=lease.holder)
                return SpaceReport(
                    space_key=space.key, outcome=Outcome.COMPLETE, counts=Counts(), busy_with=host_and_pid(lease.holder)
                )
            work = SpaceContext(
                mirror=mirror,
                order=self._order,
                run_id=run_id,
                space=space,
                mirrored_space_ids=self._mirrored_space_ids,
                fetcher=self._fetcher,
                lease=lease,
            )
            report = self._report_of(work, task)
            log.info("space.ended", **log_fields(report))
            return report

    def _report_of(self, work: SpaceContext, task: Task) -> SpaceReport:
        try:
            if self._ended_by is not None:
                raise self._ended_by
            return task(work)
        except HrSyncError as failure:
            ends_run = meets_every_space(failure)
            if ends_run:
                self._ended_by = failure
            report = SpaceReport(
                space_key=work.space.key,
                outcome=outcome_of(failure),
                exit_code=failure.exit_code,
                counts=work.counts,
                error=str(failure),
                ends_run=ends_run,
            )
            with session_scope(work.mirror.sessions) as session:
                record_space(session, work.lease, work.run_id, work.space, SpaceRecord(report=report))
            return report


def log_fields(report: RunReport | SpaceReport) -> dict[str, object]:
    """Return the fields of a log line: how it ended, and the counts that are not zero."""
    fields: dict[str, object] = {"outcome": str(report.outcome), "exit_code": int(report.exit_code)}
    if report.error is not None:
        fields["error"] = report.error
    return fields | {name: count for name, count in asdict(report.counts).items() if count}
