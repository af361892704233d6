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
_READ_OFTEN_SECONDS = 0.2  # while the site has refused requests lately
_LATELY_SECONDS = 30.0
_NOTE_SECONDS = 30.0  # between two notes of what is left


@contextmanager
def shared_gate(
    store: "Store", worker: "Worker", stats: "HttpStats", gate: RateGate | None = None
) -> Iterator[RateGate]:
    """Return the gate for the clients of this process: closed by the word of the site to any worker.

    `gate`: one that other blocks of this process share for the same site. Where the database is away, each process
    keeps to what it was told itself.
    """
    budget, done = SiteBudget(store.engine), Cancellation()
    gate = gate or RateGate()

    def follow() -> None:
        noted_at = -_NOTE_SECONDS
        while not done.wait(pause_seconds(gate)):
            _try(lambda: gate.close_by_others(budget.blocked_seconds()))
            if time.monotonic() - noted_at >= _NOTE_SECONDS:
                noted_at = time.monotonic()
                _try(lambda: _note_left(budget, stats))

    _try(lambda: gate.close_by_others(budget.blocked_seconds()))
    thread = threading.Thread(target=copy_context().run, args=(follow,), name="rate", daemon=True)
    thread.start()
    try:
        with gate.telling(lambda seconds: _try(lambda: budget.block(seconds, worker))):
            yield gate
    finally:
        done.set()
        thread.join()


def pause_seconds(gate: RateGate) -> float:
    """Return when to look next: when requests begin again, and often then, since others may be refused at once."""
    _, rest = gate.rest()
    if rest > 0:
        return min(rest, _READ_SECONDS)
    often = gate.was_closed_within(_LATELY_SECONDS)
    return min(_READ_OFTEN_SECONDS * max(gate.tellers, 1), _READ_SECONDS) if often else _READ_SECONDS


def _note_left(budget: SiteBudget, stats: "HttpStats") -> None:
    allowance = allowance_of(stats.site_headers().rate_limits, datetime.now(UTC))
    if allowance.left is not None:
        budget.note_left(allowance.left, allowance.limit)


def _try(do: Callable[[], None]) -> None:
    try:
        do()
    except HrSyncError as failure:
        log.debug("rate.not_shared", error=type(failure).__name__)
