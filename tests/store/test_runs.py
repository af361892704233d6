"""The questions about runs: what happened last, how fresh each space is."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func
from sqlalchemy.orm import Session

from hr_sync.store.read.runs import last_runs, spaces_of_run, status_by_space
from hr_sync.store.run_tables import SyncRun, SyncRunSpace, SyncSpace
from hr_sync.store.tables import PageFailure
from tests.store.rows import NOON, page

MINUTE = timedelta(minutes=1)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Session on two runs over the spaces HR and IT; a third run has begun, and holds HR's lease."""
    with Session(engine) as session:
        session.add_all([SyncRun(mode="full", worker="host:1", version="0.1") for _ in range(3)])
        session.flush()
        session.add_all(
            [
                SyncRunSpace(run_id=1, space_key="HR", outcome="complete"),
                SyncRunSpace(run_id=2, space_key="IT", outcome="failed", error="listing broke"),
                SyncRunSpace(run_id=2, space_key="HR", outcome="partial"),
                SyncSpace(
                    space_key="HR",
                    name="Human Resources",
                    last_run_id=2,
                    last_complete_at=func.now() - 5 * MINUTE,
                    lease_holder="host:1",
                    lease_expires_at=func.now() + MINUTE,
                ),
                SyncSpace(
                    space_key="IT", last_run_id=2, lease_holder="host:2", lease_expires_at=func.now() - MINUTE
                ),
                SyncSpace(space_key="ZZ"),
                page("1"),
                page("2", hidden_at=NOON),
                PageFailure(
                    page_id="3", space_key="HR", stage="read", error_class="E", message="m", attempts=1,
                    next_attempt_at=NOON, run_id=2,
                ),
            ]
        )  # fmt: skip
        session.commit()
        yield session


def test_runs_come_newest_first(session: Session) -> None:
    """A run that has not ended, or never will, is among them."""
    runs = last_runs(session, limit=2)

    assert [(run.id, run.outcome) for run in runs] == [(3, None), (2, None)]


def test_a_run_tells_what_it_did_in_each_space(session: Session) -> None:
    """By key."""
    assert [(row.space_key, row.outcome) for row in spaces_of_run(session, 2)] == [("HR", "partial"), ("IT", "failed")]
    assert list(spaces_of_run(session, 3)) == []


def test_freshness_is_the_age_of_the_last_complete_run(session: Session) -> None:
    """A partial run does not make a space fresh, and a space without a complete run has no age."""
    human, technical, new = status_by_space(session)

    assert human.age is not None
    assert 5 * MINUTE <= human.age < 6 * MINUTE
    assert (human.name, human.last_run_id, human.last_outcome) == ("Human Resources", 2, "partial")
    assert (technical.age, technical.last_outcome, technical.error) == (None, "failed", "listing broke")
    assert (new.space_key, new.age, new.last_run_id, new.last_outcome) == ("ZZ", None, None, None)


def test_a_lease_that_expired_is_nobodys(session: Session) -> None:
    """A worker that died is not shown as writing."""
    assert [space.lease_holder for space in status_by_space(session)] == ["host:1", None, None]


def test_live_and_failing_pages_are_counted(session: Session) -> None:
    """Hidden pages are not live; pages that failed and wait for another try are failing."""
    assert [(space.live_pages, space.failing_pages) for space in status_by_space(session)] == [(1, 1), (0, 0), (0, 0)]
