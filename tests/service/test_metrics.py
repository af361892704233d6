"""What the metrics count, under which names, and that a silent database does not silence them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hr_sync import __version__
from hr_sync.confluence.http.stats import HttpCounts
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.outcome import Counts, Mode, Outcome, RunReport
from hr_sync.errors import DatabaseUnavailable
from hr_sync.service.health import HealthLimits, LaneSnapshot, ScheduleSnapshot
from hr_sync.service.metrics import ACTIONS, Metrics, MetricSources
from hr_sync.store.read.overview import Overview
from tests.service.samples import HOSTILE, OVERVIEW

TRAFFIC = HttpCounts(requests=7, retries=2, throttled_seconds=1.5, bytes=9000, peak_connections=3)
REPORT = RunReport(
    run_id=1,
    mode=Mode.FULL,
    outcome=Outcome.PARTIAL,
    exit_code=3,
    spaces=[],
    counts=Counts(listed=10, inserted=4, updated=3, failed=1, bodies=8),
    duration_seconds=12.5,
)
SCHEDULE = ScheduleSnapshot(
    up_seconds=60,
    lanes=(
        LaneSnapshot(name="full", heartbeat_age_seconds=0, running="access", running_seconds=7),
        LaneSnapshot(
            name="incremental",
            heartbeat_age_seconds=0,
            next_runs={"incremental": datetime(2026, 3, 1, 12, 5, tzinfo=UTC)},
        ),
    ),
)


def full() -> Metrics:
    sources = MetricSources(
        overview=lambda: OVERVIEW,
        http_stats=lambda: TRAFFIC,
        pool=lambda: {"in_use": 2, "idle": 3},
        schedule=lambda: SCHEDULE,
        limits=HealthLimits(stale_after_seconds=3600, access_stale_after_seconds=3600, access_max_age_seconds=86_400),
    )
    metrics = Metrics(sources)
    metrics.observe(REPORT)
    metrics.observe(REPORT)
    metrics.observe_lag(4)
    metrics.observe_lag(-2)
    metrics.count_failed("full")
    metrics.count_failed("incremental", exit_code=77)
    metrics.count_skipped("incremental")
    metrics.count_notification(accepted=True)
    return metrics


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Value of each sample by name and its label values."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (each.name, ",".join(each.labels.values())): each.value
        for family in families
        for each in family.samples
        if not each.name.endswith("_created")
    }


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("hr_sync_runs_total", "full,partial", 2),
        ("hr_sync_run_seconds_sum", "full", 25),
        ("hr_sync_run_seconds_bucket", "15.0,full", 2),
        ("hr_sync_run_seconds_bucket", "5.0,full", 0),
        ("hr_sync_pages_total", "inserted", 8),
        ("hr_sync_pages_total", "removed", 0),
        ("hr_sync_replication_lag_seconds_bucket", "5.0", 2),
        ("hr_sync_replication_lag_seconds_sum", "", 4),
        ("hr_sync_job_failed_total", "full", 1),
        ("hr_sync_job_skipped_total", "incremental", 1),
        ("hr_sync_confluence_requests_total", "", 7),
        ("hr_sync_confluence_retries_total", "", 2),
        ("hr_sync_confluence_throttled_seconds_total", "", 1.5),
        ("hr_sync_confluence_bytes_total", "", 9000),
        ("hr_sync_database_pool_connections", "in_use", 2),
        ("hr_sync_database_up", "", 1),
        ("hr_sync_failing_pages", "HR", 1),
        ("hr_sync_live_pages", "HR", 523),
        ("hr_sync_held_removals", "~ann", 61),
        ("hr_sync_held_since_seconds", "~ann", 1772348400),
        ("hr_sync_hidden_pages", "HR", 7),
        ("hr_sync_runs_total", "full,failed", 0),
        ("hr_sync_job_failed_total", "access", 0),
        ("hr_sync_last_complete_age_seconds", "HR", 300),
        ("hr_sync_last_full_age_seconds", "HR", 10_800),
        ("hr_sync_lease_held", "HR", 0),
        ("hr_sync_last_exit_code", "full", 1),
        ("hr_sync_last_exit_code", "incremental", 77),
        ("hr_sync_build_info", __version__, 1),
        ("hr_sync_next_run_timestamp_seconds", "incremental", 1772366700),
        ("hr_sync_job_running_seconds", "access", 7),
        ("hr_sync_access_age_seconds", "~ann", 7200),
        ("hr_sync_access_stale_after_seconds", "", 3600),
        ("hr_sync_access_max_age_seconds", "", 86_400),
        ("hr_sync_shown_pages", "HR", 500),
        ("hr_sync_pages_not_shown", "restricted,HR", 20),
        ("hr_sync_pages_not_shown", "unknown,HR", 3),
        ("hr_sync_pages_not_shown", "too_old,HR", 0),
        ("hr_sync_pages_not_shown", "viewers_unknown,~ann", 523),
        ("hr_sync_viewers_known", "~ann", 0),
        ("hr_sync_access_audit_age_seconds", "", 259_200),
        ("hr_sync_access_audit_pairs", "", 299),
        ("hr_sync_access_audit_unanswered_pairs", "", 1),
        ("hr_sync_access_audit_over_grants", "", 0),
        ("hr_sync_access_audit_under_grants", "", 4),
        ("hr_sync_access_audit_over_grant_upper_bound_ratio", "", 0.00997),
        ("hr_sync_notifications_total", "accepted", 1),
        ("hr_sync_notifications_total", "refused", 0),
        ("hr_sync_due_spaces", "full", 3),
        ("hr_sync_due_oldest_age_seconds", "full", 240),
        ("hr_sync_due_oldest_age_seconds", "incremental", 0),
        ("hr_sync_lease_holders", "", 1),
        ("hr_sync_site_blocked_seconds", "", 42),
        ("hr_sync_site_requests_left", "", 12),
        ("hr_sync_site_requests_limit", "", 40_000),
    ],
)
def test_what_is_counted(name: str, labels: str, value: float) -> None:
    """Names, labels and units are a contract with dashboards and alerts."""
    assert samples(full())[name, labels] == value


def test_a_space_without_a_hold_has_no_time_of_one() -> None:
    """And one whose access was never compared has no age of it."""
    found = samples(full())
    assert ("hr_sync_held_since_seconds", "HR") not in found
    assert ("hr_sync_access_age_seconds", "HR") not in found
    assert ("hr_sync_viewers_known", "HR") not in found


def test_where_access_is_not_enforced_there_is_no_limit_of_it() -> None:
    """Nor is anything said of viewers, so that no alert about them fires."""
    account = replace(OVERVIEW, policy=AccessPolicy(mode=AccessMode.ACCOUNT), access_audit=None)
    limits = HealthLimits(stale_after_seconds=3600)
    names = {name for name, _ in samples(Metrics(MetricSources(overview=lambda: account, limits=limits)))}
    assert "hr_sync_shown_pages" in names
    assert not {name for name in names if name.startswith(("hr_sync_access_a", "hr_sync_viewers"))} - {
        "hr_sync_access_age_seconds"
    }
    assert not {"hr_sync_access_stale_after_seconds", "hr_sync_access_max_age_seconds"} & names


def test_labels_are_bounded() -> None:
    """Space, mode, outcome, action, job, state, reason, result, kind and others label metrics; a page never does."""
    families = text_string_to_metric_families(full().exposition().decode())
    labels = {label for family in families for each in family.samples for label in each.labels}
    of_runs = {"space", "mode", "outcome", "action", "job", "state", "version", "le", "reason", "result"}
    assert labels == of_runs | {"consumer", "epoch", "kind"}
    assert {"listed", "bodies"}.isdisjoint(ACTIONS)


def test_consumers_show_how_far_behind_they_are() -> None:
    """Rows, seconds, and whether one cannot go on."""
    found = samples(full())
    assert (found["hr_sync_feed_rows", ""], found["hr_sync_feed_head", ""]) == (1200, 4711)
    assert found["hr_sync_feed_info", "a9250180-ec47-4685-9b27-410124710e0f"] == 1
    of = {name: [found[f"hr_sync_feed_consumer_{name}", each] for each in ("index", HOSTILE)] for name in FEED_NAMES}
    assert of == {"lag_rows": [0, 11], "lag_seconds": [0, 90], "needs_snapshot": [0, 1]}


FEED_NAMES = ("lag_rows", "lag_seconds", "needs_snapshot")


def test_a_silent_database_leaves_out_what_it_knows() -> None:
    """The scrape succeeds, says that the database is away, and shows no old value as if it were new."""

    def silent() -> Overview:
        raise DatabaseUnavailable("PostgreSQL is away. Start it.")

    found = samples(Metrics(MetricSources(overview=silent, http_stats=lambda: TRAFFIC)))
    assert found["hr_sync_database_up", ""] == 0
    assert found["hr_sync_confluence_requests_total", ""] == 7
    assert not [name for name, _ in found if name == "hr_sync_failing_pages"]


def test_two_sets_do_not_meet() -> None:
    """Each set of metrics has its own registry, so that a second one in the process starts at zero."""
    full()
    assert ("hr_sync_runs_total", "full,partial") not in samples(Metrics())


def test_a_text_file_holds_the_same(tmp_path: Path) -> None:
    """The file for node exporter is complete, and nothing else is left beside it."""
    metrics, path = full(), tmp_path / "hr_sync.prom"
    metrics.write_textfile(path)
    assert path.read_bytes() == metrics.exposition()
    assert [each.name for each in tmp_path.iterdir()] == ["hr_sync.prom"]
