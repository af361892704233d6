"""Tables get into a fresh database at start-up, and an unfit schema is refused."""

from sqlalchemy import Engine

from hr_sync.database.schema import HEAD, check_schema, ensure_schema


def test_smoke(engine: Engine) -> None:
    assert check_schema(engine) == HEAD
    assert ensure_schema(engine) == HEAD
