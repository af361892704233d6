"""Every kind of fault that answers in the API's place, at requests of a run."""

from collections import Counter

import pytest
from confluence_simulator.faults import KINDS
from confluence_simulator.faults.answers import ANSWERS

from tests.proof.fault_table import TABLE
from tests.proof.rehearsal import ROLES, Rehearsal, requests_to_break

pytestmark = pytest.mark.long

SORTS = {
    "check account": "account",
    "last account": "account",
    "check page": "lookup",
    "check file": "file lookup",
    "listing end": "listing",
    "body": "bodies",
}


def test_every_kind_has_its_place_in_the_table() -> None:
    """A new kind of fault is a decision about exit codes."""
    assert TABLE.keys() == KINDS.keys()


def test_the_run_that_is_broken_asks_for_everything_once(rehearsal: Rehearsal) -> None:
    """Twenty-six requests, each with the role by which the table knows it."""
    assert rehearsal.roles() == [SORTS.get(role, role) for role in ROLES]


def test_each_entry_of_the_table_is_played() -> None:
    """Each line of exit codes at each role, each kind twice or more, and each request by some kind."""
    played = {(kind, at) for kind in TABLE if KINDS[kind].touches is None for at in requests_to_break(kind)}
    assert {(id(TABLE[kind]), ROLES[at - 1]) for kind, at in played} == {
        (id(TABLE[kind]), role) for kind in TABLE if KINDS[kind].touches is None for role in ROLES
    }
    assert min(Counter(kind for kind, _ in played).values()) >= 2
    assert {at for _, at in played} == set(range(1, len(ROLES) + 1))


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_wrong_answer_removes_nothing_and_is_reported(rehearsal: Rehearsal, kind: str) -> None:
    """At each request the exit code is right, no row goes without reason, and the next run makes the mirror right."""
    rehearsal.break_each_request(kind)
