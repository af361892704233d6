"""What a site says to one worker about the rate of requests reaches the others by the database."""

import math
import time

import pytest
from sqlalchemy import Engine

from hr_sync.cli.shared_rate import shared_gate
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.errors import DatabaseUnavailable
from hr_sync.store.site_budget import SiteBudget
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from tests.store.spaces import WORKER
from tests.support.wiring import ask

OTHER = Worker(host="other", pid=2)


def test_a_later_time_stays(engine: Engine) -> None:
    """Whoever was told it."""
    budget = Store(engine).budget
    assert budget.blocked_seconds() == -math.inf
    budget.block(0, WORKER)
    assert -5 < budget.blocked_seconds() <= 0

    budget.block(100, WORKER)
    budget.block(5, OTHER)

    assert 95 < budget.blocked_seconds() <= 100
    budget.note_left(7, 40)
    assert ask(engine, "SELECT blocked_by, requests_left, requests_limit FROM site_budget") == [("box:1", 7, 40)]


def test_what_one_worker_is_told_holds_the_others(engine: Engine) -> None:
    """One that is at work, before its next request, and one that begins later."""
    with shared_gate(Store(engine), OTHER, HttpStats()) as at_work:
        at_work.look()
        assert not at_work.is_closed()
        with shared_gate(Store(engine), WORKER, HttpStats()) as told:
            told.close(30)
        with shared_gate(Store(engine), WORKER, HttpStats()) as later:
            later.look()
            assert later.is_closed()
        ends_at = time.monotonic() + 5
        while not at_work.is_closed():
            assert time.monotonic() < ends_at
            at_work.look()
        assert 25 < at_work.rest()[1] <= 30


def test_no_request_waits_twice_for_a_database_that_is_away(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process keeps to what it was told itself, and asks again later."""
    asked: list[SiteBudget] = []

    def refuse(budget: SiteBudget) -> float:
        asked.append(budget)
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(SiteBudget, "blocked_seconds", refuse)
    monkeypatch.setattr("hr_sync.confluence.http.rate._LOOK_SECONDS", 0)
    with shared_gate(Store(engine), WORKER, HttpStats()) as gate:
        for _ in range(10):
            gate.look()
        assert not gate.is_closed()
    assert len(asked) == 1
