"""What the service shows of itself follows from its settings."""

import time

from sqlalchemy import Engine

from hr_sync.cli.observability import make_endpoints
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.service.daemon import SchedulerState
from hr_sync.settings import Settings
from tests.cli.program import settings


def test_a_run_past_its_deadline_may_wait_for_the_longest_thing_before_it_counts_as_dead(engine: Engine) -> None:
    """A minute longer than a request or a statement may take: whoever restarts earlier ends a run that would end."""
    groups = settings("http://127.0.0.1:1", None)
    groups["confluence"]["request_deadline_seconds"] = 100
    groups["database"] = {"statement_timeout_seconds": 200}
    watch = SchedulerState()
    alive = make_endpoints(Settings(**groups), engine, watch, HttpStats()).alive  # type: ignore[arg-type] # checked within
    assert alive()

    watch.overdue_since = time.monotonic() - 255
    assert alive()
    watch.overdue_since = time.monotonic() - 265
    assert not alive()
