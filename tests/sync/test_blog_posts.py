"""Blog posts: mirrored as pages are, each by the requests of its kind, and only where the settings name them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal, cast

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.source import Source
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import ContentKind, ItemKind
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.outcome import Mode, Outcome
from hr_sync.domain.scope import PageScope
from hr_sync.errors import UsageError
from hr_sync.sync.audit import audit
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.explain import explain
from hr_sync.sync.kinds import look_up
from hr_sync.sync.run import run
from tests.support.wiring import (
    access,
    ask,
    context_of,
    fault,
    fired,
    full,
    incremental,
    live_ids,
    live_titles,
    preview,
)

WITH = PageScope(blog_posts=True)
WITHOUT = PageScope()
FLAVORS: dict[str, tuple[Literal["cloud", "datacenter"], type[CloudSource] | type[DataCenterSource]]] = {
    "cloud": ("cloud", CloudSource),
    "datacenter": ("datacenter", DataCenterSource),
}
LIST_OF_POSTS = r"/spaces/\d+/blogposts|/rest/api/content\?.*type=blogpost"
ENFORCED = SyncPolicy(access=AccessPolicy(mode=AccessMode.ENFORCE), compares_labels=True, busy_wait_seconds=0.0)
each_flavor = pytest.mark.parametrize("flavor", FLAVORS)


def world_of(posts: int, pages: int = 2) -> World:
    """Make a space with so many posts in its blog."""
    world = World()
    world.create_space("HR")
    for number in range(pages):
        world.create_page(space_key="HR", title=f"Page {number}", storage="<p>x</p>")
    for number in range(posts):
        world.create_blog_post(space_key="HR", title=f"News {number}", storage=f"<p>It is {number}</p>")
    return world


def posts_of(world: World) -> list[str]:
    """Return the ids of all posts, oldest first."""
    return [post.id for post in world.pages(kind="blogpost")]


@contextmanager
def mirror_of(
    world: World, engine: Engine, flavor: str = "cloud", *, pages: PageScope = WITH, policy: SyncPolicy = ENFORCED
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and mirror it; the request log is empty then."""
    name, source = FLAVORS[flavor]
    with Simulator(world, flavor=name) as site:
        context = context_of(site, engine, source=source, pages=pages, policy=policy)
        report = full(context)
        assert report.outcome == "complete", report
        site.requests.clear()
        yield site, context


def other_scope(site: Simulator, engine: Engine, pages: PageScope) -> SyncContext:
    """Wire the same with other settings."""
    return context_of(site, engine, pages=pages, policy=ENFORCED)


def told(engine: Engine, page_id: str) -> list[tuple[str, str]]:
    """Return what the feed tells of a page: its kind and what was done."""
    return ask(engine, "SELECT page_kind, action FROM content_changes WHERE page_id = %s ORDER BY seq", page_id)


def states(engine: Engine) -> dict[str, tuple[str | None, str | None]]:
    """Return why posts are hidden and removed, by title."""
    rows = ask(engine, "SELECT title, hidden_reason, removed_reason FROM confluence_pages WHERE kind = 'blog_post'")
    return {title: (hidden, removed) for title, hidden, removed in rows}


def targets(site: Simulator) -> list[str]:
    """Return path and query of every request."""
    return [f"{record.path}?{record.query}" for record in site.requests]


def asks_about_posts(site: Simulator) -> int:
    """Count the requests that are about blog posts alone."""
    return sum("blogpost" in target for target in targets(site))


@each_flavor
def test_posts_are_mirrored_as_pages_are(engine: Engine, flavor: str) -> None:
    """With text, labels, readers and kind; a second run fetches and writes nothing, by one request more."""
    world = world_of(2)
    first, second = posts_of(world)
    world.label_page(first, "news")
    world.restrict_page(second, groups=("confluence-users",))

    with mirror_of(world, engine, flavor) as (site, context):
        rows = ask(
            engine,
            "SELECT id, kind, title, storage, parent_id, url FROM live_pages WHERE kind <> 'page' ORDER BY title",
        )
        labels = ask(engine, "SELECT id, labels, access_set_id IS NOT NULL FROM confluence_pages WHERE kind <> 'page'")
        nodes = ask(engine, "SELECT kind, parent_known FROM content_nodes WHERE id = %s", first)
        written = ask(engine, "SELECT id, xmin::text FROM confluence_pages ORDER BY id")
        again = full(context)
        after = ask(engine, "SELECT id, xmin::text FROM confluence_pages ORDER BY id")

    found = {page_id: (kind, title, storage, parent) for page_id, kind, title, storage, parent, _ in rows}
    assert found[first] == ("blog_post", "News 0", "<p>It is 0</p>", None)
    assert "/blog/" in rows[0][5] or "/display/" in rows[0][5]
    assert {page_id: (names, known) for page_id, names, known in labels}[first] == (["news"], True)
    assert nodes == [("blog_post", True)]
    assert told(engine, first)[0] == ("blog_post", "insert")
    assert (again.counts.posts_listed, again.counts.listed, again.counts.bodies) == (2, 4, 0)
    assert written == after
    lists = [target for target in targets(site) if "/spaces/" in target and "blogposts" in target]
    assert len(lists) == (1 if flavor == "cloud" else 0)


@each_flavor
def test_without_the_word_nothing_is_asked_about_posts(engine: Engine, flavor: str) -> None:
    """Not by full runs, nor incremental or access runs."""
    with mirror_of(world_of(2), engine, flavor, pages=WITHOUT) as (site, context):
        for mode in (full, incremental, access):
            assert mode(context).outcome == "complete"
        titles, requests = live_titles(engine), asks_about_posts(site)

    assert titles == ["Page 0", "Page 1"]
    assert requests == 0


@each_flavor
def test_an_edit_a_new_post_and_a_label_arrive(engine: Engine, flavor: str) -> None:
    """The first two by an incremental run, with readers; the label by the next access run."""
    world = world_of(1)
    (first,) = posts_of(world)
    with mirror_of(world, engine, flavor) as (_, context):
        world.edit_page(first, storage="<p>Other</p>")
        world.create_blog_post(space_key="HR", title="News 1", storage="<p>More</p>")
        report = incremental(context)
        texts = dict(ask(engine, "SELECT title, storage FROM live_pages WHERE kind = 'blog_post'"))
        world.label_page(first, "late")
        access(context)
        labels = ask(engine, "SELECT labels FROM confluence_pages WHERE id = %s", first)

    assert report.outcome == "complete", report
    assert (report.counts.inserted, report.counts.updated, report.counts.posts_written) == (1, 1, 2)
    assert texts == {"News 0": "<p>Other</p>", "News 1": "<p>More</p>"}
    assert labels == [(["late"],)]


@each_flavor
def test_what_leaves_is_withdrawn_by_evidence_of_its_own_kind(engine: Engine, flavor: str) -> None:
    """In the trash: removed; restricted away: hidden, then removed; back: shown. No page's request is made about it."""
    world = world_of(3)
    trashed, lost, _ = posts_of(world)
    with mirror_of(world, engine, flavor) as (site, context):
        world.trash_page(trashed)
        world.hide_page(lost)
        expected = preview(context)["HR"].deletions
        first = full(context)
        one = states(engine)
        full(context)
        two = states(engine)
        asked = set(targets(site))
        world.restore_page(trashed)
        world.unrestrict_page(lost)
        full(context)
        titles = live_titles(engine)

    assert (first.counts.removed, first.counts.hidden, first.counts.posts_withdrawn) == (1, 1, 2)
    assert {each.page_id for each in expected.hide} == {trashed, lost}
    assert {each.page_id for each in expected.remove} == {trashed}
    assert one["News 0"] == ("trashed", "trashed")
    assert one["News 1"] == ("not_visible", None)
    assert two["News 1"] == ("not_visible", "not_visible")
    assert not any(f"/pages/{page_id}" in target for target in asked for page_id in (trashed, lost))
    assert titles == ["News 0", "News 1", "News 2", "Page 0", "Page 1"]


@each_flavor
def test_a_list_of_posts_that_fails_costs_the_posts_alone(engine: Engine, flavor: str) -> None:
    """Pages arrive and leave, posts stay as they were, and the space is not called fresh."""
    world = world_of(2)
    first, _ = posts_of(world)
    with mirror_of(world, engine, flavor) as (site, context):
        world.trash_page(first)
        world.trash_page(world.pages()[0].id)
        world.create_page(space_key="HR", title="Page 2", storage="<p>x</p>")
        before = ask(engine, "SELECT last_complete_at FROM sync_spaces")
        fault(site, "error-500", LIST_OF_POSTS, times=0)
        report = full(context)
        after = ask(engine, "SELECT last_complete_at FROM sync_spaces")
        titles, posts, deeds = live_titles(engine), states(engine), fired(site)
        site.faults.clear()
        mended = full(context)

    assert deeds == {"error-500"}
    assert report.outcome is Outcome.PARTIAL
    assert "blog posts" in (report.error or "")
    assert set(titles) >= {"News 1", "Page 1", "Page 2"}
    assert posts == dict.fromkeys(("News 0", "News 1"), (None, None))
    assert before == after
    assert mended.outcome is Outcome.COMPLETE
    assert live_titles(engine) == ["News 1", "Page 1", "Page 2"]


def test_an_incremental_run_without_the_posts_keeps_its_position(engine: Engine) -> None:
    """What changed meanwhile is found by the next one."""
    world = world_of(1)
    (first,) = posts_of(world)
    with mirror_of(world, engine) as (site, context):
        before = ask(engine, "SELECT watermark FROM sync_spaces")
        world.clock.advance(timedelta(hours=2))
        world.edit_page(first, storage="<p>Other</p>")
        fault(site, "error-500", LIST_OF_POSTS, times=0)
        report = incremental(context)
        after = ask(engine, "SELECT watermark FROM sync_spaces")
        site.faults.clear()
        incremental(context)

    assert report.outcome is Outcome.PARTIAL
    assert before == after
    assert ask(engine, "SELECT storage FROM live_pages WHERE id = %s", first) == [("<p>Other</p>",)]


def test_switching_posts_off_hides_them_and_on_again_shows_them(engine: Engine) -> None:
    """Nothing is removed, looked up or held; each transition is told once, and no body is fetched again."""
    world = world_of(30)
    (first, *_) = posts_of(world)
    with mirror_of(world, engine) as (site, context):
        without = other_scope(site, engine, WITHOUT)
        shown = preview(without)["HR"].deletions
        off = incremental(without)  # another scope: a full pass
        again = full(without)
        state, titles, about = states(engine)["News 0"], live_titles(engine), asks_about_posts(site)
        on = full(context)

    assert (len(shown.hide), shown.remove, shown.held, shown.doubtful) == (30, (), (), ())
    assert (off.outcome, off.counts.hidden, off.counts.posts_withdrawn, off.counts.removed) == ("complete", 30, 30, 0)
    assert (again.outcome, again.counts.hidden) == ("complete", 0)
    assert state == ("out_of_scope", None)
    assert titles == ["Page 0", "Page 1"]
    assert about == 0
    assert (on.counts.restored, on.counts.bodies) == (30, 0)
    seen = [(kind, action) for kind, action in told(engine, first) if action not in ("relabel", "restrict")]
    assert seen == [("blog_post", action) for action in ("insert", "hide", "restore")]


def test_a_mass_of_posts_is_a_mass_among_many_pages(engine: Engine) -> None:
    """Three posts of three are more than their own limit, although they are few of all pages."""
    world = world_of(3, pages=40)
    policy = SyncPolicy(limit=DeletionLimit(max_removed_pages=2, max_removed_fraction=0.1), busy_wait_seconds=0.0)
    with mirror_of(world, engine, policy=policy) as (_, context):
        for post in posts_of(world):
            world.trash_page(post)
        report = full(context)
        state = states(engine)
        allowed = full(context, allow_mass_delete=True)

    assert report.outcome is Outcome.HELD
    assert "more than 2 blog posts" in (report.error or "")
    assert set(state.values()) == {("trashed", None)}
    assert allowed.counts.removed == 3


def test_what_waits_goes_on_waiting_while_posts_are_not_listed(engine: Engine) -> None:
    """A run that cannot list the posts forgets no hold of theirs."""
    world = world_of(3, pages=4)
    policy = SyncPolicy(limit=DeletionLimit(max_removed_pages=2, max_removed_fraction=0.1), busy_wait_seconds=0.0)
    with mirror_of(world, engine, policy=policy) as (site, context):
        for post in posts_of(world):
            world.trash_page(post)
        full(context)
        fault(site, "error-500", LIST_OF_POSTS, times=0)
        report = full(context)
        held = ask(engine, "SELECT held FROM sync_spaces")

    assert report.outcome is Outcome.HELD
    assert held == [(3,)]


def test_posts_are_in_no_page_tree(engine: Engine) -> None:
    """With page_trees no post is in scope; with exclude_page_trees alone all are, and none is asked for its place."""
    world = world_of(1)
    top = world.pages()[0].id
    with mirror_of(world, engine, pages=PageScope(blog_posts=True, page_trees=frozenset({top}))) as (site, _):
        inside = live_titles(engine)
        full(other_scope(site, engine, PageScope(blog_posts=True, exclude_page_trees=frozenset({top}))))
        outside = live_titles(engine)

    assert (inside, outside) == (["Page 0"], ["News 0", "Page 1"])


def test_labels_choose_among_posts(engine: Engine) -> None:
    """A post needs a label as a page does; one that gets it arrives by the next full run."""
    world = world_of(2)
    first, second = posts_of(world)
    world.label_page(first, "hr")
    with mirror_of(world, engine, pages=PageScope(blog_posts=True, include_labels=frozenset({"hr"}))) as (_, context):
        one = live_titles(engine)
        world.label_page(second, "hr")
        full(context)
        two = live_titles(engine)

    assert (one, two) == (["News 0"], ["News 0", "News 1"])


@each_flavor
def test_a_post_is_asked_for_by_its_id(engine: Engine, flavor: str) -> None:
    """Resync, explain and verify find it by the requests of its kind, also one that the mirror never had."""
    world = world_of(2)
    first, second = posts_of(world)
    with mirror_of(world, engine, flavor) as (_, context):
        before = ask(engine, "SELECT version FROM confluence_pages WHERE id = %s", first)
        world.edit_page(first, storage="<p>Other</p>")
        late = world.create_blog_post(space_key="HR", title="Late", storage="<p>Late</p>")
        report = run(context, SyncRequest(mode=Mode.RESYNC, page_ids=[first, second, late.id]))
        texts = dict(ask(engine, "SELECT id, storage FROM live_pages WHERE kind = 'blog_post'"))
        told_why = explain(context, first)
        compared = audit(context, SyncRequest(), sample=10)

    assert report.outcome == "complete", report
    assert before == [(1,)]
    assert texts == {first: "<p>Other</p>", second: "<p>It is 1</p>", late.id: "<p>Late</p>"}
    assert (told_why.source.kind, told_why.in_scope) == (ContentKind.BLOG_POST, True)
    assert told_why.summary.startswith("Shown")
    assert (compared.pages, compared.bodies, list(compared.drifts)) == (5, 5, [])


def test_a_post_that_the_settings_leave_out_is_refused_by_name(engine: Engine) -> None:
    """It is there, and the message names the setting."""
    world = world_of(1)
    (first,) = posts_of(world)
    with (
        mirror_of(world, engine, pages=WITHOUT) as (_, context),
        pytest.raises(UsageError, match=r"confluence.include"),
    ):
        run(context, SyncRequest(mode=Mode.RESYNC, page_ids=[first]))

    assert first not in live_ids(engine)


def test_files_of_posts_are_mirrored_with_them(engine: Engine) -> None:
    """And shown with them: a post that is withdrawn takes its files along."""
    world = world_of(1)
    (first,) = posts_of(world)
    world.attach(first, filename="news.pdf", payload=b"x")
    with mirror_of(world, engine, pages=PageScope(blog_posts=True, items=frozenset({ItemKind.ATTACHMENTS}))) as (
        _,
        context,
    ):
        files = ask(engine, "SELECT page_id, page_kind FROM live_attachments")
        world.trash_page(first)
        full(context)
        gone = ask(engine, "SELECT page_id FROM live_attachments")

    assert (files, gone) == ([(first, "blog_post")], [])


def test_titles_in_macros_and_links_name_no_post(engine: Engine) -> None:
    """A post may have the title of a page; its text is not shown in others, and no link leads to it."""
    world = world_of(1)
    with mirror_of(world, engine) as (_, context):
        found = [context.store.find_included(title, "HR") for title in ("Page 0", "News 0")]
        address = context.store.find_address("News 0", "HR")

    assert [each is not None for each in found] == [True, False]
    assert address is None


ANSWERS = (
    *("unauthorized-401", "forbidden-403", "not-found-404-v2", "gone-410", "error-500", "login-page-200"),
    *("results-null", "redirect-login"),
)


def test_no_answer_in_place_of_the_list_of_posts_withdraws_any(engine: Engine) -> None:
    """No post and no page is hidden or removed by what is no list, and the run says so."""
    world = world_of(2)
    ended = {}
    with mirror_of(world, engine) as (site, context):
        for kind in ANSWERS:
            fault(site, kind, LIST_OF_POSTS, times=0)
            ended[kind] = full(context).outcome
            assert fired(site) == {kind}
            site.faults.clear()
            gone = "SELECT id FROM confluence_pages WHERE hidden_at IS NOT NULL OR removed_at IS NOT NULL"
            assert ask(engine, gone) == [], kind
        mended = full(context)

    assert set(ended.values()) <= {Outcome.PARTIAL, Outcome.FAILED}
    assert ended["not-found-404-v2"] is ended["error-500"] is Outcome.PARTIAL
    assert mended.outcome is Outcome.COMPLETE


class Answers:
    """Stands for a source: what it answers to lookups, by kind."""

    def __init__(self, page: LookupStatus, post: LookupStatus) -> None:
        self._by_kind = {ContentKind.PAGE: page, ContentKind.BLOG_POST: post}

    def lookup(self, page_id: str, kind: ContentKind) -> LookupResult:
        """Return what is answered to requests of this kind."""
        return LookupResult(page_id=page_id, kind=kind, result=self._by_kind[kind])


@pytest.mark.parametrize(
    ("page", "post", "result"),
    [
        (LookupStatus.FOUND, LookupStatus.NOT_FOUND, LookupStatus.FOUND),
        (LookupStatus.NOT_FOUND, LookupStatus.FOUND, LookupStatus.FOUND),
        (LookupStatus.UNKNOWN, LookupStatus.FOUND, LookupStatus.FOUND),
        (LookupStatus.NOT_FOUND, LookupStatus.NOT_FOUND, LookupStatus.NOT_FOUND),
        (LookupStatus.NOT_FOUND, LookupStatus.UNKNOWN, LookupStatus.UNKNOWN),
        (LookupStatus.UNKNOWN, LookupStatus.NOT_FOUND, LookupStatus.UNKNOWN),
    ],
)
def test_what_is_of_no_known_kind_is_not_found_only_as_none_of_them(
    page: LookupStatus, post: LookupStatus, result: LookupStatus
) -> None:
    """One answer that is none leaves it open."""
    source = cast("Source", Answers(page, post))

    assert look_up(source, "1", tuple(ContentKind)).result is result
