"""A scheduled run that finds a space busy does it once more, as soon as the space is free.

The lanes of one service and the workers of other containers meet at the same minutes. An incremental run holds a space
for seconds; without this, a full run that begins at that moment would leave it out until its next turn, hours later.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from hr_sync.domain.outcome import Outcome, RunReport, total
from hr_sync.errors import LeaseHeld

_PAUSE_SECONDS = 0.5  # between two looks at the leases


def run_with_busy_spaces(
    run: Callable[[Sequence[str]], RunReport],
    held_spaces: Callable[[], Collection[str]],
    end_of_run: threading.Event,
    *,
    wait_seconds: float,
) -> RunReport:
    """Run, wait until the spaces that were busy are free, and run again for them alone. Return one report of both.

    `run` takes the keys of its spaces, none for all; `held_spaces` returns the keys of spaces that a worker holds now.
    A space that stays busy is left out: whoever holds it for so long does the same work.
    """
    report = run(())
    busy = [space.space_key for space in report.spaces if space.busy_with]
    free = _wait_for(busy, held_spaces, end_of_run, wait_seconds) if busy else []
    if not free:
        return report
    try:
        again = run(free)
    except LeaseHeld:
        return report
    return _merged(report, again)


def _wait_for(
    busy: Sequence[str], held_spaces: Callable[[], Collection[str]], end_of_run: threading.Event, wait_seconds: float
) -> list[str]:
    """Return the spaces that are free after the wait, which ends as soon as all are; none if the run has to end."""
    ends_at = time.monotonic() + wait_seconds
    while not end_of_run.wait(_PAUSE_SECONDS):
        held = held_spaces()
        free = [space_key for space_key in busy if space_key not in held]
        if len(free) == len(busy) or time.monotonic() >= ends_at:
            return free
    return []


def _merged(first: RunReport, again: RunReport) -> RunReport:
    done_again = {space.space_key for space in again.spaces}
    spaces = [*(space for space in first.spaces if space.space_key not in done_again), *again.spaces]
    worse = max(first, again, key=lambda report: list(Outcome).index(report.outcome))
    return replace(
        worse,
        spaces=spaces,
        counts=total(spaces),
        requests=first.requests + again.requests,
        duration_seconds=first.duration_seconds + again.duration_seconds,
    )
