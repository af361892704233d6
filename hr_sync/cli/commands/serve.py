"""`serve`: the long-running container. Wires schedule, runs, metrics and HTTP together; nothing is decided here."""

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from hr_sync.cli.options import Config
from hr_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.domain.outcome import RunReport
    from hr_sync.service.daemon import Job
    from hr_sync.service.schedule import Trigger
    from hr_sync.settings import Settings
    from hr_sync.sync.context import Mode


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)


def serve(config: Config = None) -> None:
    """Bring the mirror up to date on a schedule until SIGTERM, with health, metrics and a status page over HTTP."""
    from hr_sync.cli.bootstrap import HeldLeases, open_database, open_settings
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.store.schema import ensure_schema

    current = CurrentSettings(open_settings(config), config)
    signal.signal(signal.SIGHUP, current.reload)

    leases = HeldLeases()

    def work(stop: threading.Event) -> None:
        with open_database(current.settings) as engine:
            ensure_schema(engine)
            leases.are_in(engine)
            _serve(current, engine, stop)

    run_until_stopped(work, last_words=leases.release)


class CurrentSettings:
    """The settings in force. SIGHUP reads them again: what runs read holds from the next run on."""

    def __init__(self, settings: "Settings", config: Path | None) -> None:
        self.settings = settings
        self._config = config

    def reload(self, _number: int, _frame: FrameType | None) -> None:
        """Read the settings again. A mistake leaves the old ones in force; some changes need a restart, and say so."""
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
            group for group in ("database", "sync", "service", "log") if getattr(fresh, group) != getattr(old, group)
        ]
        self.settings = fresh
        log.info("settings.reloaded", needs_restart=needs_restart)


def _serve(current: CurrentSettings, engine: "Engine", stop: threading.Event) -> None:
    from hr_sync.cli.observability import make_endpoints, make_observer
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.service.daemon import SchedulerState, keep_running
    from hr_sync.service.web import start_web
    from hr_sync.store.engine import make_sessions, session_scope
    from hr_sync.store.read.runs import full_pass_is_due

    settings = current.settings
    http_stats = HttpStats()
    watch = SchedulerState()
    endpoints = make_endpoints(settings, engine, watch, http_stats)

    def run_once(mode: "Mode") -> Callable[[threading.Event], "RunReport"]:
        from hr_sync.cli.bootstrap import make_context
        from hr_sync.sync.context import SyncRequest
        from hr_sync.sync.run import run

        def work(end_of_run: threading.Event) -> "RunReport":
            mirror = make_context(current.settings, engine, end_of_run, http_stats)
            return run(replace(mirror, observe_lag=endpoints.metrics.observe_lag), SyncRequest(mode=mode))

        return work

    with session_scope(make_sessions(engine)) as session:
        full_first = full_pass_is_due(session, timedelta(minutes=settings.sync.full_interval_minutes))
    with start_web(settings.service.host, settings.service.port, endpoints):
        keep_running(
            make_jobs(settings, run_once, full_first=full_first),
            watch,
            make_observer(settings, endpoints.metrics),
            stop,
            deadline_seconds=settings.sync.run_deadline_minutes * 60,
        )


def make_jobs(
    settings: "Settings", run_once: Callable[["Mode"], Callable[[threading.Event], "RunReport"]], *, full_first: bool
) -> "list[Job]":
    """Return the jobs with their schedules. At the start a full or incremental run begins, `full_first` says which.

    Labels and restrictions are a job of their own where a time for it is set.

    Raises ConfigurationError for a cron expression that makes no sense, and for limits that it cannot keep.
    """
    from hr_sync.cli.limits import check_limits
    from hr_sync.service.daemon import Job
    from hr_sync.sync.context import Mode

    sync = settings.sync
    full = _trigger(settings, "full", sync.full_cron, sync.full_interval_minutes)
    incremental = _trigger(settings, "incremental", sync.incremental_cron, sync.incremental_interval_minutes)
    check_limits(settings, full=full, incremental=incremental)
    jobs = [
        Job(name="full", trigger=full, work=run_once(Mode.FULL), at_start=full_first),
        Job(name="incremental", trigger=incremental, work=run_once(Mode.INCREMENTAL), at_start=not full_first),
    ]
    if sync.access_cron or sync.access_interval_minutes:
        minutes = sync.access_interval_minutes or 0.0  # is not looked at where there is a cron expression
        trigger = _trigger(settings, "restrictions", sync.access_cron, minutes)
        jobs.append(Job(name="restrictions", trigger=trigger, work=run_once(Mode.RESTRICTIONS)))
    return jobs


def _trigger(settings: "Settings", job: str, cron: str | None, minutes: float) -> "Trigger":
    from hr_sync.service.schedule import CronTrigger, interval_trigger

    if cron is None:
        return interval_trigger(minutes, jitter_seconds=settings.sync.jitter_seconds)
    try:
        return CronTrigger(cron, ZoneInfo(settings.sync.time_zone))
    except ValueError as error:
        raise ConfigurationError(f"sync.{job}_cron: {error}. Write it like 30 1 * * 1-5.") from None
