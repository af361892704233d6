"""Wires what the service shows: metrics, health and the status page."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hr_sync.cli.health import health_limits, read_in_scope
from hr_sync.cli.notifications import sender
from hr_sync.confluence.http.urls import api_base, is_gateway
from hr_sync.domain.outcome import ExitCode, Mode, Outcome, RunReport
from hr_sync.errors import HrSyncError
from hr_sync.service.health import Health, is_alive, judge
from hr_sync.service.html import Activity
from hr_sync.service.metrics import Metrics, MetricSources
from hr_sync.service.pending import PendingNotifications
from hr_sync.service.ping import PingKind
from hr_sync.service.progress import ActiveRuns
from hr_sync.service.scheduler import Observer, SchedulerState
from hr_sync.service.ttl_cache import TtlCache
from hr_sync.service.web import Endpoints
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.history import PageHistory, page_history
from hr_sync.store.read.pages import find_page
from hr_sync.store.schema import check_schema

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.settings import Settings


class _StoredPages:
    """Reads single pages of the mirror."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._sessions = make_sessions(engine)

    def history(self, page_id: str) -> PageHistory:
        """Return what the mirror knows of a page."""
        with database_errors(self._engine), session_scope(self._sessions) as session:
            return page_history(session, page_id)

    def title(self, page_id: str) -> str | None:
        """Return the title of a page; None if there is no such page."""
        with database_errors(self._engine), session_scope(self._sessions) as session:
            page = find_page(session, page_id)
            return page.title if page else None


def make_endpoints(
    settings: "Callable[[], Settings]",
    engine: "Engine",
    state: SchedulerState,
    http_stats: "HttpStats",
    active: ActiveRuns | None = None,
    pending: PendingNotifications | None = None,
) -> Endpoints:
    """Return what the service shows, read from the database on request.

    `settings` returns those in force: the scope may change while the service runs.
    """
    pages = _StoredPages(engine)
    limits = health_limits(settings(), is_scheduled=True)

    def ready() -> None:
        with database_errors(engine):
            check_schema(engine)

    cached = TtlCache(lambda: read_in_scope(engine, settings()))
    sources = MetricSources(
        overview=cached,
        http_stats=http_stats.counts,
        pool=lambda: _pool(engine),
        schedule=state.snapshot,
        limits=limits,
    )
    token = settings().service.token
    return Endpoints(
        alive=lambda: is_alive(state.snapshot(), limits),
        ready=TtlCache(ready),
        overview=cached,
        health=lambda seen: judge(seen.spaces, state.snapshot(), limits, seen.shown),
        history=pages.history,
        metrics=Metrics(sources),
        activity=lambda: Activity(
            schedule=state.snapshot(),
            progress=active.unfinished() if active is not None else {},
            site=_site(settings()),
        ),
        title=pages.title if settings().service.show_titles else None,
        token=token.get_secret_value() if token else None,
        name=settings().site,
        notify=pending.add if pending is not None else None,
    )


def _site(settings: "Settings") -> str | None:
    """Return the base address of pages in a browser; None if it is not known, as behind the API gateway."""
    url = settings.confluence.url
    return None if is_gateway(url) else api_base(url)


def make_observer(settings: "Settings", metrics: Metrics, health: Callable[[], Health]) -> Observer:
    """Return the observer of the service's runs: metrics and pings.

    A run that ended well is only reported as a success if `health` is well after it. Notified runs are not reported:
    a dead man's switch is for what is to run on a schedule.
    """
    send = sender(settings)

    def started(job: str) -> None:
        if job != Mode.NOTIFIED:
            send(PingKind.START)

    def ended(job: str, report: RunReport) -> None:
        metrics.observe(report)
        if job == Mode.NOTIFIED:
            return
        # Pages that fail do not make a run a failure here: they do not change the health either.
        good = report.outcome in {Outcome.COMPLETE, Outcome.PARTIAL}
        send(PingKind.SUCCESS if good and _is_well(health) else PingKind.FAILURE)

    def failed(job: str, failure: BaseException) -> None:
        metrics.count_failed(job, failure.exit_code if isinstance(failure, HrSyncError) else ExitCode.FAILED)
        if job != Mode.NOTIFIED:
            send(PingKind.FAILURE)

    return Observer(started=started, ended=ended, failed=failed, skipped=metrics.count_skipped)


def _is_well(health: Callable[[], Health]) -> bool:
    try:
        return health().ok
    except HrSyncError:
        return False


def _pool(engine: "Engine") -> dict[str, int]:
    pool = engine.pool
    in_use = getattr(pool, "checkedout", lambda: 0)()
    idle = getattr(pool, "checkedin", lambda: 0)()
    return {"in_use": in_use, "idle": idle}
