"""Every kind of fault that answers in the API's place, at every request of a run. The full matrix, nothing sampled."""

import pytest
from confluence_simulator.faults import KINDS
from confluence_simulator.faults.answers import ANSWERS

from tests.proof.fault_table import TABLE
from tests.proof.rehearsal import ROLES, Rehearsal

pytestmark = pytest.mark.long

SORTS = {"canary account": "account", "canary page": "look", "listing end": "listing"}


def test_every_kind_has_its_place_in_the_table() -> None:
    """A new kind of fault is a decision about exit codes."""
    assert TABLE.keys() == KINDS.keys()


def test_the_run_that_is_broken_asks_for_everything_once(rehearsal: Rehearsal) -> None:
    """Fifteen requests, each with the role by which the table knows it."""
    assert rehearsal.roles() == [SORTS.get(role, role) for role in ROLES]


# What the worker does not yet get right: refusals of a filter, a gateway or to an anonymous visitor are evidence to it,
# and a CAPTCHA that one header alone names is told as missing permissions.
OPEN = ("forbidden-html-403", "forbidden-foreign-json-403", "anonymous-header", "captcha-header")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.xfail(strict=True)) if kind in OPEN else kind for kind in ANSWERS],
)
def test_a_wrong_answer_removes_nothing_and_is_told(rehearsal: Rehearsal, kind: str) -> None:
    """At each request the exit code is right, no row goes without reason, and the next run makes the mirror right."""
    rehearsal.break_each_request(kind)
