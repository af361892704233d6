"""How a run ends, from how its spaces ended; which failures are about every space; and counts that add up."""

from dataclasses import fields, replace

import pytest

from hr_sync.domain.outcome import (
    Counts,
    ExitCode,
    Outcome,
    SpaceReport,
    conclude,
    is_about_every_space,
    outcome_of,
    total,
)
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    ConfigurationError,
    ConfluenceUnavailable,
    CredentialsRefused,
    DatabaseConflict,
    DatabaseUnavailable,
    EndpointRemoved,
    HrSyncError,
    LeaseHeld,
    LeaseLost,
    NotFound,
    ServerFailed,
    Stopped,
)


def report(outcome: Outcome, exit_code: int) -> SpaceReport:
    """Return the report of one space."""
    return SpaceReport(space_key="HR", outcome=outcome, exit_code=exit_code, counts=Counts(inserted=2))


COMPLETE, PARTIAL, HELD = report(Outcome.COMPLETE, 0), report(Outcome.PARTIAL, 3), report(Outcome.HELD, 4)
REFUSED, UNSEEN = report(Outcome.FAILED, 77), report(Outcome.FAILED, 78)
BUSY = replace(report(Outcome.FAILED, 75), busy_with="worker-2")
STOPPED = replace(report(Outcome.STOPPED, 75), ends_run=True)
SITE_DOWN = replace(report(Outcome.FAILED, 75), ends_run=True)
ALL_REFUSED = replace(REFUSED, ends_run=True)


@pytest.mark.parametrize(
    ("reports", "outcome", "exit_code"),
    [
        ([], Outcome.COMPLETE, 0),
        ([COMPLETE], Outcome.COMPLETE, 0),
        ([COMPLETE, COMPLETE], Outcome.COMPLETE, 0),
        ([PARTIAL], Outcome.PARTIAL, 3),
        ([COMPLETE, PARTIAL], Outcome.PARTIAL, 3),
        ([HELD], Outcome.HELD, 4),
        ([PARTIAL, HELD, COMPLETE], Outcome.HELD, 4),
        # A space that could not be read makes the run partial, unless none could be read.
        ([COMPLETE, REFUSED], Outcome.PARTIAL, 3),
        ([COMPLETE, UNSEEN], Outcome.PARTIAL, 3),
        ([PARTIAL, REFUSED], Outcome.PARTIAL, 3),
        ([HELD, REFUSED], Outcome.HELD, 4),
        ([REFUSED], Outcome.FAILED, 77),
        ([REFUSED, REFUSED], Outcome.FAILED, 77),
        ([UNSEEN, REFUSED], Outcome.FAILED, 78),
        # A space that was named and that another worker holds: try again.
        ([BUSY], Outcome.FAILED, 75),
        ([BUSY, BUSY], Outcome.FAILED, 75),
        ([COMPLETE, BUSY], Outcome.PARTIAL, 75),
        ([PARTIAL, BUSY, COMPLETE], Outcome.PARTIAL, 75),
        ([COMPLETE, BUSY, REFUSED], Outcome.PARTIAL, 3),
        # A failure that is about every space ends the run as that space ended.
        ([STOPPED], Outcome.STOPPED, 75),
        ([COMPLETE, STOPPED], Outcome.STOPPED, 75),
        ([COMPLETE, REFUSED, STOPPED], Outcome.STOPPED, 75),
        ([COMPLETE, HELD, ALL_REFUSED], Outcome.FAILED, 77),
        ([COMPLETE, SITE_DOWN], Outcome.FAILED, 75),
        ([REFUSED, SITE_DOWN], Outcome.FAILED, 75),
        # Stopped without a failure of its own.
        ([COMPLETE, replace(STOPPED, ends_run=False)], Outcome.STOPPED, 75),
    ],
)
def test_a_run_ends_as_its_spaces_did(reports: list[SpaceReport], outcome: Outcome, exit_code: int) -> None:
    """Each combination has its outcome and its exit code."""
    assert conclude(reports) == (outcome, exit_code)


def test_the_order_of_the_spaces_does_not_matter() -> None:
    """Where one of them is better than failed."""
    for some in ([COMPLETE, PARTIAL, HELD], [HELD, REFUSED, COMPLETE], [COMPLETE, BUSY], [COMPLETE, PARTIAL, STOPPED]):
        assert conclude(some) == conclude(some[::-1])


@pytest.mark.parametrize(
    ("failure", "every_space", "outcome"),
    [
        (HrSyncError("x"), False, Outcome.FAILED),
        (ConfigurationError("x"), False, Outcome.FAILED),
        (DatabaseUnavailable("x"), True, Outcome.FAILED),
        (DatabaseConflict("x"), False, Outcome.FAILED),
        (LeaseLost("x"), False, Outcome.FAILED),
        (LeaseHeld("x"), False, Outcome.FAILED),
        (Stopped("x"), True, Outcome.STOPPED),
        (AnswerNotTrusted("x"), False, Outcome.PARTIAL),
        (NotFound("x"), False, Outcome.PARTIAL),
        (EndpointRemoved("x"), False, Outcome.FAILED),
        (CredentialsRefused("x"), True, Outcome.FAILED),
        (AccessDenied("x"), False, Outcome.FAILED),
        (ConfluenceUnavailable("x"), True, Outcome.FAILED),
        (ServerFailed("x"), False, Outcome.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, HrSyncError) else str(value),
)
def test_a_failure_costs_one_space_or_all(failure: HrSyncError, outcome: Outcome, *, every_space: bool) -> None:
    """A lock, a refusal or a server error in one space costs that space alone."""
    assert is_about_every_space(failure) is every_space
    assert outcome_of(failure) is outcome


def test_outcomes_are_ordered_from_best_to_worst() -> None:
    """A run takes the worst one of its spaces."""
    assert list(Outcome) == ["complete", "partial", "held", "stopped", "failed"]


def test_exit_codes_are_those_that_the_documentation_names() -> None:
    """Scripts rely on them."""
    assert {code.name: code.value for code in ExitCode} == {
        "COMPLETE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "PARTIAL": 3,
        "HELD": 4,
        "SNAPSHOT_NEEDED": 5,
        "TEMPORARY": 75,
        "REFUSED": 77,
        "CONFIGURATION": 78,
    }


def test_the_counts_of_a_run_are_those_of_its_spaces() -> None:
    """Every field is added, and the counts of the spaces stay as they are."""
    names = [each.name for each in fields(Counts)]
    one = Counts(**{name: number for number, name in enumerate(names, start=1)})
    first, second = replace(COMPLETE, counts=one), replace(PARTIAL, counts=replace(one))

    assert total([first, second]) == Counts(**{name: 2 * number for number, name in enumerate(names, start=1)})
    assert first.counts.listed == second.counts.listed == 1
    assert total([]) == Counts()


def test_every_count_says_what_it_counts() -> None:
    """Tables and metrics take their comments from there."""
    assert all(each.metadata.get("comment") for each in fields(Counts))
