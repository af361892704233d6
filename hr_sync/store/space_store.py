"""Reads and writes one space under its lease.

Every write is one transaction (`purge`, `hide` and `remove`: one for each chunk) that first checks that the lease still
is ours: epoch and holder. A transaction that meets a lock, a deadlock or a time-out is tried once more.

Raises from every method: DatabaseConflict (this space alone is concerned), DatabaseUnavailable (every space is),
Stopped (the process cancelled its statements). Raises from every write: LeaseLost.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta

from hr_sync.domain.access import AttributeStep, StoredAttributes
from hr_sync.domain.changes import WithdrawalReason
from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.domain.outcome import SpaceReport
from hr_sync.store.values import Failure, PageWrite, SpaceRecord, SpaceState, WriteResult


class SpaceStore:
    """The stored pages of one space in one run. `Store.leased` makes it."""

    space: Space
    run_id: int
    renamed_from: str | None  #: the key that the space had before this lease, if it was given another one

    def state(self) -> SpaceState:
        """Return where the passes over the space stand."""
        raise NotImplementedError

    def stored_pages(self) -> dict[str, StoredPage]:
        """Return every row of the space, hidden and removed ones too, by page id."""
        raise NotImplementedError

    def stored_by_id(self, ids: Iterable[str]) -> dict[str, StoredPage]:
        """Return the rows of these pages, whatever space they are in, by page id."""
        raise NotImplementedError

    def failing_pages(self, *, due_only: bool = False) -> list[str]:
        """Return the ids of the pages of the space that failed and have not succeeded since, sorted.

        `due_only`: those whose next attempt is due.
        """
        raise NotImplementedError

    def hidden_pages(self, reason: WithdrawalReason, *, hidden_within: timedelta, limit: int) -> list[StoredPage]:
        """Return pages of the space that were hidden for this reason in the last `hidden_within`, newest first."""
        raise NotImplementedError

    def write_pages(self, writes: Sequence[PageWrite]) -> WriteResult:
        """Write at most `MAX_PAGES` pages and their feed rows. Return what was not written.

        A write whose row is in another space than `seen_in_space` is dropped. A page that the database refuses is
        recorded as a failure and costs only itself. Writing a page forgets its failure.
        """
        raise NotImplementedError

    def record_failures(self, failures: Sequence[Failure]) -> None:
        """Record failures, or count them up where the page failed before, and set when each is tried again."""
        raise NotImplementedError

    def forget_failures(self, page_ids: Collection[str]) -> None:
        """Delete the failures of these pages."""
        raise NotImplementedError

    def hide(self, decisions: Sequence[DeletionDecision]) -> frozenset[str]:
        """Hide these pages. Return the ids of live pages that were hidden.

        A page that is hidden already gets the new reason and no feed row. A page that is removed, or in another space
        than decided on, is left alone.
        """
        raise NotImplementedError

    def remove(self, decisions: Sequence[DeletionDecision]) -> frozenset[str]:
        """Mark these pages as removed. Return the ids of those that were.

        Removing a hidden page writes no feed row: consumers saw it go when it was hidden. A page that is removed
        already, or in another space than decided on, is left alone.
        """
        raise NotImplementedError

    def stored_attributes(self) -> dict[str, StoredAttributes]:
        """Return labels and readers of the live pages of the space, by page id."""
        raise NotImplementedError

    def write_attributes(self, pages: Sequence[Sequence[AttributeStep]]) -> list[AttributeStep]:
        """Write the steps of each page and their feed rows in one transaction. Return the steps that were written.

        A page that is no longer live in the space is left alone.
        """
        raise NotImplementedError

    def finish(self, make_record: Callable[[int], SpaceRecord], *, clear_old_failures: bool) -> SpaceReport:
        """Write how the run ended for the space, in one transaction with its position. Return `make_record`'s report.

        `make_record` gets the number of pages that still fail; it may be called twice. `clear_old_failures` deletes the
        failures that this run did not record, before they are counted: a full pass tried every page again.
        """
        raise NotImplementedError

    def settle(self, report: SpaceReport, hold: int, held_reason: str | None) -> None:
        """Write the outcome and the hold anew, after removals that were decided over all spaces of the run."""
        raise NotImplementedError

    def purge(self, page_ids: Sequence[str], *, only_if_removed_before: timedelta | None = None) -> int:
        """Erase these pages of the space: row, body, failure and feed. Return how many there were.

        `only_if_removed_before`: only pages that have been removed for at least so long.
        """
        raise NotImplementedError

    def purge_space(self, *, forget: bool) -> int:
        """Erase every page of the space, and its position, so that the next pass is a full one. Return how many.

        `forget`: also what is known of the space itself, and its rows of earlier runs.
        """
        raise NotImplementedError
