"""A site and a mirror that every test of a module may look at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluence_simulator import BodyLengths, Simulator, World, generated_world

from tests.cli.program import TOKEN

if TYPE_CHECKING:
    from tests.cli.stage import Stage


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


@pytest.fixture(scope="session")
def stage(postgres_server: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stage"]:
    """Make a site, a complete mirror of it, and servers that misbehave, once."""
    from tests.cli.stage import set_stage  # noqa: PLC0415 -- it imports this module

    with set_stage(postgres_server, template_database, tmp_path_factory.mktemp) as made:
        yield made


@pytest.fixture
def copied(stage: "Stage", postgres_server: str) -> Iterator[Callable[[str], "Stage"]]:
    """Return a function that copies the mirror, executes SQL in the copy, and returns the stage with it."""
    from tests.cli.stage import copies  # noqa: PLC0415 -- as above

    with copies(stage, postgres_server) as copy:
        yield copy
