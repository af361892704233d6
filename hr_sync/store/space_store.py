"""Reads and writes one space under its lease.

Every write is one transaction (`purge`, `hide` and `remove`: one for each chunk) that first checks that the lease still
is ours: epoch and holder. A transaction that meets a lock, a deadlock or a time-out is tried once more.

Raises from every method: DatabaseConflict (this space alone is concerned), DatabaseUnavailable (every space is),
Stopped (the process cancelled its statements). Raises from every write: LeaseLost.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessSet, Layer, NodeFact, SpaceViewers
from hr_sync.domain.content import ContentKind, Space, StoredPage, WithdrawalReason
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.page_items import ItemWrite, StoredPageItem
from hr_sync.domain.plan import LabelStep
from hr_sync.domain.rounds import Round
from hr_sync.store.item_tables import ItemTable
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.read.access import stored_access_sets, stored_nodes, stored_viewers
from hr_sync.store.read.page_items import StoredItems, shown_items, stored_items
from hr_sync.store.read.state import (
    hidden_pages,
    live_kinds,
    state_of_space,
    stored_by_id,
    stored_labels,
    stored_of_space,
)
from hr_sync.store.transaction import Transactions
from hr_sync.store.values import Failure, FailureStage, Held, PageWrite, SpaceRecord, SpaceState, WriteResult
from hr_sync.store.write.access import write_access
from hr_sync.store.write.archived import write_archived
from hr_sync.store.write.deletions import MAX_DECISIONS, hide_pages, remove_pages
from hr_sync.store.write.failures import failing_items, failing_pages, forget_failures, record_failures
from hr_sync.store.write.labels import write_labels
from hr_sync.store.write.page_items import hide_items, remove_items, write_items
from hr_sync.store.write.pages import write_pages
from hr_sync.store.write.purge import MAX_PURGED, purge_pages, rest_of_space
from hr_sync.store.write.runs import finish_space, forget_position, forget_space, settle_space

Result = TypeVar("Result")
Subject = TypeVar("Subject")


class SpaceReader:
    """Reads what is stored of one space. Needs no lease. `Store.reader` makes it."""

    def __init__(self, transactions: Transactions, space: Space) -> None:
        self.space = space
        self._transactions = transactions

    def state(self) -> SpaceState:
        """Return the position of the passes over the space."""
        return self._read(state_of_space, self.space)

    def stored_pages(self) -> dict[str, StoredPage]:
        """Return every row of the space, hidden and removed ones too, by page id.

        Rows under a former key of the space are among them.
        """
        return self._read(stored_of_space, self.space)

    def stored_by_id(self, ids: Iterable[str]) -> dict[str, StoredPage]:
        """Return the rows of these pages, whatever space they are in, by page id."""
        return self._read(stored_by_id, list(ids))

    def stored_items(self, kind: ItemTable[Any], listed: Iterable[str]) -> StoredItems:
        """Return the items on pages of the space, the listed ones wherever they are, and the pages."""
        wanted = list(listed)
        return self._transactions.run(lambda session: stored_items(session, kind, self.space, wanted))

    def shown_items(self, kind: ItemTable[Any]) -> list[StoredPageItem]:
        """Return the items of the space that are neither hidden nor removed."""
        return self._transactions.run(lambda session: shown_items(session, kind, self.space))

    def stored_labels(self) -> dict[str, frozenset[str] | None]:
        """Return the labels of the live pages of the space, by page id. None is not known."""
        return self._read(stored_labels, self.space.key)

    def live_kinds(self) -> dict[str, ContentKind]:
        """Return the kinds of the live pages of the space, by page id."""
        return self._read(live_kinds, self.space.key)

    def stored_access_sets(self) -> dict[str, AccessSet | None]:
        """Return the access sets of the live pages of the space, by page id. None is not known."""
        return self._read(stored_access_sets, self.space.key)

    def stored_nodes(self) -> dict[str, NodeFact]:
        """Return what is stored of the nodes of the space, by id."""
        return self._read(stored_nodes, self.space.id)

    def stored_viewers(self) -> Layer | None:
        """Return who may view the space, as it was read last; None if that is not known."""
        return self._read(stored_viewers, self.space.id)

    def _read(self, read: Callable[[Session, Subject], Result], about: Subject) -> Result:
        return self._transactions.run(lambda session: read(session, about))


class SpaceStore(SpaceReader):
    """Reads and writes one space in one run, under its lease. `Store.leased` makes it."""

    def __init__(
        self, transactions: Transactions, lease: Lease, space: Space, run_id: int, current: Round | None = None
    ) -> None:
        super().__init__(transactions, space)
        self.run_id = run_id
        self.renamed_from = lease.renamed_from  #: the key that the space had until this lease; None if it is the same
        self._lease = lease
        self._current = current  # the round in which the space was due

    def failing_pages(self, *, due_only: bool = False) -> list[str]:
        """Return the ids of the pages of the space that failed and have not succeeded since, sorted.

        `due_only`: those whose next attempt is due.
        """
        return self._transactions.run(lambda session: failing_pages(session, self._lease.space_key, due_only=due_only))

    def failing_items(self, kind: ItemTable[Any], *, this_run: bool) -> int:
        """Return how many items of the space failed and have not succeeded since; `this_run`: in this run."""
        run_id = self.run_id if this_run else None
        return self._transactions.run(lambda session: failing_items(session, self._lease.space_key, kind.stage, run_id))

    def hidden_pages(self, reason: WithdrawalReason, *, hidden_within: timedelta, limit: int) -> list[StoredPage]:
        """Return pages of the space that were hidden for this reason in the last `hidden_within`, newest first."""
        return self._transactions.run(
            lambda session: hidden_pages(
                session, self._lease.space_key, reason, hidden_within=hidden_within, limit=limit
            )
        )

    def write_pages(self, writes: Sequence[PageWrite], above: Collection[NodeFact] = ()) -> WriteResult:
        """Write at most `MAX_PAGES` pages and their feed rows. Return what was not written.

        A write whose row is in another space than `seen_in_space` is dropped. A page that the database refuses is
        recorded as a failure and does not affect the others. Writing a page forgets its failure. `above`: facts of what
        is above the pages whose restriction is given, which were read with it.
        """
        return self._transactions.run(lambda session: write_pages(session, self._lease, self.run_id, writes, above))

    def write_archived(self, writes: Sequence[PageWrite]) -> frozenset[str]:
        """Write at most `MAX_PAGES` archived pages, hidden. Return the ids of those that the database refused."""
        return self._transactions.run(lambda session: write_archived(session, self._lease, self.run_id, writes))

    def record_failures(self, failures: Sequence[Failure]) -> None:
        """Record failures, or count them up where the page failed before, and set when each is tried again."""

        def work(session: Session) -> None:
            check_lease(session, self._lease)
            record_failures(session, self._lease.space_key, self.run_id, failures)

        if failures:
            self._transactions.run(work)

    def forget_failures(self, page_ids: Collection[str]) -> None:
        """Delete the failures of these pages."""

        def work(session: Session) -> None:
            check_lease(session, self._lease)
            forget_failures(session, page_ids)

        if page_ids:
            self._transactions.run(work)

    def hide(self, decisions: Sequence[DeletionDecision]) -> frozenset[str]:
        """Hide these pages. Return the ids of live pages that were hidden.

        A page that is hidden already gets the new reason and no feed row. A page that is removed, or in another space
        than decided on, is left alone.
        """
        return self._decided(hide_pages, decisions)

    def remove(self, decisions: Sequence[DeletionDecision]) -> frozenset[str]:
        """Mark these pages as removed. Return the ids of those that were.

        Removing a hidden page writes no feed row: the feed has the row of its hiding. A page that is removed already,
        or in another space than decided on, is left alone.
        """
        return self._decided(remove_pages, decisions)

    def write_items(self, kind: ItemTable[Any], writes: Sequence[ItemWrite[Any]]) -> frozenset[str]:
        """Write at most `MAX_PAGES` items and their feed rows. Return the ids of those that were written.

        One whose page is not in the space, or is removed, is dropped. One that the database refuses has failed.
        """
        return self._transactions.run(
            lambda session: write_items(session, kind, self._lease, writes, run_id=self.run_id, space_id=self.space.id)
        )

    def hide_items(self, kind: ItemTable[Any], decisions: Sequence[DeletionDecision]) -> frozenset[str]:
        """Hide these items, as `hide` does pages. Return the ids of those that were not hidden before."""
        return self._decided(_about(hide_items, kind), decisions)

    def remove_items(self, kind: ItemTable[Any], decisions: Sequence[DeletionDecision]) -> frozenset[str]:
        """Mark these items as removed, as `remove` does pages. Return the ids of those that were."""
        return self._decided(_about(remove_items, kind), decisions)

    def write_labels(self, steps: Sequence[LabelStep]) -> list[LabelStep]:
        """Write labels, one step a page, and their feed rows in one transaction. Return the steps that were written.

        A page that is no longer live in the space is left alone.
        """
        return self._transactions.run(lambda session: write_labels(session, self._lease, self.run_id, steps))

    def write_access(self, viewers: SpaceViewers, nodes: Collection[NodeFact], *, began_at: datetime) -> frozenset[str]:
        """Write who may view the space, and place and restriction of every node of it, in one transaction.

        Return the live pages that have another access set now; each of them has a feed row. Facts are written only
        where they differ, and the clock of the space is set to `began_at`: when the reading of the restrictions began,
        on the database's clock (`Store.now`). What is not among `nodes` is forgotten, and its pages have no set. Nor
        has a page that this run has written to another place than its fact names, or what is below it: it moved while
        the run went on, and the next pass finds out where it is.
        """
        return self._transactions.run(
            lambda session: write_access(
                session, self._lease, self.run_id, self.space, viewers=viewers, nodes=nodes, began_at=began_at
            )
        )

    def finish(
        self,
        make_record: Callable[[int], SpaceRecord],
        *,
        clear_old_failures: bool,
        untried: Collection[FailureStage] = (),
    ) -> SpaceReport:
        """Write how the run ended for the space, in one transaction with its position. Return `make_record`'s report.

        `make_record` gets the number of pages and their items that still fail; it may be called twice.
        `clear_old_failures` deletes the failures that this run did not record, before they are counted: a full pass
        tried everything again, but not the items of the stages `untried`.
        """
        return self._transactions.run(
            lambda session: finish_space(
                session,
                self._lease,
                self.run_id,
                make_record,
                clear_old_failures=clear_old_failures,
                untried=untried,
                current=self._current,
            )
        )

    def settle(self, report: SpaceReport, held: Held) -> None:
        """Write the outcome and the hold anew, after removals that were decided over all spaces of the run."""
        self._transactions.run(
            lambda session: settle_space(
                session,
                self._lease,
                self.run_id,
                report,
                held,
            )
        )

    def purge(self, page_ids: Sequence[str], *, only_if_removed_before: timedelta | None = None) -> int:
        """Erase these pages of the space: row, body, failure and feed. Return how many there were.

        `only_if_removed_before`: only pages that have been removed for at least so long.
        """
        return sum(self._purge_chunk(chunk, only_if_removed_before) for chunk in _chunks(list(page_ids), MAX_PURGED))

    def purge_space(self, *, forget: bool) -> int:
        """Erase every page of the space, and its position, so that the next pass is a full one. Return how many.

        `forget`: also what is known of the space itself, and its rows of earlier runs.
        """
        erased = 0
        while ids := self._read(rest_of_space, self._lease.space_key):
            erased += self._purge_chunk(ids, None)
        done = forget_space if forget else forget_position
        self._transactions.run(lambda session: done(session, self._lease))
        return erased

    def _decided(
        self,
        act: Callable[[Session, Lease, int, Sequence[DeletionDecision]], frozenset[str]],
        decisions: Sequence[DeletionDecision],
    ) -> frozenset[str]:
        """Carry out decisions in the order of their pages, a chunk in each transaction."""
        done: set[str] = set()
        for chunk in _chunks(sorted(decisions, key=lambda decision: decision.page_id), MAX_DECISIONS):
            done |= self._transactions.run(self._bound(act, chunk))
        return frozenset(done)

    def _bound(
        self,
        act: Callable[[Session, Lease, int, Sequence[DeletionDecision]], frozenset[str]],
        chunk: Sequence[DeletionDecision],
    ) -> Callable[[Session], frozenset[str]]:
        return lambda session: act(session, self._lease, self.run_id, chunk)

    def _purge_chunk(self, page_ids: Sequence[str], only_if_removed_before: timedelta | None) -> int:
        return self._transactions.run(
            lambda session: purge_pages(
                session, self._lease, self.run_id, page_ids, only_if_removed_before=only_if_removed_before
            )
        )


def _about(act: Callable[..., frozenset[str]], kind: ItemTable[Any]) -> Callable[..., frozenset[str]]:
    return lambda session, *given: act(session, kind, *given)


def _chunks(values: Sequence[Result], size: int) -> Iterator[Sequence[Result]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
