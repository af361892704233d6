"""The tables say what they hold, and log lines about them say no more than a key."""

from sqlalchemy import Engine, func, select, text

from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.feed_tables import ContentChange
from hr_sync.store.orm import Base, Xid8
from tests.store.rows import page


def test_every_table_and_column_carries_a_comment(engine: Engine) -> None:
    """A DBA who opens the database finds every table and every column explained."""
    silent = """
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'hr_sync_alembic_version'
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)"""
    with engine.begin() as connection:
        assert connection.execute(text(silent)).all() == []
        columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'confluence_pages'"
        assert connection.scalar(text(columns)) == 25


def test_no_column_holds_a_time_without_a_zone(engine: Engine) -> None:
    """Every time is timestamptz: a naive one would move with the session's zone."""
    types = "SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = 'public'"
    with engine.begin() as connection:
        found = set(connection.scalars(text(types)))

    assert "timestamp with time zone" in found
    assert not found & {"timestamp without time zone", "date", "time without time zone"}


def test_names_of_constraints_follow_the_convention() -> None:
    """Every index and constraint has a name of ours, so that a later revision can name it."""
    for table in Base.metadata.tables.values():
        names = [str(constraint.name) for constraint in table.constraints] + [
            str(index.name) for index in table.indexes
        ]
        assert all(name.split("_", 1)[0] in {"pk", "fk", "uq", "ck", "ix"} for name in names), table.name
        assert all(table.name in name for name in names), table.name
        assert all(len(name) <= 63 for name in names), "PostgreSQL would cut the name"


def test_a_row_shows_its_key_and_no_content() -> None:
    """What a log line shows of a row is its class and key."""
    assert repr(page("42", title="Salaries of the board")) == "ConfluencePage(id='42')"


def test_a_change_carries_the_transaction_that_wrote_it(engine: Engine) -> None:
    """`transaction_id` is an int, equal for the rows of one transaction, and can be compared with a snapshot's xmin."""
    with session_scope(make_sessions(engine)) as session:
        session.add_all(
            ContentChange(page_id=page_id, space_key="HR", run_id=1, action="insert", changed_fields=["text"])
            for page_id in "ab"
        )
        session.flush()
        own = session.scalar(select(func.pg_current_xact_id(type_=Xid8)))
        written = session.scalars(select(ContentChange.transaction_id)).all()
        horizon = func.pg_snapshot_xmin(func.pg_current_snapshot())
        safe_before = session.scalars(select(ContentChange.seq).where(ContentChange.transaction_id < horizon)).all()
    with session_scope(make_sessions(engine)) as session:
        safe_after = session.scalars(select(ContentChange.seq).where(ContentChange.transaction_id < horizon)).all()
        by_value = session.scalars(select(ContentChange.seq).where(ContentChange.transaction_id == own)).all()

    assert isinstance(own, int)
    assert written == [own, own]
    assert (len(safe_before), len(safe_after), len(by_value)) == (0, 2, 2)
