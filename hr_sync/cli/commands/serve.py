"""`serve`: the long-running container. Wires schedule, runs, metrics and HTTP together."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import typer

from hr_sync import __version__
from hr_sync.cli.options import DEFAULT_SETTINGS, Config, SettingsChoice
from hr_sync.cli.sites import OneSite
from hr_sync.errors import ConfigurationError, HrSyncError

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.domain.outcome import Mode, RunReport, SpaceReport
    from hr_sync.service.pending import PendingNotifications
    from hr_sync.service.progress import ActiveRuns
    from hr_sync.service.scheduler import Job
    from hr_sync.service.web import Endpoints
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker
    from hr_sync.sync.context import LeftCallback, SpaceJob, SyncContext, SyncRequest

_RETENTION_MINUTES = 24 * 60
# A run of one never waits for a run of another.
FULL_LANE, INCREMENTAL_LANE, ACCESS_LANE, NOTIFIED_LANE = "full", "incremental", "access", "notified"


class RunOnce(Protocol):
    """Does one run."""

    def __call__(
        self, request: "SyncRequest", end_of_run: "Cancellation", on_left: "LeftCallback" = ...
    ) -> "RunReport":
        """Return its report; `on_left` is called with each space that was not read."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=OneSite)(serve)


def serve(config: Config = DEFAULT_SETTINGS) -> None:
    """Update the mirror on a schedule until SIGTERM, with health, metrics and a status page over HTTP."""
    from hr_sync.cli.bootstrap import HeldLeases, open_database, open_settings
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.cli.texts import check_attachment_texts
    from hr_sync.store.schema import ensure_schema
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

    current = CurrentSettings(open_settings(config), config)
    check_service(current.settings)
    check_attachment_texts(current.settings)
    signal.signal(signal.SIGHUP, current.reload)

    leases = HeldLeases()

    worker = Worker.current()

    def work(cancellation: "Cancellation") -> None:
        with open_database(current.settings) as engine:
            ensure_schema(engine)
            store = Store(engine)  # one for the process: a forced stop cancels the statements of this one
            leases.are_in(store, worker)
            _serve(current, store, worker, cancellation)

    run_until_stopped(work, clean_up=leases.release)


def check_service(settings: "Settings") -> None:
    """Raise ConfigurationError if other machines could read the service without a token."""
    from hr_sync.service.auth import is_loopback

    if settings.service.token is None and not is_loopback(settings.service.host):
        source = settings.source_of("service.host")
        raise ConfigurationError(
            f"service.host{f' ({source})' if source else ''} lets other machines connect, and there is no token. Set "
            "service.token, best in a file named by HR_SYNC_SERVICE__TOKEN_FILE, or listen on 127.0.0.1."
        )


class CurrentSettings:
    """The settings in force. SIGHUP reads them again: they apply to the next run, and to the scope that is shown."""

    def __init__(self, settings: "Settings", config: SettingsChoice) -> None:
        self.settings = settings
        self._config = config

    def reload(self, _number: int, _frame: FrameType | None) -> None:
        """Read the settings again. A mistake keeps the old ones in force; changes that need a restart are logged."""
        import structlog

        from hr_sync.settings import load_settings

        log = structlog.get_logger(__name__)
        try:
            fresh = load_settings(self._config.file, site=self._config.site)
        except ConfigurationError as error:
            log.error("settings.refused", error=str(error))  # noqa: TRY400 -- the message says it all
            return
        old = self.settings
        needs_restart = [
            group
            for group in ("database", "sync", "access", "service", "log")
            if getattr(fresh, group) != getattr(old, group)
        ]
        self.settings = fresh
        log.info("settings.reloaded", needs_restart=needs_restart)


def _serve(current: CurrentSettings, store: "Store", worker: "Worker", cancellation: "Cancellation") -> None:
    from hr_sync.cli.bootstrap import make_context
    from hr_sync.cli.health import read_in_scope
    from hr_sync.cli.observability import make_endpoints, make_observer
    from hr_sync.cli.shared_rate import shared_gate
    from hr_sync.cli.shared_runs import SharedRuns
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.domain.outcome import Mode
    from hr_sync.service.due_watch import DueWatch
    from hr_sync.service.pending import PendingNotifications
    from hr_sync.service.progress import ActiveRuns
    from hr_sync.service.scheduler import SchedulerState, keep_running

    settings = current.settings
    http_stats = HttpStats()
    state = SchedulerState.of(FULL_LANE, INCREMENTAL_LANE, ACCESS_LANE, NOTIFIED_LANE)
    active = ActiveRuns()
    pending = PendingNotifications()
    endpoints = make_endpoints(lambda: current.settings, store.engine, state, http_stats, active, pending)

    full_first = store.full_pass_is_due(timedelta(minutes=settings.sync.full_interval_minutes))
    watch = DueWatch(store.due.waiting)
    shared = SharedRuns(settings, store, watch, Mode.FULL if full_first else Mode.INCREMENTAL)
    observer = make_observer(
        settings, endpoints.metrics, lambda: endpoints.health(read_in_scope(store.engine, current.settings))
    )
    with _opened_web(settings, endpoints), shared_gate(store, worker, http_stats) as gate, watch.watching():

        def open_context(end_of_run: "Cancellation") -> "SyncContext":
            return make_context(current.settings, store, end_of_run, stats=http_stats, worker=worker, gate=gate)

        run_once = _runs(current, store, worker, endpoints, active, open_context)
        jobs = make_jobs(settings, lambda mode: partial(shared.run, mode, run_once), full_first=full_first)
        jobs = [*map(shared.share, jobs), _retention(current, store), notified_job(pending, run_once)]
        deadline = settings.sync.run_deadline_minutes * 60 or None
        keep_running(jobs, state, observer, cancellation, deadline_seconds=deadline)


def _runs(
    current: CurrentSettings,
    store: "Store",
    worker: "Worker",
    endpoints: "Endpoints",
    active: "ActiveRuns",
    open_context: "Callable[[Cancellation], SyncContext]",
) -> "RunOnce":
    """Return a function that runs once as requested."""
    from hr_sync.cli.texts import TextMaker
    from hr_sync.sync.context import no_retry
    from hr_sync.sync.run import record_failed_start, run

    texts = TextMaker()

    def run_once(request: "SyncRequest", end_of_run: "Cancellation", on_left: "LeftCallback" = no_retry) -> "RunReport":
        try:
            context = open_context(end_of_run)
        except HrSyncError as failure:
            return record_failed_start(store, worker, __version__, request, failure)
        with active.run() as progress:
            observed = replace(
                context, on_lag=endpoints.metrics.observe_lag, on_progress=progress.note, on_left=on_left
            )
            return texts.make(current.settings, context, run(observed, request))

    return run_once


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


def _retention(current: CurrentSettings, store: "Store") -> "Job":
    """Return the daily job that deletes what is older than the settings keep. It runs at the start too."""
    from hr_sync.cli.retention import prune
    from hr_sync.service.schedule import interval_trigger
    from hr_sync.service.scheduler import Job

    def work(end_of_run: "Cancellation") -> None:
        prune(current.settings, store, end_of_run)

    trigger = interval_trigger(_RETENTION_MINUTES, jitter_seconds=0)
    return Job(name="retention", lane=FULL_LANE, trigger=trigger, work=work, at_start=True, is_run=False)


@contextmanager
def _opened_web(settings: "Settings", endpoints: "Endpoints") -> Iterator[None]:
    """Serve HTTP until the block ends. Raise ConfigurationError if the address cannot be opened."""
    from hr_sync.service.web import start_web

    host, port = settings.service.host, settings.service.port
    with ExitStack() as stack:
        try:
            stack.enter_context(start_web(host, port, endpoints))
        except OSError as error:
            raise ConfigurationError(
                f"service.host and service.port: {host} port {port} cannot be opened ({error.strerror or error}). "
                "Choose another one, or stop the process that uses it."
            ) from None
        yield


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
