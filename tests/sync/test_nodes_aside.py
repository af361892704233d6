"""The nodes of a new space are walked beside its listing; no text is shown under facts that are older than it."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import ContentKind, ItemKind, ListedPages, Space
from hr_sync.domain.scope import PageScope
from hr_sync.sync import nodes_aside
from hr_sync.sync.context import SyncPolicy
from tests.support.wiring import EVERY, LISTING, ask, context_of, fault, fired, full, world_of

WITH_ACCESS = SyncPolicy(access=AccessPolicy(), busy_wait_seconds=0.0, open_spaces=EVERY)
PAGES = 520  # three answers of a listing with bodies, and of a walk over nodes
NODES = r"content/search\?.*cql=space.*type\+in.*order\+by\+created"
SECRET = "<p>salary</p>"


def large_world() -> World:
    """Make a space whose pages are old."""
    world = world_of(PAGES)
    world.add_group("managers")
    return world


def shown(engine: Engine) -> dict[str, str]:
    """Return what the consumers' view shows, by id."""
    return dict(ask(engine, "SELECT id, storage FROM live_pages"))


def order_of(site: Simulator) -> str:
    """Return the order of requests: l for a list of pages with bodies, n for nodes."""
    targets = [f"{record.route}?{urlencode(record.query)}" for record in site.requests]
    marks = {"l": LISTING + r".*body-format", "n": NODES}
    return "".join(mark for target in targets for mark, pattern in marks.items() if re.search(pattern, target))


@pytest.fixture
def after_the_walk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], threading.Event]:
    """Return what lets something happen once the nodes were walked, before the last answer of the listing is requested.

    The event that is returned is set when it has happened.
    """
    walked, happened = threading.Event(), threading.Event()
    walk, listing = nodes_aside._walked, CloudSource.listing_with_bodies

    def walk_and_tell(*args: object) -> object:
        try:
            return walk(*args)  # type: ignore[arg-type]
        finally:
            walked.set()

    def plan(happens: Callable[[], object]) -> threading.Event:
        def slow(source: CloudSource, space: Space, kind: ContentKind = ContentKind.PAGE) -> Iterator[ListedPages]:
            for number, answer in enumerate(listing(source, space, kind)):
                yield answer
                if number == 0 and walked.wait(20) and not happened.is_set():
                    happens()
                    happened.set()

        monkeypatch.setattr(nodes_aside, "_walked", walk_and_tell)
        monkeypatch.setattr(CloudSource, "listing_with_bodies", slow)
        return happened

    return plan


def last_page(world: World) -> str:
    """Return the id that a listing shows last."""
    return max((page.id for page in world.pages()), key=int)


def test_old_texts_are_shown_by_one_walk_beside_the_listing(
    engine: Engine, after_the_walk: Callable[[Callable[[], object]], threading.Event]
) -> None:
    world = large_world()
    kept = world.pages()[7].id
    world.restrict_page(kept, groups=("managers",))
    happened = after_the_walk(lambda: None)
    with Simulator(world) as site:
        report = full(context_of(site, engine, policy=WITH_ACCESS))

        assert happened.is_set()
        assert (report.outcome, report.counts.restricted) == ("complete", PAGES)
        assert order_of(site).count("n") == 3
        assert order_of(site).endswith("l")
        assert kept not in shown(engine)
        assert shown(engine).keys() | below(world, kept) == {page.id for page in world.pages()}


def below(world: World, page_id: str) -> set[str]:
    """Return a page and everything below it."""
    found = {page_id}
    while more := {page.id for page in world.pages() if page.parent_id in found} - found:
        found |= more
    return found


def test_a_text_that_is_newer_than_the_walk_is_shown_by_another_one(
    engine: Engine, after_the_walk: Callable[[Callable[[], object]], threading.Event]
) -> None:
    """It is put under a restriction and written in this order, after the walk has seen the page open."""
    world = large_world()
    page_id = last_page(world)

    def becomes_secret() -> None:
        world.restrict_page(page_id, groups=("managers",))
        world.edit_page(page_id, storage=SECRET)

    happened = after_the_walk(becomes_secret)
    with Simulator(world) as site:
        report = full(context_of(site, engine, policy=WITH_ACCESS))

        assert happened.is_set()
        assert report.outcome == "complete"
        assert ask(engine, "SELECT storage FROM page_bodies WHERE page_id = %s", page_id) == [(SECRET,)]
        assert SECRET not in shown(engine).values()
        assert re.fullmatch("l[ln]*n{3}l*n{3}", order_of(site))


def test_bodies_that_are_read_after_the_listing_are_shown_by_another_walk(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list with bodies broke, and the list without them shows a version that is older than the walk."""
    world = large_world()
    page_id, pages = last_page(world), CloudSource.pages
    happened = threading.Event()

    def late(source: CloudSource, *args: Any) -> object:
        if not happened.is_set():
            happened.set()
            world.restrict_page(page_id, groups=("managers",))
            world.edit_page(page_id, storage=SECRET)
        return pages(source, *args)

    monkeypatch.setattr(CloudSource, "pages", late)
    with Simulator(world) as site:
        fault(site, "html-200", LISTING + r".*body-format", at=2)
        report = full(context_of(site, engine, policy=WITH_ACCESS))

        assert (fired(site), happened.is_set(), report.outcome) == ({"html-200"}, True, "complete")
        assert ask(engine, "SELECT storage FROM page_bodies WHERE page_id = %s", page_id) == [(SECRET,)]
        assert SECRET not in shown(engine).values()


@pytest.mark.parametrize("move_is_seen", [True, False], ids=["seen-by-the-listing", "not-seen"])
def test_a_page_that_moves_below_a_restriction_after_the_walk_is_not_shown_wider(
    engine: Engine, after_the_walk: Callable[[Callable[[], object]], threading.Event], move_is_seen: bool
) -> None:
    """A move is no new version, so that the place decides, which the listing shows."""
    world = large_world()
    moved = last_page(world) if move_is_seen else world.pages()[3].id
    secret = next(page.id for page in world.pages() if page.parent_id and page.id not in below(world, moved))
    world.restrict_page(secret, groups=("managers",))
    happened = after_the_walk(lambda: world.move_page(moved, parent_id=secret))
    with Simulator(world) as site:
        context = context_of(site, engine, policy=WITH_ACCESS)
        full(context)

        assert happened.is_set()
        if move_is_seen:
            assert moved not in shown(engine)
        full(context)
        assert moved not in shown(engine)


@pytest.mark.parametrize("kind", ["error-500", "html-200", "rate-limited-429", "empty-200"])
def test_a_walk_that_breaks_is_made_again_after_the_listing(engine: Engine, kind: str) -> None:
    world = large_world()
    world.restrict_page(world.pages()[7].id, groups=("managers",))
    with Simulator(world) as site:
        fault(site, kind, NODES, times=3 if kind == "error-500" else 1)
        report = full(context_of(site, engine, policy=WITH_ACCESS))

        assert fired(site) == {kind}
        assert report.outcome == "complete"
        assert world.pages()[7].id not in shown(engine)
        assert shown(engine)


@pytest.mark.parametrize(
    "scope", [PageScope(items=frozenset({ItemKind.COMMENTS})), PageScope(blog_posts=True)], ids=["comments", "posts"]
)
def test_texts_that_are_read_later_keep_the_walk_behind_them(engine: Engine, scope: PageScope) -> None:
    with Simulator(large_world()) as site:
        assert full(context_of(site, engine, policy=WITH_ACCESS, pages=scope)).outcome == "complete"

        assert re.fullmatch("l+n+", order_of(site))


def test_access_that_is_not_read_costs_no_walk(engine: Engine) -> None:
    with Simulator(large_world()) as site:
        policy = replace(WITH_ACCESS, access=AccessPolicy(mode=AccessMode.ACCOUNT))
        full(context_of(site, engine, policy=policy))

        assert "n" not in order_of(site)
