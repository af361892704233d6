"""What the service shows of access is what the database holds, with the limits of the settings."""

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from hr_sync.cli.health import health_limits, health_of_mirror, read_in_scope
from hr_sync.cli.observability import make_endpoints
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.domain.access import AccessPolicy
from hr_sync.service.health import HealthState
from hr_sync.service.metrics import Metrics
from hr_sync.service.scheduler import SchedulerState
from hr_sync.service.web import Endpoints
from hr_sync.settings import Settings
from hr_sync.sync.context import SyncPolicy
from tests.cli.program import settings
from tests.service.test_metrics import samples
from tests.support.database import execute
from tests.support.wiring import context_of, full, world_of

ENFORCED = SyncPolicy(access=AccessPolicy(), busy_wait_seconds=0.0)


def settings_of(**access: object) -> Settings:
    groups = settings("http://127.0.0.1:1", None)
    groups["access"] = access
    return Settings(**groups)  # type: ignore[arg-type] # checked within


def endpoints_of(engine: Engine, **access: object) -> Endpoints:
    read = settings_of(**access)
    return make_endpoints(lambda: read, engine, SchedulerState.of("full"), HttpStats())


def metrics_of(endpoints: Endpoints) -> dict[tuple[str, str], float]:
    assert isinstance(endpoints.metrics, Metrics)
    return samples(endpoints.metrics)


@pytest.fixture
def mirrored(engine: Engine) -> Engine:
    """Twelve pages in space S00 that everybody may read, but for one that is restricted."""
    world = world_of(12)
    world.restrict_page(world.pages()[3].id, users=("hr-bot",))
    with Simulator(world) as site:
        assert full(context_of(site, engine, policy=ENFORCED)).outcome == "complete"
    return engine


def read_ago(engine: Engine, interval: str) -> None:
    execute(engine, f"UPDATE sync_spaces SET access_checked_at = now() - interval '{interval}'")


def state(endpoints: Endpoints) -> HealthState:
    return endpoints.health(endpoints.overview()).state


@pytest.mark.parametrize(
    ("access", "interval", "expected"),
    [
        ({}, "59 minutes", HealthState.WELL),
        ({}, "61 minutes", HealthState.WRONG),
        ({"interval_minutes": 60}, "239 minutes", HealthState.WELL),
        ({"interval_minutes": 60}, "241 minutes", HealthState.WRONG),
        ({"cron": "0 */3 * * *"}, "719 minutes", HealthState.WELL),
        ({"cron": "0 */3 * * *"}, "721 minutes", HealthState.WRONG),
        ({"mode": "account"}, "30 days", HealthState.WELL),
    ],
)
def test_access_is_old_from_four_intervals_on(
    mirrored: Engine, access: dict[str, object], interval: str, expected: HealthState
) -> None:
    """The interval is that of the settings, or 15 minutes, or the longest one that a cron expression leaves."""
    read_ago(mirrored, interval)
    assert state(endpoints_of(mirrored, **access)) is expected


def test_what_is_shown_and_why_not_the_rest_are_metrics(mirrored: Engine) -> None:
    """Eleven pages are shown, and one is restricted; a day later none is, and health says why."""
    fresh = metrics_of(endpoints_of(mirrored))
    assert fresh["hr_sync_shown_pages", "S00"] == 11
    assert fresh["hr_sync_pages_not_shown", "restricted,S00"] == 1
    assert fresh["hr_sync_viewers_known", "S00"] == 1
    assert fresh["hr_sync_access_stale_after_seconds", ""] == 3600

    read_ago(mirrored, "25 hours")
    endpoints = endpoints_of(mirrored)
    old = metrics_of(endpoints)
    assert (old["hr_sync_shown_pages", "S00"], old["hr_sync_pages_not_shown", "too_old,S00"]) == (0, 12)
    assert old["hr_sync_access_age_seconds", "S00"] > old["hr_sync_access_max_age_seconds", ""]
    health = endpoints.health(endpoints.overview())
    assert health.state is HealthState.WRONG
    assert [reason.split(",")[0] for reason in health.reasons] == [
        "No page of space S00 is shown: who may read them was last read 1 day"
    ]


def test_viewers_that_are_not_known_are_a_metric_and_a_decision(mirrored: Engine) -> None:
    """The reason is what the database says of them."""
    execute(mirrored, "UPDATE sync_spaces SET viewers_known = false, viewers_doubt = 'Name S00 in access.open_spaces.'")
    endpoints = endpoints_of(mirrored)
    assert metrics_of(endpoints)["hr_sync_viewers_known", "S00"] == 0
    health = endpoints.health(endpoints.overview())
    assert health.state is HealthState.NEEDS_DECISION
    assert health.reasons[0].endswith("is not known. Name S00 in access.open_spaces.")


def test_the_last_audit_is_shown(mirrored: Engine) -> None:
    """Of several, the last one."""
    assert ("hr_sync_access_audit_pairs", "") not in metrics_of(endpoints_of(mirrored))
    execute(
        mirrored,
        """INSERT INTO access_audits (made_at, pairs, unanswered, over_grants, under_grants, upper_bound) VALUES
        (now() - interval '2 days', 100, 0, 3, 0, 0.08), (now() - interval '1 day', 299, 1, 0, 2, 0.00997)""",
    )
    found = metrics_of(endpoints_of(mirrored))
    assert found["hr_sync_access_audit_pairs", ""] == 299
    assert found["hr_sync_access_audit_over_grants", ""] == 0
    assert found["hr_sync_access_audit_over_grant_upper_bound_ratio", ""] == 0.00997
    assert found["hr_sync_access_audit_age_seconds", ""] == pytest.approx(86_400, abs=60)


def test_without_a_service_an_interval_counts_only_if_the_settings_name_one(mirrored: Engine) -> None:
    """Runs from cron begin when the crontab says so; the age from which nothing is shown counts always."""
    read_ago(mirrored, "2 hours")
    every_15, unsaid = settings_of(interval_minutes=15), settings_of()
    assert health_of_mirror(read_in_scope(mirrored, every_15), every_15).state is HealthState.WRONG
    assert health_of_mirror(read_in_scope(mirrored, unsaid), unsaid).ok
    read_ago(mirrored, "25 hours")
    assert health_of_mirror(read_in_scope(mirrored, unsaid), unsaid).state is HealthState.WRONG
    assert health_limits(unsaid, is_scheduled=False).access_stale_after_seconds is None
