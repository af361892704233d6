"""Opens a mirror for reading."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hr_sync.domain.feed import FeedChange, FeedPosition
from hr_sync.reading.reader import MirrorReader
from hr_sync.store.engine import make_engine
from hr_sync.store.read.feed import begin_snapshot, changes_after, check_keeps_positions, find_position
from hr_sync.store.schema import check_schema
from hr_sync.store.transaction import OpenTransaction, Transactions
from hr_sync.store.write.feed import ack, note_seen, start_consumer

_CHANGES = 1000  # changes that are read at once


class MirrorStore(MirrorReader):
    """An open mirror. Every question is a transaction of its own, which cannot write. Threads may share it.

    Only the positions of consumers of the feed are written.

    `open_store` makes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._own = Transactions(engine.execution_options(postgresql_readonly=True))
        self._positions = Transactions(engine)  # of consumers of the feed: all that is ever written
        super().__init__(self._own)

    @contextmanager
    def snapshot(self, *, consumer: str | None = None) -> Iterator[MirrorReader]:
        """Hold one transaction whose answers all show the mirror as it was at its beginning.

        With `consumer` its changes begin behind the snapshot, once the block has ended without an error: whoever copies
        the mirror copies all of it here, and then follows `changes`. Without it, pauses between two questions must be
        shorter than `idle_timeout_seconds` of `open_store`. Raises SnapshotNeeded if changes behind the snapshot were
        deleted as old before it ended, and DatabaseUnavailable at once for a consumer on a standby, which keeps no
        positions.

        >>> with store.snapshot() as mirror:
        ...     mirror.count() == len(list(mirror.iterate_pages()))
        True
        """
        if consumer is None:
            with self._own.session(isolation_level="REPEATABLE READ") as session:
                yield MirrorReader(OpenTransaction(session))
            return
        self._positions.run(lambda session: check_keeps_positions(session, consumer))
        with self._own.session() as session:
            position = begin_snapshot(session)
            yield MirrorReader(OpenTransaction(session))
        self._positions.run(lambda session: start_consumer(session, consumer, position))

    def changes(self, consumer: str, *, compact: bool = False) -> Iterator[FeedChange]:
        """Yield each change that a consumer has not acknowledged, in order, until there is none any more.

        The consumer reads the page anew, or deletes it where it is not shown, and calls `ack`: a change that is not
        acknowledged comes again with the next call. `compact`: only the last change of each page. Raises SnapshotNeeded
        for a consumer that is new or has missed changes: `snapshot` with its name comes first.
        """
        place = self._own.run(lambda session: find_position(session, consumer))
        while found := self._changes_after(consumer, place, compact=compact):
            yield from found
            place = FeedPosition(epoch=place.epoch, seq=found[-1].seq)
        self._positions.run(lambda session: note_seen(session, consumer))

    def ack(self, consumer: str, change: FeedChange) -> None:
        """Write that a consumer has dealt with a change and everything before it. Twice is the same as once.

        Raises SnapshotNeeded if the consumer has missed changes, UsageError for a change before one that was
        acknowledged, and DatabaseUnavailable on a standby.
        """
        self._positions.run(lambda session: ack(session, consumer, change.seq, epoch=change.epoch))

    def _changes_after(self, consumer: str, place: FeedPosition, *, compact: bool) -> Sequence[FeedChange]:
        return self._own.run(
            lambda session: changes_after(session, place, limit=_CHANGES, compact=compact, consumer=consumer)
        )

    def close(self) -> None:
        """Close the connections and refuse every further question, which would open new ones. `open_store` does it."""
        self._own.close()
        self._positions.close()


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

    `LIVE_PAGES`, `LIVE_SECTIONS`, `LIVE_ATTACHMENTS`, `LIVE_COMMENTS` and `MIRROR_FRESHNESS` are the views.
    `ConfluencePage` is the table of pages, for a role that may read it (docs/access.md, row-level security). Raises
    DatabaseUnavailable, SchemaError and ConfigurationError as the questions do.

    >>> from sqlalchemy import func, select
    >>> from hr_sync.reading import LIVE_PAGES
    >>> with session_scope(store) as session:
    ...     session.scalar(select(func.max(LIVE_PAGES.c.version)))
    4
    """
    return store._own.session()  # noqa: SLF001 -- of this module
