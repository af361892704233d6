"""Computes the health of the mirror with the limits of the settings, for the configured spaces."""

from dataclasses import replace
from typing import TYPE_CHECKING

from hr_sync.cli.bootstrap import make_scope
from hr_sync.cli.schedule import longest_access_gap
from hr_sync.service.health import Health, HealthLimits, ScheduleSnapshot, judge
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.overview import Overview, read_overview

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.settings import Settings

_MARGIN_SECONDS = 60  # added to the longest request or statement, for a run that was asked to stop
ACCESS_INTERVALS = 4  #: so many intervals without an access run of a space, and /healthz answers 503
_NO_SCHEDULE = ScheduleSnapshot(up_seconds=float("inf"), lanes=())


def health_limits(settings: "Settings", *, is_scheduled: bool) -> HealthLimits:
    """Return the limits of health from the settings.

    `is_scheduled`: `serve` is to begin access runs, by its default interval where the settings name none.
    """
    access, hide_after = settings.access, settings.sync.hide_after_hours
    enforces = access.mode == "enforce"
    gap = longest_access_gap(settings) if is_scheduled or access.interval_minutes or access.cron else None
    return HealthLimits(
        access_stale_after_seconds=ACCESS_INTERVALS * gap.total_seconds() if gap is not None and enforces else None,
        access_max_age_seconds=access.max_age_hours * 3600 if enforces else None,
        hide_after_seconds=None if hide_after is None else hide_after * 3600,
        stale_after_seconds=settings.sync.stale_after_minutes * 60,
        full_stale_after_seconds=settings.sync.full_stale_after_minutes * 60,
        overdue_after_seconds=_MARGIN_SECONDS
        + max(settings.confluence.request_deadline_seconds, settings.database.statement_timeout_seconds),
    )


def health_of_mirror(overview: Overview, settings: "Settings") -> Health:
    """Return the health of the mirror without a service: a space that was never complete is wrong at once."""
    return judge(overview.spaces, _NO_SCHEDULE, health_limits(settings, is_scheduled=False))


def read_in_scope(engine: "Engine", settings: "Settings", *, runs: int = 30) -> Overview:
    """Read the overview without spaces that are no longer configured and hold no removals: no run keeps them fresh.

    Raise DatabaseUnavailable.
    """
    with database_errors(engine), session_scope(make_sessions(engine)) as session:
        overview = read_overview(session, runs=runs)
    scope = make_scope(settings)
    spaces = [
        space
        for space in overview.spaces
        if space.held or scope.covers(space.space_key, former_names=space.former_keys)
    ]
    keys = {space.space_key for space in spaces}
    return replace(
        overview,
        spaces=spaces,
        failures=[failure for failure in overview.failures if failure.space_key in keys],
        shown=[shown for shown in overview.shown if shown.space_key in keys],
    )
