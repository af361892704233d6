"""Several workers on one database: one writer per space, proven by what the database saw."""

import pytest

from tests.proof.rounds import rounds
from tests.proof.stage import Stage


@pytest.mark.timeout(300)
def test_workers_that_start_together_take_turns(stage: Stage) -> None:
    """A full run, an incremental one and a resync: one of them writes a space, the others leave it to that one."""
    with rounds(stage, seed=1) as played:
        outcomes = [worker for _ in range(20) for worker in played.together()]

        assert played.double_writers() == []
        assert played.writing_runs() > 20
        assert any(worker.result["busy"] for worker in outcomes)


@pytest.mark.timeout(300)
def test_a_service_and_single_runs_take_turns(stage: Stage) -> None:
    """`serve` works on its schedule while runs and resyncs come and go; all end well, and so does the mirror."""
    with rounds(stage, seed=4) as played:
        outcomes = [worker for _ in range(6) for worker in played.together_with_service()]

        assert played.double_writers() == []
        assert played.writing_services() >= 1  # of six; a run between may have left it nothing to do
        assert any(worker.result["busy"] for worker in outcomes)


@pytest.mark.timeout(300)
def test_a_worker_that_slept_past_its_lease_writes_nothing_more(stage: Stage) -> None:
    """It was overtaken while it waited for bodies, and is refused by the database when it wakes."""
    with rounds(stage, seed=2) as played:
        sleepers = [played.asleep_before_writing() for _ in range(6)]

        assert played.double_writers() == []
        assert {sleeper.exit_code for sleeper in sleepers} <= {3, 75}  # 3 where its other space was complete already
        # One may sleep within a transaction of its other space, which the server ends: then that is its error.
        assert sum("took over" in sleeper.result["error"] for sleeper in sleepers) >= 3


@pytest.mark.timeout(300)
def test_it_does_not_matter_where_a_worker_falls_asleep(stage: Stage) -> None:
    """Between two transactions or within one, which the server then ends."""
    with rounds(stage, seed=3) as played:
        for _ in range(6):
            played.asleep_anywhere()

        assert played.double_writers() == []
