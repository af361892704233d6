"""Every kind of fault in an answer, around it and below it, at requests of a run."""

import pytest
from confluence_simulator.faults import KINDS
from confluence_simulator.faults.answers import ANSWERS

from tests.proof.rehearsal import Rehearsal

pytestmark = pytest.mark.long

ARGUMENTS = {
    "drip": 0.0005,  # seconds between 16 pieces
    "drip-head": 0.0005,
    "slow": 0.005,  # seconds
    "gzip-bomb": 6_000_000,  # bytes, above what the rehearsal reads
}


# Faults of one page or one space fire at the answers that hold it, not at a chosen request.
# `forbid-during-walk` takes a whole space away, which is a change and no fault: test_faults_in_access.py plays it.
CHOSEN = [
    kind for kind in KINDS if kind not in ANSWERS and KINDS[kind].touches is None and kind != "forbid-during-walk"
]
OF_ONE_PAGE = [kind for kind in KINDS if KINDS[kind].touches is not None and kind.startswith("page-")]
OF_ONE_SPACE = [kind for kind in KINDS if KINDS[kind].touches is not None and kind.startswith("space-")]


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_spoiled_answer_removes_nothing_and_is_reported(rehearsal: Rehearsal, kind: str) -> None:
    """At each request the exit code is right, no row goes without reason, and the next run makes the mirror right."""
    rehearsal.break_each_request(kind, ARGUMENTS.get(kind))


@pytest.mark.parametrize("kind", OF_ONE_PAGE)
def test_a_page_that_spoils_its_answers_costs_itself_alone(rehearsal: Rehearsal, kind: str) -> None:
    """Every page of the other space is right; nothing is removed, and the next run makes the mirror right."""
    rehearsal.break_one_page(kind)


@pytest.mark.parametrize("kind", OF_ONE_SPACE)
def test_a_space_that_is_described_badly_costs_itself_alone(rehearsal: Rehearsal, kind: str) -> None:
    """Every page of the other space is right; nothing is removed, and the next run makes the mirror right."""
    rehearsal.break_one_space(kind)
