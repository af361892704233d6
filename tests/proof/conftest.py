"""One database for the whole process, emptied between tests, which is much faster than a new one each time."""

import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from confluence_simulator import Simulator
from sqlalchemy import Engine, text

from hr_sync.store.engine import make_engine
from hr_sync.store.orm import Base
from tests.conftest import _database
from tests.proof.rehearsal import Rehearsal, world_before
from tests.proof.stage import Stage, first_world


@pytest.fixture(scope="session")
def proof_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """URL of a database with our tables, of this test process."""
    with _database(postgres_server, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def proof_engine(proof_url: str) -> Iterator[Engine]:
    """Engine on it."""
    engine = make_engine(proof_url)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(proof_engine: Engine) -> Callable[[], None]:
    """Empty every table but the one without which nobody reads the feed; done once before the test."""

    def delete() -> None:
        tables = [table for table in reversed(Base.metadata.sorted_tables) if table.name != "feed_state"]
        with proof_engine.begin() as connection:
            connection.execute(text(";".join(f"DELETE FROM {table.name}" for table in tables)))

    delete()
    return delete


@pytest.fixture(scope="module")
def rehearsal(postgres_server: str, template_database: str) -> Iterator[Rehearsal]:
    """Return the run that is broken at each of its requests, on a database of its own."""
    world, _ = world_before()
    with _database(postgres_server, template_database) as url, Simulator(world) as site:
        engine = make_engine(url)
        played = Rehearsal(site, engine, url)
        yield played
        played.close()
        engine.dispose()


@pytest.fixture(scope="module")
def stage(postgres_server: str, template_database: str) -> Iterator[Stage]:
    """Where histories are played, on a database of its own."""
    with _database(postgres_server, template_database) as url, Simulator(first_world()) as site:
        engine = make_engine(url)
        played = Stage.on(site, engine)
        yield played
        played.close()
        engine.dispose()


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Log nothing: thousands of runs would bury the one line that tells what failed."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)
