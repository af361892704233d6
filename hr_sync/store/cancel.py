"""Breaks off what an engine's connections wait for, from another thread, when the process has no time left."""

import contextlib
from typing import Any
from weakref import WeakSet

import psycopg
from sqlalchemy import Engine, event

_PATIENCE_SECONDS = 0.3  # for the server to take note, for each connection


class Connections:
    """The connections that an engine has lent out since this was made."""

    def __init__(self, engine: Engine) -> None:
        self._lent: WeakSet[psycopg.Connection[Any]] = WeakSet()

        @event.listens_for(engine, "checkout")
        def _lend(connection: Any, _record: object, _proxy: object) -> None:
            self._lent.add(connection)

    def break_off(self) -> None:
        """Cancel whatever statement each of them waits for; its transaction rolls back. Idle ones stay as they are.

        The driver does it by the protocol's own way, which PgBouncer hands on.
        """
        for connection in list(self._lent):
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=_PATIENCE_SECONDS)
