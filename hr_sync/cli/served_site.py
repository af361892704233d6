"""One site of `hr-sync serve`: its schedule, its runs and what the service shows of it.

Each site has threads, connections to Confluence and a rate of its own, so that one that is down or refuses requests
keeps no other one waiting.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import structlog

from hr_sync import __version__
from hr_sync.cli.bootstrap import make_context
from hr_sync.cli.health import read_in_scope
from hr_sync.cli.observability import make_endpoints, make_observer
from hr_sync.cli.service_jobs import (
    ACCESS_LANE,
    FULL_LANE,
    INCREMENTAL_LANE,
    NOTIFIED_LANE,
    make_jobs,
    notified_job,
    retention_job,
)
from hr_sync.cli.shared_rate import shared_gate
from hr_sync.cli.shared_runs import SharedRuns
from hr_sync.cli.texts import TextMaker
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.errors import HrSyncError
from hr_sync.service.due_watch import DueWatch
from hr_sync.service.pending import PendingNotifications
from hr_sync.service.progress import ActiveRuns
from hr_sync.service.scheduler import SchedulerState, keep_running
from hr_sync.service.web import Endpoints
from hr_sync.sync.context import SyncRequest, no_retry
from hr_sync.sync.run import record_failed_start, run

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.confluence.http.rate import RateGate
    from hr_sync.service.scheduler import Job
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker
    from hr_sync.sync.context import LeftCallback, SyncContext


class ServedSite:
    """A site whose runs are begun by the schedule. `settings` returns those in force."""

    def __init__(self, settings: "Callable[[], Settings]", store: "Store", worker: "Worker") -> None:
        """Raise ConfigurationError for a schedule that cannot be kept, and DatabaseUnavailable."""
        at_start = settings()
        self._settings = settings
        self._store = store
        self._worker = worker
        self._stats = HttpStats()
        self._state = SchedulerState.of(FULL_LANE, INCREMENTAL_LANE, ACCESS_LANE, NOTIFIED_LANE)
        self._active = ActiveRuns()
        self._pending = PendingNotifications()
        self._texts = TextMaker()
        self._watch = DueWatch(store.due.waiting)
        self._deadline = at_start.sync.run_deadline_minutes * 60 or None
        #: What the service shows of it.
        self.endpoints = make_endpoints(settings, store.engine, self._state, self._stats, self._active, self._pending)
        full_first = store.full_pass_is_due(timedelta(minutes=at_start.sync.full_interval_minutes))
        self._shared = SharedRuns(at_start, store, self._watch, Mode.FULL if full_first else Mode.INCREMENTAL)
        self._jobs = make_jobs(at_start, lambda mode: partial(self._run_due, mode), full_first=full_first)
        self._gate: RateGate | None = None

    def keep_running(self, cancellation: "Cancellation") -> None:
        """Do the runs until they are cancelled."""
        endpoints, settings = self.endpoints, self._settings
        observer = make_observer(
            settings(), endpoints.metrics, lambda: endpoints.health(read_in_scope(self._store.engine, settings()))
        )
        with self._named_in_log(), self._rate_is_shared(), self._watch.watching():
            jobs: list[Job] = [
                *map(self._shared.share, self._jobs),
                retention_job(settings, self._store),
                notified_job(self._pending, self._run_once),
            ]
            keep_running(jobs, self._state, observer, cancellation, deadline_seconds=self._deadline)

    @contextmanager
    def _rate_is_shared(self) -> Iterator[None]:
        with shared_gate(self._store, self._worker, self._stats) as gate:
            self._gate = gate
            yield

    @contextmanager
    def _named_in_log(self) -> Iterator[None]:
        site = self._settings().site
        with structlog.contextvars.bound_contextvars(**({} if site is None else {"site": site})):
            yield

    def _run_due(self, mode: Mode, end_of_run: "Cancellation") -> RunReport:
        return self._shared.run(mode, self._run_once, end_of_run)

    def _run_once(
        self, request: SyncRequest, end_of_run: "Cancellation", on_left: "LeftCallback" = no_retry
    ) -> RunReport:
        """Do one run as requested. Return its report."""
        try:
            context = self._open_context(end_of_run)
        except HrSyncError as failure:
            return record_failed_start(self._store, self._worker, __version__, request, failure)
        with self._active.run() as progress:
            observed = replace(
                context, on_lag=self.endpoints.metrics.observe_lag, on_progress=progress.note, on_left=on_left
            )
            return self._texts.make(self._settings(), context, run(observed, request))

    def _open_context(self, end_of_run: "Cancellation") -> "SyncContext":
        return make_context(
            self._settings(), self._store, end_of_run, stats=self._stats, worker=self._worker, gate=self._gate
        )


def endpoints_without_runs(settings: "Callable[[], Settings]", store: "Store", failure: HrSyncError) -> Endpoints:
    """Return what the service shows of a site that it does not serve: why."""

    def refuse(*_: object) -> NoReturn:
        raise failure.with_traceback(None)

    made = make_endpoints(settings, store.engine, SchedulerState.of(), HttpStats())
    return replace(made, alive=lambda: True, ready=refuse, overview=refuse, history=refuse, activity=refuse)
