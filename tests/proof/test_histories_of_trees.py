"""Random histories over page trees, compared with the oracle row by row."""

import pytest

from tests.proof.histories import TreeHistory
from tests.proof.seeds import one_in, play
from tests.proof.stage import Stage

pytestmark = pytest.mark.long


@pytest.mark.timeout(900)
def test_any_history_ends_in_a_right_mirror(stage: Stage) -> None:
    """After every clean full run every row is right; no run, however broken, takes a page that is there."""
    play(TreeHistory, stage, examples=100 // one_in(4))
