"""A site and a mirror that every test of a module may look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluence_simulator import BodyLengths, Simulator, World, generated_world

from tests.cli.program import TOKEN


def world_of(pages: int) -> World:
    """Space S00 with short pages."""
    return generated_world(pages=pages, lengths=BodyLengths(median=200, mean=300, maximum=2000))


@pytest.fixture
def site() -> Iterator[Simulator]:
    """Twelve pages in space S00."""
    with Simulator(world_of(12), api_token=TOKEN) as simulator:
        yield simulator


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder that the program is started in."""
    return tmp_path
