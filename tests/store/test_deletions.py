"""Pages are hidden and removed on the rows that were decided on, whatever space's pass does it."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, event

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import WithdrawalReason
from hr_sync.store.store import Store
from tests.store.spaces import IT, ask, decision, feed, leased, tell, write

DAY = timedelta(days=1)


@pytest.fixture
def filled(store: Store) -> Store:
    """Store with the pages 1 to 3 of HR, and nothing in the feed."""
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in "123"])
    tell(store.engine, "TRUNCATE content_changes")
    return store


def test_a_live_page_is_hidden_and_told_once(filled: Store, engine: Engine) -> None:
    """The row stays with its body, and says why and since which run; it has no access set from now on."""
    tell(engine, "UPDATE confluence_pages SET access_set_id = 1")
    with leased(filled) as space:
        assert space.hide([decision("1"), decision("9")]) == {"1"}
        assert space.hide([decision("1")]) == frozenset()
        stored = space.stored_pages()["1"]

    assert (stored.hidden_reason, stored.missing_since_run_id) == (WithdrawalReason.TRASHED, 2)
    assert not stored.removed
    assert feed(engine) == [("1", "hide", ["hidden"])]
    assert ask(engine, "SELECT id FROM live_pages ORDER BY id") == [{"id": "2"}, {"id": "3"}]
    assert ask(engine, "SELECT access_set_id FROM confluence_pages WHERE id = '1'") == [{"access_set_id": None}]


def test_a_hidden_page_gets_another_reason_and_no_feed_row(filled: Store, engine: Engine) -> None:
    """The time of the hiding stays; the run is that of the new reason, from which a later run confirms."""
    with leased(filled) as space:
        space.hide([decision("1", reason=WithdrawalReason.NOT_VISIBLE)])
        (before,) = ask(engine, "SELECT hidden_at FROM confluence_pages WHERE id = '1'")
    with leased(filled) as space:
        assert space.hide([decision("1", reason=WithdrawalReason.TRASHED)]) == frozenset()
        stored = space.stored_pages()["1"]

    assert (stored.hidden_reason, stored.missing_since_run_id) == (WithdrawalReason.TRASHED, 3)
    assert ask(engine, "SELECT hidden_at FROM confluence_pages WHERE id = '1'") == [before]
    assert feed(engine) == [("1", "hide", ["hidden"])]


def test_removing_a_live_page_is_told_and_removing_a_hidden_one_is_not(filled: Store, engine: Engine) -> None:
    """One transition of what consumers see makes one feed row. A removed page keeps the reason of its hiding."""
    with leased(filled) as space:
        space.hide([decision("1", reason=WithdrawalReason.NOT_VISIBLE)])
        assert space.remove([decision("1"), decision("2"), decision("9")]) == {"1", "2"}
        assert space.remove([decision("1"), decision("2")]) == frozenset()
        assert space.hide([decision("1"), decision("2")]) == frozenset()

    assert feed(engine) == [("1", "hide", ["hidden"]), ("2", "remove", ["hidden"])]
    assert ask(engine, "SELECT hidden_reason, removed_reason FROM confluence_pages ORDER BY id") == [
        {"hidden_reason": "not_visible", "removed_reason": "trashed"},
        {"hidden_reason": None, "removed_reason": "trashed"},
        {"hidden_reason": None, "removed_reason": None},
    ]


def test_a_page_that_another_space_took_over_is_left_alone(filled: Store, engine: Engine) -> None:
    """The decision was about the row as it was."""
    with leased(filled, IT) as space:
        space.write_pages([write("1", IT, seen="HR", body=None, action=ChangeAction.MOVE)])
    with leased(filled) as space:
        assert space.hide([decision("1")]) == frozenset()
        assert space.remove([decision("1")]) == frozenset()
    assert [action for _, action, _ in feed(engine)] == ["move"]


def test_a_page_is_removed_by_the_space_that_lists_it_now(filled: Store, engine: Engine) -> None:
    """It is told under the key that consumers know it by."""
    with leased(filled, IT) as space:
        assert space.remove([decision("1")]) == {"1"}
    assert ask(engine, "SELECT space_key FROM content_changes") == [{"space_key": "HR"}]


def test_a_mass_is_marked_in_chunks_of_five_hundred(store: Store, engine: Engine) -> None:
    """Few statements and short transactions: the lease is renewed and looked at between them."""
    ids = [f"{number:04}" for number in range(1001)]
    tell(
        engine,
        "INSERT INTO confluence_pages (id, title, space_key, content_hash, last_updated, version, url, status,"
        " metadata_digest) SELECT to_char(i, 'FM0000'), '', 'HR', '', now(), 1, '', 'current', ''"
        " FROM generate_series(0, 1000) i",
    )
    updates: list[str] = []

    def listener(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE"):
            updates.append(statement)

    with leased(store) as space:
        event.listen(engine, "before_cursor_execute", listener)
        assert len(space.hide([decision(page_id) for page_id in reversed(ids)])) == 1001
        assert len(updates) == 3
        event.remove(engine, "before_cursor_execute", listener)

    pages = "SELECT count(*) AS pages FROM content_changes GROUP BY transaction_id ORDER BY 1"
    assert [row["pages"] for row in ask(engine, pages)] == [1, 500, 500]
    assert [page for page, _, _ in feed(engine)] == ids


def test_pages_hidden_lately_are_found_newest_first(filled: Store, engine: Engine) -> None:
    """Those of one reason, as many as are asked for, not the removed ones."""
    with leased(filled) as space:
        for page_id in "123":
            space.hide([decision(page_id, reason=WithdrawalReason.NOT_VISIBLE)])
        tell(engine, "UPDATE confluence_pages SET hidden_at = now() - interval '2 days' WHERE id = '1'")
        find = space.hidden_pages
        assert [page.id for page in find(WithdrawalReason.NOT_VISIBLE, hidden_within=DAY, limit=9)] == ["3", "2"]
        assert [page.id for page in find(WithdrawalReason.NOT_VISIBLE, hidden_within=DAY, limit=1)] == ["3"]
        assert [page.id for page in find(WithdrawalReason.NOT_VISIBLE, hidden_within=9 * DAY, limit=9)] == [*"321"]
        assert find(WithdrawalReason.TRASHED, hidden_within=DAY, limit=9) == []
        space.remove([decision("3")])
        assert [page.id for page in find(WithdrawalReason.NOT_VISIBLE, hidden_within=DAY, limit=9)] == ["2"]
