"""Wires what the service shows of itself: metrics, health and the status page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hr_sync.cli.bootstrap import make_scope
from hr_sync.cli.notifications import sender, sign_of
from hr_sync.domain.outcome import RunReport
from hr_sync.service.daemon import Observer, SchedulerState
from hr_sync.service.health import HealthLimits, is_alive, judge
from hr_sync.service.metrics import Metrics, MetricSources
from hr_sync.service.ping import PingKind
from hr_sync.service.ttl_cache import Snapshot
from hr_sync.service.web import Endpoints
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.history import PageHistory, page_history
from hr_sync.store.read.overview import Overview, read_overview
from hr_sync.store.read.pages import find_page
from hr_sync.store.read.runs import SpaceStatus
from hr_sync.store.schema import check_schema
from hr_sync.sync.context import Scope
from hr_sync.sync.spaces import covers

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.settings import Settings

_MARGIN_SECONDS = 60  # beyond the longest request or statement, for a run that was told to end


def make_endpoints(settings: "Settings", engine: "Engine", watch: SchedulerState, http_stats: "HttpStats") -> Endpoints:
    """Return what the service shows of itself, read from the database when it is asked for."""
    sessions = make_sessions(engine)
    limits = HealthLimits(
        stale_after_seconds=settings.sync.stale_after_minutes * 60,
        full_stale_after_seconds=settings.sync.full_stale_after_minutes * 60,
        overdue_after_seconds=_MARGIN_SECONDS
        + max(settings.confluence.request_deadline_seconds, settings.database.statement_timeout_seconds),
    )

    def overview() -> Overview:
        with database_errors(engine), session_scope(sessions) as session:
            return read_overview(session, runs=30)

    def history(page_id: str) -> PageHistory:
        with database_errors(engine), session_scope(sessions) as session:
            return page_history(session, page_id)

    def title(page_id: str) -> str | None:
        with database_errors(engine), session_scope(sessions) as session:
            page = find_page(session, page_id)
            return page.title if page else None

    def ready() -> None:
        with database_errors(engine):
            check_schema(engine)

    scope = make_scope(settings)
    answered = Snapshot(overview)
    token = settings.service.token
    return Endpoints(
        alive=lambda: is_alive(watch.state(), limits),
        ready=ready,
        overview=answered,
        health=lambda seen: judge(_of_scope(seen.spaces, scope), watch.state(), limits),
        history=history,
        metrics=Metrics(MetricSources(overview=answered, http_stats=http_stats.counts, pool=lambda: _pool(engine))),
        title=title if settings.service.show_titles else None,
        token=token.get_secret_value() if token else None,
    )


def make_observer(settings: "Settings", metrics: Metrics) -> Observer:
    """Return who is told about the runs of the service."""
    send = sender(settings)

    def ended(_job: str, report: RunReport) -> None:
        metrics.observe(report)
        send(sign_of(report))

    def failed(job: str, _failure: BaseException) -> None:
        metrics.count_failed(job)
        send(PingKind.FAILURE)

    return Observer(
        started=lambda _job: send(PingKind.START), ended=ended, failed=failed, skipped=metrics.count_skipped
    )


def _of_scope(spaces: Sequence[SpaceStatus], scope: Scope) -> list[SpaceStatus]:
    """Leave out what is no longer meant to be mirrored: nobody keeps it fresh."""
    return [space for space in spaces if covers(scope, space.space_key)]


def _pool(engine: "Engine") -> dict[str, int]:
    pool = engine.pool
    in_use = getattr(pool, "checkedout", lambda: 0)()
    idle = getattr(pool, "checkedin", lambda: 0)()
    return {"in_use": in_use, "idle": idle}
