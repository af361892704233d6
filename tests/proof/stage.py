"""Where histories are played: one site and one database, both put back to their beginning in a few milliseconds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from confluence_simulator import Simulator, World
from psycopg.rows import dict_row
from sqlalchemy import Engine, make_url

from hr_sync.store.engine import make_engine
from hr_sync.store.orm import Base
from tests.support.oracle import Stored, stored_through

MIRRORED = ("A", "B")
APART = "C"
REFUSALS = """
    CREATE TABLE refused (page_id text PRIMARY KEY);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
    BEGIN
        IF EXISTS (SELECT FROM refused WHERE refused.page_id = NEW.page_id) THEN
            RAISE EXCEPTION 'refused' USING ERRCODE = '22023';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON page_bodies FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def first_world() -> World:
    """Make three small spaces, two of which are mirrored."""
    world = World()
    for key in (*MIRRORED, APART):
        world.create_space(key, f"Space {key}")
        home = world.create_page(space_key=key, title=f"Home of {key}", storage="<p>Welcome</p>")
        world.set_homepage(key, home.id)
        below = world.create_page(space_key=key, title=f"Below {key}", storage="<p>1</p>", parent_id=home.id)
        folder = world.create_folder(space_key=key, title=f"Folder {key}", parent_id=below.id)
        world.create_page(space_key=key, title=f"Far below {key}", storage="<p>2</p>", parent_id=folder.id)
        for page in (home, below):
            world.attach(page.id, filename="file 0.pdf", payload=b"first", media_type="application/pdf")
    return world


KEPT_ROWS = ("access_policy", "feed_state")  #: tables of one row each


class Saved:
    """The rows of a database, to be gone back to in a few milliseconds instead of the runs that made them."""

    def __init__(self, connection: "psycopg.Connection[Any]", schema: str = "saved") -> None:
        """Copy the rows into a schema of this name; the connection is of nobody else meanwhile."""
        self._connection = connection
        names = [table.name for table in Base.metadata.sorted_tables]
        self._back = ";".join(
            [f"DELETE FROM {name}" for name in reversed(names)]
            + [f"INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM {schema}.{name}" for name in names]
        )
        keep = ";".join(f"CREATE TABLE {schema}.{name} AS TABLE public.{name}" for name in names)
        self._connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; {keep}".encode())

    def go_back(self) -> None:
        """Put every table back."""
        self._connection.execute(self._back.encode())


def plain_connection(database_url: str) -> "psycopg.Connection[Any]":
    """Connect without the program's own driver."""
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A site that is served and a database with our tables, which may refuse pages."""

    site: Simulator
    engine: Engine
    impatient: Engine  #: waits for no lock
    connection: psycopg.Connection[tuple[object, ...]]
    reading: psycopg.Connection[dict[str, object]]

    @classmethod
    def on(cls, site: Simulator, engine: Engine) -> "Stage":
        """Return one on a database with our tables."""
        plain = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        stage = cls(
            site=site,
            engine=engine,
            impatient=make_engine(engine.url, lock_timeout_seconds=0.03),
            connection=psycopg.connect(plain, autocommit=True),
            reading=psycopg.connect(plain, autocommit=True, row_factory=dict_row),
        )
        stage.connection.execute(REFUSALS.encode())
        return stage

    @property
    def url(self) -> str:
        """Return the URL of the database."""
        return make_url(self.engine.url).render_as_string(hide_password=False)

    def begin(self) -> None:
        """Put everything back to the beginning; the policy stays mode `account`, as the fixtures have it."""
        ours = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name not in KEPT_ROWS]
        tables = [*ours, "refused"]
        self.connection.execute(";".join(f"DELETE FROM {name}" for name in tables).encode())
        self.site.faults.clear()
        self.site.requests.clear()
        self.lag()
        self.site.world.become(first_world())

    def save(self, schema: str) -> Saved:
        """Keep what is stored now."""
        return Saved(self.connection, schema)

    def refuse(self, page_ids: Sequence[str]) -> None:
        """Let the database refuse the bodies of just these pages."""
        self.connection.execute("DELETE FROM refused")
        for page_id in page_ids:
            self.connection.execute("INSERT INTO refused VALUES (%s)", (page_id,))

    def refused(self) -> set[str]:
        """Return the pages that the database refuses."""
        return {str(page_id) for (page_id,) in self.connection.execute("SELECT page_id FROM refused")}

    def let_leases_run_out(self) -> None:
        """Let so much time pass that a worker that died holds no lease any more."""
        self.connection.execute("UPDATE sync_spaces SET lease_expires_at = now() - interval '1 second'")

    def lag(self, *, lists: timedelta = timedelta(0), search: timedelta = timedelta(0)) -> None:
        """Let lists and the search index of the site lag from now on."""
        object.__setattr__(self.site.tenant, "list_lag", lists)  # a tenant is not made to change
        object.__setattr__(self.site.tenant, "search_lag", search)
        self.site.world.advance(timedelta(0))  # kept answers are of the lag before

    def stored(self) -> Stored:
        """Read the whole database in one snapshot."""
        return stored_through(self.reading)

    @contextmanager
    def locked(self, page_id: str | None) -> Iterator[None]:
        """Hold a lock on the row of a page in somebody's open transaction; None: on nothing."""
        if page_id is None:
            yield
            return
        plain = make_url(self.engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as other:
            other.execute("SELECT FROM confluence_pages WHERE id = %s FOR UPDATE", (page_id,))
            yield
            other.rollback()

    def failing(self) -> int:
        """Count the pages that fail."""
        return len(self.connection.execute("SELECT FROM page_failures").fetchall())

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()
        self.impatient.dispose()
        self.reading.close()
