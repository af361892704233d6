"""The context and the request of a run. Values and wiring only."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.width import Tasks
from hr_sync.confluence.source import Source
from hr_sync.domain.access import AccessMode, AccessPolicy, SiteRoles
from hr_sync.domain.content import ContentKind, Space
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.outcome import Counts, Mode, SpaceReport
from hr_sync.domain.rounds import Cadence
from hr_sync.domain.scope import SpaceScope
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import LEASE_SECONDS, Store
from hr_sync.store.values import SpaceState, Worker
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.site_changes import SiteChanges

#: space key, pages fetched so far, pages to fetch; None while a listing that brings them goes on
ProgressCallback: TypeAlias = Callable[[str, int, int | None], None]
Value = TypeVar("Value")
LeftCallback: TypeAlias = "Callable[[SpaceJob, SpaceReport], None]"
LagCallback: TypeAlias = Callable[[float], None]  #: seconds from a page's change to its commit


def no_progress(_space_key: str, _done: int, _total: int | None) -> None:
    """Ignore the progress of a run."""


def no_measurement(_seconds: float) -> None:
    """Ignore a measurement."""


def no_retry(_job: "SpaceJob", _report: SpaceReport) -> None:
    """Leave a job that was not done to later runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notified:
    """The ids of what somebody says has changed. Nothing is believed of it: what it names is read again."""

    page_ids: Sequence[str] = ()  #: also of folders and other nodes above pages
    space_keys: Sequence[str] = ()
    space_ids: Sequence[str] = ()
    every_space: bool = False  #: more than could be kept apart


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncRequest:
    """The request for one run. A value, so that it can be queued."""

    mode: Mode = Mode.FULL
    space_keys: Sequence[str] = ()  #: of the scope; empty for all of it
    page_ids: Sequence[str] = ()  #: to fetch whatever their version
    every_page: bool = False  #: fetch all pages of the chosen spaces whatever their version
    failed_pages: bool = False  #: fetch the pages that failed, whatever their version and however lately they failed
    allow_mass_delete: bool = False  #: held removals may be carried out (--allow-mass-delete)
    notified: Notified | None = None  #: read this again, as far as it is in scope, and nothing else
    cadence: Cadence | None = None  #: of these spaces only those that are due, which other workers take too


class JobKind(StrEnum):
    """The kind of work on one space."""

    FULL = "full"
    INCREMENTAL = "incremental"
    ACCESS = "access"
    BY_ID = "by_id"  #: fetch the requested pages
    FAILED = "failed"  #: fetch the pages that failed
    NOTIFIED = "notified"  #: fetch the pages that were named, and read the access to the space
    UNLISTED = "unlisted"  #: the space has stored pages and is no longer visible
    UNCONFIGURED = "unconfigured"  #: the space has stored pages and the settings no longer cover it

    @property
    def is_away(self) -> bool:
        """Return True if the space is not among those that the run found in scope."""
        return self in {JobKind.UNLISTED, JobKind.UNCONFIGURED}


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceJob:
    """The work on one space in one run. A value: a thread does it today, a task of a queue can do it as well."""

    kind: JobKind
    space: Space
    run_id: int
    request: SyncRequest
    mirrored_space_ids: frozenset[str]  #: of all spaces that the run found in scope
    page_ids: Sequence[str] = ()  #: for BY_ID and NOTIFIED

    @property
    def is_order(self) -> bool:
        """Return True for a request that no later run repeats by itself."""
        asked = self.request
        chosen = asked.space_keys or asked.page_ids or asked.every_page or asked.failed_pages
        return bool(chosen or asked.allow_mass_delete)


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncPolicy:
    """The settings of a run."""

    limit: DeletionLimit = field(default_factory=DeletionLimit)
    overlap: timedelta = timedelta(minutes=15)  #: how far an incremental run looks back behind the watermark
    access: AccessPolicy = field(default_factory=lambda: AccessPolicy(mode=AccessMode.ACCOUNT))
    counts_not_mirrored: bool = False  #: full runs count what the settings leave out of the spaces
    compares_labels: bool = False  #: wherever the access to every page is read
    open_spaces: frozenset[str] = frozenset()  #: keys of spaces that are open to everybody who asks; *: all
    groups_interval: timedelta | None = None  #: how often the members of groups are read; None: never
    lease_seconds: float = LEASE_SECONDS  #: how long a space stays locked after its worker has crashed
    busy_wait_seconds: float = 30.0  #: how long a request waits for a space that another worker holds

    @property
    def reads_access(self) -> bool:
        """Return True if full runs read the access to every page, and other runs that to the pages they write."""
        return self.access.mode is AccessMode.ENFORCE


class Shared(Generic[Value]):
    """A value that the spaces of a run share; the first of them that needs it computes it."""

    def __init__(self, compute: Callable[[], Value]) -> None:
        self._compute = compute
        self._lock = threading.Lock()
        self._found: list[Value] = []

    def get(self) -> Value:
        """Return the value. Raise what computing it raises; the next call computes again then."""
        with self._lock:
            if not self._found:
                self._found.append(self._compute())
            return self._found[0]


class AccountProof:
    """Checks that the account is still known, with one request for all spaces whose answers came before it.

    `tasks`: the spaces that are read at the same time.
    """

    def __init__(self, source: Source, tasks: Tasks) -> None:
        self._source = source
        self._tasks = tasks
        self._lock = threading.Lock()
        self._proven_since = float("-inf")  # monotonic: when the last check was sent
        self._proven_answers = -1  # those before the last check, and its own: if there are more now, some came later

    def prove(self) -> None:
        """Return once a check has passed that was sent after every answer so far. Raise CredentialsRefused otherwise.

        One that was sent after this call was; so was one since which nothing else was answered.
        """
        called_at = time.monotonic()
        self._tasks.meet(self._source.client.cancellation.check)
        with self._lock:
            before = self._answers()
            if self._proven_since >= called_at or before == self._proven_answers:
                return
            self._source.check_account()
            # Where requests wait for their turn, many calls come before it.
            self._proven_since, self._proven_answers = self._source.client.admission.sent_at, before + 1

    def _answers(self) -> int:
        return self._source.client.http_stats.counts().requests


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncContext:
    """Source and store, wired together once per process."""

    source: Source
    store: Store
    scope: SpaceScope
    worker: Worker
    version: str  #: of hr_sync
    policy: SyncPolicy = field(default_factory=SyncPolicy)
    connections: int = 8  #: requests in flight at once
    on_progress: ProgressCallback = no_progress  #: called from the threads of the spaces
    on_lag: LagCallback = no_measurement  #: called likewise
    on_left: LeftCallback = (
        no_retry  #: called likewise with a job that another worker or a failure kept from being done
    )

    @property
    def cancellation(self) -> Cancellation:
        """Return the cancellation that requests and loops check."""
        return self.source.client.cancellation


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceRun:
    """One running job under its lease: the values that its functions share. `counts` grows during the work."""

    context: SyncContext
    job: SpaceJob
    store: SpaceStore
    state: SpaceState
    fetcher: BodyFetcher
    account: AccountProof
    roles: Shared[SiteRoles]
    changes: SiteChanges
    requests_before: int
    counts: Counts = field(default_factory=Counts)

    @property
    def source(self) -> Source:
        """Return the Confluence that is read."""
        return self.context.source

    @property
    def space(self) -> Space:
        """Return the space that is worked on."""
        return self.job.space

    def hide(self, decisions: Sequence[DeletionDecision]) -> None:
        """Hide the pages of these decisions, and count those that were live."""
        hidden = self.store.hide(decisions)
        self.counts.hidden += len(hidden)
        self.counts.withdrawn += len(hidden)
        posts = {each.page_id for each in decisions if each.kind is ContentKind.BLOG_POST}
        self.counts.posts_withdrawn += len(hidden & posts)
