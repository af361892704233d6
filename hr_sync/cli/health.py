"""Computes the health of the mirror with the limits of the settings, for the configured spaces."""

from dataclasses import replace
from typing import TYPE_CHECKING

from hr_sync.cli.bootstrap import make_scope
from hr_sync.service.health import Health, HealthLimits, ScheduleSnapshot, judge
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.overview import Overview, read_overview

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.settings import Settings

_MARGIN_SECONDS = 60  # added to the longest request or statement, for a run that was asked to stop
_NO_SCHEDULE = ScheduleSnapshot(up_seconds=float("inf"), lanes=())


def health_limits(settings: "Settings") -> HealthLimits:
    """Return the limits of health from the settings."""
    return HealthLimits(
        stale_after_seconds=settings.sync.stale_after_minutes * 60,
        full_stale_after_seconds=settings.sync.full_stale_after_minutes * 60,
        overdue_after_seconds=_MARGIN_SECONDS
        + max(settings.confluence.request_deadline_seconds, settings.database.statement_timeout_seconds),
    )


def health_of_mirror(overview: Overview, settings: "Settings") -> Health:
    """Return the health of the mirror without a service: a space that was never complete is wrong at once."""
    return judge(overview.spaces, _NO_SCHEDULE, health_limits(settings))


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
