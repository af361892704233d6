"""Runs of `serve` that share their spaces with other replicas: the schedule, and what is due in the database."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.domain.rounds import Cadence
from hr_sync.service.due_watch import DueWatch
from hr_sync.service.schedule import cadence_of
from hr_sync.service.scheduler import Job
from hr_sync.sync.context import SyncRequest

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.service.schedule import Trigger
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store


class SharedRuns:
    """Makes the requests of scheduled runs. The first run of `first` takes what is late, whoever ran before."""

    def __init__(self, settings: "Settings", store: "Store", watch: DueWatch, first: Mode) -> None:
        self._settings = settings
        self._store = store
        self._watch = watch
        self._first: Mode | None = first
        self._started_at: datetime = store.now()
        self._triggers: Mapping[Mode, Trigger] = {}

    def share(self, job: Job) -> Job:
        """Return the job of a mode such that it begins when its schedule says so, or when spaces wait."""
        mode, trigger = Mode(job.name), job.trigger
        if trigger is None:
            raise ValueError("a job that is shared has a schedule")
        self._triggers = {**self._triggers, mode: trigger}
        own, due = trigger.get_next_fire_time(None, datetime.now(UTC)), self._store.due.next_at(mode)
        return replace(
            job,
            is_due=partial(self._watch.is_due, mode),
            has_work=partial(self._has_work, mode),
            first_at=due if due is not None and own is not None and due < own else None,
        )

    def run(
        self,
        mode: Mode,
        run_once: "Callable[[SyncRequest, Cancellation], RunReport]",
        end_of_run: "Cancellation",
    ) -> RunReport:
        """Do a run over the spaces that are due. Return its report."""
        report: RunReport | None = None
        try:
            report = run_once(SyncRequest(mode=mode, cadence=self._cadence(mode)), end_of_run)
            return report
        finally:
            self._watch.note(mode, report)

    def _has_work(self, mode: Mode) -> bool:
        return mode is self._first or self._store.due.has_work(mode, self._cadence_at(mode, self._store.now()))

    def _cadence(self, mode: Mode) -> Cadence:
        now = self._store.now()
        cadence = self._cadence_at(mode, now)
        if mode is not self._first:
            return cadence
        self._first = None
        interval = timedelta(minutes=self._settings.sync.full_interval_minutes)
        return replace(cadence, late_before=now - interval if mode is Mode.FULL else self._started_at)

    def _cadence_at(self, mode: Mode, now: datetime) -> Cadence:
        return cadence_at(self._settings, self._triggers[mode], now)


def cadence_at(settings: "Settings", trigger: "Trigger", now: datetime) -> Cadence:
    """Return how often spaces are due by this trigger, with a delay that is another one each time."""
    seconds = settings.sync.jitter_seconds
    delay = timedelta(seconds=random.uniform(0, seconds))  # noqa: S311 -- no secret
    return cadence_of(trigger, now, jitter=timedelta(seconds=seconds), delay=delay)
