"""Deletes what is older than the settings keep: daily in `serve`, and in an engine."""

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store

log = structlog.get_logger(__name__)


def prune(settings: "Settings", store: "Store", cancellation: "Cancellation") -> None:
    """Delete old runs and changes, and the bodies of pages that were removed long ago. Raise Stopped in between."""
    sync = settings.sync
    if sync.keep_history_days:
        rows = store.prune_history(
            timedelta(days=sync.keep_history_days),
            cancellation,
            seen_within=timedelta(days=settings.feed.keep_for_consumer_days),
        )
        log.info("history.pruned", rows=rows, days=sync.keep_history_days)
    if sync.keep_removed_days:
        bodies = store.prune_bodies(timedelta(days=sync.keep_removed_days), cancellation)
        log.info("bodies.pruned", bodies=bodies, days=sync.keep_removed_days)
