"""The store on a fresh database."""

import pytest
from sqlalchemy import Engine

from hr_sync.store.store import Store


@pytest.fixture
def store(engine: Engine) -> Store:
    """Store on a fresh database with our tables."""
    return Store(engine)
