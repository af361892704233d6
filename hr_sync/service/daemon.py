"""Runs the jobs on their schedule until it is asked to stop. Never lets a failure pass unnoticed, nor end the process.

One thread works, so that a full and an incremental run do not meet; the calling thread keeps watch: it hands on the
wish to stop, and ends a run that is past its deadline. The beat comes from the scheduler itself: should its thread die,
or sleep because the clock was set back, the beat ends with it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from hr_sync.domain.outcome import RunReport
from hr_sync.errors import HrSyncError
from hr_sync.service.health import ScheduleSnapshot
from hr_sync.service.schedule import Trigger

log = structlog.get_logger(__name__)

_WATCH_SECONDS = 0.2  # between two looks of the watch
_BEAT_SECONDS = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something to run on a schedule. `work` gets the event that tells it to stop."""

    name: str
    trigger: Trigger
    work: Callable[[threading.Event], RunReport]
    at_start: bool = False


@dataclass(kw_only=True, slots=True)
class SchedulerState:
    """What the service knows of itself; read by health and metrics from other threads, written by the daemon alone."""

    started_at: float = field(default_factory=time.monotonic)  #: monotonic
    beat_at: float = field(default_factory=time.monotonic)  #: monotonic; when the scheduler last turned
    running: str | None = None  #: name of the job at work
    running_since: float = 0.0  #: monotonic
    overdue_since: float | None = None  #: monotonic; when the run at work was told to end for its deadline
    failures_in_a_row: dict[str, int] = field(default_factory=dict)  #: by job: runs that ended by an exception

    def state(self) -> ScheduleSnapshot:
        """Return how the schedule stands now, for health."""
        now, overdue_since = time.monotonic(), self.overdue_since
        return ScheduleSnapshot(
            last_beat_age_seconds=now - self.beat_at,
            failures_in_a_row=max(self.failures_in_a_row.values(), default=0),
            up_seconds=now - self.started_at,
            overdue_seconds=None if overdue_since is None else now - overdue_since,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Observer:
    """Who is told about runs: metrics and pings. Called from the working thread."""

    started: Callable[[str], None]
    ended: Callable[[str, RunReport], None]
    failed: Callable[[str, BaseException], None]
    skipped: Callable[[str], None]  #: the job was due and still at work; called from the scheduler's thread


def keep_running(
    jobs: Sequence[Job], watch: SchedulerState, observer: Observer, stop: threading.Event, *, deadline_seconds: float
) -> None:
    """Run the jobs until `stop` is set, then end the one at work and return."""
    daemon = _Daemon(watch, observer, deadline_seconds)
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1), "in_the_loop": DebugExecutor()},
        # A run that is late is made up for, once, however late it is.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_listener(daemon.note_skipped, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)
    for job in jobs:
        now = {"next_run_time": datetime.now(UTC)} if job.at_start else {}
        scheduler.add_job(daemon.run, job.trigger, args=[job], id=job.name, name=job.name, **now)
    scheduler.add_job(daemon.beat, IntervalTrigger(seconds=_BEAT_SECONDS, timezone=UTC), executor="in_the_loop")
    scheduler.start()
    log.info("service.started", jobs=[job.name for job in jobs])
    try:
        while not stop.wait(_WATCH_SECONDS):
            daemon.look()
    finally:
        daemon.end_run()
        # Waits for the run at work, which sees its event in every wait.
        scheduler.shutdown(wait=True)
        log.info("service.stopped")


class _Daemon:
    def __init__(self, watch: SchedulerState, observer: Observer, deadline_seconds: float) -> None:
        self._watch = watch
        self._observer = observer
        self._deadline_seconds = deadline_seconds
        self._lock = threading.Lock()
        self._stopping = False
        self._end_of_run = threading.Event()

    def run(self, job: Job) -> None:
        """Do one run of a job, in the working thread."""
        watch = self._watch
        with self._lock:
            self._end_of_run = threading.Event()
            if self._stopping:
                return
        watch.running, watch.running_since, watch.overdue_since = job.name, time.monotonic(), None
        self._tell(self._observer.started, job.name)
        try:
            report = job.work(self._end_of_run)
            log.debug("job.ended", job=job.name, outcome=report.outcome)
        except BaseException as failure:  # a SystemExit would end nothing here, and be told by nobody
            watch.failures_in_a_row[job.name] = watch.failures_in_a_row.get(job.name, 0) + 1
            if isinstance(failure, HrSyncError):
                log.warning("job.failed", job=job.name, error=str(failure))
            else:
                log.exception("job.failed", job=job.name)
            self._tell(self._observer.failed, job.name, failure)
        else:
            watch.failures_in_a_row[job.name] = 0
            self._tell(self._observer.ended, job.name, report)
        finally:
            # Tells everything that still waits for this run that it is over.
            self._end_of_run.set()
            watch.running, watch.overdue_since = None, None

    def beat(self) -> None:
        """Note that the scheduler turns, in its own thread."""
        self._watch.beat_at = time.monotonic()

    def look(self) -> None:
        """End a run that is past its deadline."""
        watch = self._watch
        now = time.monotonic()
        if watch.running and watch.overdue_since is None and now - watch.running_since > self._deadline_seconds:
            watch.overdue_since = now
            log.error("run.overdue", job=watch.running, deadline_seconds=self._deadline_seconds)
            self._end_of_run.set()

    def end_run(self) -> None:
        """Tell the run at work to stop, and let no other begin."""
        with self._lock:
            self._stopping = True
            self._end_of_run.set()

    def note_skipped(self, event: JobExecutionEvent) -> None:
        """Tell that a job was due while it was still at work."""
        log.warning("job.skipped", job=event.job_id)
        self._tell(self._observer.skipped, event.job_id)

    def _tell(self, observe: Callable[..., None], *about: object) -> None:
        """Tell the observer. That it fails is no failure of the run."""
        try:
            observe(*about)
        except Exception:
            log.exception("observer.failed")
