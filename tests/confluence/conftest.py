"""A running site of twelve pages, and sources of both flavours over any world."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from confluence_simulator import Simulator, World

from hr_sync.confluence.source import open_source
from tests.confluence.clients import BASIC, open_client, small_world
from tests.confluence.flavors import FLAVORS, Open, Opened


@pytest.fixture
def site() -> Iterator[Simulator]:
    """Cloud, fresh for each test."""
    with Simulator(small_world()) as simulator:
        yield simulator


@pytest.fixture(params=FLAVORS)
def flavor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(flavor: str) -> Iterator[Open]:
    """Serve a world in the flavour and open its source; `bounds` are fields of Limits and RetryRules."""
    with ExitStack() as stack:

        def open_world(world: World, bounds: dict[str, Any] | None = None, **switches: Any) -> Opened:
            site = stack.enter_context(Simulator(world, **{**FLAVORS[flavor], **switches}))
            client = stack.enter_context(open_client(site.site_url, BASIC, **(bounds or {})))
            return site, open_source(client)

        yield open_world
