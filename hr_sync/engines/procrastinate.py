"""Spaces as tasks of procrastinate, a task queue in PostgreSQL (extra `scale`, ADR 0034).

Every ten seconds one worker, whichever it is, defers a job for each space that is due. A job runs one space. What is
due stands in the mirror, so that the queue may forget everything: no job is tried again, finished jobs are deleted, and
jobs of a dead worker are too.

Each site has a queue and a worker of its own in every process: jobs of a site that makes them wait take no turn of
another site.
"""

import asyncio
import signal
import threading
import weakref
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from procrastinate import App, JobContext
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import AlreadyEnqueued, JobAborted
from procrastinate.jobs import Status
from procrastinate.tasks import Task

from hr_sync.cancellation import Cancellation
from hr_sync.cli.shared_sites import SharedSite, SharedSites
from hr_sync.domain.rounds import DueSpace
from hr_sync.engines.space_jobs import SiteSettings, due_spaces_through, prune, run_space_through
from hr_sync.engines.space_result import SpaceResult
from hr_sync.errors import HrSyncError, Stopped

log = structlog.get_logger(__name__)

CONTROL = "hr_sync_control"  #: queue of the short jobs; spaces have one for each site
OFTEN = "* * * * * */10"  #: the sixth field is for seconds
DAILY = "23 3 * * *"
CONCURRENCY = 4  #: spaces of each site at once in a process
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 30.0  #: without a heartbeat; the lease protects the space if the worker lives on

_ABORT_LOOK_SECONDS = 0.5
_FETCH_SECONDS = 2.0  #: between two looks for jobs; to be notified would take a connection for each site


def make_app(
    connector: BaseConnector,
    sites: Mapping[str, Path | SiteSettings],
    *,
    concurrency: int = CONCURRENCY,
    cron: str = OFTEN,
    stalled_seconds: float = STALLED_SECONDS,
) -> App:
    """Return the app whose tasks run the spaces of these sites: their settings by name. Every worker needs the same.

    `concurrency`: how many spaces of each site one process does at once. `cron`: when to look for what is due; each
    process asks a site for its spaces once a minute at most.
    """
    app = App(connector=connector)
    shared = SharedSites(len(sites) * concurrency)
    weakref.finalize(app, shared.close)

    # Neither `lock`, behind which other jobs of the space would wait, nor `retry`: the due time does both.
    @app.task(name="hr_sync.run_space", pass_context=True)
    def run_space_job(context: JobContext, site: str, space_key: str, mode: str) -> None:
        run_one(context, _settings_of(sites[site]), space_key, mode, shared.of(site))

    # Each of these is given the time for which it was deferred.
    @app.periodic(cron=cron)
    @app.task(name="hr_sync.defer_due_spaces", queue=CONTROL, queueing_lock="hr_sync.defer_due_spaces")
    def defer_due_spaces(timestamp: int) -> None:  # noqa: ARG001
        _for_each(
            sites, lambda name, of: _defer(run_space_job, name, due_spaces_through(shared.of(name), of.file, of.site))
        )

    @app.periodic(cron=cron)
    @app.task(name="hr_sync.delete_stalled_jobs", queue=CONTROL, queueing_lock="hr_sync.delete_stalled_jobs")
    async def delete_stalled_jobs(timestamp: int) -> None:  # noqa: ARG001
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=stalled_seconds):
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
        job = task.configure(queue=queue_of(site), queueing_lock=f"hr_sync {site} {each.space_key}")
        with suppress(AlreadyEnqueued):
            job.defer(site=site, space_key=each.space_key, mode=str(each.mode))


def queue_of(site: str) -> str:
    """Return the name of the queue of a site."""
    return f"hr_sync {site}"


def run_worker(
    app: App, sites: Collection[str], *, concurrency: int, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> None:
    """Do jobs until SIGTERM or SIGINT, so many of each site at once. Those under way then stop within seconds."""
    queues = [CONTROL, *map(queue_of, sites)]

    async def work() -> None:
        # Where jobs run; the loop's own has hardly more threads than the machine has processors.
        threads = ThreadPoolExecutor(len(queues) * concurrency, thread_name_prefix="job")
        asyncio.get_running_loop().set_default_executor(threads)
        async with app.open_async():
            await until_one_ends([one(queue) for queue in queues])

    async def one(queue: str) -> None:
        await app.run_worker_async(
            queues=[queue],
            concurrency=concurrency,
            delete_jobs="always",
            shutdown_graceful_timeout=0.1,
            update_heartbeat_interval=heartbeat_seconds,
            stalled_worker_timeout=STALLED_SECONDS,
            listen_notify=queue == CONTROL,
            fetch_job_polling_interval=_FETCH_SECONDS,
            install_signal_handlers=False,
        )

    asyncio.run(work())


async def until_one_ends(workers: Sequence[Coroutine[None, None, None]]) -> None:
    """Run workers until a signal stops them. Where one fails, all end, and the process is started again."""
    loop = asyncio.get_running_loop()
    running = [loop.create_task(worker) for worker in workers]
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if not is_stopping:  # a second cancellation would not wait for the jobs
            is_stopping = True
            for each in running:
                each.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    stop()
    for ended in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def run_one(
    context: JobContext, settings: SiteSettings, space_key: str, mode: str, shared: SharedSite | None = None
) -> SpaceResult:
    """Run one space until it is done or procrastinate aborts the job. Raise JobAborted then."""
    with _stopped_by(context) as stop:
        try:
            result = run_space_through(shared, space_key, mode, settings.file, settings.site, cancellation=stop)
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
