"""Limits of health that the schedule cannot keep are refused, in one message, and no others."""

from collections.abc import Callable
from typing import Any

import pytest

from hr_sync.cancellation import Cancellation
from hr_sync.cli.service_jobs import make_jobs
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.errors import ConfigurationError
from hr_sync.settings import Settings
from tests.cli.program import settings


def jobs_of(**sync: Any) -> list[str]:
    groups: dict[str, Any] = {**settings("http://127.0.0.1:1", None), "sync": sync}

    def run_once(_mode: Mode) -> Callable[[Cancellation], RunReport]:
        return lambda _stop: pytest.fail("nothing is to run")

    return [job.name for job in make_jobs(Settings(**groups), run_once, full_first=True)]


@pytest.mark.parametrize(
    "sync",
    [
        {},
        {"full_cron": "30 1,13 * * *", "time_zone": "Europe/Berlin"},
        {"full_interval_minutes": 1430},
        {"full_cron": "30 2 * * *", "time_zone": "Europe/Berlin"},
        {"full_cron": "30 2 * * *", "full_stale_after_minutes": 1441},
        # In winter and summer; Berlin has one day of 25 hours.
        {"full_cron": "30 2 * * *", "full_stale_after_minutes": 1501, "time_zone": "Europe/Berlin"},
        {"incremental_cron": "*/5 * * * *"},
        # Runs of either kind are complete runs.
        {"incremental_cron": "0,20,40 0-11 * * *", "full_cron": "0,30 12-23 * * *"},
        {"incremental_interval_minutes": 600, "full_interval_minutes": 50},
    ],
)
def test_limits_that_can_be_kept_are_taken(sync: dict[str, Any]) -> None:
    """With the defaults, and with time to spare."""
    assert jobs_of(**sync) == ["full", "incremental", "access"]


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        ({"full_interval_minutes": 1440, "full_stale_after_minutes": 1440}, {"full_stale_after_minutes": "1441"}),
        ({"full_interval_minutes": 3000, "jitter_seconds": 60}, {"full_stale_after_minutes": "3001"}),
        ({"full_cron": "30 2 * * *", "full_stale_after_minutes": 1440}, {"full_stale_after_minutes": "1440"}),
        (
            {"full_cron": "30 2 * * *", "full_stale_after_minutes": 1441, "time_zone": "Europe/Berlin"},
            {"full_stale_after_minutes": "1500"},
        ),
        ({"full_cron": "0 4 * * 6"}, {"full_stale_after_minutes": "10080"}),
        ({"incremental_interval_minutes": 60, "jitter_seconds": 0}, {"stale_after_minutes": "60"}),
        ({"incremental_cron": "*/5 8-18 * * 1-5"}, {"stale_after_minutes": "361"}),
        (
            {"incremental_cron": "*/5 8-18 * * 1-5", "full_cron": "0 0 * * *", "full_stale_after_minutes": 1440},
            {"stale_after_minutes": "1440", "full_stale_after_minutes": "1440"},
        ),
    ],
)
def test_limits_that_the_schedule_cannot_keep_are_refused(sync: dict[str, Any], expected: dict[str, str]) -> None:
    """All at once, each with its key, the longest gap and what to do."""
    with pytest.raises(ConfigurationError) as refused:
        jobs_of(**sync)
    lines = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [f"sync.{name}" for name in sorted(expected, reverse=True)]
    for line, minutes in zip(lines, (expected[name] for name in sorted(expected, reverse=True)), strict=True):
        assert f"up to {minutes} minutes" in line
        assert f"set it to more than {minutes}" in line
