"""A mirror of a simulated site, wired as the command line wires it, whose waits cost no time."""

import threading
from typing import Any

from confluence_simulator import World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.client import Credentials, HttpClient, Limits
from hr_sync.domain.outcome import RunReport
from hr_sync.domain.scope import PageScope
from hr_sync.store.engine import make_sessions
from hr_sync.sync.context import Mode, Scope, SyncContext, SyncRequest
from hr_sync.sync.run import run
from tests.proof.oracle import Wanted

CREDENTIALS = Credentials(username="hr-bot@example.com", password="simulated-token")


class Impatient(threading.Event):
    """Stands for `stop` and waits for nothing, so that the real retry rules can be kept. `waited` is what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Return at once what a real wait would give in the end."""
        self.waited.append(timeout or 0.0)
        return self.is_set()


def mirror_of(
    site_url: str, engine: Engine, wanted: Wanted, *, limits: Limits | None = None, **changes: Any
) -> SyncContext:
    """Wire a mirror; `changes` are fields of Mirror. One connection, unless told otherwise: requests have an order."""
    stop = changes.setdefault("stop", Impatient())
    changes.setdefault("connections", 1)
    limits = limits or Limits(max_connections=changes["connections"], request_timeout_seconds=5)
    pages = PageScope(page_trees=wanted.page_trees, exclude_page_trees=wanted.exclude_page_trees)
    return SyncContext(
        reader=CloudSource(HttpClient(site_url, CREDENTIALS, limits, stop)),
        engine=engine,
        sessions=make_sessions(engine),
        scope=Scope(spaces=wanted.spaces, pages=pages),
        version="proof",
        **changes,
    )


def full(mirror: SyncContext, **order: Any) -> RunReport:
    """Run once in full."""
    return _closing(mirror, SyncRequest(mode=Mode.FULL, **order))


def incremental(mirror: SyncContext, **order: Any) -> RunReport:
    """Run once incrementally."""
    return _closing(mirror, SyncRequest(mode=Mode.INCREMENTAL, **order))


def restrictions(mirror: SyncContext, **order: Any) -> RunReport:
    """Compare labels and restrictions once."""
    return _closing(mirror, SyncRequest(mode=Mode.RESTRICTIONS, **order))


def _closing(mirror: SyncContext, order: SyncRequest) -> RunReport:
    try:
        return run(mirror, order)
    finally:
        mirror.reader.client.close()


def put_back(world: World, fresh: World) -> None:
    """Make a served world what `fresh` is."""
    world.become(fresh)
