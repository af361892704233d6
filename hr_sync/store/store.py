"""The mirror's database, as a run sees it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.store.read.audit import AuditRow
from hr_sync.store.read.history import PageHistory
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.values import Busy, StoredSpace, Worker

LEASE_SECONDS = 60.0  #: renewed every third of it; another worker waits this long after a crash


class Store:
    """The database of one process. Every method is one transaction; one that meets a conflict is tried once more.

    Raises from every method: DatabaseConflict, DatabaseUnavailable, Stopped.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def open_run(self, mode: Mode, worker: Worker, version: str) -> int:
        """Write that a run begins. Return its id."""
        raise NotImplementedError

    def close_run(self, report: RunReport) -> None:
        """Write how a run ended."""
        raise NotImplementedError

    def stored_spaces(self) -> list[StoredSpace]:
        """Return the spaces that have pages which are not removed, or failures, or held removals, by key."""
        raise NotImplementedError

    def stored_by_id(self, ids: Iterable[str]) -> dict[str, StoredPage]:
        """Return the rows of these pages, whatever space they are in, by page id."""
        raise NotImplementedError

    def leased(
        self,
        space: Space,
        worker: Worker,
        run_id: int,
        *,
        seconds: float = LEASE_SECONDS,
        wait_seconds: float = 0.0,
        cancellation: Cancellation,
    ) -> AbstractContextManager[SpaceStore | Busy]:
        """Hold the lease of a space within the block, renewed in the background; Busy if another worker holds it.

        `wait_seconds`: how long to wait for it to become free. Raises Stopped while waiting. Taking the lease stores
        the id, the key and the name of the space; `Space.id` may be "" for a space of which none is known.
        """
        raise NotImplementedError

    def release_leases(self, worker: Worker) -> None:
        """Cancel the statements of this process and release the leases of this worker, for a forced shutdown."""
        raise NotImplementedError

    def request_full_pass(self, space_key: str) -> None:
        """Remember that a scheduled full pass did not get the lease of a space. Needs no lease."""
        raise NotImplementedError

    def full_pass_is_due(self, interval: timedelta) -> bool:
        """Return True if a space had no complete full pass for so long, or asks for one."""
        raise NotImplementedError

    def pages_to_purge(
        self,
        *,
        page_ids: Sequence[str] = (),
        space_keys: Sequence[str] = (),
        removed_for: timedelta | None = None,
    ) -> Mapping[str, Sequence[str]]:
        """Return what a purge would erase, as ids by space key: also pages that only ever failed."""
        raise NotImplementedError

    def prune_history(self, older_than: timedelta) -> int:
        """Delete runs and feed rows older than this, except the last run of each space. Return how many rows."""
        raise NotImplementedError

    def audit_rows(self, space_key: str) -> Mapping[str, AuditRow]:
        """Return the rows of a space that are not removed, by page id."""
        raise NotImplementedError

    def live_elsewhere(self, space_keys: Collection[str]) -> list[tuple[str, str]]:
        """Return id and space of every row that is live in a space other than these, sorted."""
        raise NotImplementedError

    def stored_bodies(self, page_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the stored bodies of these pages, by page id."""
        raise NotImplementedError

    def page_history(self, page_id: str, *, changes: int = 50) -> PageHistory:
        """Return what the mirror knows of one page, with its last changes."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Return the database's time."""
        raise NotImplementedError
