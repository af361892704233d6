"""The jobs of `hr-sync serve` for one site, and the lanes that they run in."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.domain.outcome import Mode, RunReport, SpaceReport
    from hr_sync.service.pending import PendingNotifications
    from hr_sync.service.scheduler import Job
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.sync.context import LeftCallback, SpaceJob, SyncRequest

_RETENTION_MINUTES = 24 * 60
# A run of one never waits for a run of another.
FULL_LANE, INCREMENTAL_LANE, ACCESS_LANE, NOTIFIED_LANE = "full", "incremental", "access", "notified"


class RunOnce(Protocol):
    """Does one run."""

    def __call__(
        self, request: "SyncRequest", end_of_run: "Cancellation", on_left: "LeftCallback" = ...
    ) -> "RunReport":
        """Return its report; `on_left` is called with each space that was not read."""


def make_jobs(
    settings: "Settings", run_once: "Callable[[Mode], Callable[[Cancellation], RunReport]]", *, full_first: bool
) -> "list[Job]":
    """Return the jobs with their schedules. At the start a full or an incremental run begins: `full_first` says which.

    Each mode has a lane of its own, so that a long full run delays neither new pages nor withdrawn rights.

    Raise ConfigurationError for a cron expression that cannot be parsed, and for limits of health that the schedule
    cannot keep.
    """
    from hr_sync.cli.limits import check_limits
    from hr_sync.cli.schedule import access_trigger, full_trigger, incremental_trigger
    from hr_sync.domain.outcome import Mode
    from hr_sync.service.scheduler import Job

    full, incremental, access = full_trigger(settings), incremental_trigger(settings), access_trigger(settings)
    check_limits(settings, full=full, incremental=incremental, access=access)
    jobs = [
        Job(name="full", lane=FULL_LANE, trigger=full, work=run_once(Mode.FULL), at_start=full_first),
        Job(
            name="incremental",
            lane=INCREMENTAL_LANE,
            trigger=incremental,
            work=run_once(Mode.INCREMENTAL),
            at_start=not full_first,
        ),
    ]
    if access is not None:
        jobs.append(Job(name="access", lane=ACCESS_LANE, trigger=access, work=run_once(Mode.ACCESS)))
    return jobs


def notified_job(pending: "PendingNotifications", run_once: "RunOnce") -> "Job":
    """Return the job that reads what was notified, as soon as there is something.

    What another worker or a failure kept from being read is tried again; not where credentials or settings are refused,
    since more requests do not help then.
    """
    from hr_sync.domain.outcome import ExitCode, Mode, Outcome
    from hr_sync.service.scheduler import Job
    from hr_sync.sync.context import Notified, SyncRequest

    refused = {ExitCode.REFUSED, ExitCode.CONFIGURATION}

    def put_back(job: "SpaceJob", report: "SpaceReport") -> None:
        if report.exit_code not in refused:
            pending.put_back(Notified(page_ids=job.page_ids, space_ids=(job.space.id,)))

    def work(end_of_run: "Cancellation") -> "RunReport":
        began = time.monotonic()
        taken = pending.take()
        try:
            report = run_once(SyncRequest(mode=Mode.NOTIFIED, notified=taken), end_of_run, put_back)
            has_failed = report.outcome in {Outcome.FAILED, Outcome.STOPPED} and not report.spaces
            if has_failed and report.exit_code not in refused:
                pending.put_back(taken)
        except BaseException:
            pending.put_back(taken)
            raise
        else:
            return report
        finally:
            pending.end(time.monotonic() - began)

    return Job(name=str(Mode.NOTIFIED), lane=NOTIFIED_LANE, trigger=None, work=work, is_due=pending.is_due)


def retention_job(settings: "Callable[[], Settings]", store: "Store") -> "Job":
    """Return the daily job that deletes what is older than the settings keep. It runs at the start too."""
    from hr_sync.cli.retention import prune
    from hr_sync.service.schedule import interval_trigger
    from hr_sync.service.scheduler import Job

    def work(end_of_run: "Cancellation") -> None:
        prune(settings(), store, end_of_run)

    trigger = interval_trigger(_RETENTION_MINUTES, jitter_seconds=0)
    return Job(name="retention", lane=FULL_LANE, trigger=trigger, work=work, at_start=True, is_run=False)
