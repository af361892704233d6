"""Looks every few seconds for spaces that are due and that nobody does, as those of a replica that has died."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context

import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.domain.outcome import Mode, Outcome, RunReport
from hr_sync.errors import HrSyncError

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 2.0
_REST_AFTER_NOTHING_SECONDS = 10.0
_REST_AFTER_FAILURE_SECONDS = 300.0


class DueWatch:
    """Says in which modes a run would find spaces. `look` reads from the database how many wait in each mode."""

    def __init__(self, look: Callable[[], Mapping[Mode, int]]) -> None:
        self._look = look
        self._waiting: Mapping[Mode, int] = {}
        self._rest_until: dict[Mode, float] = {}  # monotonic
        self._is_blind = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look in the background within the block."""
        done = Cancellation()
        thread = threading.Thread(target=copy_context().run, args=(self._keep_looking, done), name="due", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def is_due(self, mode: Mode) -> bool:
        """Return True if spaces waited when this looked last. Asks nobody."""
        return self._waiting.get(mode, 0) > 0 and time.monotonic() >= self._rest_until.get(mode, 0.0)

    def note(self, mode: Mode, report: RunReport | None) -> None:
        """Take account of a run that ended: one that failed, or found nothing, is repeated by the schedule or later.

        None: it ended by an exception.
        """
        self._waiting = {**self._waiting, mode: 0}
        rest = 0.0
        if report is None or report.outcome in {Outcome.FAILED, Outcome.STOPPED}:
            rest = _REST_AFTER_FAILURE_SECONDS
        elif not report.spaces:
            rest = _REST_AFTER_NOTHING_SECONDS
        self._rest_until[mode] = time.monotonic() + rest

    def _keep_looking(self, done: Cancellation) -> None:
        while not done.wait(_LOOK_SECONDS):
            try:
                self._waiting = self._look()
                self._is_blind = False
            except HrSyncError as failure:  # the schedule begins runs all the same
                if not self._is_blind:
                    log.warning("due.not_read", error=type(failure).__name__)
                self._is_blind, self._waiting = True, {}
