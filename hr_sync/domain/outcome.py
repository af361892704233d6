"""What a run did and how it ended. Pure values, made once and shown by the log, the run row and the command line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum


class Outcome(StrEnum):
    """How a run, or its part for one space, ended. Ordered from best to worst."""

    COMPLETE = "complete"
    PARTIAL = "partial"  #: some pages failed, or a listing could not be trusted
    HELD = "held"  #: a mass of removals waits for a decision
    STOPPED = "stopped"  #: asked to stop; what was committed stays
    FAILED = "failed"


class ExitCode(IntEnum):
    """What the process tells its caller. The errors of `hr_sync.errors` carry theirs."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    HELD = 4
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
    """How many pages met which fate in one space, or in a whole run."""

    listed: int = 0
    inserted: int = 0
    updated: int = 0
    moved: int = 0
    restored: int = 0
    relabelled: int = 0
    restricted: int = 0  #: pages with other readers than before, be they fewer or more
    unchanged: int = 0
    failed: int = 0
    hidden: int = 0
    removed: int = 0
    bodies: int = 0  #: bodies fetched

    def add(self, other: "Counts") -> None:
        """Add another count to this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceReport:
    """One space in one run. `error` says why it is not complete, and ends with the remedy."""

    space_key: str
    outcome: Outcome
    counts: Counts
    exit_code: int = 0
    error: str | None = None
    busy_with: str | None = None  #: who holds the lease, where another worker is at it
    ends_run: bool = False  #: what went wrong would meet every space: the site is down, or has shut us out


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """One run. `exit_code` is what the process ends with."""

    run_id: int
    mode: str
    outcome: Outcome
    exit_code: int
    spaces: Sequence[SpaceReport]
    counts: Counts = field(default_factory=Counts)
    requests: int = 0
    duration_seconds: float = 0.0
    error: str | None = None


def total(reports: Iterable[SpaceReport]) -> Counts:
    """Add up the counts of all spaces."""
    counts = Counts()
    for report in reports:
        counts.add(report.counts)
    return counts


def conclude(reports: Sequence[SpaceReport]) -> tuple[Outcome, int]:
    """Return the outcome and the exit code of a run from those of its spaces.

    One space that could not be read makes the run partial; when it is so with every space, the run ends as they did.
    It also ends as the space did whose failure meets every space, whichever spaces had their turn before.
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
    if worst is Outcome.FAILED:
        return worst, reports[0].exit_code
    return worst, _EXIT_CODES[worst]
