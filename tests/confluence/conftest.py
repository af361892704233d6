"""A running site of twelve pages."""

from collections.abc import Iterator

import pytest
from confluence_simulator import Simulator

from tests.confluence.clients import small_world


@pytest.fixture
def site() -> Iterator[Simulator]:
    """Cloud, fresh for each test."""
    with Simulator(small_world()) as simulator:
        yield simulator
