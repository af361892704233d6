"""Runs the jobs on their schedule until it is stopped. A failed job is reported and does not end the process.

Jobs are in lanes: one lane does one run at a time, and the lanes work in parallel, so that a long full run does not
keep incremental runs waiting. Each lane has a scheduler of its own, whose thread sets the lane's heartbeat: it ends
when that thread dies, or sleeps because the clock was set back. The calling thread watches the deadlines.
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

from hr_sync.cancellation import Cancellation
from hr_sync.domain.outcome import RunReport
from hr_sync.errors import HrSyncError
from hr_sync.service.health import LaneSnapshot, ScheduleSnapshot
from hr_sync.service.schedule import Trigger

log = structlog.get_logger(__name__)

_WATCH_SECONDS = 0.2  # between two checks of the deadlines
_HEARTBEAT_SECONDS = 1
_DUE_SECONDS = 0.5  # between two questions whether a job is due without its trigger
_ON_DEMAND = " on demand"  # behind the name of a job that was begun so


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something to run on a schedule. `work` gets the cancellation of its run.

    Housekeeping returns no report: the observer is not called about it, and its failures are only logged.
    """

    name: str
    lane: str  #: jobs of one lane run one after the other
    trigger: Trigger | None  #: None: it runs when `is_due` says so
    work: Callable[[Cancellation], RunReport | None]
    at_start: bool = False
    first_at: datetime | None = None  #: when the trigger begins it first, where that is not left to the trigger
    is_run: bool = True  #: False: housekeeping
    is_due: Callable[[], bool] | None = None  #: begins it without a trigger, or between; called often, must not block
    has_work: Callable[[], bool] | None = None  #: asked before it begins, in its lane; False: it does not


@dataclass(kw_only=True, slots=True)
class LaneState:
    """The state of one lane; read by health from other threads."""

    name: str
    heartbeat_at: float = field(default_factory=time.monotonic)  #: monotonic
    running: str | None = None  #: name of the job that runs
    running_since: float = 0.0  #: monotonic
    overdue_since: float | None = None  #: monotonic; when the run was asked to stop for its deadline
    failures_in_a_row: dict[str, int] = field(default_factory=dict)  #: by job: runs that ended by an exception
    next_runs: dict[str, datetime] = field(default_factory=dict)  #: by job; replaced as a whole

    def snapshot(self) -> LaneSnapshot:
        """Return the state now."""
        now, overdue_since, running = time.monotonic(), self.overdue_since, self.running
        return LaneSnapshot(
            name=self.name,
            heartbeat_age_seconds=now - self.heartbeat_at,
            failures_in_a_row=max(dict(self.failures_in_a_row).values(), default=0),
            overdue_seconds=None if overdue_since is None else now - overdue_since,
            running=running,
            running_seconds=0.0 if running is None else now - self.running_since,
            next_runs=self.next_runs,
        )


@dataclass(frozen=True, slots=True)
class SchedulerState:
    """The state of the scheduler, by lane; written by the scheduler alone."""

    lanes: Sequence[LaneState]
    started_at: float = field(default_factory=time.monotonic)  #: monotonic

    @classmethod
    def of(cls, *lanes: str) -> "SchedulerState":
        """Return the state at the start of a scheduler with these lanes."""
        return cls([LaneState(name=name) for name in lanes])

    def snapshot(self) -> ScheduleSnapshot:
        """Return the state now, for health."""
        return ScheduleSnapshot(
            up_seconds=time.monotonic() - self.started_at, lanes=tuple(lane.snapshot() for lane in self.lanes)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Observer:
    """The callbacks about runs: metrics and pings. Called from the threads of all lanes."""

    started: Callable[[str], None]
    ended: Callable[[str, RunReport], None]
    failed: Callable[[str, BaseException], None]
    skipped: Callable[[str], None]  #: the job was due while it still ran


def keep_running(
    jobs: Sequence[Job],
    state: SchedulerState,
    observer: Observer,
    cancellation: Cancellation,
    *,
    deadline_seconds: float | None,
) -> None:
    """Run the jobs until they are cancelled, then end those that run and return. A deadline of None is none."""
    lanes = [
        _Lane(lane, [job for job in jobs if job.lane == lane.name], observer, deadline_seconds) for lane in state.lanes
    ]
    for lane in lanes:
        lane.start()
    log.info("service.started", jobs=[job.name for job in jobs])
    try:
        while not cancellation.wait(_WATCH_SECONDS):
            for lane in lanes:
                lane.check_deadline()
    finally:
        for lane in lanes:
            lane.end_run()
        for lane in lanes:
            lane.shut_down()
        log.info("service.stopped")


class _Lane:
    def __init__(
        self, state: LaneState, jobs: Sequence[Job], observer: Observer, deadline_seconds: float | None
    ) -> None:
        self._state = state
        self._observer = observer
        self._deadline_seconds = deadline_seconds
        self._lock = threading.Lock()
        self._stopping = False
        self._end_of_run = Cancellation()
        self._facts = structlog.contextvars.get_contextvars()  # of the site, for the log
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1), "in_the_loop": DebugExecutor()},
            # A run that is late takes place, once, however late it is.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._note_skipped, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)
        self._on_demand = [job for job in jobs if job.is_due is not None]
        self._scheduled = {job.name for job in jobs if job.trigger is not None}
        self._requested: set[str] = set()  # jobs on demand that wait or run
        for job in jobs:
            if job.trigger is None:
                continue
            first_at = datetime.now(UTC) if job.at_start else job.first_at
            first = {} if first_at is None else {"next_run_time": first_at}
            self._scheduler.add_job(self._run, job.trigger, args=[job], id=job.name, name=job.name, **first)
        every = IntervalTrigger(seconds=_HEARTBEAT_SECONDS, timezone=UTC)
        self._scheduler.add_job(self._beat, every, executor="in_the_loop")
        if self._on_demand:
            often = IntervalTrigger(seconds=_DUE_SECONDS, timezone=UTC)
            self._scheduler.add_job(self._start_what_is_due, often, executor="in_the_loop")

    def start(self) -> None:
        """Begin to run the jobs."""
        self._scheduler.start()
        self._note_next_runs()

    def check_deadline(self) -> None:
        """End a run that is past its deadline."""
        state, now = self._state, time.monotonic()
        if self._deadline_seconds is None or not state.running or state.overdue_since is not None:
            return
        if now - state.running_since > self._deadline_seconds:
            state.overdue_since = now
            log.error("run.overdue", job=state.running, deadline_seconds=self._deadline_seconds)
            self._end_of_run.set()

    def end_run(self) -> None:
        """Cancel the run, and prevent others from starting."""
        with self._lock:
            self._stopping = True
            self._end_of_run.set()

    def shut_down(self) -> None:
        """Wait for the end of the run, which looks at its event in every wait."""
        self._scheduler.shutdown(wait=True)

    def _run(self, job: Job) -> None:
        """Do one run of a job, in the lane's thread."""
        with structlog.contextvars.bound_contextvars(**self._facts):
            self._run_named(job)

    def _run_named(self, job: Job) -> None:
        state = self._state
        if not _has_work(job):
            self._requested.discard(job.name)
            return
        with self._lock:
            self._end_of_run = Cancellation()
            if self._stopping:
                return
        state.running_since, state.running, state.overdue_since = time.monotonic(), job.name, None
        if job.is_run:
            _call(self._observer.started, job.name)
        try:
            report = job.work(self._end_of_run)
            log.debug("job.ended", job=job.name, outcome=report.outcome if report is not None else None)
        except BaseException as failure:  # a SystemExit would end only this thread, without a log line
            if isinstance(failure, HrSyncError):
                log.error("job.failed", job=job.name, error=str(failure))  # noqa: TRY400 -- the message is enough
            else:
                log.exception("job.failed", job=job.name)
            if job.is_run:
                state.failures_in_a_row[job.name] = state.failures_in_a_row.get(job.name, 0) + 1
                _call(self._observer.failed, job.name, failure)
        else:
            state.failures_in_a_row[job.name] = 0
            if report is not None:
                _call(self._observer.ended, job.name, report)
        finally:
            # For threads that still work for this run.
            self._end_of_run.set()
            self._requested.discard(job.name)
            state.running, state.overdue_since = None, None

    def _start_what_is_due(self) -> None:
        """Start the jobs on demand that are due and do not run, in the scheduler's own thread."""
        for job in self._on_demand:
            if job.name in self._requested or job.is_due is None or (job.trigger is not None and self._state.running):
                continue
            if job.is_due():
                self._requested.add(job.name)
                self._scheduler.add_job(
                    self._run, args=[job], id=_on_demand_id(job), name=job.name, replace_existing=True
                )

    def _beat(self) -> None:
        """Set the heartbeat, in the scheduler's own thread."""
        self._state.heartbeat_at = time.monotonic()
        self._note_next_runs()

    def _note_next_runs(self) -> None:
        jobs = [job for job in self._scheduler.get_jobs() if job.id in self._scheduled]
        self._state.next_runs = {job.id: job.next_run_time for job in jobs if job.next_run_time is not None}

    def _note_skipped(self, event: JobExecutionEvent) -> None:
        if event.job_id not in self._scheduled:  # one on demand is still due, and is asked again in a moment
            self._requested.discard(event.job_id.removesuffix(_ON_DEMAND))
            return
        log.warning("job.skipped", job=event.job_id, **self._facts)
        _call(self._observer.skipped, event.job_id)


def _on_demand_id(job: Job) -> str:
    return f"{job.name}{_ON_DEMAND}"


def _has_work(job: Job) -> bool:
    """Ask whether a run would do anything. If that cannot be told, the run tells what is wrong."""
    try:
        return job.has_work is None or job.has_work()
    except HrSyncError:
        return True


def _call(observe: Callable[..., None], *about: object) -> None:
    """Call an observer. Its failure does not fail the run."""
    try:
        observe(*about)
    except Exception:
        log.exception("observer.failed")
