"""Spaces as tasks of procrastinate, a task queue in PostgreSQL (extra `scale`, ADR 0034).

Every minute one worker, whichever it is, defers a job for each space that is due. A job runs one space. What is due
stands in the mirror, so that the queue may forget everything: no job is tried again, finished jobs are deleted, and
jobs of a dead worker are too.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from procrastinate import App, JobContext
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import AlreadyEnqueued, JobAborted
from procrastinate.jobs import Status
from procrastinate.tasks import Task

from hr_sync.cancellation import Cancellation
from hr_sync.domain.rounds import DueSpace
from hr_sync.engines.space_jobs import SiteSettings, SpaceResult, due_spaces, prune, run_space
from hr_sync.errors import HrSyncError, Stopped

log = structlog.get_logger(__name__)

SPACES, CONTROL = "hr_sync", "hr_sync_control"  #: queues; the second has short jobs only
QUEUES = (SPACES, CONTROL)
EVERY_MINUTE = "* * * * *"
DAILY = "23 3 * * *"
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 30.0  #: without a heartbeat; the lease protects the space if the worker lives on

_ABORT_LOOK_SECONDS = 0.5


def make_app(
    connector: BaseConnector,
    sites: Mapping[str, Path | SiteSettings],
    *,
    cron: str = EVERY_MINUTE,
    stalled_seconds: float = STALLED_SECONDS,
) -> App:
    """Return the app whose tasks run the spaces of these sites: their settings by name. Every worker needs the same.

    `cron`: when to look for what is due; procrastinate allows a sixth field for seconds.
    """
    app = App(connector=connector)

    # Neither `lock`, behind which other jobs of the space would wait, nor `retry`: the due time does both.
    @app.task(name="hr_sync.run_space", queue=SPACES, pass_context=True)
    def run_space_job(context: JobContext, site: str, space_key: str, mode: str) -> None:
        run_one(context, _settings_of(sites[site]), space_key, mode)

    # Each of these is given the time for which it was deferred.
    @app.periodic(cron=cron)
    @app.task(name="hr_sync.defer_due_spaces", queue=CONTROL, queueing_lock="hr_sync.defer_due_spaces")
    def defer_due_spaces(timestamp: int) -> None:  # noqa: ARG001
        _for_each(sites, lambda name, of: _defer(run_space_job, name, due_spaces(of.file, site=of.site)))

    @app.periodic(cron=cron)
    @app.task(name="hr_sync.delete_stalled_jobs", queue=CONTROL, queueing_lock="hr_sync.delete_stalled_jobs")
    async def delete_stalled_jobs(timestamp: int) -> None:  # noqa: ARG001
        for queue in QUEUES:
            for job in await app.job_manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=stalled_seconds):
                await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

    @app.periodic(cron=DAILY)
    @app.task(name="hr_sync.prune", queue=CONTROL, queueing_lock="hr_sync.prune")
    def prune_sites(timestamp: int) -> None:  # noqa: ARG001
        _for_each(sites, lambda _, of: prune(of.file, site=of.site))

    return app


def _settings_of(site: Path | SiteSettings) -> SiteSettings:
    return site if isinstance(site, SiteSettings) else SiteSettings(site)


def _for_each(sites: Mapping[str, Path | SiteSettings], do: Callable[[str, SiteSettings], None]) -> None:
    """Do something at each site; a failure there costs no other site."""
    for site, settings in sites.items():
        try:
            do(site, _settings_of(settings))
        except HrSyncError as failure:
            log.warning("site.failed", site=site, exit_code=int(failure.exit_code), error=str(failure))


def _defer(task: Task[..., None, ...], site: str, due: Sequence[DueSpace]) -> None:
    """Put each space into the queue that is not waiting there."""
    for each in due:
        job = task.configure(queueing_lock=f"hr_sync {site} {each.space_key}")
        with suppress(AlreadyEnqueued):
            job.defer(site=site, space_key=each.space_key, mode=str(each.mode))


def run_worker(app: App, *, concurrency: int, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
    """Do jobs until SIGTERM or SIGINT, so many at once. Jobs that are under way then stop within seconds."""
    app.run_worker(
        queues=list(QUEUES),
        concurrency=concurrency,
        delete_jobs="always",
        shutdown_graceful_timeout=0.1,
        update_heartbeat_interval=heartbeat_seconds,
        stalled_worker_timeout=STALLED_SECONDS,
    )


def run_one(context: JobContext, settings: SiteSettings, space_key: str, mode: str) -> SpaceResult:
    """Run one space until it is done or procrastinate aborts the job. Raise JobAborted then."""
    with _stopped_by(context) as stop:
        try:
            result = run_space(space_key, mode, settings.file, site=settings.site, cancellation=stop)
        except Stopped:
            raise JobAborted from None
    if stop.is_set():
        raise JobAborted
    return result


@contextmanager
def _stopped_by(context: JobContext) -> Iterator[Cancellation]:
    """Set the cancellation when procrastinate wants the job to end."""
    stop, done = Cancellation(), Cancellation()

    def look() -> None:
        while not done.wait(_ABORT_LOOK_SECONDS):
            if context.should_abort():
                stop.set("by procrastinate")
                return

    thread = threading.Thread(target=look, name="abort", daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        done.set()
        thread.join()
