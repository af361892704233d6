"""What a site says to one worker about the rate of requests reaches the others by the database."""

import time

import pytest
from sqlalchemy import Engine

from hr_sync.cli import shared_rate
from hr_sync.cli.shared_rate import shared_gate
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.store.site_budget import SiteBudget
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from tests.store.spaces import WORKER
from tests.support.wiring import ask

OTHER = Worker(host="other", pid=2)


def test_a_later_time_stays(engine: Engine) -> None:
    """Whoever was told it."""
    budget = SiteBudget(engine)
    assert budget.blocked_seconds() == 0

    budget.block(100, WORKER)
    budget.block(5, OTHER)

    assert 95 < budget.blocked_seconds() <= 100
    budget.note_left(7, 40)
    assert ask(engine, "SELECT blocked_by, requests_left, requests_limit FROM site_budget") == [("box:1", 7, 40)]


def test_what_one_worker_is_told_holds_the_others(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins later at once, and one that is at work within its next look."""
    monkeypatch.setattr(shared_rate, "_READ_SECONDS", 0.01)
    with shared_gate(Store(engine), OTHER, HttpStats()) as at_work:
        assert not at_work.is_closed()
        with shared_gate(Store(engine), WORKER, HttpStats()) as told:
            told.close(30)
        with shared_gate(Store(engine), WORKER, HttpStats()) as later:
            assert later.is_closed()
        ends_at = time.monotonic() + 5
        while not at_work.is_closed():
            assert time.monotonic() < ends_at
            time.sleep(0.01)
        assert 25 < at_work.rest()[1] <= 30
