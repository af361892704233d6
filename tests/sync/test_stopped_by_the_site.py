"""A site that wants no more requests stops all workers in the middle: of posts, of files, of comments, of their texts.

What was not asked stays as it was, and the next round goes on where the workers had to stop.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cli.shared_rate import shared_gate
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.session import Limits
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Mode, Outcome, RunReport, SpaceReport
from hr_sync.domain.rounds import Cadence
from hr_sync.domain.scope import PageScope, SpaceScope
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.context import SpaceJob, SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.jobs import JobRunner
from hr_sync.sync.run import run
from tests.support.wiring import CREDENTIALS, FAST_RETRY, NoWaiting, ask, fault, fired

HOURLY = Cadence(every=timedelta(hours=1))
SPACES = 4
EVERYTHING = PageScope(items=frozenset(ItemKind), blog_posts=True)
SHOWN = {
    "posts": "SELECT title FROM live_pages WHERE kind = 'blog_post'",
    "files": "SELECT name FROM live_attachments",
    "comments": "SELECT storage FROM live_comments",
}
WHERE = {
    "posts": r"/api/v2/spaces/\d+/blogposts",
    "files": r"type\+%3D\+attachment",
    "texts": r"type\+%3D\+comment\+and\+id",
}
AFTER = {"posts": 0, "files": 1, "texts": 2}  #: the first kind of which not everything was asked
REMOVED = """
    SELECT title FROM confluence_pages WHERE removed_at IS NOT NULL AND space_key = ANY (%s)
    UNION ALL SELECT name FROM page_attachments item JOIN confluence_pages page ON page.id = item.page_id
        WHERE item.removed_at IS NOT NULL AND page.space_key = ANY (%s)
    UNION ALL SELECT item.storage FROM page_comments item JOIN confluence_pages page ON page.id = item.page_id
        WHERE item.removed_at IS NOT NULL AND page.space_key = ANY (%s)"""


def world_of() -> World:
    """Make spaces with a page that has files and comments, and with posts."""
    world = World()
    for number in range(SPACES):
        key = f"S{number}"
        world.create_space(key)
        page = world.create_page(space_key=key, title=f"Page {key}", storage="<p>x</p>")
        for name in ("stays", "goes"):
            put(world, page.id, key, f"{name} {key}")
    return world


def put(world: World, page_id: str, key: str, word: str) -> None:
    """Make a post, a file and a comment with this word."""
    world.create_blog_post(space_key=key, title=word, storage="<p>x</p>")
    world.attach(page_id, filename=word, payload=b"x")
    world.comment(page_id, storage=word)


def change(world: World) -> None:
    """Take one of each kind away in each space, and make a new one."""
    for page in [page for page in world.pages() if page.title.startswith("Page")]:
        key = page.title.removeprefix("Page ")
        world.trash_page(
            next(each.id for each in world.contents() if each.title == f"goes {key}" and each.kind == "blogpost")
        )
        world.remove_attachment(next(each.id for each in world.attachments(page.id) if "goes" in each.title))
        world.remove_comment(next(each.id for each in world.comments(page.id) if "goes" in str(each.body)))
        put(world, page.id, key, f"comes {key}")


@contextmanager
def workers_of(site: Simulator, engine: Engine, number: int) -> Iterator[list[SyncContext]]:
    """Wire workers that share what the site says about the rate of requests, as the command line wires them."""
    with ExitStack() as stack:
        contexts = []
        for each in range(number):
            store, worker, stats = Store(engine), Worker(host="box", pid=each), HttpStats()
            gate = stack.enter_context(shared_gate(store, worker, stats))
            limits = Limits(max_connections=2, request_timeout_seconds=5, retry=FAST_RETRY)
            client = HttpClient(site.site_url, CREDENTIALS, limits, NoWaiting(), stats, gate=gate)
            contexts.append(
                SyncContext(
                    source=CloudSource(client),
                    store=store,
                    scope=SpaceScope(spaces=("*",), pages=EVERYTHING),
                    worker=worker,
                    version="test",
                    policy=SyncPolicy(busy_wait_seconds=0.0, open_spaces=frozenset({"*"})),
                    connections=2,
                )
            )
        yield contexts


def take(contexts: list[SyncContext]) -> list[RunReport]:
    """Let each worker do what is due and free, side by side."""
    reports: list[RunReport] = []
    request = SyncRequest(mode=Mode.FULL, cadence=HOURLY)
    threads = [threading.Thread(target=lambda each=each: reports.append(run(each, request))) for each in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports


def shown(engine: Engine) -> dict[str, set[str]]:
    """Return the words that consumers see, by kind."""
    return {kind: {word for (word,) in ask(engine, query)} for kind, query in SHOWN.items()}


def words(*names: str) -> set[str]:
    """Return the words with these names, of all spaces."""
    return {f"{name} S{number}" for name in names for number in range(SPACES)}


@pytest.mark.parametrize("where", WHERE)
def test_all_workers_stop_and_the_next_round_goes_on(engine: Engine, where: str) -> None:
    """Nothing is hidden or removed that nobody looked up, and all is right in the end."""
    world = world_of()
    with Simulator(world) as site:
        with workers_of(site, engine, 2) as contexts:
            assert {report.outcome for report in take(contexts)} == {Outcome.COMPLETE}
            assert shown(engine) == dict.fromkeys(SHOWN, words("stays", "goes"))
        change(world)
        ask(engine, "UPDATE sync_spaces SET full_due_at = full_due_at - interval '1 hour' RETURNING 1")
        fault(site, "retry-after-huge", WHERE[where], times=0, at=2)
        with workers_of(site, engine, 2) as contexts:
            stopped = take(contexts)
        assert fired(site) == {"retry-after-huge"}
        assert {report.exit_code for report in stopped} == {75}
        assert ask(engine, "SELECT count(*) FROM site_budget WHERE blocked_until > now()") == [(1,)]
        found = shown(engine)
        assert all(each >= words("stays") for each in found.values())
        for kind in list(SHOWN)[AFTER[where] :]:
            assert len(words("goes") - found[kind]) <= 1, f"{kind}: one list was answered, and no other"
            assert len(found[kind] & words("comes")) <= 1
        done = {each.space_key for report in stopped for each in report.spaces if each.outcome is Outcome.COMPLETE}
        undone = sorted({f"S{number}" for number in range(SPACES)} - done)
        assert len(done) <= 1
        assert ask(engine, REMOVED, undone, undone, undone) == []

        site.faults.clear()
        ask(engine, "DELETE FROM site_budget RETURNING 1")
        ask(engine, "UPDATE sync_spaces SET full_due_at = full_due_at - interval '1 hour' RETURNING 1")
        with workers_of(site, engine, 2) as contexts:
            again = take(contexts)
        assert {report.outcome for report in again} == {Outcome.COMPLETE}
        assert shown(engine) == dict.fromkeys(SHOWN, words("stays", "comes"))


def test_a_site_that_limits_the_rate_has_few_spaces_under_way(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a lease, and waits for its requests."""
    under_way, most, run_one = 0, list[int](), JobRunner.run

    def count(runner: JobRunner, job: SpaceJob, taken: SpaceStore | None = None) -> SpaceReport:
        nonlocal under_way
        under_way += 1
        most.append(under_way)
        try:
            return run_one(runner, job, taken)
        finally:
            under_way -= 1

    monkeypatch.setattr(JobRunner, "run", count)
    with Simulator(world_of()) as site, workers_of(site, engine, 1) as contexts:
        fault(site, "slow", ".", argument=0.02, times=0)
        context = replace(contexts[0], connections=8)
        width = context.source.client.admission.width
        width.narrow()
        monkeypatch.setattr(width, "widen", lambda: None)
        assert [report.outcome for report in take([context])] == [Outcome.COMPLETE]

    assert len(most) == SPACES
    assert max(most) == 2
