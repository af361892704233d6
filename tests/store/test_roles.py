"""The roles of the scripts, for real: what each may do, and that none sees more by a function of its own."""

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessPolicy
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema, migrate
from hr_sync.store.store import Store
from tests.store.spaces import decision, leased
from tests.store.test_access_facts import ANN, changed, node, write_facts, write_tree

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts/sql"
PASSWORD = "secret"
LEAK = """
    CREATE FUNCTION pg_temp.leak(seen text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE '%', seen; RETURN true; END $$"""
# Bodies are read before they are joined: a role chooses its own plans.
PLANS = "SET enable_nestloop = off; SET enable_mergejoin = off; SET enable_indexscan = off"
LOGINS = ("hr_owner", "hr_worker", "hr_reader", "hr_consumer")


@dataclass(frozen=True)
class Installed:
    """A database made by the scripts, with roles whose names are unlike those of other tests."""

    admin: str
    suffix: str

    def url(self, role: str) -> str:
        """Return the address for a role."""
        url = make_url(self.admin).set(username=self.name(role), password=PASSWORD, database=self.name("hr"))
        return url.render_as_string(hide_password=False)

    def name(self, role: str) -> str:
        return f"{role}_{self.suffix}"

    def script(self, name: str, *, database: str | None = None) -> None:
        """Run a script as a superuser."""
        text = (SCRIPTS / name).read_text(encoding="utf-8").replace("'…'", f"'{PASSWORD}'")
        text = re.sub(r"\b(hr_(?:owner|worker|reader|consumer|feed))\b", rf"\1_{self.suffix}", text)
        text = re.sub(r"DATABASE hr\b", f"DATABASE {self.name('hr')}", text)
        self.tell(text, database=database)

    def tell(self, statements: str, *, database: str | None = None) -> None:
        """Execute statements as a superuser, each in a transaction of its own."""
        url = make_url(self.admin).set(database=database or self.name("hr"), drivername="postgresql")
        without_comments = re.sub(r"--.*", "", statements)
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            for statement in filter(str.strip, without_comments.split(";")):
                connection.execute(statement.encode())

    def ask(self, role: str, query: str, *before: str) -> list[Any]:
        """Return the first column of a query of a role, after other statements in the same transaction."""
        plain = make_url(self.url(role)).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            for statement in before:
                connection.execute(statement.encode())
            return [row[0] for row in connection.execute(query.encode())]

    def leaked(self, role: str, table: str, column: str, *before: str) -> list[str]:
        """Return what a function of a role sees in its query of a table or view."""
        plain = make_url(self.url(role)).set(drivername="postgresql").render_as_string(hide_password=False)
        seen: list[str] = []
        with psycopg.connect(plain) as connection:
            connection.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
            for statement in (*before, LEAK, PLANS):
                connection.execute(statement.encode())
            query = f"SELECT count(*) FROM public.{table} WHERE pg_temp.leak({column})"
            connection.execute(query.encode())
        return sorted(seen)


@pytest.fixture
def installed(postgres_server: str) -> Iterator[Installed]:
    """Make roles and a database, tables as the owner, rows as the worker: 1 and 5 are open, 2 to 4 are Ann's."""
    found = Installed(postgres_server, uuid.uuid4().hex[:8])
    found.script("roles.sql", database="postgres")
    owner = make_engine(found.url("hr_owner"))
    ensure_schema(owner)
    owner.dispose()
    found.script("grants.sql")
    found.script("row-level-security.sql")
    for role in ("hr_reader", "hr_consumer"):
        found.tell(f"ALTER ROLE {found.name(role)} LOGIN PASSWORD '{PASSWORD}'")
    worker = make_engine(found.url("hr_worker"))
    store = Store(worker)
    write_tree(store)
    write_facts(store, list(changed(node("2", "1", ANN))))
    assert store.apply_access_policy(AccessPolicy(max_age_hours=48))
    with leased(store) as space:
        space.remove([decision("5")])
    worker.dispose()
    yield found
    found.tell(f"DROP DATABASE {found.name('hr')} WITH (FORCE)", database="postgres")
    found.tell("".join(f"DROP ROLE {found.name(role)};" for role in LOGINS), database="postgres")


def as_user(user: str, groups: Sequence[str] = ()) -> str:
    """Return the statement by which an application says who asks."""
    named = "{" + ",".join(groups) + "}"
    return f"SELECT set_config('hr_sync.user', '{user}', true), set_config('hr_sync.groups', '{named}', true)"


def test_the_reader_has_views_and_functions_and_nothing_else(installed: Installed) -> None:
    """What the audience may read, what somebody may read, and how old it is."""
    assert installed.ask("hr_reader", "SELECT id FROM live_pages") == ["1"]
    assert installed.ask("hr_reader", "SELECT space_key FROM mirror_freshness") == ["HR"]
    assert installed.ask("hr_reader", "SELECT pages_readable_by('ann', '{}') ORDER BY 1") == ["1", "2", "3", "4"]
    assert installed.ask("hr_reader", "SELECT may_read('bob', '{}', '2')") == [False]
    assert len(installed.ask("hr_reader", "SELECT unnest(access_sets_passed('ann'))")) == 2
    for statement in (
        "SELECT * FROM confluence_pages",
        "SELECT * FROM page_bodies",
        "SELECT * FROM content_nodes",
        "SELECT * FROM access_principals",
        "SELECT * FROM identities",
        "UPDATE access_policy SET mode = 'account'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            installed.ask("hr_reader", statement)


def test_the_reader_searches_texts_of_the_worker(installed: Installed) -> None:
    """By the functions alone: neither the words nor the tables of sections are the reader's."""
    worker = make_engine(installed.url("hr_worker"))
    assert derive_texts(Store(worker), Cancellation(), section_size=2000).pages == 4
    worker.dispose()

    assert installed.ask("hr_reader", "SELECT page_id FROM search_live_sections('page')") == ["1"]
    assert installed.ask("hr_reader", "SELECT page_id FROM search_sections('page', 'bob', '{}')") == ["1"]
    found = installed.ask("hr_reader", "SELECT page_id FROM search_sections('page', 'ann', '{}') ORDER BY 1")
    assert found == ["1", "2", "3", "4"]
    assert installed.ask("hr_worker", "SELECT page_id FROM search_live_sections('page')") == ["1"]
    for table in ("page_sections", "page_texts", "text_policy"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            installed.ask("hr_reader", f"SELECT * FROM {table}")


def test_the_worker_writes_rows_and_makes_nothing(installed: Installed) -> None:
    """The fixture has written pages, facts and the policy as the worker; row-level security does not concern it."""
    assert len(installed.ask("hr_worker", "SELECT id FROM confluence_pages")) == 5
    assert len(installed.ask("hr_worker", "SELECT page_id FROM page_bodies")) == 5
    for statement in (
        "CREATE TABLE public.mine (id int)",
        "ALTER TABLE confluence_pages DISABLE ROW LEVEL SECURITY",
        "CREATE OR REPLACE VIEW live_pages AS SELECT 1",
        "DROP FUNCTION may_read",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            installed.ask("hr_worker", statement)


@pytest.mark.parametrize("migrated", [False, True])
def test_a_function_in_the_query_sees_only_what_the_view_shows(installed: Installed, *, migrated: bool) -> None:
    """Not pages that were removed, and not pages of others; also after a migration, which keeps the grants."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="temporary"):
        installed.leaked("hr_reader", "live_pages", "storage")
    installed.tell(f"GRANT TEMPORARY ON DATABASE {installed.name('hr')} TO PUBLIC")
    if migrated:
        owner = make_engine(installed.url("hr_owner"))
        migrate(owner)
        owner.dispose()

    assert installed.leaked("hr_reader", "live_pages", "id") == ["1"]
    assert installed.leaked("hr_reader", "live_pages", "storage") == ["<p>x</p>"]


def test_a_consumer_sees_in_the_tables_what_its_asker_may_read(installed: Installed) -> None:
    """Row-level security, by settings of the transaction; without them nobody in particular asks."""
    installed.tell(f"GRANT TEMPORARY ON DATABASE {installed.name('hr')} TO PUBLIC")
    pages, bodies = "SELECT id FROM confluence_pages ORDER BY 1", "SELECT page_id FROM page_bodies ORDER BY 1"
    for before, expected in (
        ((), ["1"]),
        ((as_user("bob", ["ann"]),), ["1"]),
        ((as_user("ann"),), ["1", "2", "3", "4"]),
    ):
        assert installed.ask("hr_consumer", pages, *before) == expected
        assert installed.ask("hr_consumer", bodies, *before) == expected
        assert installed.leaked("hr_consumer", "confluence_pages", "title", *before) == [f"Page {n}" for n in expected]
        assert installed.leaked("hr_consumer", "page_bodies", "page_id", *before) == expected
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        installed.ask("hr_consumer", "SELECT * FROM content_nodes")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        installed.ask("hr_consumer", "UPDATE confluence_pages SET title = ''")

    installed.tell("UPDATE public.sync_spaces SET access_checked_at = now() - interval '49 h'")
    assert installed.ask("hr_consumer", pages, as_user("ann")) == []


@pytest.mark.parametrize("name", ["roles", "grants"])
def test_the_guide_shows_the_scripts(name: str) -> None:
    """Statement for statement."""
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    shown = re.search(rf"<!-- {name} -->\n```sql\n(.*?)```", guide, re.DOTALL)
    script = (SCRIPTS / f"{name}.sql").read_text(encoding="utf-8")

    assert shown
    assert shown[1] == re.sub(r"--.*\n", "", script)
