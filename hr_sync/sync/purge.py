"""Erases pages for good, a space at a time under its lease, and leaves a run row that says so."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session, sessionmaker

from hr_sync.domain.outcome import Counts, ExitCode, Outcome, RunReport
from hr_sync.errors import LeaseHeld
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import Busy
from hr_sync.store.write.purge import purge_pages
from hr_sync.store.write.runs import close_run, open_run
from hr_sync.sync.lease_holder import leased
from hr_sync.sync.workers import host_and_pid, worker_name


def purge(sessions: sessionmaker[Session], chosen: Mapping[str, Sequence[str]], *, version: str) -> int:
    """Erase the pages, given by space. Gives how many there were. Raises LeaseHeld when a worker is at one of them."""
    worker = worker_name()
    with session_scope(sessions) as session:
        run_id = open_run(session, mode="purge", worker=worker, version=version)
    erased = 0
    for space_key, page_ids in chosen.items():
        with leased(sessions, space_key, f"{worker}:{run_id}") as lease:
            if isinstance(lease, Busy):
                raise LeaseHeld(
                    f"{host_and_pid(lease.holder)} is at work on space {space_key}. "
                    f"{erased} pages of other spaces were erased; try again when it is done."
                )
            erased += purge_pages(sessions, lease, run_id, page_ids)
    report = RunReport(
        run_id=run_id,
        mode="purge",
        outcome=Outcome.COMPLETE,
        exit_code=ExitCode.COMPLETE,
        spaces=[],
        counts=Counts(removed=erased),
    )
    with session_scope(sessions) as session:
        close_run(session, report)
    return erased
