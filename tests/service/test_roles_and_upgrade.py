"""What the guide says about roles, upgrades and rolling back, tried with the program."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from confluence_simulator import BodyLengths, Simulator, generated_world
from sqlalchemy import make_url

from tests.cli.program import TOKEN, Ended, postgres, run, settings, written

GUIDE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")


def sql_of(mark: str) -> str:
    """Return the SQL behind a mark of the guide."""
    found = re.search(rf"<!-- {mark} -->\n```sql\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A database with the roles of the guide, whose names are unlike those of other tests."""

    admin: str
    suffix: str
    home: Path
    site: Simulator

    def url(self, role: str) -> str:
        """Return the address for one of the roles."""
        name = f"hr_{role}_{self.suffix}"
        url = make_url(self.admin).set(
            drivername="postgresql", username=name, password="secret", database=self.database
        )
        return url.render_as_string(hide_password=False)

    @property
    def database(self) -> str:
        return f"hr_{self.suffix}"

    def tell(self, statements: str, *, database: str | None = None, role: str | None = None) -> None:
        """Execute statements as a superuser, or as one of the roles."""
        admin = make_url(self.admin).set(drivername="postgresql", database=database or self.database)
        url = self.url(role) if role else admin.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in filter(str.strip, self.named(statements).split(";")):
                connection.execute(statement.encode())

    def named(self, statements: str) -> str:
        named = re.sub(r"\bhr_(owner|worker|reader)\b", rf"hr_\1_{self.suffix}", statements)
        return re.sub(r"DATABASE hr\b", f"DATABASE {self.database}", named).replace("'…'", "'secret'")

    def run(self, role: str, *arguments: str) -> Ended:
        """Run the program with the address of a role."""
        written(self.home, settings(self.site.site_url, self.url(role)))
        return run(self.home, *arguments)

    def ask(self, query: str, role: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(role)) as connection:
            return list(connection.execute(query.encode()).fetchall())


@pytest.fixture
def installed(tmp_path: Path, postgres_server: str) -> Iterator[Installed]:
    """Follow the guide: roles and database, tables by the owner, grants."""
    lengths = BodyLengths(median=200, mean=300, maximum=2000)
    with Simulator(generated_world(pages=12, lengths=lengths), api_token=TOKEN) as site:
        found = Installed(admin=postgres(postgres_server), suffix=uuid.uuid4().hex[:8], home=tmp_path, site=site)
        found.tell(sql_of("roles"), database="postgres")
        found.tell("ALTER ROLE hr_reader LOGIN PASSWORD 'secret'", database="postgres")
        assert found.run("owner", "init-db").exit_code == 0
        found.tell(sql_of("grants"))
        yield found
        dropped = "".join(f"DROP ROLE hr_{role};" for role in ("reader", "worker", "owner"))
        found.tell(f"DROP DATABASE {found.database} WITH (FORCE); {dropped}", database="postgres")


def test_the_worker_needs_no_more_than_rows(installed: Installed) -> None:
    """It runs, checks, compares access, verifies and shows its state, but can make no table."""
    for command in (["check"], ["run"], ["run", "--access"], ["run", "--incremental"], ["verify"], ["status"]):
        ended = installed.run("worker", *command)
        assert ended.exit_code == 0, (command, ended.stderr)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        installed.tell("CREATE TABLE mine (id int)", role="worker")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        installed.tell("DROP TABLE confluence_pages", role="worker")


def test_a_reader_sees_the_view_alone(installed: Installed) -> None:
    """Live pages with their text, and nothing that is hidden, removed or internal."""
    assert installed.run("worker", "run").exit_code == 0
    assert installed.ask("SELECT count(*) FROM live_pages", "reader") == [(12,)]
    for table in ("confluence_pages", "page_bodies", "sync_runs"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            installed.ask(f"SELECT * FROM {table}", "reader")
    with pytest.raises(psycopg.Error):
        installed.tell("DELETE FROM live_pages", role="reader")


def test_tables_of_later_releases_are_the_workers_too(installed: Installed) -> None:
    """What the owner makes in a migration can be written by the worker without another grant."""
    installed.tell("CREATE TABLE of_a_later_release (id int)", role="owner")
    installed.tell("INSERT INTO of_a_later_release VALUES (1)", role="worker")


def test_an_upgrade_is_two_commands(installed: Installed) -> None:
    """`migrate` by the owner, as often as one likes, then the worker runs; a worker without rights changes nothing."""
    for _ in range(2):
        assert installed.run("owner", "migrate").exit_code == 0
    assert installed.run("worker", "run").exit_code == 0


def test_a_former_release_leaves_newer_tables_alone(installed: Installed) -> None:
    """It ends with 78 and says what to deploy; consumers go on reading; the restored backup works with it again."""
    assert installed.run("worker", "run").exit_code == 0
    copy = f"{installed.database}_backup"
    installed.tell(f"CREATE DATABASE {copy} TEMPLATE {installed.database}", database="postgres")
    try:
        installed.tell("UPDATE hr_sync_alembic_version SET version_num = '9999'", role="owner")
        for command in (["run"], ["serve"], ["status"], ["migrate"]):
            ended = installed.run("owner", *command)
            assert ended.exit_code == 78, (command, ended.stderr)
            assert "Deploy the build that migrated it, or a newer one" in ended.messages[-1]
        assert installed.ask("SELECT count(*) FROM live_pages", "reader") == [(12,)]

        installed.tell(f"DROP DATABASE {installed.database} WITH (FORCE)", database="postgres")
        installed.tell(f"ALTER DATABASE {copy} RENAME TO {installed.database}", database="postgres")
        ended = installed.run("worker", "run")
        assert ended.exit_code == 0
        assert installed.run("worker", "verify").exit_code == 0
    finally:
        installed.tell(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)", database="postgres")
