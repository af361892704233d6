"""A simulated site and a fresh database, wired as the command line wires them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from confluence_simulator import BodyLengths, Fault, Simulator, World, generated_world
from sqlalchemy import Engine, make_url

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.retry import RetryRules
from hr_sync.confluence.http.session import Limits
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.domain.scope import EVERY_SPACE, PageScope, SpaceScope
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.dry_run import SpacePreview, dry_run
from hr_sync.sync.run import run
from tests.support.oracle import Wanted

CREDENTIALS = Credentials(username="hr-bot@example.com", password="simulated-token")
SHORT = BodyLengths(median=200, mean=300, maximum=2000)
FAST_RETRY = RetryRules(max_attempts=3, first_wait_seconds=0.001, longest_wait_seconds=5)
EVERY = frozenset({EVERY_SPACE})  #: spaces that are open to everybody who asks: most tests care about pages alone
LISTING = r"/api/v2/spaces/\d+/pages"
LOOKUPS = r"status=trashed|/api/v2/pages/\d+"


class NoWaiting(Cancellation):
    """Waits for nothing, so that the real retry rules cost no time. `waited` is what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._lock = threading.Lock()

    def wait(self, seconds: float | None = None) -> bool:
        """Return at once what a real wait would return in the end."""
        with self._lock:
            self.waited.append(seconds or 0.0)
        return self.is_set()


def world_of(pages: int, spaces: int = 1) -> World:
    """Make spaces S00, S01, ... with `pages` short pages in all."""
    return generated_world(pages=pages, spaces=spaces, lengths=SHORT)


def context_of(
    site: Simulator | str,
    engine: Engine,
    *,
    spaces: Sequence[str] = ("*",),
    exclude_spaces: Sequence[str] = (),
    pages: PageScope | None = None,
    limits: Limits | None = None,
    cancellation: Cancellation | None = None,
    source: type[CloudSource] | type[DataCenterSource] = CloudSource,
    policy: SyncPolicy | None = None,
    connections: int = 4,
    store: Store | None = None,
    **changes: Any,
) -> SyncContext:
    """Wire a context; `changes` are fields of SyncContext."""
    url = site if isinstance(site, str) else site.site_url
    policy = policy or SyncPolicy(busy_wait_seconds=0.0, compares_labels=True)
    limits = limits or Limits(max_connections=connections, request_timeout_seconds=5, retry=FAST_RETRY)
    client = HttpClient(url, CREDENTIALS, limits, cancellation or NoWaiting())
    return SyncContext(
        source=source(client),
        store=store or Store(engine),
        scope=SpaceScope(spaces=spaces, exclude_spaces=exclude_spaces, pages=pages or PageScope()),
        worker=Worker.current(),
        version="test",
        policy=replace(policy, open_spaces=policy.open_spaces or EVERY),
        connections=connections,
        **changes,
    )


def context_for(site: Simulator | str, engine: Engine, wanted: Wanted, **changes: Any) -> SyncContext:
    """Wire a context for a scope in the oracle's words. With one connection, the default, requests have an order."""
    changes.setdefault("connections", 1)
    pages = PageScope(
        page_trees=wanted.page_trees,
        exclude_page_trees=wanted.exclude_page_trees,
        include_labels=wanted.include_labels,
        exclude_labels=wanted.exclude_labels,
        items=frozenset(each for each in ItemKind if getattr(wanted, each.value)),
        blog_posts=wanted.blog_posts,
    )
    return context_of(site, engine, spaces=wanted.spaces, exclude_spaces=wanted.exclude_spaces, pages=pages, **changes)


@contextmanager
def mirrored(world: World, engine: Engine, **changes: Any) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and bring all of it into the database; the request log is empty then."""
    with Simulator(world) as site:
        context = context_of(site, engine, **changes)
        report = full(context)
        assert report.outcome == "complete", report
        site.requests.clear()
        yield site, context


def full(context: SyncContext, **request: Any) -> RunReport:
    """Run once in full."""
    return run(context, SyncRequest(mode=Mode.FULL, **request))


def incremental(context: SyncContext, **request: Any) -> RunReport:
    """Run once incrementally."""
    return run(context, SyncRequest(mode=Mode.INCREMENTAL, **request))


def access(context: SyncContext, **request: Any) -> RunReport:
    """Compare labels and restrictions once."""
    return run(context, SyncRequest(mode=Mode.ACCESS, **request))


def preview(context: SyncContext, **request: Any) -> dict[str, SpacePreview]:
    """Return what a full run would do, by space key."""
    return {each.space_key: each for each in dry_run(context, SyncRequest(mode=Mode.FULL, **request))}


def fault(site: Simulator, kind: str, match: str, **how: Any) -> None:
    """Plan a fault for requests whose target matches."""
    site.faults.add(Fault(kind=kind, match=match, **how))


def fired(site: Simulator) -> set[str]:
    """Return the kinds of faults that really happened."""
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


def plain_url(engine: Engine) -> str:
    """Return the database's address for psycopg."""
    return make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)


def ask(engine: Engine, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask the database with SQL of the test's own, apart from the code under test."""
    with psycopg.connect(plain_url(engine), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def live_titles(engine: Engine) -> list[str]:
    """Return the titles that consumers see, sorted."""
    return sorted(title for (title,) in ask(engine, "SELECT title FROM live_pages"))


def live_ids(engine: Engine) -> set[str]:
    """Return the ids that consumers see."""
    return {page_id for (page_id,) in ask(engine, "SELECT id FROM live_pages")}


def feed(engine: Engine, page_id: str | None = None) -> list[tuple[str, str, list[str]]]:
    """Return page, action and changed fields of the feed, in the documented order."""
    where = "" if page_id is None else "WHERE page_id = %s"
    values = () if page_id is None else (page_id,)
    rows = ask(engine, f"SELECT page_id, action, changed_fields FROM content_changes {where} ORDER BY seq", *values)
    return [(page, action, list(fields)) for page, action, fields in rows]
