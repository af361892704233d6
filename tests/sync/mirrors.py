"""A mirror of a simulated site in a fresh database, wired as the command line does it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluence_simulator import BodyLengths, Fault, Simulator, World, generated_world
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.client import Credentials, HttpClient, Limits
from hr_sync.confluence.http.retry import RetryRules
from hr_sync.domain.outcome import RunReport
from hr_sync.store.engine import make_sessions
from hr_sync.sync.context import Mode, Scope, SyncContext, SyncRequest
from hr_sync.sync.run import run

CREDENTIALS = Credentials(username="hr-bot@example.com", password="simulated-token")
SHORT = BodyLengths(median=200, mean=300, maximum=2000)
LISTING = r"/api/v2/spaces/\d+/pages"
QUESTIONS = r"status=trashed|/api/v2/pages/\d+"


def world_of(pages: int, spaces: int = 1) -> World:
    """Make spaces S00, S01, ... with `pages` short pages in all."""
    return generated_world(pages=pages, spaces=spaces, lengths=SHORT)


def mirror_of(site: Simulator, engine: Engine, *, spaces: tuple[str, ...] = ("*",), **changes: Any) -> SyncContext:
    """Wire a mirror; `changes` are fields of Mirror."""
    stop = changes.setdefault("stop", threading.Event())
    limits = Limits(
        request_timeout_seconds=2, retry=RetryRules(max_attempts=3, first_wait_seconds=0.001, longest_wait_seconds=5)
    )
    return SyncContext(
        reader=CloudSource(HttpClient(site.site_url, CREDENTIALS, limits, stop)),
        engine=engine,
        sessions=make_sessions(engine),
        scope=Scope(spaces=spaces),
        version="test",
        **changes,
    )


@contextmanager
def mirrored(world: World, engine: Engine, **changes: Any) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and bring all of it into the database; the request log is empty then."""
    with Simulator(world) as site:
        mirror = mirror_of(site, engine, **changes)
        assert full(mirror).outcome == "complete"
        site.requests.clear()
        yield site, mirror


def full(mirror: SyncContext, **order: Any) -> RunReport:
    """Run once in full."""
    return run(mirror, SyncRequest(mode=Mode.FULL, **order))


def fault(site: Simulator, kind: str, match: str, **how: Any) -> None:
    """Plan a fault for requests whose target matches."""
    site.faults.add(Fault(kind=kind, match=match, **how))


def fired(site: Simulator) -> set[str]:
    """Name the kinds of faults that really happened."""
    return {each.kind for each in site.faults.fired}


def asked_bodies(site: Simulator) -> set[str]:
    """Return the ids of the pages whose body was asked for."""
    return {
        value
        for record in site.requests
        if ("body-format", "storage") in record.query
        for key, value in record.query
        if key == "id"
    }
