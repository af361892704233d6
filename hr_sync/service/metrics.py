"""Metrics for Prometheus: counted when runs end, and read from the database when scraped. The names are a contract.

Labels are bounded: space keys, modes, outcomes and actions, never a page. Metrics of spaces are read from the database
at scrape time, so they are right after a restart and whichever worker ran; when the database cannot be reached,
`hr_sync_database_up` is 0 and those series are absent rather than old.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hr_sync import __version__
from hr_sync.confluence.http.stats import HttpCounts
from hr_sync.domain.access import AccessMode
from hr_sync.domain.outcome import Counts, ExitCode, Mode, Outcome, RunReport
from hr_sync.domain.shown_pages import NotShown
from hr_sync.service.feed_metrics import feed_metrics
from hr_sync.service.health import HealthLimits, ScheduleSnapshot
from hr_sync.service.sharing_metrics import sharing_metrics
from hr_sync.service.site_metrics import registry_of_site
from hr_sync.store.read.overview import AccessAuditLine, Overview
from hr_sync.store.read.runs import SpaceStatus

log = structlog.get_logger(__name__)

_RUN_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 14_400)
_LAG_SECONDS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
# What is withdrawn is hidden or removed.
_NOT_ACTIONS = {"listed", "withdrawn", "bodies", "attachments_listed", "comments_listed"}
ACTIONS = tuple(each.name for each in fields(Counts) if each.name not in _NOT_ACTIONS)
JOBS = ("full", "incremental", "access", "notified")


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSources:
    """What is read at scrape time; what is None is left out."""

    overview: Callable[[], Overview] | None = None
    http_stats: Callable[[], HttpCounts] | None = None
    pool: Callable[[], Mapping[str, int]] | None = None  #: connections by state: `in_use`, `idle`
    schedule: Callable[[], ScheduleSnapshot] | None = None
    limits: HealthLimits | None = None


class Metrics:
    """All metrics of one process, in a registry of their own. Safe to use from any thread."""

    def __init__(self, sources: MetricSources | None = None) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        own = self.registry
        self._runs = Counter("hr_sync_runs", "Runs that ended.", ["mode", "outcome"], registry=own)
        self._run_seconds = Histogram(
            "hr_sync_run_seconds", "Duration of a run.", ["mode"], buckets=_RUN_SECONDS, registry=own
        )
        self._pages = Counter(
            "hr_sync_pages", "Pages, attachments and comments of all runs, by what was done.", ["action"], registry=own
        )
        self._lag = Histogram(
            "hr_sync_replication_lag_seconds",
            "From a page's change in Confluence to its commit in PostgreSQL.",
            buckets=_LAG_SECONDS,
            registry=own,
        )
        self._skipped = Counter("hr_sync_job_skipped", "Starts left out: the job still ran.", ["job"], registry=own)
        self._failed = Counter("hr_sync_job_failed", "Jobs that ended by an exception.", ["job"], registry=own)
        self._notifications = Counter(
            "hr_sync_notifications", "Requests to /notify, by what became of them.", ["result"], registry=own
        )
        self._exit_code = Gauge(
            "hr_sync_last_exit_code", "Exit code that the last run of a mode means.", ["mode"], registry=own
        )
        build = Gauge("hr_sync_build_info", "1; the label is the version.", ["version"], registry=own)
        build.labels(version=__version__).set(1)
        for action in ACTIONS:
            self._pages.labels(action=action)  # present from the start, so that a first increase is one
        for job in JOBS:
            self._failed.labels(job=job)
            self._runs.labels(mode=job, outcome=Outcome.FAILED)
        for result in ("accepted", "refused"):
            self._notifications.labels(result=result)
        own.register(_ReadAtScrape(sources or MetricSources()))

    def observe(self, report: RunReport) -> None:
        """Count a run that ended."""
        self._runs.labels(mode=report.mode, outcome=report.outcome).inc()
        self._run_seconds.labels(mode=report.mode).observe(report.duration_seconds)
        if report.mode is not Mode.NOTIFIED:  # it is due at no time, so that its last exit code may be long outdated
            self._exit_code.labels(mode=report.mode).set(report.exit_code)
        for action in ACTIONS:
            self._pages.labels(action=action).inc(getattr(report.counts, action))

    def observe_lag(self, seconds: float) -> None:
        """Count one change that arrived so long after it was made. Clocks differ: below 0 counts as 0."""
        self._lag.observe(max(0.0, seconds))

    def count_skipped(self, job: str) -> None:
        """Count a start of a job that was left out because the one before still ran."""
        self._skipped.labels(job=job).inc()

    def count_failed(self, job: str, exit_code: int = ExitCode.FAILED) -> None:
        """Count a job that ended by an exception, which means this exit code."""
        self._failed.labels(job=job).inc()
        if job != Mode.NOTIFIED:
            self._exit_code.labels(mode=job).set(exit_code)

    def count_notification(self, *, accepted: bool) -> None:
        """Count a request to /notify."""
        self._notifications.labels(result="accepted" if accepted else "refused").inc()

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus, version 0.0.4."""
        return generate_latest(self.registry)

    def write_textfile(self, path: Path, site: str | None = None) -> None:
        """Write all metrics for the textfile collector of node exporter, atomically. Raises OSError.

        `site`: which of several sites they are of.
        """
        write_to_textfile(str(path), registry_of_site(self.registry, site))


def write_drift(path: Path, by_kind: Mapping[str, int], site: str | None = None) -> None:
    """Write what an audit found, by kind of difference, for the textfile collector, atomically. Raises OSError."""
    registry = CollectorRegistry(auto_describe=False)
    drift = Gauge("hr_sync_drift_pages", "Differences that the last audit found.", ["kind"], registry=registry)
    for kind, pages in by_kind.items():
        drift.labels(kind=kind).set(pages)
    Gauge("hr_sync_audit_timestamp_seconds", "When the last audit ended.", registry=registry).set_to_current_time()
    write_to_textfile(str(path), registry_of_site(registry, site))


class _ReadAtScrape(Collector):
    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the database is not read when this is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read now. A source that fails leaves out its own metrics, and never fails the scrape."""
        if self._sources.http_stats is not None:
            yield from _traffic(self._sources.http_stats())
        if self._sources.pool is not None:
            yield _gauge("hr_sync_database_pool_connections", "Connections of the pool.", "state", self._sources.pool())
        if self._sources.schedule is not None:
            yield from _jobs(self._sources.schedule())
        if self._sources.limits is not None:
            yield from _access_limits(self._sources.limits)
        if self._sources.overview is not None:
            yield from _mirror(self._sources.overview)


def _traffic(counts: HttpCounts) -> Iterable[Metric]:
    for name, help_text, value in (
        ("requests", "Requests that Confluence answered.", counts.requests),
        ("retries", "Requests sent again.", counts.retries),
        ("throttled_seconds", "Waited because of status 429.", counts.throttled_seconds),
        ("bytes", "Read from Confluence, decoded.", counts.bytes),
    ):
        yield CounterMetricFamily(f"hr_sync_confluence_{name}", help_text, value=value)


def _jobs(schedule: ScheduleSnapshot) -> Iterable[Metric]:
    next_runs = {job: at.timestamp() for lane in schedule.lanes for job, at in lane.next_runs.items()}
    running = {lane.running: lane.running_seconds for lane in schedule.lanes if lane.running is not None}
    yield _gauge("hr_sync_next_run_timestamp_seconds", "When a job is due next, since 1970.", "job", next_runs)
    yield _gauge("hr_sync_job_running_seconds", "How long a job has been running; absent otherwise.", "job", running)


def _access_limits(limits: HealthLimits) -> Iterable[Metric]:
    """Yield the limits of the age of access, for alerts; none where access is not enforced."""
    for name, help_text, value in (
        (
            "stale_after",
            "Age of what is known of access to a space from which health is wrong.",
            limits.access_stale_after_seconds,
        ),
        ("max_age", "Age of what is known of access from which nothing is shown.", limits.access_max_age_seconds),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"hr_sync_access_{name}_seconds", help_text, value=value)


def _mirror(read: Callable[[], Overview]) -> Iterable[Metric]:
    up = "1 when the database answered this scrape."
    try:
        overview = read()
    except Exception as failure:  # noqa: BLE001 -- whatever it is, the other metrics are scraped all the same
        log.warning("metrics.database_unavailable", error=type(failure).__name__)
        yield GaugeMetricFamily("hr_sync_database_up", up, value=0)
        return
    yield GaugeMetricFamily("hr_sync_database_up", up, value=1)
    yield from _access(overview)
    if overview.access_audit is not None:
        yield from _access_audit(overview.access_audit)
    if overview.feed is not None:
        yield from feed_metrics(overview.feed)
    if overview.sharing is not None:
        yield from sharing_metrics(overview.sharing)
    counts = {str(each.kind): float(each.count) for each in overview.not_mirrored if each.count is not None}
    yield _gauge(
        "hr_sync_content_not_mirrored",
        "Content of the mirrored spaces that is not mirrored, about; absent where it could not be counted.",
        "kind",
        counts,
    )
    for name, help_text, value in _GAUGES:
        found = {space.space_key: value(space) for space in overview.spaces}
        yield _gauge(
            f"hr_sync_{name}", help_text, "space", {key: each for key, each in found.items() if each is not None}
        )


def _access(overview: Overview) -> Iterable[Metric]:
    not_shown = GaugeMetricFamily(
        "hr_sync_pages_not_shown", "Live pages that consumers are not shown.", labels=["space", "reason"]
    )
    for space in overview.shown:
        for reason in NotShown:
            not_shown.add_metric([space.space_key, str(reason)], float(getattr(space, reason.value)))
    yield not_shown
    shown = {space.space_key: float(space.shown) for space in overview.shown}
    yield _gauge("hr_sync_shown_pages", "Live pages that consumers are shown.", "space", shown)
    is_enforced = overview.policy is not None and overview.policy.mode is AccessMode.ENFORCE
    known = {
        space.space_key: float(space.viewers_known)
        for space in overview.spaces
        if is_enforced and space.access_age is not None
    }
    yield _gauge(
        "hr_sync_viewers_known", "1 if it is known who may view a space; absent while it was not read.", "space", known
    )


def _access_audit(audit: AccessAuditLine) -> Iterable[Metric]:
    for name, help_text, value in (
        ("age_seconds", "Since the last audit of access.", audit.age.total_seconds()),
        ("pairs", "Pairs of a page and a user that it compared.", audit.pairs),
        ("unanswered_pairs", "Pairs that Confluence did not answer.", audit.unanswered),
        ("over_grants", "Pairs of which the mirror shows more than Confluence.", audit.over_grants),
        ("under_grants", "Pairs of which the mirror shows less than Confluence.", audit.under_grants),
        (
            "over_grant_upper_bound_ratio",
            "Most that the share of over-grants may be, with a confidence of 95 %.",
            audit.upper_bound,
        ),
    ):
        yield GaugeMetricFamily(f"hr_sync_access_audit_{name}", help_text, value=value)


def _age_of(age: timedelta | None) -> float | None:
    return None if age is None else age.total_seconds()


#: Name, help and value of the metrics of a space; None leaves a space out.
_GAUGES: tuple[tuple[str, str, Callable[[SpaceStatus], float | None]], ...] = (
    ("failing_pages", "Pages whose last attempt failed.", lambda space: space.failing_pages),
    ("live_pages", "Pages that are neither hidden nor removed.", lambda space: space.live_pages),
    ("hidden_pages", "Pages that are kept and not shown.", lambda space: space.hidden_pages),
    ("live_posts", "Blog posts among the live pages.", lambda space: space.live_posts),
    (
        "live_attachments",
        "Attachments of these pages, without those that are gone.",
        lambda space: space.live_attachments,
    ),
    ("live_comments", "Comments about these pages, without those that are gone.", lambda space: space.live_comments),
    (
        "attachments_not_mirrored",
        "Attachments of what is not mirrored, as the last full run saw them.",
        lambda space: space.attachments_not_mirrored,
    ),
    ("held_removals", "Removals that wait for a decision.", lambda space: space.held),
    (
        "held_since_seconds",
        "When they began to wait, in seconds since 1970; absent when none waits.",
        lambda space: space.held_since.timestamp() if space.held and space.held_since else None,
    ),
    ("lease_held", "1 while a worker writes.", lambda space: space.lease_holder is not None),
    (
        "last_complete_age_seconds",
        "Since the end of the last complete run; absent when there was none.",
        lambda space: _age_of(space.age),
    ),
    (
        "last_full_age_seconds",
        "Since the last complete full run, which alone finds what has gone; absent when there was none.",
        lambda space: _age_of(space.full_age),
    ),
    (
        "access_age_seconds",
        "Since it was last read who may read its pages; absent when it never was.",
        lambda space: _age_of(space.access_age),
    ),
)


def _gauge(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], float(value))
    return gauge
