"""What is not mirrored is counted with full runs: about, at least, exactly, or not known, which is not none."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.content import ItemKind
from hr_sync.domain.not_mirrored import NotMirrored, OtherKind, Precision, not_mirrored_in_words
from hr_sync.domain.outcome import Outcome
from hr_sync.domain.scope import PageScope
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.overview import read_overview
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.wiring import access, context_of, fault, fired, full, incremental

COUNTS = SyncPolicy(counts_not_mirrored=True, busy_wait_seconds=0.0)
FLAVORS: dict[str, tuple[Literal["cloud", "datacenter"], type[CloudSource] | type[DataCenterSource]]] = {
    "cloud": ("cloud", CloudSource),
    "datacenter": ("datacenter", DataCenterSource),
}


@pytest.fixture
def world() -> World:
    """Make two spaces with some of everything, and one that is not mirrored."""
    world = World()
    for key in ("HR", "IT", "OPS"):
        world.create_space(key)
        page = world.create_page(space_key=key, title="Page", storage="<p>x</p>")
        world.attach(page.id, filename="a.pdf", payload=b"x")
        world.comment(page.id, storage="<p>Well</p>")
        world.create_blog_post(space_key=key, title="News", storage="<p>x</p>")
        world.archive_page(world.create_page(space_key=key, title="Old", storage="<p>x</p>").id)
    world.comment(page.id, storage="<p>More</p>")
    return world


def site_of(world: World, engine: Engine, flavor: str, pages: PageScope) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world."""
    name, source = FLAVORS[flavor]
    with Simulator(world, flavor=name) as site:
        yield site, context_of(site, engine, spaces=("HR", "IT"), source=source, pages=pages, policy=COUNTS)


def stored(engine: Engine) -> dict[str, tuple[int | None, str]]:
    """Return what the overview shows."""
    with session_scope(make_sessions(engine)) as session:
        return {str(each.kind): (each.count, str(each.precision)) for each in read_overview(session).not_mirrored}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_each_kind_is_counted_once_for_all_spaces(world: World, engine: Engine, flavor: str) -> None:
    """By one request a kind; Data Center has no archived pages. Other runs count nothing."""
    for site, context in site_of(world, engine, flavor, PageScope()):
        report = full(context)
        asked = [record for record in site.requests if record.route in {"/rest/api/search", "/api/v2/pages"}]
        site.requests.clear()
        assert incremental(context).not_mirrored == access(context).not_mirrored == ()
        assert not any(record.route == "/rest/api/search" for record in site.requests)

    found = {"attachment": (2, "about"), "blog_post": (2, "about"), "comment": (2, "about")}
    found |= {"archived_page": (2, "exact")} if flavor == "cloud" else {}
    assert report.outcome is Outcome.COMPLETE
    assert {str(each.kind): (each.count, str(each.precision)) for each in report.not_mirrored} == found
    assert stored(engine) == found
    counted = [record for record in asked if ("status", "archived") in record.query or record.route.endswith("search")]
    assert len(counted) == len(found)


def test_what_is_mirrored_is_not_counted(world: World, engine: Engine) -> None:
    """Its count goes when it is switched on."""
    for site, context in site_of(world, engine, "cloud", PageScope()):
        full(context)
        everything = context_of(
            site,
            engine,
            spaces=("HR", "IT"),
            pages=PageScope(items=frozenset(ItemKind), blog_posts=True),
            policy=COUNTS,
        )
        full(everything)

    assert set(stored(engine)) == {"archived_page"}


@pytest.mark.parametrize(
    ("kind", "match", "lost"),
    [
        ("forbidden-403", r"/rest/api/search\?.*comment", "comment"),
        ("error-500", r"/api/v2/pages\?.*archived", "archived_page"),
    ],
)
def test_a_refusal_is_not_known_and_costs_nothing(
    world: World, engine: Engine, kind: str, match: str, lost: str
) -> None:
    """The run is complete, the other kinds are counted, and nothing says none."""
    for site, context in site_of(world, engine, "cloud", PageScope()):
        fault(site, kind, match, times=0)
        report = full(context)
        deeds = fired(site)

    assert deeds == {kind}
    assert report.outcome is Outcome.COMPLETE
    assert stored(engine)[lost][0] is None
    assert [each for each, (count, _) in stored(engine).items() if count is None] == [lost]
    assert re.search("how many is not known", not_mirrored_in_words(report.not_mirrored) or "")


def test_words_say_how_sure_a_count_is() -> None:
    """Approximations are called so, and what is none is not told."""
    counts = [
        NotMirrored(kind=OtherKind.COMMENT, count=1204),
        NotMirrored(kind=OtherKind.BLOG_POST, count=1),
        NotMirrored(kind=OtherKind.ARCHIVED_PAGE, count=250, precision=Precision.AT_LEAST),
        NotMirrored(kind=OtherKind.ATTACHMENT, count=0),
    ]
    unknown = [NotMirrored(kind=OtherKind.COMMENT, count=None)]

    assert (
        not_mirrored_in_words(counts)
        == "Not mirrored: about 1,204 comments, about 1 blog post, at least 250 archived pages."
    )
    assert not_mirrored_in_words(unknown) == "Not mirrored: comments (how many is not known)."
    assert not_mirrored_in_words(counts[3:]) is None
