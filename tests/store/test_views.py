"""What consumers see: live pages with their bodies, and nothing beside them by whatever function they bring."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Engine

from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema, migrate
from hr_sync.store.store import Store
from tests.store.spaces import ask, decision, leased, tell, write

LEAK = """
    CREATE FUNCTION pg_temp.leak(seen text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE 'LEAKED %', seen; RETURN true; END $$"""


@pytest.mark.parametrize("prepare", [ensure_schema, migrate])
def test_a_function_in_the_query_sees_no_page_that_was_removed(
    database_url: str, prepare: Callable[[Engine], str]
) -> None:
    """A role with SELECT on the view alone runs a cheap function over its rows, also after a migration."""
    engine = make_engine(database_url)
    store = Store(engine)
    ensure_schema(engine)
    with leased(store) as space:
        space.write_pages([write("1", body="<p>shown</p>"), write("2", body="<p>SECRET</p>")])
        space.remove([decision("2")])
    role = f"chatbot_{engine.url.database}"
    tell(engine, f"CREATE ROLE {role} LOGIN PASSWORD 'p'", f"GRANT SELECT ON live_pages TO {role}")
    prepare(engine)
    plain = engine.url.set(drivername="postgresql", username=role, password="p").render_as_string(hide_password=False)
    notices: list[str] = []
    with psycopg.connect(plain) as connection:
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        connection.execute(LEAK)
        # Bodies are read before they are joined: a role chooses its own plans.
        connection.execute("SET enable_nestloop = off; SET enable_mergejoin = off; SET enable_indexscan = off")
        connection.execute("SELECT count(*) FROM public.live_pages WHERE pg_temp.leak(storage)")
    tell(engine, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    engine.dispose()

    assert notices == ["LEAKED <p>shown</p>"]


def test_a_page_is_seen_while_it_is_live_and_has_its_body(store: Store, engine: Engine) -> None:
    """Hidden, removed, archived, or without a body: not seen."""
    with leased(store) as space:
        space.write_pages([write(page_id, status="archived" if page_id == "4" else "current") for page_id in "12345"])
        space.hide([decision("2")])
        space.remove([decision("3")])
    tell(engine, "DELETE FROM page_bodies WHERE page_id = '5'")

    assert ask(engine, "SELECT id FROM live_pages") == [{"id": "1"}]
