"""Runs one transaction, retries it once after a conflict, and raises its failure as an error of `hr_sync.errors`.

The changes that the transaction has noted for the feed are written as its last statement.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from hr_sync.errors import DatabaseConflict, HrSyncError, Stopped
from hr_sync.store.cancel import Connections
from hr_sync.store.db_errors import CANCELLED, describe_error, expected_error, sqlstate
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.write.changes import begin_changes, write_changes

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class OpenTransaction:
    """One transaction that is open already, for several questions that must be answered from the same state."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in the transaction and return its result."""
        return work(self._session)


class Transactions:
    """Transactions over one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.connections = Connections(engine)
        self._sessions = make_sessions(engine)
        self._is_closed = False

    def close(self) -> None:
        """Close the connections. A transaction that is begun later raises RuntimeError, and opens none."""
        self._is_closed = True
        self.engine.dispose()

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in a transaction and return its result. A conflict rolls it back and runs it once more.

        Raises DatabaseConflict after the second conflict, DatabaseUnavailable when server or connection failed,
        ConfigurationError when the database user lacks a right, Stopped when this process cancelled its statements.
        """
        try:
            return self.run_once(work)
        except DatabaseConflict as conflict:
            log.info("database.conflict", error=str(conflict))
        return self.run_once(work)

    @contextmanager
    def session(self, **execution_options: Any) -> Iterator[Session]:
        """Hold one transaction, committed at the end. `execution_options` are those of its connection.

        Raises what `run` does; nothing is tried again.
        """
        if self._is_closed:
            raise RuntimeError("the database is closed: ask it, and use up iterators, within the block that opened it")
        try:
            with session_scope(self._sessions) as session:
                if execution_options:
                    session.connection(execution_options=execution_options)
                begin_changes(session)
                yield session
                write_changes(session)
        except (DBAPIError, PoolTimeoutError) as error:
            raise self._error(error) from None

    def run_once(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` as `run` does without another attempt, for work that cannot be repeated."""
        with self.session() as session:
            return work(session)

    def _error(self, error: DBAPIError | PoolTimeoutError) -> HrSyncError:
        if self.connections.cancelled and isinstance(error, DBAPIError) and sqlstate(error) == CANCELLED:
            return Stopped("Stopped on request; the open transaction was rolled back, the next run does the rest.")
        expected = expected_error(error, self.engine.url)
        if expected is not None:
            return expected
        statement = error.statement if isinstance(error, DBAPIError) else None  # without the values bound to it
        log.error("database.refused", error=describe_error(error), statement=statement)
        return HrSyncError(
            f"PostgreSQL refused a statement of hr_sync: {describe_error(error)}. The log has the statement "
            "(database.refused). Undo what was changed in the tables by hand; if nothing was, report it as a bug."
        )
