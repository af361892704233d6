"""Begins rounds without doing them: an engine outside does each space that is due as a task of its own."""

from collections.abc import Mapping

import structlog

from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import Cadence
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.spaces import jobs_of, select_spaces

log = structlog.get_logger(__name__)

_NO_RUN = 0


def open_rounds(context: SyncContext, cadences: Mapping[Mode, Cadence]) -> None:
    """Make the spaces of the scope due in these modes, as a scheduled run does; new spaces too.

    Log what is worth knowing of the scope. Raise what listing the spaces raises: then nothing is due that was not.
    """
    context.source.check_account()
    selection = select_spaces(context.source, context.store, context.scope, SyncRequest())
    for warning in selection.warnings:
        log.warning("run.warning", warning=warning)
    for key in (*selection.not_visible, *selection.unreadable):
        log.warning("space.not_visible", space=key)
    for mode, cadence in cadences.items():
        jobs = jobs_of(SyncRequest(mode=mode), selection, run_id=_NO_RUN)
        context.store.due.open_round(mode, [job.space for job in jobs], cadence, skips_done=True)
