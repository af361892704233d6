"""What runs did, and where each space stands: position, freshness, hold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hr_sync.domain.outcome import Counts, Mode, Outcome, RunReport
from hr_sync.store.read.overview import RunLine
from hr_sync.store.read.runs import SpaceStatus, last_runs, status_by_space
from hr_sync.store.store import Store
from hr_sync.store.tables import SyncRun, SyncRunSpace
from hr_sync.store.values import Failure, FailureStage, Held
from tests.store.spaces import HR, IT, NOON, WORKER, ask, decision, leased, record, tell, write

BROKEN = Failure(page_id="8", stage=FailureStage.FETCH, error_class="ServerFailed", message="500", version=3)


def status(engine: Engine, key: str = "HR") -> SpaceStatus:
    """Return how a space stands."""
    with Session(engine) as session:
        return {each.space_key: each for each in status_by_space(session)}[key]


def test_a_run_is_written_when_it_begins_and_when_it_ends(store: Store, engine: Engine) -> None:
    """A run that has not ended, or never will, is among the last ones."""
    first = store.open_run(Mode.FULL, WORKER, "0.1")
    second = store.open_run(Mode.PURGE, WORKER, "0.1")
    counts = Counts(listed=5, restored=1)
    store.close_run(
        RunReport(run_id=first, mode=Mode.FULL, outcome=Outcome.HELD, exit_code=4, spaces=[], counts=counts, requests=9)
    )
    with Session(engine) as session:
        runs = last_runs(session)

    assert [(run.id, run.mode, run.outcome, run.exit_code) for run in runs] == [
        (second, "purge", None, None),
        (first, "full", "held", 4),
    ]
    assert (runs[1].worker, runs[1].requests, runs[1].listed, runs[1].restored) == ("box:1", 9, 5, 1)  # type: ignore[attr-defined] # declared by a loop


def test_every_count_is_a_column_of_both_tables() -> None:
    """They are declared once; what the overview shows of a run is among them."""
    names = {*Counts.__dataclass_fields__}
    for table in (SyncRun.__table__, SyncRunSpace.__table__):
        assert names <= {column.name for column in table.columns}
    assert set(RunLine.__dataclass_fields__) <= {column.name for column in SyncRun.__table__.columns}


def test_the_end_of_a_space_is_one_transaction(store: Store, engine: Engine) -> None:
    """Failures of earlier runs, the run's row, position and report belong together."""
    with leased(store) as space:
        space.record_failures([BROKEN])
    with leased(store) as space:
        space.record_failures([replace(BROKEN, page_id="9")])
        seen: list[int] = []

        def make(failed: int) -> object:
            seen.append(failed)
            return record(
                counts=Counts(listed=4, failed=failed),
                looked_at_all=True,
                listed_all=True,
                listing_digest="digest",
                watermark=NOON,
                scope_fingerprint="scope",
                requests=7,
            )

        report = space.finish(make, clear_old_failures=True)  # type: ignore[arg-type] # a test's own return type
        assert seen == [1]
        assert report.counts.failed == 1
        assert space.failing_pages() == ["9"]
        state = space.state()

    assert (state.watermark, state.scope_fingerprint, state.full_pass_due) == (NOON, "scope", False)
    assert state.last_full_at is not None
    (row,) = ask(engine, "SELECT *, started_at <= finished_at AS ordered FROM sync_run_spaces")
    assert (row["run_id"], row["outcome"], row["listed"], row["failed"]) == (2, "complete", 4, 1)
    assert (row["listing_digest"], row["requests"], row["ordered"]) == ("digest", 7, True)
    now = status(engine)
    assert now.age is not None
    assert now.full_age is not None
    assert now.access_age is None
    assert (now.name, now.last_run_id, now.last_outcome, now.failing_pages) == (HR.name, 2, "complete", 1)


def test_what_was_not_looked_at_is_kept(store: Store) -> None:
    """A run that failed half-way moves neither watermark nor scope nor freshness."""
    with leased(store) as space:
        space.finish(
            lambda _: record(watermark=NOON, scope_fingerprint="scope", looked_at_all=True, listed_all=True),
            clear_old_failures=False,
        )
        before = space.state()
    with leased(store) as space:
        space.finish(lambda _: record(outcome=Outcome.FAILED, error="broken"), clear_old_failures=False)
        assert space.state() == before


def test_failures_do_not_make_a_space_stale(store: Store, engine: Engine) -> None:
    """Everything was looked at, one page failed: partial, and fresh."""
    with leased(store) as space:
        space.finish(
            lambda _: record(outcome=Outcome.PARTIAL, error="1 page failed", looked_at_all=True),
            clear_old_failures=False,
        )
    now = status(engine)
    assert now.age is not None
    assert now.full_age is None
    assert (now.last_outcome, now.error) == ("partial", "1 page failed")


def test_a_hold_stays_until_it_is_decided(store: Store, engine: Engine) -> None:
    """An incremental run after the full one changes neither the hold nor what the full one said."""
    with leased(store) as space:
        space.finish(
            lambda _: record(outcome=Outcome.HELD, error="40 wait", held=40, held_reason="many"),
            clear_old_failures=False,
        )
    since = status(engine).held_since
    assert since is not None
    with leased(store, mode=Mode.INCREMENTAL) as space:
        space.finish(lambda _: record(looked_at_all=True), clear_old_failures=False)
        assert space.state().hold.held == 40
    now = status(engine)
    assert (now.held, now.held_since, now.held_reason) == (40, since, "many")
    assert (now.last_outcome, now.error, now.last_full_outcome, now.last_full_error) == (
        "complete",
        None,
        "held",
        "40 wait",
    )
    with leased(store) as space:
        space.finish(lambda _: record(held=30, held_reason="fewer"), clear_old_failures=False)
    now = status(engine)
    assert (now.held, now.held_since, now.held_reason) == (30, since, "fewer")
    with leased(store) as space:
        space.finish(lambda _: record(held=0, allowed_run=True), clear_old_failures=False)
        assert (space.state().hold.held, space.state().hold.allowed_run_id) == (0, space.run_id)
    now = status(engine)
    assert (now.held, now.held_since, now.held_reason) == (0, None, None)


def test_the_end_of_the_run_may_settle_a_space_anew(store: Store, engine: Engine) -> None:
    """Over all spaces too much would go: the space is held after all, in its state and in the run's row."""
    with leased(store) as space:
        space.finish(lambda _: record(held=0, looked_at_all=True), clear_old_failures=False)
        held = record(outcome=Outcome.HELD, error="15 wait", counts=Counts(listed=3, hidden=15)).report
        space.settle(held, Held(pages=15, reason="too many in all"))

    now = status(engine)
    assert (now.held, now.held_reason, now.last_full_outcome, now.error) == (15, "too many in all", "held", "15 wait")
    assert ask(engine, "SELECT outcome, error, held, hidden FROM sync_run_spaces") == [
        {"outcome": "held", "error": "15 wait", "held": 15, "hidden": 15}
    ]


@pytest.mark.parametrize(
    ("mode", "counts", "rows"),
    [
        (Mode.INCREMENTAL, Counts(listed=2, unchanged=2), 0),
        (Mode.INCREMENTAL, Counts(listed=2, updated=1), 1),
        (Mode.FULL, Counts(listed=2, unchanged=2), 1),
    ],
)
def test_an_idle_incremental_run_adds_no_row(
    store: Store, engine: Engine, mode: Mode, counts: Counts, rows: int
) -> None:
    """A thousand spaces every five minutes would fill 28 GB a year with nothing. The space's own row is brought up."""
    with leased(store, mode=mode) as space:
        space.finish(lambda _: record(counts=counts, looked_at_all=True), clear_old_failures=False)

    assert len(ask(engine, "SELECT FROM sync_run_spaces")) == rows
    assert status(engine).age is not None


def test_a_full_pass_that_met_a_busy_space_is_due(store: Store, engine: Engine) -> None:
    """Asked for without a lease; the next complete listing clears it, an incremental run does not."""
    hour = timedelta(hours=1)
    assert store.full_pass_is_due(hour), "there is no space yet"
    with leased(store) as space:
        space.finish(lambda _: record(looked_at_all=True, listed_all=True), clear_old_failures=False)
        assert not store.full_pass_is_due(hour)
        store.request_full_pass(HR)
        assert store.full_pass_is_due(hour)
        assert space.state().full_pass_due
    with leased(store, mode=Mode.INCREMENTAL) as space:
        space.finish(lambda _: record(looked_at_all=True), clear_old_failures=False)
    assert status(engine).full_pass_due
    with leased(store) as space:
        space.finish(lambda _: record(outcome=Outcome.PARTIAL, listed_all=True), clear_old_failures=False)
    assert not status(engine).full_pass_due


def test_a_space_of_which_nothing_is_left_is_not_shown(store: Store, engine: Engine) -> None:
    """Neither status nor the schedule wait for it; when a run looks at all of it again, it is there again."""
    with leased(store) as space:
        space.write_pages([write("1")])
        space.record_failures([BROKEN])
        space.finish(lambda _: record(held=1, is_away=True), clear_old_failures=False)
        store.mark_gone(["HR"])
        assert status(engine).live_pages == 1
        space.remove([decision("1")])
        store.mark_gone(["HR"])
        assert status(engine).failing_pages == 1
        space.forget_failures(["8"])
        store.mark_gone(["HR"])
        assert status(engine).held == 1
        space.finish(lambda _: record(held=0, is_away=True), clear_old_failures=False)
        store.mark_gone(["HR"])
    with Session(engine) as session:
        assert status_by_space(session) == []
    assert not store.full_pass_is_due(timedelta(hours=1))
    with leased(store) as space:
        space.finish(lambda _: record(looked_at_all=True), clear_old_failures=False)
    assert status(engine).last_outcome == "complete"


def test_a_lease_that_expired_is_nobodys(store: Store, engine: Engine) -> None:
    """A worker that died is not shown as writing."""
    with leased(store):
        assert status(engine).lease_holder == "box:1"
        tell(engine, "UPDATE sync_spaces SET lease_expires_at = now() - interval '1 s'")
        assert status(engine).lease_holder is None


def test_live_hidden_and_failing_pages_are_counted(store: Store, engine: Engine) -> None:
    """Removed pages are in none of them."""
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in "1234"])
        space.hide([decision("2"), decision("3")])
        space.remove([decision("3")])
        space.record_failures([BROKEN])
    with leased(store, IT):
        pass
    now = status(engine)
    assert (now.live_pages, now.hidden_pages, now.failing_pages) == (2, 1, 1)
    assert (status(engine, "IT").live_pages, status(engine, "IT").last_outcome) == (0, None)


def test_a_page_that_fails_again_waits_longer(store: Store, engine: Engine) -> None:
    """Attempts are counted, the wait doubles up to a day, and one chunk may name a page twice."""
    waits = "SELECT attempts, next_attempt_at - last_failed_at AS wait FROM page_failures"
    seen = []
    with leased(store) as space:
        for _ in range(12):
            space.record_failures([BROKEN, BROKEN])
            (row,) = ask(engine, waits)
            seen.append((row["attempts"], row["wait"] / timedelta(minutes=1)))
        assert seen[:3] == [(1, 5), (2, 10), (3, 20)]
        assert seen[-1] == (12, 24 * 60)
        tell(engine, "UPDATE page_failures SET next_attempt_at = now()")
        assert space.failing_pages(due_only=True) == ["8"]
        space.forget_failures(["8"])
        assert space.failing_pages() == []


def test_old_history_is_deleted_but_for_the_last_runs_of_each_space(store: Store, engine: Engine) -> None:
    """Runs, their rows of spaces and feed rows; what a space points to stays."""
    for _ in range(3):
        with leased(store) as space:
            space.write_pages([write("1", seen="HR" if space.stored_pages() else None, version=space.run_id)])
            space.finish(lambda _: record(looked_at_all=True), clear_old_failures=False)
    old = "now() - interval '9 days'"
    tell(
        engine,
        f"UPDATE sync_runs SET started_at = {old}",
        f"UPDATE content_changes SET changed_at = {old} WHERE seq < 3",
    )

    assert store.prune_history(timedelta(days=8)) == 4
    assert store.prune_history(timedelta(days=8)) == 0
    assert ask(engine, "SELECT id FROM sync_runs") == [{"id": 3}]
    assert ask(engine, "SELECT run_id FROM sync_run_spaces") == [{"run_id": 3}]
    assert ask(engine, "SELECT run_id FROM content_changes") == [{"run_id": 3}]
