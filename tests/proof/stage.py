"""Where histories are played: one site and one database, both put back to their beginning in a few milliseconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from confluence_simulator import Simulator, World
from sqlalchemy import Engine, make_url

from hr_sync.store.orm import Base
from tests.proof.wiring import put_back

MIRRORED = ("A", "B")
APART = "C"
REFUSALS = """
    CREATE TABLE refused (page_id text PRIMARY KEY);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
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
    return world


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A site that is served and a database with our tables, which may refuse pages."""

    site: Simulator
    engine: Engine
    connection: psycopg.Connection[tuple[object, ...]]

    @classmethod
    def on(cls, site: Simulator, engine: Engine) -> "Stage":
        """Build it on a database with our tables."""
        plain = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        stage = cls(site=site, engine=engine, connection=psycopg.connect(plain, autocommit=True))
        stage.connection.execute(REFUSALS.encode())
        return stage

    @property
    def url(self) -> str:
        """URL of the database."""
        return make_url(self.engine.url).render_as_string(hide_password=False)

    def begin(self) -> None:
        """Put everything back to the beginning."""
        tables = [*(table.name for table in reversed(Base.metadata.sorted_tables)), "refused"]
        self.connection.execute(";".join(f"DELETE FROM {name}" for name in tables).encode())
        self.site.faults.clear()
        self.site.requests.clear()
        put_back(self.site.world, first_world())

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

    def watermarks(self) -> dict[str, datetime]:
        """Return the spaces that have been synchronised, and up to when."""
        rows = self.connection.execute("SELECT space_key, watermark FROM sync_spaces WHERE watermark IS NOT NULL")
        return {str(key): moment for key, moment in rows if isinstance(moment, datetime)}

    def failing(self) -> int:
        """Count the pages that fail."""
        return len(self.connection.execute("SELECT FROM page_failures").fetchall())

    def close(self) -> None:
        """Return the connection back."""
        self.connection.close()
