"""Opens a mirror for reading."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hr_sync.reading.reader import MirrorReader
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import check_schema
from hr_sync.store.transaction import OpenTransaction, Transactions


class MirrorStore(MirrorReader):
    """An open mirror. Every question is a transaction of its own, which cannot write. Threads may share it.

    `open_store` makes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._own = Transactions(engine.execution_options(postgresql_readonly=True))
        super().__init__(self._own)

    @contextmanager
    def snapshot(self) -> Iterator[MirrorReader]:
        """Hold one transaction whose answers all show the mirror as it was at the first of them.

        Pauses between two questions must be shorter than `idle_timeout_seconds` of `open_store`.

        >>> with store.snapshot() as mirror:
        ...     mirror.count() == len(list(mirror.iterate_pages()))
        True
        """
        with self._own.session(isolation_level="REPEATABLE READ") as session:
            yield MirrorReader(OpenTransaction(session))

    def close(self) -> None:
        """Close the connections and refuse every further question, which would open new ones. `open_store` does it."""
        self._own.close()


@contextmanager
def open_store(
    url: str,
    *,
    schema: str = "public",
    pool_size: int = 5,
    pool_timeout_seconds: float = 30,
    connect_timeout_seconds: int = 10,
    statement_timeout_seconds: float = 60,
    idle_timeout_seconds: float = 60,
    application_name: str = "hr_sync reading",
    allow_plaintext: bool = False,
) -> Iterator[MirrorStore]:
    """Open the mirror in one schema of a database, and close its connections at the end. Open it once for a process.

    `url` is like postgresql://user:password@host:5432/database. `pool_size`: connections that stay open; ten more are
    opened when all are in use, and `pool_timeout_seconds` is how long a question waits for one. `idle_timeout_seconds`:
    the longest pause within a snapshot or a session. `allow_plaintext`: a server on another machine may be spoken to
    without verified TLS.

    Raises ConfigurationError for a wrong URL, user or database, SchemaError if the tables are missing, older or newer
    than this build, DatabaseCredentialsRefused, DatabaseUnavailable. Messages call the URL database.url, as the
    settings of hr_sync do.

        >>> with open_store(url) as store:
        ...     store.count()
        3
    """
    engine = make_engine(
        url,
        schema=schema,
        pool_size=pool_size,
        pool_timeout_seconds=pool_timeout_seconds,
        connect_timeout_seconds=connect_timeout_seconds,
        statement_timeout_seconds=statement_timeout_seconds,
        idle_in_transaction_timeout_seconds=idle_timeout_seconds,
        application_name=application_name,
        allow_plaintext=allow_plaintext,
    )
    store = MirrorStore(engine)
    try:
        check_schema(engine)
        yield store
    finally:
        store.close()


def session_scope(store: MirrorStore) -> AbstractContextManager[Session]:
    """Hold one read-only transaction for queries of your own, as a session of SQLAlchemy.

    `LIVE_PAGES`, `LIVE_SECTIONS` and `MIRROR_FRESHNESS` are the views, for `select`. `ConfluencePage` is the table of
    pages, for a role that may read it (docs/access.md, row-level security). Raises DatabaseUnavailable, SchemaError and
    ConfigurationError as the questions do.

    >>> from sqlalchemy import func, select
    >>> from hr_sync.reading import LIVE_PAGES
    >>> with session_scope(store) as session:
    ...     session.scalar(select(func.max(LIVE_PAGES.c.version)))
    4
    """
    return store._own.session()  # noqa: SLF001 -- of this module
