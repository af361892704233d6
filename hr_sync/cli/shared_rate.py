"""Shares what the site says about the rate of requests with the other workers, by the database."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.rate import OtherWorkers, RateGate, allowance_of
from hr_sync.errors import HrSyncError

if TYPE_CHECKING:
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.store.site_budget import SiteBudget
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

log = structlog.get_logger(__name__)

_NOTE_SECONDS = 30.0  # between two notes of what is left
_AWAY_SECONDS = 30.0  # until a database that could not be reached is asked again


@contextmanager
def shared_gate(
    store: "Store", worker: "Worker", stats: "HttpStats", gate: RateGate | None = None
) -> Iterator[RateGate]:
    """Return the gate for the clients of this process: closed by the word of the site to any worker.

    `gate`: one that other blocks of this process share for the same site. Where the database is away, each process
    keeps to what it was told itself.
    """
    budget, done = store.budget, Cancellation()
    gate = gate or RateGate()

    def note() -> None:
        while not done.wait(_NOTE_SECONDS):
            _try(lambda: _note_left(budget, stats))

    others = OtherWorkers(tell=lambda seconds: _try(lambda: budget.block(seconds, worker)), ask=_Question(budget))
    thread = threading.Thread(target=copy_context().run, args=(note,), name="rate", daemon=True)
    thread.start()
    try:
        with gate.shared_with(others):
            yield gate
    finally:
        done.set()
        thread.join()


class _Question:
    """The question what other workers were told. No two requests in half a minute wait for a database that is away."""

    def __init__(self, budget: "SiteBudget") -> None:
        self._budget = budget
        self._next_at = 0.0  # monotonic

    def __call__(self) -> float | None:
        if time.monotonic() < self._next_at:
            return None
        try:
            return self._budget.blocked_seconds()
        except HrSyncError as failure:
            self._next_at = time.monotonic() + _AWAY_SECONDS
            log.debug("rate.not_shared", error=type(failure).__name__)
            return None


def _note_left(budget: "SiteBudget", stats: "HttpStats") -> None:
    allowance = allowance_of(stats.site_headers().rate_limits, datetime.now(UTC))
    if allowance.left is not None:
        budget.note_left(allowance.left, allowance.limit)


def _try(do: Callable[[], None]) -> None:
    try:
        do()
    except HrSyncError as failure:
        log.debug("rate.not_shared", error=type(failure).__name__)
