"""`serve`: the long-running container. Wires schedule, runs, metrics and HTTP together."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from hr_sync import __version__
from hr_sync.cli.options import Config
from hr_sync.errors import ConfigurationError, HrSyncError

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.domain.outcome import Mode, RunReport
    from hr_sync.service.progress import ActiveRuns
    from hr_sync.service.scheduler import Job
    from hr_sync.service.web import Endpoints
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

_RETENTION_MINUTES = 24 * 60
FULL_LANE, INCREMENTAL_LANE = "full", "incremental"  # a run of one never waits for a run of the other
ACCESS_LANE = "access"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)


def serve(config: Config = None) -> None:
    """Update the mirror on a schedule until SIGTERM, with health, metrics and a status page over HTTP."""
    from hr_sync.cli.bootstrap import HeldLeases, open_database, open_settings
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.store.schema import ensure_schema
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

    current = CurrentSettings(open_settings(config), config)
    check_service(current.settings)
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

    def __init__(self, settings: "Settings", config: Path | None) -> None:
        self.settings = settings
        self._config = config

    def reload(self, _number: int, _frame: FrameType | None) -> None:
        """Read the settings again. A mistake keeps the old ones in force; changes that need a restart are logged."""
        import structlog

        from hr_sync.settings import load_settings

        log = structlog.get_logger(__name__)
        try:
            fresh = load_settings(self._config)
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
    from hr_sync.cli.health import read_in_scope
    from hr_sync.cli.observability import make_endpoints, make_observer
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.service.progress import ActiveRuns
    from hr_sync.service.scheduler import SchedulerState, keep_running

    settings = current.settings
    http_stats = HttpStats()
    state = SchedulerState.of(FULL_LANE, INCREMENTAL_LANE, ACCESS_LANE)
    active = ActiveRuns()
    endpoints = make_endpoints(lambda: current.settings, store.engine, state, http_stats, active)

    full_first = store.full_pass_is_due(timedelta(minutes=settings.sync.full_interval_minutes))
    jobs = make_jobs(settings, _runs(current, store, worker, endpoints, http_stats, active), full_first=full_first)
    jobs.append(_retention(current, store))
    with _opened_web(settings, endpoints):
        keep_running(
            jobs,
            state,
            make_observer(
                settings, endpoints.metrics, lambda: endpoints.health(read_in_scope(store.engine, current.settings))
            ),
            cancellation,
            deadline_seconds=settings.sync.run_deadline_minutes * 60 or None,
        )


def _runs(
    current: CurrentSettings,
    store: "Store",
    worker: "Worker",
    endpoints: "Endpoints",
    http_stats: "HttpStats",
    active: "ActiveRuns",
) -> "Callable[[Mode], Callable[[Cancellation], RunReport]]":
    """Return a function that returns the work of a job for a mode."""
    from hr_sync.cli.bootstrap import make_context
    from hr_sync.sync.context import SyncRequest
    from hr_sync.sync.run import record_failed_start, run

    def run_once(mode: "Mode") -> "Callable[[Cancellation], RunReport]":
        def work(end_of_run: "Cancellation") -> "RunReport":
            try:
                context = make_context(current.settings, store, end_of_run, stats=http_stats, worker=worker)
            except HrSyncError as failure:
                return record_failed_start(store, worker, __version__, SyncRequest(mode=mode), failure)
            with active.run() as progress:
                context = replace(context, on_lag=endpoints.metrics.observe_lag, on_progress=progress.note)
                return run(context, SyncRequest(mode=mode))

        return work

    return run_once


def _retention(current: CurrentSettings, store: "Store") -> "Job":
    """Return the daily job that deletes what is older than the settings keep. It runs at the start too."""
    import structlog

    from hr_sync.service.schedule import interval_trigger
    from hr_sync.service.scheduler import Job

    log = structlog.get_logger(__name__)

    def work(end_of_run: "Cancellation") -> None:
        sync = current.settings.sync
        if sync.keep_history_days:
            rows = store.prune_history(timedelta(days=sync.keep_history_days), end_of_run)
            log.info("history.pruned", rows=rows, days=sync.keep_history_days)
        if sync.keep_removed_days:
            bodies = store.prune_bodies(timedelta(days=sync.keep_removed_days), end_of_run)
            log.info("bodies.pruned", bodies=bodies, days=sync.keep_removed_days)

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
