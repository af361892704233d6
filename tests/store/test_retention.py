"""What is old goes in small transactions, and what is needed stays."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.store.item_tables import ATTACHMENTS
from hr_sync.store.store import Store
from hr_sync.store.write import retention
from tests.store.spaces import ask, decision, file, leased, tell, write
from tests.store.test_access_facts import ANN, MANAGERS, changed, known, node, write_facts
from tests.store.test_writing_pages import waiting_for_a_lock

__all__ = ["known"]  # a fixture
MONTH = timedelta(days=30)


def test_accounts_that_nobody_has_seen_for_long_are_deleted(store: Store, engine: Engine) -> None:
    """Names and addresses of people who left; members of a group are still there."""
    tell(
        engine,
        "INSERT INTO groups (id) VALUES ('hr')",
        "INSERT INTO group_members VALUES ('hr', 'member')",
        "INSERT INTO identities (user_id, display_name, seen_at) VALUES ('left', 'Zoe', now() - interval '31 days'), "
        "('member', 'Max', now() - interval '31 days'), ('seen', 'Ann', now() - interval '29 days')",
    )
    assert store.prune_history(MONTH) == 1
    assert ask(engine, "SELECT user_id FROM identities ORDER BY 1") == [{"user_id": "member"}, {"user_id": "seen"}]


def test_bodies_and_texts_of_removed_pages_go_a_few_at_a_time(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a text whose body is gone already; live pages, and pages removed since, keep theirs."""
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in "1234567"])
    derive_texts(store, Cancellation(), section_size=2000)
    with leased(store) as space:
        space.remove([decision(page_id) for page_id in "123456"])
    tell(
        engine,
        "UPDATE confluence_pages SET removed_at = now() - interval '31 days' WHERE id < '6'",
        "DELETE FROM page_bodies WHERE page_id = '2'",
    )
    monkeypatch.setattr(retention, "MAX_BODIES", 2)
    assert [store._transactions.run(lambda session: retention.prune_bodies(session, removed_for=MONTH))] == [2]

    assert store.prune_bodies(MONTH) == 3
    for table in ("page_bodies", "page_texts", "page_sections"):
        assert [row["page_id"] for row in ask(engine, f"SELECT page_id FROM {table} ORDER BY 1")] == ["6", "7"]
    assert len(ask(engine, "SELECT FROM confluence_pages")) == 7


def test_access_sets_that_no_page_has_go_with_all_that_is_theirs(known: Store, engine: Engine) -> None:
    """No foreign key deletes layers and principals: one that stays would name a user for ever."""
    write_facts(known, list(changed(node("2", "1", ANN))))
    write_facts(known, list(changed(node("2", "1", MANAGERS))))
    used = {row["access_set_id"] for row in ask(engine, "SELECT access_set_id FROM confluence_pages")}
    assert len(ask(engine, "SELECT id FROM access_sets")) == len(used) + 1

    assert known.prune_history(MONTH) == 1

    for table, column in (("access_sets", "id"), ("access_layers", "set_id")):
        assert {row[column] for row in ask(engine, f"SELECT {column} FROM {table}")} == used
    named = ask(engine, "SELECT principal FROM access_principals ORDER BY principal")
    assert [row["principal"] for row in named] == ["c:all-licensed-users", "g:board", "g:managers"]


def test_a_page_that_is_restored_meanwhile_keeps_its_attachments(store: Store, engine: Engine) -> None:
    """Retention waits for a transaction that restores the page, and then sees that it is back."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
        space.write_items(ATTACHMENTS, [file("att1", "1", "one.pdf"), file("att2", "2", "two.pdf")])
        space.remove([decision("1"), decision("2")])
    tell(engine, "UPDATE confluence_pages SET removed_at = now() - interval '31 days'", "DELETE FROM page_bodies")
    back = "UPDATE public.confluence_pages SET removed_at = NULL, removed_reason = NULL WHERE id = '1'"
    with engine.begin() as other:
        other.exec_driver_sql(back)
        with waiting_for_a_lock(engine, lambda: store.prune_bodies(MONTH)):
            other.commit()

    assert ask(engine, "SELECT id FROM page_attachments") == [{"id": "att1"}]
