"""What grows with a site may be more than a statement of PostgreSQL can have parameters: 65,535."""

from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hr_sync.store.transaction import Transactions
from hr_sync.store.write.groups import forget_groups, write_members
from hr_sync.store.write.included_access import derive_of_hosts, outdate_hosts
from tests.support.wiring import ask

MANY = 70_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_group_loses_more_members_than_a_statement_has_parameters(engine: Engine) -> None:
    """One that everybody is taken out of."""
    ask(engine, "INSERT INTO groups (id, members_known, checked_at) VALUES ('all', true, now()) RETURNING 1")
    ask(engine, f"INSERT INTO group_members SELECT 'all', 'u' || n FROM generate_series(1, {MANY}) AS n RETURNING 1")

    Transactions(engine).run(lambda session: write_members(session, "all", {"u7"}, NOON))

    assert ask(engine, "SELECT user_id FROM group_members") == [("u7",)]


def test_groups_that_nothing_names_are_forgotten_among_many(engine: Engine) -> None:
    """And all of them where nothing names any."""
    ask(engine, f"INSERT INTO groups (id) SELECT 'g' || n FROM generate_series(1, {MANY}) AS n RETURNING 1")
    transactions = Transactions(engine)

    transactions.run(lambda session: forget_groups(session, {f"g{n}" for n in range(2, MANY + 1)}))
    assert ask(engine, "SELECT count(*), min(id) FROM groups") == [(MANY - 1, "g10")]
    transactions.run(lambda session: forget_groups(session, set()))
    assert ask(engine, "SELECT count(*) FROM groups") == [(0,)]


def test_a_page_that_very_many_show_is_withdrawn_from_all_of_them(engine: Engine) -> None:
    """A page of contacts, say."""
    hosts = {f"{n}" for n in range(MANY)}

    def work(session: Session) -> frozenset[str]:
        outdate_hosts(session, 1, hosts)
        return derive_of_hosts(session, 1, hosts)

    assert Transactions(engine).run(work) == frozenset()
