"""When the jobs of `serve` run, from the settings."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hr_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from hr_sync.service.schedule import Trigger
    from hr_sync.settings import Settings

ACCESS_MINUTES = 15.0  #: between access runs where the settings do not say otherwise


def full_trigger(settings: "Settings") -> "Trigger":
    """Return when full runs begin. Raise ConfigurationError for a cron expression that cannot be parsed, as below."""
    sync = settings.sync
    return _trigger(settings, "sync.full_cron", sync.full_cron, sync.full_interval_minutes)


def incremental_trigger(settings: "Settings") -> "Trigger":
    """Return when incremental runs begin."""
    sync = settings.sync
    return _trigger(settings, "sync.incremental_cron", sync.incremental_cron, sync.incremental_interval_minutes)


def access_trigger(settings: "Settings") -> "Trigger | None":
    """Return when access runs begin; None for never."""
    access = settings.access
    minutes = access.interval_minutes or (ACCESS_MINUTES if access.mode == "enforce" else None)
    if access.cron is None and minutes is None:
        return None
    return _trigger(settings, "access.cron", access.cron, minutes or ACCESS_MINUTES)


def longest_access_gap(settings: "Settings") -> timedelta | None:
    """Return the longest time between the beginnings of two access runs; None if there are none."""
    from hr_sync.service.schedule import longest_gap

    access = settings.access
    trigger = access_trigger(settings)
    if trigger is None:
        return None
    if access.cron is None:
        return timedelta(minutes=access.interval_minutes or ACCESS_MINUTES)
    return longest_gap((trigger,), datetime.now(UTC), least=timedelta())


def _trigger(settings: "Settings", key: str, cron: str | None, minutes: float) -> "Trigger":
    from hr_sync.service.schedule import CronTrigger, interval_trigger

    if cron is None:
        return interval_trigger(minutes, jitter_seconds=settings.sync.jitter_seconds)
    try:
        return CronTrigger(cron, ZoneInfo(settings.sync.time_zone))
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}. Write it like 30 1 * * 1-5.") from None
