"""Cancels the running statements of an engine's connections from another thread, on a forced shutdown."""

import contextlib
import threading
from typing import Any
from weakref import WeakSet

import psycopg
from sqlalchemy import Engine, event

_CANCEL_TIMEOUT_SECONDS = 0.3  # for each connection


class Connections:
    """The connections that an engine has lent out since this was made."""

    def __init__(self, engine: Engine) -> None:
        self._lock = threading.Lock()
        self._lent: WeakSet[psycopg.Connection[Any]] = WeakSet()
        self.cancelled = False  #: from now on this process has cancelled the statements, not a time-out

        @event.listens_for(engine, "checkout")
        def _lend(connection: Any, _record: object, _proxy: object) -> None:
            with self._lock:
                self._lent.add(connection)

    def cancel(self) -> None:
        """Cancel the statement that each of them waits for; its transaction rolls back. Idle ones stay as they are.

        The driver uses the protocol's own cancel request, which PgBouncer forwards.
        """
        self.cancelled = True
        with self._lock:  # work goes on, and a set that grows cannot be gone through
            lent = list(self._lent)
        for connection in lent:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_TIMEOUT_SECONDS)
