"""Erasing takes everything that belongs to a page, and nothing that was not meant any more when it happens."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from hr_sync.domain.changes import ChangeAction
from hr_sync.store.store import Store
from hr_sync.store.values import Failure, FailureStage
from tests.store.spaces import HR, IT, NOON, ask, decision, feed, leased, record, tell, write

FAILED = Failure(page_id="8", stage=FailureStage.READ, error_class="AnswerNotTrusted", message="no title")
NOW = timedelta(0)


@pytest.fixture
def filled(store: Store) -> Store:
    """Store with the pages 1 to 3 of HR, of which 3 is removed, and the page 8 that only ever failed."""
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in "123"])
        space.remove([decision("3")])
        space.record_failures([FAILED])
        space.finish(
            lambda _: record(watermark=NOON, scope_fingerprint="s", looked_at_all=True, listed_all=True, held=2),
            clear_old_failures=False,
        )
    return store


def test_what_a_purge_would_erase_is_found(filled: Store) -> None:
    """By page, by space, by age; pages that only failed are among them, except where an age is asked for."""
    assert filled.pages_to_purge() == {}
    assert filled.pages_to_purge(page_ids=["1", "8", "9"]) == {"HR": ["1", "8"]}
    assert filled.pages_to_purge(space_keys=["HR", "IT"]) == {"HR": ["1", "2", "3", "8"]}
    assert filled.pages_to_purge(removed_for=NOW) == {"HR": ["3"]}
    assert filled.pages_to_purge(removed_for=timedelta(days=1)) == {}


def test_row_body_failure_and_feed_are_erased(filled: Store, engine: Engine) -> None:
    """What remains is that they were erased; a live page disappears for consumers by it."""
    tell(engine, "INSERT INTO page_failures SELECT '1', space_key, stage, error_class, message, version, attempts, "
         "first_failed_at, last_failed_at, next_attempt_at, run_id FROM page_failures")  # fmt: skip
    with leased(filled) as space:
        assert space.purge(["1", "3", "8", "9"]) == 3
        assert space.purge(["1", "3", "8", "9"]) == 0
        assert sorted(space.stored_pages()) == ["2"]
        assert space.failing_pages() == []

    assert ask(engine, "SELECT page_id FROM page_bodies") == [{"page_id": "2"}]
    assert sorted(feed(engine)) == [
        ("1", "purge", ["erased", "hidden"]),
        ("2", "insert", ["text", "title", "location", "url", "version"]),
        ("3", "purge", ["erased"]),
    ]


def test_a_page_that_was_restored_meanwhile_is_not_erased(filled: Store) -> None:
    """A person confirmed a list of removed pages; one of them was synchronised again before the purge."""
    with leased(filled) as space:
        space.write_pages([write("3", seen="HR", body=None, action=ChangeAction.RESTORE)])
        assert space.purge(["3"], only_if_removed_before=NOW) == 0
        assert space.purge(["8"], only_if_removed_before=NOW) == 0, "it was never removed"
        assert space.stored_pages()["3"].live
        space.remove([decision("3")])
        assert space.purge(["3"], only_if_removed_before=timedelta(days=1)) == 0
        assert space.purge(["3"], only_if_removed_before=NOW) == 1


def test_a_page_that_moved_meanwhile_keeps_everything(filled: Store, engine: Engine) -> None:
    """It is another space's now: row, failure and history stay."""
    with leased(filled, IT) as space:
        space.write_pages([write("1", IT, seen="HR", body=None, action=ChangeAction.MOVE)])
        space.record_failures([Failure(page_id="1", stage=FailureStage.READ, error_class="E", message="m")])
    with leased(filled) as space:
        assert space.purge(["1"]) == 0
    with leased(filled, IT) as space:
        assert space.failing_pages() == ["1"]
    assert [action for page, action, _ in feed(engine) if page == "1"] == ["insert", "move"]


def test_a_purged_space_needs_a_full_pass(filled: Store) -> None:
    """Without a position no incremental run passes for complete; nothing is held any more."""
    with leased(filled) as space:
        assert space.purge_space(forget=False) == 4
        state = space.state()
        assert (state.watermark, state.scope_fingerprint, state.last_full_at, state.hold.held) == (None, None, None, 0)
    assert filled.full_pass_is_due(timedelta(days=1))
    assert [space.key for space in filled.stored_spaces()] == ["HR"], "a full run marks it as gone, or brings it back"


def test_a_space_out_of_scope_is_forgotten_with_its_name(filled: Store, engine: Engine) -> None:
    """Key and name of a personal space are a person's; what remains is that its pages were erased."""
    with leased(filled) as space:
        assert space.purge_space(forget=True) == 4
    assert ask(engine, "SELECT FROM sync_spaces") == []
    assert ask(engine, "SELECT FROM sync_run_spaces") == []
    assert {action for _, action, _ in feed(engine)} == {"purge"}
    with leased(filled, HR) as space:
        assert space.state().watermark is None
