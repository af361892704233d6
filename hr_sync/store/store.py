"""The mirror's database, as a run sees it."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hr_sync.cancellation import Cancellation
from hr_sync.domain.access import AccessPolicy, Identity
from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.store.access_reader import AccessReader
from hr_sync.store.attachment_text_store import AttachmentTextStore
from hr_sync.store.audit_store import AuditStore
from hr_sync.store.due_spaces import DueSpaces
from hr_sync.store.feed_store import FeedStore
from hr_sync.store.lease import Lease, release_leases_of, renewed, take_lease
from hr_sync.store.mention_store import MentionStore
from hr_sync.store.not_mirrored_store import NotMirroredStore
from hr_sync.store.read.access import groups_are_due, groups_in_use, spaces_of_nodes, stored_policy, users_in_use
from hr_sync.store.read.history import PageHistory, page_history
from hr_sync.store.read.pages import find_address
from hr_sync.store.read.shown import licence_groups_were_read
from hr_sync.store.read.state import full_pass_is_due, held_removals, newest_look, stored_by_id, stored_spaces
from hr_sync.store.read.texts import IncludedPage, PendingText, find_included, pending_texts
from hr_sync.store.read.traces import Traces, find_traces
from hr_sync.store.rendering_store import RenderingStore
from hr_sync.store.search_reader import SearchReader
from hr_sync.store.site_budget import SiteBudget
from hr_sync.store.space_store import SpaceReader, SpaceStore
from hr_sync.store.transaction import Transactions
from hr_sync.store.values import Busy, StoredSpace, Worker
from hr_sync.store.write.access_policy import apply_policy
from hr_sync.store.write.erasure import ErasedUser, erase_user
from hr_sync.store.write.groups import forget_groups, write_identities, write_members
from hr_sync.store.write.mentions import prune_names
from hr_sync.store.write.purge import pages_to_purge
from hr_sync.store.write.retention import (
    PRUNE_REMOVED,
    prune_access_sets,
    prune_accounts,
    prune_changes,
    prune_runs,
)
from hr_sync.store.write.runs import close_run, discard_run, mark_gone, open_run, request_full_pass
from hr_sync.store.write.text_rows import TextKept, TextWrite
from hr_sync.store.write.texts import TextsWritten, write_text_policy, write_texts

LEASE_SECONDS = 60.0  #: renewed every third of it; another worker waits this long after a crash
POLL_SECONDS = 0.5  #: how often a waiting worker tries to take a lease


class Store:
    """The database of one process. Every method is one transaction; one that meets a conflict is tried once more.

    Raises from every method: DatabaseConflict, DatabaseUnavailable, Stopped.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._transactions = Transactions(engine)
        self.access = AccessReader(self._transactions)  #: who may read what
        self.audits = AuditStore(self._transactions)  #: what audits compare
        self.feed = FeedStore(self._transactions)  #: changes for consumers
        self.mentions = MentionStore(self._transactions)  #: people whom texts mention
        self.renderings = RenderingStore(self._transactions)  #: what macros show
        self.search = SearchReader(self._transactions)
        self.due = DueSpaces(self._transactions)  #: shared by all replicas of serve
        self.budget = SiteBudget(self._transactions)  #: likewise
        self.not_mirrored = NotMirroredStore(self._transactions)
        self.attachment_texts = AttachmentTextStore(self._transactions)

    def open_run(self, mode: Mode, worker: Worker, version: str) -> int:
        """Write that a run begins. Return its id."""
        return self._transactions.run(lambda session: open_run(session, mode, worker, version))

    def close_run(self, report: RunReport) -> None:
        """Write how a run ended."""
        self._transactions.run(lambda session: close_run(session, report))

    def discard_run(self, run_id: int) -> None:
        """Remove the row of a run that did nothing: somebody asked for what is not there."""
        self._transactions.run(lambda session: discard_run(session, run_id))

    def stored_spaces(self) -> list[StoredSpace]:
        """Return the spaces that have pages which are not removed, or failures, and those that are not gone, by key."""
        return self._transactions.run(stored_spaces)

    def stored_by_id(self, ids: Iterable[str]) -> dict[str, StoredPage]:
        """Return the rows of these pages, whatever space they are in, by page id."""
        wanted = list(ids)
        return self._transactions.run(lambda session: stored_by_id(session, wanted))

    @contextmanager
    def leased(
        self,
        space: Space,
        worker: Worker,
        run_id: int,
        *,
        seconds: float = LEASE_SECONDS,
        wait_seconds: float = 0.0,
        cancellation: Cancellation,
    ) -> Iterator[SpaceStore | Busy]:
        """Hold the lease of a space within the block, renewed in the background; Busy if another worker has it.

        Raises Stopped while it waits. Taking it stores id, key and name; `Space.id` may be "" where none is known.
        """
        taken = self._take(space, worker, seconds, wait_seconds, cancellation)
        if isinstance(taken, Busy):
            yield taken
            return
        with renewed(self._transactions, taken, seconds=seconds):
            yield SpaceStore(self._transactions, taken, space, run_id)

    def reader(self, space: Space) -> SpaceReader:
        """Return a reader of the stored pages of a space without a lease, for a dry run or an audit."""
        return SpaceReader(self._transactions, space)

    def mark_gone(self, space_keys: Sequence[str]) -> None:
        """Mark the spaces without pages and failures as gone: status and health no longer show them."""
        if space_keys:
            self._transactions.run(lambda session: mark_gone(session, space_keys))

    def newest_look(self) -> datetime | None:
        """Return the beginning of the newest look at everything in a space, by Confluence's clock; None: no look."""
        return self._transactions.run(newest_look)

    def held_removals(self) -> int:
        """Return how many removals wait for a decision, in all spaces together."""
        return self._transactions.run(held_removals)

    def expect_cancellation(self) -> None:
        """Note that this process cancels its statements from now on: what it cancels is no time-out."""
        self._transactions.connections.cancelled = True

    def release_leases(self, worker: Worker, *, cancels: bool = True) -> None:
        """Release the leases of this worker, for a forced shutdown. `cancels`: first the statements of this process."""
        if cancels:
            self._transactions.connections.cancel()
        release_leases_of(self._transactions, worker)

    def request_full_pass(self, space: Space) -> None:
        """Record that a scheduled full pass did not get the lease of a space. Needs no lease."""
        self._transactions.run(lambda session: request_full_pass(session, space))

    def full_pass_is_due(self, interval: timedelta) -> bool:
        """Return True if a space had no complete full pass for so long, or asks for one."""
        return self._transactions.run(lambda session: full_pass_is_due(session, interval))

    def pages_to_purge(
        self,
        *,
        page_ids: Sequence[str] = (),
        space_keys: Sequence[str] = (),
        removed_for: timedelta | None = None,
    ) -> Mapping[str, Sequence[str]]:
        """Return what a purge would erase, as ids by space key: also of pages without a row.

        A space that is asked for as a whole may have none.
        """
        return self._transactions.run(
            lambda session: pages_to_purge(session, page_ids=page_ids, space_keys=space_keys, removed_for=removed_for)
        )

    def erase_user(self, run_id: int, user_id: str) -> ErasedUser:
        """Erase what is stored of a user: account, memberships, and the name in who may read and who wrote what."""
        return self._transactions.run(lambda session: erase_user(session, run_id, user_id))

    def find_traces(self, words: str) -> Traces:
        """Return every column in which a text stands, as a whole word in any case. It reads every row."""
        return self._transactions.run(lambda session: find_traces(session, words))

    def prune_history(
        self, older_than: timedelta, cancellation: Cancellation | None = None, *, seen_within: timedelta = timedelta(0)
    ) -> int:
        """Delete runs and feed rows older than this, except the last run of each space. Return how many rows.

        `seen_within`: feed rows stay that a consumer which was seen so lately has not acknowledged.
        Accounts that were not seen for so long are deleted too, access sets that no page has, and names that no text
        shows.
        """
        chunks: list[Callable[[Session], int]] = [
            partial(prune_runs, older_than=older_than),
            partial(prune_changes, older_than=older_than, seen_within=seen_within),
            partial(prune_accounts, older_than=older_than),
            prune_access_sets,
            prune_names,
        ]
        return sum(self._prune(chunk, cancellation) for chunk in chunks)

    def prune_bodies(self, removed_for: timedelta, cancellation: Cancellation | None = None) -> int:
        """Delete bodies of pages, and what their items said, that have been removed for so long. Return how many."""
        return sum(self._prune(partial(each, removed_for=removed_for), cancellation) for each in PRUNE_REMOVED)

    def _prune(self, prune: Callable[[Session], int], cancellation: Cancellation | None) -> int:
        deleted = 0
        while chunk := self._transactions.run(prune):
            deleted += chunk
            if cancellation is not None:
                cancellation.check()
        return deleted

    def apply_access_policy(self, policy: AccessPolicy, *, licence_groups: Collection[str] | None = None) -> bool:
        """Write the policy and which sets its audience passes, if it differs from the stored one. Return if it does.

        `licence_groups`: the groups that grant use of Confluence; None keeps what is stored and recent. Every page that
        consumers see by one policy and not by the other has a feed row, whose run is 0. Waits for transactions that are
        writing.
        """
        return self._transactions.run(lambda session: apply_policy(session, policy, licence_groups))

    def licence_groups_were_read(self) -> bool:
        """Return True if it was ever read which groups grant use of Confluence."""
        return self._transactions.run(licence_groups_were_read)

    def access_policy(self) -> AccessPolicy | None:
        """Return the stored policy; None if its row is missing: consumers see nothing then."""
        return self._transactions.run(stored_policy)

    def spaces_of_nodes(self, ids: Sequence[str]) -> frozenset[str]:
        """Return the ids of the spaces that these pages, folders and other nodes are in, as far as they are stored."""
        return self._transactions.run(lambda session: spaces_of_nodes(session, ids)) if ids else frozenset()

    def groups_in_use(self) -> frozenset[str]:
        """Return the groups that a permission, a restriction or the audience names."""
        return self._transactions.run(groups_in_use)

    def users_in_use(self) -> frozenset[str]:
        """Return the users that a permission or a restriction names, and the members of the mirrored groups."""
        return self._transactions.run(users_in_use)

    def groups_are_due(self, groups: Collection[str], interval: timedelta) -> bool:
        """Return True if the members of one of these groups were not read for so long, or never."""
        return bool(groups) and self._transactions.run(lambda session: groups_are_due(session, groups, interval))

    def write_members(self, group_id: str, members: Collection[str] | None, began_at: datetime) -> None:
        """Write the members of a group as they were at `began_at`; None: not known, so that nobody counts as one."""
        self._transactions.run(lambda session: write_members(session, group_id, members, began_at))

    def forget_groups(self, kept: Collection[str]) -> None:
        """Delete what is stored of other groups than these."""
        self._transactions.run(lambda session: forget_groups(session, kept))

    def write_identities(self, identities: Iterable[Identity]) -> None:
        """Write accounts as Confluence has just shown them."""
        found = list(identities)
        if found:
            self._transactions.run(lambda session: write_identities(session, found))

    def pending_texts(
        self, *, renderer_version: int, section_size: int, search_languages: Sequence[str], after: str, limit: int
    ) -> Sequence[PendingText]:
        """Return the next live pages whose text is missing or outdated, by id, those after `after`."""
        return self._transactions.run(
            lambda session: pending_texts(
                session,
                renderer_version=renderer_version,
                section_size=section_size,
                search_languages=search_languages,
                after=after,
                limit=limit,
            )
        )

    def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
        """Write texts with their sections in one transaction; those whose bodies are other ones by now are left out.

        `kept`: pages whose stored body has no text, and whose older text stays.
        """
        return self._transactions.run(lambda session: write_texts(session, texts, kept))

    def find_included(self, title: str, space_key: str) -> IncludedPage | None:
        """Return the page with this title in a space; None if there is none whose text may be shown in others."""
        return self._transactions.run(lambda session: find_included(session, title, space_key))

    def write_text_policy(self, search_languages: Sequence[str]) -> bool:
        """Write in which languages sections are searched, if it differs from what is stored. Return if it does."""
        return self._transactions.run(lambda session: write_text_policy(session, search_languages))

    def find_address(self, title: str, space_key: str) -> tuple[str, str] | None:
        """Return title and address of the live page with this title in a space; None if there is none."""
        return self._transactions.run(lambda session: find_address(session, title, space_key))

    def page_history(self, page_id: str, *, changes: int = 50) -> PageHistory:
        """Return what the mirror knows of one page, with its last changes."""
        return self._transactions.run(lambda session: page_history(session, page_id, changes=changes))

    def now(self) -> datetime:
        """Return the database's time."""
        return self._transactions.run(lambda session: session.execute(select(func.now())).scalar_one())

    def _take(
        self, space: Space, worker: Worker, seconds: float, wait_seconds: float, cancellation: Cancellation
    ) -> Lease | Busy:
        deadline = time.monotonic() + wait_seconds
        while True:
            taken = take_lease(self._transactions, space, worker, seconds=seconds)
            rest = deadline - time.monotonic()
            if isinstance(taken, Lease) or rest <= 0:
                return taken
            self.due.reserve(space)
            cancellation.wait(min(POLL_SECONDS, rest))
            cancellation.check()
