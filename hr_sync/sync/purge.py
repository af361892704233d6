"""Deletes pages permanently, a space at a time under its lease, or a person's traces; each records a run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from hr_sync.cancellation import Cancellation
from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Counts, ExitCode, Mode, Outcome, RunReport
from hr_sync.domain.principal_words import number
from hr_sync.domain.scope import SpaceScope
from hr_sync.errors import HrSyncError, LeaseHeld
from hr_sync.store.store import Store
from hr_sync.store.values import Busy, Worker
from hr_sync.store.write.erasure import ErasedUser


def purge(
    store: Store,
    worker: Worker,
    chosen: Mapping[str, Sequence[str]],
    *,
    version: str,
    cancellation: Cancellation,
    removed_for: timedelta | None = None,
    whole_spaces: bool = False,
    scope: SpaceScope | None = None,
    busy_wait_seconds: float = 30.0,
) -> int:
    """Erase the pages, given as ids by space key. Return how many there were.

    `removed_for`: only pages that still are removed, for at least so long, when they are erased. `whole_spaces`: also
    the position of each space, so that its next pass is a full one; of a space that `scope` does not cover also its
    key and name, which a personal space takes from a person. Raise LeaseHeld if another worker holds a space.
    """
    with _recorded(store, worker, version) as recorded:
        for space_key, page_ids in chosen.items():
            space = Space(id="", key=space_key, name="")
            with store.leased(
                space, worker, recorded.run_id, wait_seconds=busy_wait_seconds, cancellation=cancellation
            ) as leased:
                if isinstance(leased, Busy):
                    raise LeaseHeld(
                        f"{leased.worker} is at work on space {space_key}. Erased so far, of other spaces: "
                        f"{number(recorded.erased, 'page')}. Try again when it is done.",
                        worker=leased.worker,
                    )
                if whole_spaces:
                    recorded.erased += leased.purge_space(forget=scope is not None and not scope.covers(space_key))
                else:
                    recorded.erased += leased.purge(page_ids, only_if_removed_before=removed_for)
    return recorded.erased


def purge_user(store: Store, worker: Worker, user_id: str, *, version: str) -> ErasedUser:
    """Erase what the mirror holds of a user, but for the texts of pages. Return what there was."""
    with _recorded(store, worker, version) as recorded:
        return store.erase_user(recorded.run_id, user_id)


@dataclass(slots=True)
class _Recorded:
    run_id: int
    erased: int = 0  #: pages


@contextmanager
def _recorded(store: Store, worker: Worker, version: str) -> Iterator[_Recorded]:
    """Open a run and close it at the end of the block, however that ends."""
    recorded = _Recorded(store.open_run(Mode.PURGE, worker, version))
    outcome, exit_code, error = Outcome.FAILED, int(ExitCode.FAILED), "Ended before it was done."
    try:
        yield recorded
        outcome, exit_code, error = Outcome.COMPLETE, int(ExitCode.COMPLETE), ""
    except HrSyncError as failure:
        exit_code, error = failure.exit_code, str(failure)
        raise
    finally:
        store.close_run(
            RunReport(
                run_id=recorded.run_id,
                mode=Mode.PURGE,
                outcome=outcome,
                exit_code=exit_code,
                spaces=[],
                counts=Counts(removed=recorded.erased),
                error=error or None,
            )
        )
