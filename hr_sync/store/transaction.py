"""Runs one transaction, retries it once after a conflict, and raises its failure as an error of `hr_sync.errors`.

The changes that the transaction has noted for the feed are written as its last statement.
"""

from collections.abc import Callable
from typing import TypeVar

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


class Transactions:
    """Transactions over one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.connections = Connections(engine)
        self._sessions = make_sessions(engine)

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

    def run_once(self, work: Callable[[Session], Result]) -> Result:
        """Do the same without another attempt, for work that cannot be repeated."""
        try:
            with session_scope(self._sessions) as session:
                begin_changes(session)
                result = work(session)
                write_changes(session)
                return result
        except (DBAPIError, PoolTimeoutError) as error:
            raise self._error(error) from None

    def _error(self, error: DBAPIError | PoolTimeoutError) -> HrSyncError:
        if self.connections.cancelled and isinstance(error, DBAPIError) and sqlstate(error) == CANCELLED:
            return Stopped("Stopped on request; the open transaction was rolled back, the next run does the rest.")
        expected = expected_error(error, self.engine.url)
        if expected is not None:
            return expected
        statement = error.statement if isinstance(error, DBAPIError) else None  # without the values bound to it
        log.error("database.refused", error=describe_error(error), statement=statement)
        return HrSyncError(f"PostgreSQL refused a statement of hr_sync: {describe_error(error)}. The log has it.")
