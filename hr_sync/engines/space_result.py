"""How the job of a space ended, in plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from hr_sync.domain.outcome import Mode, Outcome, RunReport


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceResult:
    """How the job of a space ended. Plain values, to be kept as JSON.

    `exit_code` is that of `hr-sync run`: 0 complete or nothing to do, 3 partial, 4 held, 75 temporary, 77 refused, 78
    configuration, 1 anything else. Where the whole site or the database was away, or somebody stopped the job, the
    space is still due. Otherwise it is due again by its schedule. An engine needs no retries of its own.
    """

    space_key: str
    mode: str
    run_id: int | None  #: the row in sync_runs; None: nothing was done
    outcome: str
    exit_code: int
    error: str | None = None
    warnings: Sequence[str] = ()
    counts: Mapping[str, int]  #: of pages and their items by what was done, those that are not 0

    @property
    def was_done(self) -> bool:
        """Return False if the space was not due, another worker was at work on it, or too many jobs were."""
        return self.run_id is not None


def result_of(report: RunReport, space_key: str) -> SpaceResult:
    """Return how a run over one space ended."""
    was_done = bool(report.spaces) or report.outcome is not Outcome.COMPLETE
    return SpaceResult(
        space_key=space_key,
        mode=str(report.mode),
        run_id=report.run_id if was_done else None,
        outcome=str(report.outcome),
        exit_code=int(report.exit_code),
        error=report.error,
        warnings=tuple(report.warnings),
        counts={name: count for name, count in asdict(report.counts).items() if count},
    )


def nothing_done(space_key: str, mode: Mode) -> SpaceResult:
    """Return that of a job that had nothing to do."""
    complete = str(Outcome.COMPLETE)
    return SpaceResult(space_key=space_key, mode=str(mode), run_id=None, outcome=complete, exit_code=0, counts={})
