"""What the jobs of one process share: the connections to each database, and what each site says about the rate."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hr_sync.confluence.http.rate import RateGate

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.settings import Settings
    from hr_sync.settings.model import DatabaseSettings
    from hr_sync.store.store import Store

_ROUNDS_SECONDS = 55.0  # between two times that a site is asked for its spaces


class SharedSite:
    """One of the sites. A job that opened everything anew would take as long for that as for a small space."""

    def __init__(self, name: str, databases: "_Databases") -> None:
        self.gate = RateGate()
        self._name = name
        self._databases = databases
        self._lock = threading.Lock()
        self._opened: tuple[DatabaseSettings, Store] | None = None
        self._rounds_at = -math.inf  # monotonic

    def rounds_are_old(self) -> bool:
        """Return True if the rounds of the site were begun more than a minute ago: there may be other spaces now."""
        return time.monotonic() - self._rounds_at > _ROUNDS_SECONDS

    def note_rounds(self) -> None:
        """Note that the rounds of the site have been begun."""
        self._rounds_at = time.monotonic()

    @contextmanager
    def open_store(self, settings: "Settings") -> "Iterator[Store]":
        """Hold the store of the site; its tables were made, if they were missing, when it was opened first.

        Other settings of the database open it anew. Raise what opening raises; the next call tries again.
        """
        from hr_sync.store.db_errors import database_errors

        store = self._store(settings)
        with database_errors(store.engine):
            yield store

    def _store(self, settings: "Settings") -> "Store":
        from hr_sync.store.schema import ensure_schema
        from hr_sync.store.store import Store

        with self._lock:
            if self._opened is None or self._opened[0] != settings.database:
                engine = self._databases.engine(self._name, settings)
                ensure_schema(engine)  # no views over all sites: jobs are many
                self._opened = settings.database, Store(engine)
            return self._opened[1]


class SharedSites:
    """The sites of a process, by name."""

    def __init__(self, number: int) -> None:
        """Take how many sites there may be: each may have as many connections in use as one alone."""
        self._databases = _Databases(number)
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

    def __init__(self, sites: int) -> None:
        self._sites = sites
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
        engine = closing.enter_context(open_database(settings, sites=self._sites))
        return _Database(settings=wanted, engine=engine, closing=closing)
