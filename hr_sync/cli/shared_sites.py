"""What the jobs of one process share: the connections to each database, and what each site says about the rate."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hr_sync.confluence.http.rate import RateGate
from hr_sync.confluence.http.width import Tasks
from hr_sync.domain.outcome import Mode
from hr_sync.errors import HrSyncError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.settings import Settings
    from hr_sync.settings.model import DatabaseSettings
    from hr_sync.store.store import Store

_ROUNDS_SECONDS = 55.0  # between two times that a site is asked for its spaces
_TURN_SECONDS = 5.0  # a space whose job has waited for longer is deferred again behind the others
_CHECK_SECONDS = 10.0  # between two looks at the tables, and after a failure


class SharedSite:
    """One of the sites. A job that opened everything anew would take as long for that as for a small space."""

    def __init__(self, name: str, databases: "_Databases") -> None:
        self.gate = RateGate()
        self._tasks = {mode: Tasks(self.gate.width) for mode in Mode}
        self._name = name
        self._databases = databases
        self._opening = threading.Lock()
        self._opened: tuple[DatabaseSettings, Store] | None = None
        self._checked_at = -math.inf  # monotonic
        self._failure: HrSyncError | None = None  # of the last check
        self._beginning = threading.Lock()
        self._begun_at = -math.inf  # monotonic
        self._has_begun = False

    def begin_rounds(self, begin: Callable[[], None]) -> bool:
        """Begin the rounds of the site, which asks it for its spaces, unless that was done within the last minute.

        Return False if it failed the last time, or is being done. Raise what `begin` raises.
        """
        if not self._beginning.acquire(blocking=False):
            return False
        try:
            if time.monotonic() - self._begun_at > _ROUNDS_SECONDS:
                self._begun_at, self._has_begun = time.monotonic(), False
                begin()
                self._has_begun = True
            return self._has_begun
        finally:
            self._beginning.release()

    @contextmanager
    def turn(self, mode: Mode, is_over: Callable[[], bool]) -> Iterator[bool]:
        """Begin a job when the rate of the site admits one more beside those of this mode. Give False if it does not.

        More jobs would only wait for each other, and be lost with the process. One that waits keeps those of other
        modes from the place that it has in the process, so that it waits for a few seconds. `is_over` ends the wait.
        """
        ends_at = time.monotonic() + _TURN_SECONDS
        with self._tasks[mode].one(lambda: is_over() or time.monotonic() > ends_at) as is_begun:
            yield is_begun

    @contextmanager
    def open_store(self, settings: "Settings") -> "Iterator[Store]":
        """Hold the store of the site. Tables that are missing are made.

        Other settings of the database open it anew. Raise what opening raises, also to those who wait for it, and
        SchemaError where the tables are of another version by now.
        """
        from hr_sync.store.db_errors import database_errors

        with self._opening:
            store = self._store(settings)
        with database_errors(store.engine):
            yield store

    def _store(self, settings: "Settings") -> "Store":
        from hr_sync.store.schema import ensure_schema
        from hr_sync.store.store import Store

        opened = self._opened
        if opened is None or opened[0] != settings.database:
            opened = settings.database, Store(self._databases.engine(self._name, settings))
        elif time.monotonic() - self._checked_at < _CHECK_SECONDS:
            if self._failure is not None:
                raise self._failure.with_traceback(None)
            return opened[1]
        self._opened, self._failure = opened, None
        try:
            ensure_schema(opened[1].engine)  # no views over all sites: jobs are many
        except HrSyncError as failure:
            self._failure = failure
            raise
        finally:
            self._checked_at = time.monotonic()
        return opened[1]


class SharedSites:
    """The sites of a process, by name."""

    def __init__(self, jobs: int) -> None:
        """Take how many jobs there may be at once: each may have as many connections in use as one alone."""
        self._databases = _Databases(jobs)
        self._lock = threading.Lock()
        self._sites: dict[str, SharedSite] = {}

    def of(self, name: str) -> SharedSite:
        """Return the site with this name, the same one each time."""
        with self._lock:
            return self._sites.setdefault(name, SharedSite(name, self._databases))

    def close(self) -> None:
        """Close the connections. Jobs under way end on those that they have."""
        self._databases.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Database:
    settings: "DatabaseSettings"  #: without the schema
    engine: "Engine"
    closing: ExitStack
    sites: set[str] = field(default_factory=set)  #: those that use it


class _Databases:
    """The databases of the sites; those with the same settings share connections, whatever their schema is."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._opened: list[_Database] = []

    def engine(self, site: str, settings: "Settings") -> "Engine":
        """Return the engine for a site. One that no site uses any more is closed; jobs under way end on it."""
        from hr_sync.store.engine import in_schema

        wanted = settings.database.model_copy(update={"schema_name": "public"})
        with self._lock:
            found = next((each for each in self._opened if each.settings == wanted), None)
            if found is None:
                found = self._open(settings, wanted)
                self._opened.append(found)
            for each in self._opened:
                each.sites.discard(site)
            found.sites.add(site)
            for each in [each for each in self._opened if not each.sites]:
                self._opened.remove(each)
                each.closing.close()
        return in_schema(found.engine, settings.database.schema_name)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for each in self._opened:
                each.closing.close()

    def _open(self, settings: "Settings", wanted: "DatabaseSettings") -> _Database:
        from hr_sync.cli.bootstrap import open_database

        closing = ExitStack()
        engine = closing.enter_context(open_database(settings, sites=self._jobs))
        return _Database(settings=wanted, engine=engine, closing=closing)
