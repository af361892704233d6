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
from hr_sync.confluence.http.rate import RateGate, allowance_of
from hr_sync.errors import HrSyncError
from hr_sync.store.site_budget import SiteBudget

if TYPE_CHECKING:
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

log = structlog.get_logger(__name__)

_READ_SECONDS = 1.0
_NOTE_SECONDS = 30.0  # between two notes of what is left


@contextmanager
def shared_gate(store: "Store", worker: "Worker", stats: "HttpStats") -> Iterator[RateGate]:
    """Return the gate for the clients of this process: closed by the word of the site to any worker.

    Where the database is away, each process keeps to what it was told itself.
    """
    budget, done = SiteBudget(store.engine), Cancellation()
    gate = RateGate(tell=lambda seconds: _try(lambda: budget.block(seconds, worker)))

    def follow() -> None:
        noted_at = -_NOTE_SECONDS
        while not done.wait(_READ_SECONDS):
            _try(lambda: gate.close_by_others(budget.blocked_seconds()))
            if time.monotonic() - noted_at >= _NOTE_SECONDS:
                noted_at = time.monotonic()
                _try(lambda: _note_left(budget, stats))

    _try(lambda: gate.close_by_others(budget.blocked_seconds()))
    thread = threading.Thread(target=copy_context().run, args=(follow,), name="rate", daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        done.set()
        thread.join()


def _note_left(budget: SiteBudget, stats: "HttpStats") -> None:
    allowance = allowance_of(stats.site_headers().rate_limits, datetime.now(UTC))
    if allowance.left is not None:
        budget.note_left(allowance.left, allowance.limit)


def _try(do: Callable[[], None]) -> None:
    try:
        do()
    except HrSyncError as failure:
        log.debug("rate.not_shared", error=type(failure).__name__)
