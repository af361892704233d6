"""The scheduler with jobs that fail in many ways: health shows it within its limit, and recovers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hr_sync.cancellation import Cancellation
from hr_sync.domain.outcome import Counts, Mode, Outcome, RunReport
from hr_sync.errors import ConfluenceUnavailable, CredentialsRefused, DatabaseUnavailable
from hr_sync.service.health import Health, HealthLimits, is_alive, judge
from hr_sync.service.scheduler import Job, Observer, SchedulerState, keep_running
from tests.service.samples import SPACE, make_endpoints, web
from tests.service.test_web import ask

INTERVAL_SECONDS = 0.02
DEADLINE_SECONDS = 0.1
LIMITS = HealthLimits(stale_after_seconds=0.6, failures_in_a_row=3)
PATIENCE_SECONDS = 10

SpaceContext = Callable[[Cancellation], RunReport]


@dataclass
class Rig:
    """A scheduler with one job whose work and observer can be exchanged while it runs, and its observer's calls."""

    state: SchedulerState = field(default_factory=lambda: SchedulerState.of("full", "incremental"))
    stop: Cancellation = field(default_factory=Cancellation)
    release: threading.Event = field(default_factory=threading.Event)  #: ends work that ignores its own event
    calls: list[tuple[str, object]] = field(default_factory=list)
    work: SpaceContext = field(default=lambda _event: report(Outcome.COMPLETE))
    trip: Callable[[str], None] = field(default=lambda _what: None)  #: called first by every observer, may raise
    log: list[Any] = field(default_factory=list)
    completed_at: float | None = None

    def run(self, event: Cancellation) -> RunReport:
        """Work as the real job does: what is complete makes the space fresh."""
        found = self.work(event)
        if found.outcome is Outcome.COMPLETE:
            self.completed_at = time.monotonic()
        return found

    def observer(self) -> Observer:
        """Return an observer that notes its calls."""

        def note(what: str, about: object) -> None:
            self.calls.append((what, about))
            self.trip(what)

        return Observer(
            started=lambda job: note("started", job),
            ended=lambda _job, ended: note("ended", ended.outcome),
            failed=lambda _job, failure: note("failed", type(failure)),
            skipped=lambda job: note("skipped", job),
        )

    def health(self) -> Health:
        """Judge as the service does."""
        age = None if self.completed_at is None else timedelta(seconds=time.monotonic() - self.completed_at)
        return judge([replace(SPACE, age=age)], self.state.snapshot(), LIMITS)

    def count(self, what: str) -> int:
        """Return how often the observer was called for something."""
        return sum(each == what for each, _ in self.calls)

    def logged(self, event: str) -> bool:
        """Return True if the log holds an event."""
        return any(line["event"] == event for line in list(self.log))


def heartbeat_ages(rig: Rig) -> list[float]:
    return [lane.heartbeat_age_seconds for lane in rig.state.snapshot().lanes]


def overdue_seconds(rig: Rig) -> float | None:
    return rig.state.snapshot().lanes[0].overdue_seconds


def report(outcome: Outcome) -> RunReport:
    return RunReport(run_id=1, mode=Mode.INCREMENTAL, outcome=outcome, exit_code=0, spaces=(), counts=Counts())


def every(seconds: float) -> BaseTrigger:
    return IntervalTrigger(seconds=seconds, timezone=UTC)


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


@contextmanager
def kept_running(
    rig: Rig, *more: Job, trigger: BaseTrigger | None = None, deadline_seconds: float | None = DEADLINE_SECONDS
) -> Iterator[threading.Thread]:
    """Keep the rig's job and others running until the block ends."""
    main = Job(name="main", lane="full", trigger=trigger or every(INTERVAL_SECONDS), work=rig.run, at_start=True)
    thread = threading.Thread(
        target=keep_running,
        args=([main, *more], rig.state, rig.observer(), rig.stop),
        kwargs={"deadline_seconds": deadline_seconds},
    )
    with structlog.testing.capture_logs() as lines:
        rig.log = lines
        thread.start()
        try:
            yield thread
        finally:
            rig.release.set()
            rig.stop.set()
            thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def raises(failure: BaseException) -> Callable[[Rig], SpaceContext]:
    def fault(_rig: Rig) -> SpaceContext:
        def work(_event: Cancellation) -> RunReport:
            raise failure

        return work

    return fault


def returns(outcome: Outcome) -> Callable[[Rig], SpaceContext]:
    return lambda _rig: lambda _event: report(outcome)


def hangs(_rig: Rig) -> SpaceContext:
    """Wait, but end when the event is set."""

    def work(event: Cancellation) -> RunReport:
        event.wait(PATIENCE_SECONDS)
        return report(Outcome.STOPPED)

    return work


def ignores_event(rig: Rig) -> SpaceContext:
    """Wait in something that ignores the event."""

    def work(_event: Cancellation) -> RunReport:
        rig.release.wait(PATIENCE_SECONDS)
        return report(Outcome.STOPPED)

    return work


def answers_nonsense(_rig: Rig) -> SpaceContext:
    return lambda _event: None  # type: ignore[return-value]


FAULTS: dict[str, tuple[Callable[[Rig], SpaceContext], str, str]] = {
    # name: the fault, the log line that tells it, words of the reason that health gives
    "raises": (raises(RuntimeError("broken")), "job.failed", "runs in a row failed"),
    "raises an error of ours": (raises(ConfluenceUnavailable("Down. Wait.")), "job.failed", "runs in a row failed"),
    "is refused": (raises(CredentialsRefused("Expired. Make a new token.")), "job.failed", "runs in a row failed"),
    "wants to exit": (raises(SystemExit(1)), "job.failed", "runs in a row failed"),
    "is interrupted": (raises(KeyboardInterrupt()), "job.failed", "runs in a row failed"),
    "has no memory": (raises(MemoryError()), "job.failed", "runs in a row failed"),
    "answers nonsense": (answers_nonsense, "job.failed", "runs in a row failed"),
    "hangs": (hangs, "run.overdue", "Space HR was last complete"),
    "hangs and ignores its event": (ignores_event, "run.overdue", "The full run is past its deadline"),
    "is skipped while it runs": (ignores_event, "job.skipped", "The full run is past its deadline"),
    "is only partial": (returns(Outcome.PARTIAL), "", "Space HR was last complete"),
    "is held": (returns(Outcome.HELD), "", "Space HR was last complete"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failing_job_is_wrong_within_its_limit_and_well_after_the_next_healthy_run(name: str) -> None:
    """Whatever the failure, it is logged, reported to the observer, and over with the first healthy run."""
    make_fault, event, reason = FAULTS[name]
    rig = Rig()
    with kept_running(rig):
        wait_until(lambda: rig.completed_at is not None and rig.health().ok)
        rig.work = make_fault(rig)
        wait_until(lambda: any(reason in each for each in rig.health().reasons), 5)
        assert not event or rig.logged(event)
        assert event != "job.failed" or rig.count("failed") >= 3
        assert event != "job.skipped" or rig.count("skipped")
        assert all(age < 2 for age in heartbeat_ages(rig)), "the schedulers themselves work"

        rig.work = returns(Outcome.COMPLETE)(rig)
        rig.release.set()
        wait_until(lambda: rig.health().ok)


def test_a_run_that_ignores_its_deadline_is_restarted() -> None:
    """Health is wrong at its deadline; the liveness probe fails only after a grace, as long as the run lasts."""
    rig, limits = Rig(), replace(LIMITS, overdue_after_seconds=0.5)
    rig.work = ignores_event(rig)
    endpoints = replace(make_endpoints(), alive=lambda: is_alive(rig.state.snapshot(), limits))
    with web(endpoints) as port, kept_running(rig):
        wait_until(lambda: overdue_seconds(rig) is not None)
        assert not rig.health().ok
        assert ask(port, "/livez")[0] == 200, "most runs end within the grace"
        wait_until(lambda: ask(port, "/livez")[0] == 503)
        assert (overdue_seconds(rig) or 0) > 0.5
        assert all(age < 2 for age in heartbeat_ages(rig)), "the schedulers themselves work"

        rig.work = returns(Outcome.COMPLETE)(rig)
        rig.release.set()
        wait_until(lambda: ask(port, "/livez")[0] == 200)


@pytest.mark.parametrize("callback", ["started", "ended", "failed", "skipped"])
def test_an_observer_that_raises_ends_nothing(callback: str) -> None:
    """The runs take place and count as what they are, and that the observer failed is in the log."""

    def trip(what: str) -> None:
        if what == callback:
            raise RuntimeError("observer is broken")

    def slow(event: Cancellation) -> RunReport:
        event.wait(INTERVAL_SECONDS * 3)
        return report(Outcome.COMPLETE)

    rig = Rig(trip=trip, work=slow)
    with kept_running(rig, deadline_seconds=PATIENCE_SECONDS):
        if callback == "failed":
            rig.work = raises(RuntimeError("broken"))(rig)
        wait_until(lambda: rig.count(callback) >= 3 and rig.logged("observer.failed"))
        wait_until(lambda: rig.health().ok is (callback != "failed"))

        rig.work = returns(Outcome.COMPLETE)(rig)
        wait_until(lambda: rig.health().ok)


def test_a_job_waits_for_another_of_its_lane_and_is_not_lost() -> None:
    """Health shows the run that hangs, and the other one begins after it."""
    rig, other_runs = Rig(), []
    rig.work = ignores_event(rig)

    def other(_event: Cancellation) -> RunReport:
        other_runs.append(time.monotonic())
        return report(Outcome.COMPLETE)

    with kept_running(rig, Job(name="other", lane="full", trigger=every(INTERVAL_SECONDS), work=other)):
        wait_until(lambda: not rig.health().ok)
        assert other_runs == []
        rig.work = returns(Outcome.COMPLETE)(rig)
        rig.release.set()
        wait_until(lambda: other_runs and rig.health().ok)


def test_a_long_full_run_keeps_no_incremental_run_waiting() -> None:
    """The lanes work side by side: while a full run hangs, incremental runs begin on time, and are not overdue."""
    rig, other_runs = Rig(), []
    rig.work = ignores_event(rig)

    def other(_event: Cancellation) -> RunReport:
        other_runs.append(time.monotonic())
        return report(Outcome.COMPLETE)

    incremental = Job(name="incremental", lane="incremental", trigger=every(INTERVAL_SECONDS), work=other)
    with kept_running(rig, incremental, deadline_seconds=0.3):
        wait_until(lambda: overdue_seconds(rig) is not None)
        runs = len(other_runs)
        wait_until(lambda: len(other_runs) > runs + 3)
        assert rig.count("started") - len(other_runs) <= 2, "the full run is still the first one"
        assert rig.state.snapshot().lanes[1].overdue_seconds is None


def test_each_lane_has_its_own_deadline() -> None:
    """A run that is told to end does not end that of the other lane, and a stop ends both."""
    rig, ended = Rig(), []

    def other(event: Cancellation) -> RunReport:
        event.wait(PATIENCE_SECONDS)
        ended.append(time.monotonic())
        return report(Outcome.STOPPED)

    rig.work = hangs(rig)
    late = every(0.4)
    with kept_running(rig, Job(name="incremental", lane="incremental", trigger=late, work=other), deadline_seconds=0.6):
        wait_until(lambda: rig.logged("run.overdue"))
        assert rig.calls.count(("started", "incremental")) == 1
        assert ended == [], "it began later and has time left"
        rig.stop.set()
        wait_until(lambda: ended)


def test_a_deadline_of_none_ends_no_run() -> None:
    """However long it takes."""
    rig = Rig()
    rig.work = hangs(rig)
    with kept_running(rig, deadline_seconds=None):
        wait_until(lambda: rig.count("started"))
        time.sleep(0.5)
        assert not rig.logged("run.overdue")
        assert rig.count("ended") == 0


def test_what_was_missed_is_made_up_for_once() -> None:
    """However many starts a long run has cost, they do not all take place after it."""
    rig = Rig()
    runs: list[float] = []

    def work(_event: Cancellation) -> RunReport:
        runs.append(time.monotonic())
        rig.release.wait(PATIENCE_SECONDS)
        return report(Outcome.COMPLETE)

    rig.work = work
    with kept_running(rig, trigger=every(0.1), deadline_seconds=PATIENCE_SECONDS):
        wait_until(lambda: rig.count("skipped") >= 4)
        released_at = time.monotonic()
        rig.release.set()
        wait_until(lambda: len(runs) >= 5)
    assert runs[4] - released_at > 0.25, "four more starts are four intervals, not a burst"


class Breaks(BaseTrigger):  # type: ignore[misc] # the library has no types
    """Fires at once, and fails when it is asked for the time after that."""

    broke = False

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return now; raises RuntimeError from the second time on."""
        if previous is not None:
            self.broke = True
            raise RuntimeError("no next time")
        return now


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_scheduler_whose_thread_has_died_does_not_live() -> None:
    """APScheduler's thread ends silently, and no run of the lane begins again: its heartbeat ends too."""
    rig, trigger = Rig(), Breaks()
    with kept_running(rig, trigger=trigger):
        wait_until(lambda: trigger.broke)
        wait_until(lambda: heartbeat_ages(rig)[0] > 1.5)
        limits = replace(LIMITS, stale_after_seconds=3600, heartbeat_after_seconds=1.5)
        health = judge([SPACE], rig.state.snapshot(), limits)
        assert [reason.startswith("The scheduler of full runs has had no heartbeat") for reason in health.reasons] == [
            True
        ]
        assert not is_alive(rig.state.snapshot(), limits)
        assert heartbeat_ages(rig)[1] < 1.5, "the other lane goes on"


@pytest.mark.parametrize("work", [hangs, returns(Outcome.COMPLETE), raises(RuntimeError("broken"))])
def test_a_stop_ends_it_promptly(work: Callable[[Rig], SpaceContext]) -> None:
    """At work or between two runs."""
    rig = Rig()
    rig.work = work(rig)
    with kept_running(rig, deadline_seconds=PATIENCE_SECONDS) as thread:
        wait_until(lambda: rig.count("started"))
        began = time.monotonic()
        rig.stop.set()
        thread.join(PATIENCE_SECONDS)
        assert time.monotonic() - began < 1
        assert [lane.running for lane in rig.state.lanes] == [None, None]
        runs = rig.count("started")
        time.sleep(INTERVAL_SECONDS * 2)
        assert rig.count("started") == runs, "nothing begins after the end"


def test_a_job_on_demand_runs_when_it_is_due_and_not_twice_at_once() -> None:
    """What becomes due while it runs has a run of its own afterwards; nothing is skipped, and none is due otherwise."""
    waiting, running, most, runs = [1], [0], [0], [0]
    release = threading.Event()

    def work(_event: Cancellation) -> RunReport:
        waiting.clear()
        running[0] += 1
        most[0] = max(most[0], running[0])
        runs[0] += 1
        release.wait(PATIENCE_SECONDS)
        running[0] -= 1
        return report(Outcome.COMPLETE)

    rig = Rig(state=SchedulerState.of("full", "notified"))
    job = Job(name="notified", lane="notified", trigger=None, work=work, is_due=lambda: bool(waiting))
    with kept_running(rig, job, deadline_seconds=None):
        wait_until(lambda: runs[0] == 1)
        waiting.append(1)
        time.sleep(1.5)  # it is asked three times meanwhile
        assert (runs[0], most[0]) == (1, 1)
        release.set()
        wait_until(lambda: runs[0] == 2)
        time.sleep(1.5)
        assert (runs[0], most[0]) == (2, 1)
        assert rig.state.snapshot().lanes[1].next_runs == {}
    assert {about for what, about in rig.calls if what == "skipped"} <= {"main"}


def test_a_job_on_demand_that_fails_runs_again() -> None:
    """Its failures count as those of any job, and its lane keeps its heartbeat."""

    def work(_event: Cancellation) -> RunReport:
        raise ConfluenceUnavailable("Away.")

    rig = Rig(state=SchedulerState.of("full", "notified"))
    job = Job(name="notified", lane="notified", trigger=None, work=work, is_due=lambda: True)
    with kept_running(rig, job):
        wait_until(lambda: rig.state.snapshot().lanes[1].failures_in_a_row >= 3)
        assert heartbeat_ages(rig)[1] < 2


def test_a_scheduled_job_begins_when_it_is_due_before_its_time_and_not_when_there_is_nothing_to_do() -> None:
    """Nobody is told of a run that does not begin; one that cannot tell whether there is work begins."""
    waiting, runs, asked = [True], [0], [0]

    def work(_event: Cancellation) -> RunReport:
        waiting.clear()
        runs[0] += 1
        return report(Outcome.COMPLETE)

    def has_work() -> bool:
        asked[0] += 1
        if asked[0] == 1:
            raise DatabaseUnavailable("Away.")
        return bool(waiting)

    rig = Rig(state=SchedulerState.of("full", "incremental"))
    jobs = [
        Job(
            name="incremental",
            lane="incremental",
            trigger=every(3600),
            work=work,
            is_due=lambda: bool(waiting),
            has_work=has_work,
        ),
        Job(name="idle", lane="incremental", trigger=every(0.05), work=work, has_work=lambda: False),
    ]
    with kept_running(rig, *jobs):
        wait_until(lambda: runs[0] == 1)
        waiting.append(True)
        wait_until(lambda: runs[0] == 2)
        time.sleep(0.2)
        assert set(rig.state.snapshot().lanes[1].next_runs) == {"incremental", "idle"}
    begun = [job for what, job in rig.calls if what == "started" and job != "main"]
    assert begun == ["incremental"] * 2
    assert runs[0] == 2


def test_the_first_time_may_be_that_of_the_database() -> None:
    """So that a replica which begins later shows when its spaces are due."""
    first_at = datetime.now(UTC) + timedelta(minutes=5)
    rig = Rig(state=SchedulerState.of("full", "incremental"))
    job = Job(
        name="incremental",
        lane="incremental",
        trigger=every(3600),
        work=lambda _event: report(Outcome.COMPLETE),
        first_at=first_at,
    )
    with kept_running(rig, job):
        wait_until(lambda: rig.state.snapshot().lanes[1].next_runs)
        assert rig.state.snapshot().lanes[1].next_runs["incremental"] == first_at
