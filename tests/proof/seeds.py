"""How many histories are played, and which. The same ones each time, until somebody asks for others."""

import os

from hypothesis import HealthCheck, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.histories import History
from tests.proof.stage import Stage

EVERYTHING = bool(os.environ.get("EVERY_FAULT"))  #: play all that takes long: every fault everywhere, every history


def one_in(share: int) -> int:
    """Return which share of the cases of a matrix is played: one in `share`, or all with EVERY_FAULT=1."""
    return 1 if EVERYTHING else share


def play(histories: type[History], stage: Stage, *, examples: int, steps: int = 15, number: int | None = None) -> None:
    """Play `examples` histories of `steps` steps; `number` is the seed, HYPOTHESIS_SEED or 1 without one.

    The seed is printed, and with a failure the shortest history that fails, as a program to be read.
    """
    number = int(os.environ.get("HYPOTHESIS_SEED", "1")) if number is None else number
    print(f"{histories.__name__}: {examples} histories, HYPOTHESIS_SEED={number}")  # noqa: T201 -- shown with a failure
    machine = seed(number)(type(histories.__name__, (histories,), {"stage": stage}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            verbosity=Verbosity.normal,
            suppress_health_check=list(HealthCheck),
        ),
    )
