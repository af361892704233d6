"""Rulings are carried out on the rows that they were made on, whatever space's pass carries them out."""

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.domain.deletion import Ruling, Verdict
from hr_sync.errors import LeaseLost
from hr_sync.store.engine import make_sessions
from hr_sync.store.lease import Lease, take_lease
from hr_sync.store.tables import ConfluencePage, ContentChange
from hr_sync.store.write.deletions import apply_rulings
from tests.store.rows import page

RULING = Ruling(page_id="1", space_key="HR", verdict=Verdict.REMOVE, reason="out of scope", was_live=True)


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions on a database that has one page of HR."""
    made = make_sessions(engine)
    with made.begin() as session:
        session.add(page("1"))
    return made


@pytest.fixture
def lease(sessions: sessionmaker[Session]) -> Lease:
    """Lease of IT, whose listing shows the page outside of the scope."""
    lease = take_lease(sessions, "IT", "host:1:1")
    assert isinstance(lease, Lease)
    return lease


def log_fields(sessions: sessionmaker[Session]) -> list[tuple[str, str]]:
    """Return what the feed says."""
    with sessions() as session:
        return [
            (space, action) for space, action in session.execute(select(ContentChange.space_key, ContentChange.action))
        ]


def test_a_page_is_removed_by_the_space_that_lists_it_now(sessions: sessionmaker[Session], lease: Lease) -> None:
    """It is told once, under the key that consumers know it by."""
    assert apply_rulings(sessions, lease, 7, [RULING]) == ["1"]
    assert apply_rulings(sessions, lease, 8, [RULING]) == []
    assert log_fields(sessions) == [("HR", "remove")]


def test_a_page_that_another_space_has_taken_over_since_is_left_alone(
    sessions: sessionmaker[Session], lease: Lease
) -> None:
    """The ruling was on the row as it was."""
    with sessions.begin() as session:
        session.execute(update(ConfluencePage).values(space_key="OPS"))
    assert apply_rulings(sessions, lease, 7, [RULING]) == []
    assert log_fields(sessions) == []


def test_a_lease_that_was_lost_removes_nothing(sessions: sessionmaker[Session], lease: Lease) -> None:
    """The lease is that of the space whose pass it is."""
    assert isinstance(take_lease(sessions, "IT", "host:2:1", over="host:1:1"), Lease)
    with pytest.raises(LeaseLost):
        apply_rulings(sessions, lease, 7, [RULING])
    assert log_fields(sessions) == []
