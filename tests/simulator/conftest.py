"""Running sites for the simulator's own tests."""

from collections.abc import Iterator

import pytest
from confluence_simulator import Simulator

from tests.simulator.sites import furnished_world


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    """Serve a Cloud site with one of everything."""
    with Simulator(furnished_world()) as simulator:
        yield simulator


@pytest.fixture
def datacenter() -> Iterator[Simulator]:
    """Serve the same world on Data Center, under /confluence."""
    with Simulator(furnished_world(), flavor="datacenter", context_path="/confluence") as simulator:
        yield simulator
