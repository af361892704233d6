"""The PostgreSQL that is measured against: the embedded one, set as it is for a user, with fsync."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy import URL, make_url

from hr_sync.embedded.server import EmbeddedPostgres

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# Makes one page in a thousand unacceptable.
_REFUSAL = """
create function refuse() returns trigger language plpgsql as
  $$ begin raise check_violation using message = 'refused for the measurement'; end $$;
create trigger refuse before insert or update on page_bodies
  for each row when (abs(hashtext(new.page_id)) % 1000 = 0) execute function refuse();
"""


class Postgres:
    """A running server."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql")
        with self._connect() as connection:
            (folder,) = connection.execute("show data_directory").fetchone() or ("",)
        self._process = int((Path(str(folder)) / "postmaster.pid").read_text().splitlines()[0])

    @property
    def port(self) -> int:
        return self._url.port or 5432

    def fresh(self, name: str) -> None:
        """Make an empty database, in place of one of that name."""
        with self._connect() as connection:
            connection.execute(f"drop database if exists {name} with (force)".encode())
            connection.execute(f"create database {name}".encode())

    def url(self, name: str, *, port: int | None = None) -> str:
        """Return the address of a database, or of its stand-in at another port."""
        return self._url.set(database=name, port=port or self.port).render_as_string(hide_password=False)

    def settle(self) -> None:
        """Write out what earlier steps left in memory, so that the next one does not pay for it."""
        with self._connect() as connection:
            connection.execute("checkpoint")

    def refuse_some(self, name: str) -> None:
        """Refuse one page in a thousand from now on; hr-sync's tables are there."""
        with psycopg.connect(self.url(name)) as connection:
            connection.execute(_REFUSAL)

    def cpu_seconds(self) -> float:
        """Processor time of the server and of the backends that have ended."""
        fields = Path(f"/proc/{self._process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS_PER_SECOND

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._url.render_as_string(hide_password=False), autocommit=True)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server in a folder of its own, until the block ends."""
    with TemporaryDirectory(prefix="hr-sync-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL refuses to run as root, and its account has to get in
        with EmbeddedPostgres(Path(folder) / "postgresql") as server:
            yield Postgres(make_url(server.url))
