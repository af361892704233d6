"""Waits for changes of the feed: by NOTIFY while there is a connection for it, and by the clock in any case."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import psycopg
import structlog
from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hr_sync.cancellation import Cancellation
from hr_sync.store.engine import schema_of
from hr_sync.store.write.changes import CHANNEL

log = structlog.get_logger(__name__)

_SLICE_SECONDS = 0.25  # after which a wait looks whether it should end


class FeedSignal:
    """Notices when a transaction that wrote to the feed has committed.

    It uses a connection of its own. PgBouncer in transaction mode passes no notification on; then the clock decides.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._schema = schema_of(engine)
        self._connection: psycopg.Connection[Any] | None = None
        self._pooled: PoolProxiedConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def wait(self, cancellation: Cancellation, *, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Return after the next commit of changes, after so many seconds, or when it should end.

        A new connection returns at once, since commits before it were not noticed.
        """
        deadline = time.monotonic() + seconds
        if self._connection is None and self._connect():
            return
        while not cancellation.is_set() and not is_over():
            rest = deadline - time.monotonic()
            if rest <= 0 or self._is_notified(cancellation, min(rest, _SLICE_SECONDS)):
                return

    def _connect(self) -> bool:
        try:
            pooled = self._engine.raw_connection()
            connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
            pooled.detach()
            self._pooled = pooled  # which closes the connection when it is collected
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
        except (DBAPIError, PoolTimeoutError, psycopg.Error) as failure:
            log.info("feed.no_signal", error=type(failure).__name__)
            return False
        self._connection = connection
        return True

    def _is_notified(self, cancellation: Cancellation, seconds: float) -> bool:
        if self._connection is None:
            cancellation.wait(seconds)
            return False
        try:
            return any(
                each.payload == self._schema for each in self._connection.notifies(timeout=seconds, stop_after=1)
            )
        except psycopg.Error as failure:
            log.info("feed.signal_lost", error=type(failure).__name__)
            self._close()
            return True  # something may have been missed

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = self._pooled = None
