"""The values that pass between a run and the store. Plain data; nothing here knows a table."""

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hr_sync.domain.access import Restriction
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Head, ItemKind, Page
from hr_sync.domain.deletion import HoldState
from hr_sync.domain.holds import Leaving
from hr_sync.domain.outcome import SpaceReport
from hr_sync.domain.plan import Step

MAX_PAGES = 250  #: pages in one write transaction: as many as one answer of a listing has


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One process that writes."""

    host: str
    pid: int
    instance: str = field(
        default_factory=lambda: uuid.uuid4().hex
    )  #: host and pid may repeat in containers, this may not

    @classmethod
    def current(cls) -> "Worker":
        """Return this process. Make it once and pass it on: each call gives another `instance`."""
        return cls(host=socket.gethostname(), pid=os.getpid())

    @property
    def display(self) -> str:
        """Return `host:pid`, for people."""
        return f"{self.host}:{self.pid}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """Another worker holds the lease of a space."""

    space_key: str
    worker: str  #: for people


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSpace:
    """A space with stored pages or failures."""

    key: str
    id: str | None  #: None if no row of it ever named one
    name: str  #: "" if not known
    held: int  #: removals that wait for a decision
    gone_at: datetime | None = None  #: when a run found nothing of it left
    former_keys: tuple[str, ...] = ()  #: keys that it had before, and its aliases


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceState:
    """The position of the passes over a space."""

    watermark: datetime | None = None  #: None: the space needs a full pass
    scope_fingerprint: str | None = None
    hold: HoldState = field(default_factory=HoldState)  #: of pages
    item_holds: Mapping[ItemKind, HoldState] = field(default_factory=dict)  #: of each kind of items
    full_pass_due: bool = False  #: a scheduled full pass did not get the lease
    last_full_at: datetime | None = None  #: end of the last complete full pass
    looked_from: datetime | None = None  #: beginning of the last look at everything, by the source's clock
    decided_run_id: int | None = None  #: run of the last full pass that decided what leaves the space


@dataclass(frozen=True, kw_only=True, slots=True)
class PageWrite:
    """One page to write, every text of it sanitised. Body and hash are None where the stored body stays."""

    action: ChangeAction  #: INSERT, UPDATE, MOVE or RESTORE
    reason: str  #: in words for an operator
    head: Head
    storage: str | None = None
    content_hash: str | None = None
    seen_in_space: str | None = None  #: key of the space that the stored row was in; None if there was no row
    restriction: Restriction | None = None
    """Its own, if this and everything else that decides who may read the page was read after the body; else None."""

    @classmethod
    def of(cls, step: Step, page: Page | None, restriction: Restriction | None = None) -> "PageWrite":
        """Return the write of a step: of a page with its body, or of the head of the step alone.

        Raise ValueError if there is neither.
        """
        head = page.head if page else step.head
        if head is None:
            raise ValueError(f"page {step.page_id} has neither a body nor a head")
        return cls(
            action=step.writes,
            reason=step.reason,
            head=head,
            storage=page.storage if page else None,
            content_hash=page.content_hash if page else None,
            seen_in_space=step.seen_in_space,
            restriction=restriction,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteResult:
    """The pages of a chunk that were not written. All others were."""

    failed: frozenset[str] = frozenset()  #: refused by the database; recorded as failures already
    superseded: frozenset[str] = frozenset()  #: another space's pass has taken the row over, or it was purged

    def joined(self, other: "WriteResult") -> "WriteResult":
        """Return both, for pages that were written in several chunks."""
        return WriteResult(failed=self.failed | other.failed, superseded=self.superseded | other.superseded)


class FailureStage(StrEnum):
    """Where a page failed."""

    FETCH = "fetch"
    READ = "read"
    STORE = "store"
    SCOPE = "scope"  #: its place or its labels could not be read
    ATTACHMENT = "attachment"  #: it is an attachment, which the list describes in an invalid way, or cannot be stored
    ATTACHMENT_TEXT = "attachment_text"  #: it is an attachment, whose file could not be downloaded
    COMMENT = "comment"  #: it is a comment, likewise


#: Stages of what is no page.
STAGES_OF_ITEMS = (FailureStage.ATTACHMENT, FailureStage.ATTACHMENT_TEXT, FailureStage.COMMENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Removals in one space that wait for a decision."""

    pages: int = 0
    items: Mapping[ItemKind, int] = field(default_factory=dict)
    reason: str | None = None

    @property
    def total(self) -> int:
        """Return how many there are of pages and items together."""
        return self.pages + sum(self.items.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One page that failed, described without its content."""

    page_id: str
    stage: FailureStage
    error_class: str
    message: str
    version: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceRecord:
    """What is written about one space at the end of a run's work on it."""

    report: SpaceReport
    looked_at_all: bool = False  #: everything that may have changed was looked at; pages that failed do not count
    listed_all: bool = False  #: a complete listing was read
    listing_digest: str | None = None
    watermark: datetime | None = None  #: None keeps the stored one
    looked_from: datetime | None = None  #: beginning of the look, by the source's clock; None: it sent no date
    is_away: bool = False  #: not visible, or not configured: when it is back, the next pass is a full one
    scope_fingerprint: str | None = None  #: None keeps the stored one
    held: Held | None = None  #: removals that wait for a decision; None keeps the hold as it is
    items_read: frozenset[ItemKind] = frozenset()  #: kinds of items whose lists were read, where all was looked at
    not_mirrored: int | None = None  #: attachments of what is not mirrored; None: not counted by this run
    allowed_run: bool = False  #: somebody allowed a mass removal in this run
    requests: int = 0  #: HTTP requests made for it
    leaving: Mapping[str, Leaving] | None = None  #: what a full pass decided of pages and items; None: nothing
