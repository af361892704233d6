"""A service ends when it is told to, at whatever moment and whatever it waits for. `scripts/campaign-serve` goes on."""

import random
from pathlib import Path

import pytest
from confluence_simulator import BodyLengths, Simulator, generated_world
from sqlalchemy import Engine

from tests.cli.program import TOKEN
from tests.service.processes import can_be_process_1
from tests.service.stops import (
    LONGEST_STOP_SECONDS,
    Circumstance,
    pages_locked,
    request_hangs,
    slow_pages,
    spaces_locked,
    stop_once,
)


@pytest.mark.parametrize(
    ("circumstance", "as_process_1"),
    [
        (slow_pages, False),
        (slow_pages, True),
        (request_hangs, True),
        (pages_locked, False),
        (spaces_locked, False),
    ],
)
def test_a_stop_is_heard_in_time_and_leaves_nothing_behind(
    tmp_path: Path, engine: Engine, circumstance: Circumstance, as_process_1: bool
) -> None:
    """Within 5 s: 0 or 75, no lease is held, every page is whole and told of."""
    if as_process_1 and not can_be_process_1():
        pytest.skip("unshare may not make a process namespace here")
    world = generated_world(pages=120, lengths=BodyLengths(median=200, mean=300, maximum=2000))
    with Simulator(world, api_token=TOKEN, latency_seconds=0.1) as site:
        stop = stop_once(
            tmp_path,
            engine,
            site,
            circumstance,
            random.Random(2),  # noqa: S311 -- it chooses a moment
            as_process_1=as_process_1,
        )

    assert stop.left == []
    assert stop.exit_code in {0, 75}
    assert stop.seconds <= LONGEST_STOP_SECONDS
