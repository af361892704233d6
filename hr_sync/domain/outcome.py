"""The result of a run: counts, outcome, exit code. Pure values, used by the log, the run row and the command line."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum

from hr_sync.domain.attachment_texts import AttachmentTextCounts
from hr_sync.domain.content import ItemKind
from hr_sync.domain.deletion import DeletionPlan
from hr_sync.domain.not_mirrored import NotMirrored
from hr_sync.domain.principal_words import number
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.errors import (
    AccessDenied,
    ConfluenceUnavailable,
    CredentialsRefused,
    DatabaseConflict,
    DatabaseUnavailable,
    HrSyncError,
    LeaseHeld,
    ServerFailed,
    Stopped,
)


class Mode(StrEnum):
    """Which pages a run looks at."""

    FULL = "full"  #: everything in scope; the only mode that finds pages that are gone
    INCREMENTAL = "incremental"  #: pages with a new version since the last pass; removes nothing
    ACCESS = "access"  #: labels and readers of everything in scope, and nothing else
    RESYNC = "resync"  #: what was asked for is fetched whatever its version
    NOTIFIED = "notified"  #: pages and spaces that somebody says have changed; removes nothing
    PURGE = "purge"  #: erases what was asked for


class Outcome(StrEnum):
    """How a run, or its part for one space, ended. Ordered from best to worst."""

    COMPLETE = "complete"
    PARTIAL = "partial"  #: some pages failed, or a listing could not be trusted
    HELD = "held"  #: a mass of removals waits for a decision
    STOPPED = "stopped"  #: asked to stop; what was committed stays
    FAILED = "failed"


class ExitCode(IntEnum):
    """What the process returns to its caller. The errors of `hr_sync.errors` carry theirs."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    HELD = 4
    SNAPSHOT_NEEDED = 5  #: a consumer of the feed has to read everything again
    TEMPORARY = 75
    REFUSED = 77
    CONFIGURATION = 78


_EXIT_CODES = {
    Outcome.COMPLETE: ExitCode.COMPLETE,
    Outcome.PARTIAL: ExitCode.PARTIAL,
    Outcome.HELD: ExitCode.HELD,
    Outcome.STOPPED: ExitCode.TEMPORARY,
    Outcome.FAILED: ExitCode.FAILED,
}


@dataclass(kw_only=True, slots=True)
class Counts:
    """Counts of pages, attachments and comments by what was done, in one space or in a whole run.

    Declared once: the tables, the metrics and the printed table take their columns from these fields.
    """

    listed: int = field(default=0, metadata={"comment": "Pages that the listings showed"})
    inserted: int = field(default=0, metadata={"comment": "Pages that are new"})
    updated: int = field(default=0, metadata={"comment": "Pages whose row was written again"})
    moved: int = field(default=0, metadata={"comment": "Pages of which title, place or url changed"})
    restored: int = field(default=0, metadata={"comment": "Hidden or removed pages that are back"})
    relabelled: int = field(default=0, metadata={"comment": "Pages with other labels than before"})
    restricted: int = field(default=0, metadata={"comment": "Pages with other readers than before, fewer or more"})
    unchanged: int = field(default=0, metadata={"comment": "Pages that needed nothing"})
    failed: int = field(default=0, metadata={"comment": "Pages, attachments and comments that failed"})
    hidden: int = field(default=0, metadata={"comment": "Pages newly hidden and not removed"})
    removed: int = field(default=0, metadata={"comment": "Pages newly removed"})
    withdrawn: int = field(
        default=0,
        metadata={"comment": "Pages that were live and are not any more: hidden, and perhaps removed as well"},
    )
    bodies: int = field(default=0, metadata={"comment": "Page bodies fetched"})
    posts_listed: int = field(default=0, metadata={"comment": "Blog posts among the pages that the listings showed"})
    posts_written: int = field(
        default=0, metadata={"comment": "Blog posts among the pages that are new, back, moved or written again"}
    )
    posts_withdrawn: int = field(
        default=0, metadata={"comment": "Blog posts among the pages that were live and are not any more"}
    )
    attachments_listed: int = field(default=0, metadata={"comment": "Attachments that the listings showed"})
    attachments_added: int = field(default=0, metadata={"comment": "Attachments that are new or back"})
    attachments_updated: int = field(default=0, metadata={"comment": "Attachments whose row was written again"})
    attachments_hidden: int = field(default=0, metadata={"comment": "Attachments newly hidden and not removed"})
    attachments_removed: int = field(default=0, metadata={"comment": "Attachments newly removed"})
    comments_listed: int = field(default=0, metadata={"comment": "Comments that the listings showed"})
    comments_added: int = field(default=0, metadata={"comment": "Comments that are new or back"})
    comments_updated: int = field(default=0, metadata={"comment": "Comments whose row was written again"})
    comments_hidden: int = field(default=0, metadata={"comment": "Comments newly hidden and not removed"})
    comments_removed: int = field(default=0, metadata={"comment": "Comments newly removed"})

    def count_item(self, kind: ItemKind, what: str, number: int) -> None:
        """Count items of a kind: `listed`, `added`, `updated`, `hidden` or `removed`."""
        name = f"{kind}_{what}"
        setattr(self, name, getattr(self, name) + number)

    def add(self, other: "Counts") -> None:
        """Add another count to this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


#: Counts of what was looked at and left as it was.
NOTHING_CHANGED = ("listed", "posts_listed", "unchanged", "attachments_listed", "comments_listed")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceReport:
    """One space in one run. `error` says why it is not complete, and ends with the remedy."""

    space_key: str
    outcome: Outcome
    counts: Counts = field(default_factory=Counts)
    exit_code: int = 0
    error: str | None = None
    warning: str | None = None  #: worth knowing, although the space is complete
    busy_with: str | None = None  #: worker that holds the lease, where another one is at it
    deletions: DeletionPlan = field(default_factory=DeletionPlan)
    items: Mapping[ItemKind, DeletionPlan] = field(default_factory=dict)  #: likewise of attachments and comments
    held_items: Mapping[ItemKind, int] = field(default_factory=dict)
    """Removals of items that wait, also where this run could not decide about them."""
    shown: ShownPages | None = None  #: what consumers are shown of the space; None: not read
    ends_run: bool = False  #: the failure is about every space: the site is down, or refuses our credentials


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """One run. `exit_code` is what the process ends with."""

    run_id: int
    mode: Mode
    outcome: Outcome
    exit_code: int
    spaces: Sequence[SpaceReport]
    counts: Counts = field(default_factory=Counts)
    requests: int = 0
    duration_seconds: float = 0.0
    error: str | None = None
    warnings: Sequence[str] = ()  #: worth knowing, although nothing failed
    not_mirrored: Sequence[NotMirrored] = ()  #: of the spaces, where the run counted it
    not_shown: int | None = None  #: live pages of all spaces that consumers are not shown; None: not about all spaces
    attachment_texts: AttachmentTextCounts | None = None  #: of all spaces, after the run; None: files are not read


def pages_not_shown(reports: Iterable[SpaceReport]) -> int | None:
    """Return how many live pages of the spaces consumers are not shown; None if that is not known of each space."""
    shown = [report.shown for report in reports]
    if not shown or None in shown:
        return None
    return sum(each.pages - each.shown for each in shown if each is not None)


def total(reports: Iterable[SpaceReport]) -> Counts:
    """Add up the counts of all spaces."""
    counts = Counts()
    for report in reports:
        counts.add(report.counts)
    return counts


def conclude(reports: Sequence[SpaceReport]) -> tuple[Outcome, int]:
    """Return the outcome and the exit code of a run from those of its spaces.

    One space that could not be read makes the run partial; if no space could be read, the run ends as they did.
    A failure that is about every space ends the run as that space ended.
    """
    if not reports:
        return Outcome.COMPLETE, ExitCode.COMPLETE
    ending = next((report for report in reports if report.ends_run), None)
    if ending is not None:
        return ending.outcome, ending.exit_code
    order = list(Outcome)
    best, worst = (order[pick(order.index(r.outcome) for r in reports)] for pick in (min, max))
    if worst is Outcome.FAILED and best is not Outcome.FAILED:
        worst = Outcome.HELD if any(r.outcome is Outcome.HELD for r in reports) else Outcome.PARTIAL
        if all(r.busy_with for r in reports if r.outcome is Outcome.FAILED):
            return worst, ExitCode.TEMPORARY  # a request met busy spaces: try again
    if worst is Outcome.FAILED:
        return worst, reports[0].exit_code
    return worst, _EXIT_CODES[worst]


def is_about_every_space(failure: HrSyncError) -> bool:
    """Return True if a failure would repeat in every space: the site or the database is down or refuses access."""
    if isinstance(failure, ServerFailed | AccessDenied | DatabaseConflict):
        return False
    return isinstance(failure, ConfluenceUnavailable | CredentialsRefused | DatabaseUnavailable | Stopped)


def outcome_of(failure: HrSyncError) -> Outcome:
    """Return the outcome that a failure leaves."""
    if isinstance(failure, Stopped):
        return Outcome.STOPPED
    return Outcome.PARTIAL if failure.exit_code == ExitCode.PARTIAL else Outcome.FAILED


def held_in_words(pages: int, items: Mapping[ItemKind, int], *, how: str = "") -> str:
    """Return in words how many pages and items of them wait to be removed; `how` they are stands before each."""
    counts = ((pages, f"{how}page"), *((count, f"{how}{kind.one}") for kind, count in sorted(items.items())))
    return " and ".join(number(count, what) for count, what in counts if count)


def look_command(space_key: str) -> str:
    """Return the command that shows the removals that wait in a space, as a shell reads it."""
    return f"hr-sync run --space {shlex.quote(space_key)} --dry-run"


def access_command(space_key: str) -> str:
    """Return the command that reads who may read the pages of a space, as a shell reads it."""
    return f"hr-sync run --access --space {shlex.quote(space_key)}"


def release_command(space_key: str) -> str:
    """Return the command that carries out the removals that wait in a space, as a shell reads it."""
    return f"hr-sync run --space {shlex.quote(space_key)} --allow-mass-delete"


def report_of_failure(space_key: str, failure: HrSyncError, counts: Counts) -> SpaceReport:
    """Return the report of a space whose work ended with a failure, after so much was done."""
    return SpaceReport(
        space_key=space_key,
        outcome=outcome_of(failure),
        counts=counts,
        exit_code=ExitCode(failure.exit_code),
        error=str(failure),
        ends_run=is_about_every_space(failure),
        busy_with=failure.worker if isinstance(failure, LeaseHeld) else None,
    )
