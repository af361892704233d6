"""Checks that the limits of health exceed the longest gap of the schedule: otherwise /healthz gives false alarms."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil

from hr_sync.errors import ConfigurationError
from hr_sync.service.schedule import Trigger, longest_gap
from hr_sync.settings import Settings
from hr_sync.settings.problems import Mistake, message


def check_limits(settings: Settings, *, full: Trigger, incremental: Trigger, access: Trigger | None) -> None:
    """Raise ConfigurationError when the schedule leaves a longer gap than /healthz allows, with the remedy."""
    mistakes = [
        *_too_short(settings, "stale_after_minutes", "runs", (full, incremental)),
        *_too_short(settings, "full_stale_after_minutes", "full runs", (full,)),
        *_access_expires(settings, full if access is None else access),
    ]
    if mistakes:
        raise ConfigurationError(message(mistakes))


def _access_expires(settings: Settings, access: Trigger) -> Iterator[Mistake]:
    key = "access.max_age_hours"
    gap = longest_gap((access,), datetime.now(UTC), least=timedelta(hours=settings.access.max_age_hours))
    if gap is not None and settings.access.mode == "enforce":
        hours = ceil(gap.total_seconds() / 3600)
        yield Mistake(
            key=key,
            source=settings.source_of(key) or "",
            what=(
                f"the schedule leaves up to {hours} hours between two readings of who may read the pages, so no page "
                f"would be shown at the end of them; set it to more than {hours}, or let access runs begin more often"
            ),
        )


def _too_short(settings: Settings, name: str, runs: str, triggers: Sequence[Trigger]) -> Iterator[Mistake]:
    key = f"sync.{name}"
    gap = longest_gap(triggers, datetime.now(UTC), least=timedelta(minutes=getattr(settings.sync, name)))
    if gap is not None:
        minutes = ceil(gap.total_seconds() / 60)
        yield Mistake(
            key=key,
            source=settings.source_of(key) or "",
            what=(
                f"the schedule leaves up to {minutes} minutes between two {runs}, so /healthz would answer 503; "
                f"set it to more than {minutes} and the time that a run takes, or let them run more often"
            ),
        )
