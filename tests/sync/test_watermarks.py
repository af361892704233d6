"""The position is the source's clock at the beginning of a walk; no date from a page moves it forward."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Literal, TypeAlias

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.content import ContentKind, Listing, Space
from tests.support.wiring import ask, context_of, fault, fired, full, incremental, live_titles

Flavor: TypeAlias = Literal["cloud", "datacenter"]
FLAVORS: dict[Flavor, type[CloudSource] | type[DataCenterSource]] = {
    "cloud": CloudSource,
    "datacenter": DataCenterSource,
}


def world_of(pages: int, **how: Any) -> World:
    """Make one space with so many pages."""
    world = World(**how)
    world.create_space("HR")
    for number in range(pages):
        world.create_page(space_key="HR", title=f"P{number:03d}", storage="<p>x</p>")
    return world


def texts(engine: Engine, part: str) -> int:
    """Return how many live pages hold this text."""
    return int(ask(engine, "SELECT count(*) FROM live_pages WHERE storage LIKE %s", f"%{part}%")[0][0])


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_version_dated_in_the_future_blinds_nothing(engine: Engine, flavor: Flavor) -> None:
    """Edits made afterwards arrive by the next incremental run."""
    world = world_of(5)
    pages = world.pages()
    world.misdate_page(pages[4].id, world.now + timedelta(days=3))
    with Simulator(world, flavor=flavor) as site:
        context = context_of(site, engine, spaces=("HR",), source=FLAVORS[flavor])
        full(context)
        world.advance(timedelta(minutes=5))
        world.edit_page(pages[0].id, storage="<p>NEW POLICY</p>")
        world.create_page(space_key="HR", title="Brand new", storage="<p>n</p>")

        report = incremental(context)

        assert report.outcome == "complete"
        assert texts(engine, "NEW POLICY") == 1
        assert "Brand new" in live_titles(engine)


def test_a_position_in_the_future_is_repaired(engine: Engine) -> None:
    """One that an earlier release stored makes the next incremental run a full pass."""
    world = world_of(5)
    with Simulator(world) as site:
        context = context_of(site, engine)
        full(context)
        ask(engine, "UPDATE sync_spaces SET watermark = watermark + interval '300 days'")
        world.edit_page(world.pages()[0].id, storage="<p>NEW POLICY</p>")

        incremental(context)

        assert texts(engine, "NEW POLICY") == 1
        assert ask(engine, "SELECT watermark <= %s FROM sync_spaces", world.now) == [(True,)]


def test_the_walk_ends_when_a_whole_answer_is_older(engine: Engine) -> None:
    """A page at the top that was moved, and not edited, does not end it."""
    world = world_of(200)
    with Simulator(world, moves_touch_modified=True) as site:
        context = context_of(site, engine)
        full(context)
        world.advance(timedelta(days=2))
        pages = world.pages()
        for page in pages[:110]:
            world.edit_page(page.id, storage="<p>NEW</p>")
        world.move_page(pages[150].id, parent_id=pages[160].id)

        incremental(context)

        assert texts(engine, "NEW") == 110


def test_an_edit_behind_a_long_walk_is_not_missed(engine: Engine) -> None:
    """The position is the beginning of the walk, not the newest version that it saw."""
    world = world_of(200, step=timedelta(seconds=1))

    class SlowSource(CloudSource):
        during: Callable[[int], None] | None = None

        def listing(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Listing:
            walk, client = self.client.walk, self.client

            def slow(path: str, query: Any, **how: Any) -> Iterator[Any]:
                for number, answer in enumerate(walk(path, {**query, "limit": 50}, **how)):
                    yield answer
                    if self.during is not None and path.endswith("/pages"):
                        self.during(number)

            client.walk = slow  # type: ignore[method-assign]
            try:
                return super().listing(space, kind)
            finally:
                client.walk = walk  # type: ignore[method-assign]

    pages = world.pages()
    with Simulator(world) as site:
        context = context_of(site, engine, source=SlowSource)
        full(context)
        world.advance(timedelta(days=1))
        walked: list[int] = []

        def meanwhile(number: int) -> None:
            walked.append(number)
            if number == 0:
                world.edit_page(pages[0].id, storage="<p>BEHIND</p>")
            world.advance(timedelta(minutes=20))
            if number == 1:
                world.edit_page(pages[199].id, storage="<p>AHEAD</p>")

        context.source.during = meanwhile  # type: ignore[attr-defined]
        full(context)
        context.source.during = None  # type: ignore[attr-defined]
        assert walked == [0, 1, 2, 3]
        assert (texts(engine, "BEHIND"), texts(engine, "AHEAD")) == (0, 1)

        incremental(context)

        assert texts(engine, "BEHIND") == 1


def test_the_position_is_no_later_than_the_newest_change_that_was_seen(engine: Engine) -> None:
    """A list may show a change hours after it was made."""
    world = world_of(3)
    made_by = world.now
    world.advance(timedelta(hours=3))
    with Simulator(world) as site:
        full(context_of(site, engine, spaces=("HR",)))

    ((position, newest),) = ask(engine, "SELECT watermark, (SELECT max(last_updated) FROM live_pages) FROM sync_spaces")
    assert position == newest <= made_by


@pytest.mark.parametrize("how", ["trashed", "hidden"])
def test_an_incremental_run_never_restores_on_the_word_of_a_list(engine: Engine, how: str) -> None:
    """A replica behind the lists still shows the page; the page itself says otherwise."""
    world = world_of(5)
    page = world.pages()[0]
    with Simulator(world) as site:
        context = context_of(site, engine)
        full(context)
        world.edit_page(page.id, storage="<p>to be withdrawn</p>")
        incremental(context)
        if how == "trashed":
            world.trash_page(page.id)
        else:
            world.hide_page(page.id)
        full(context)
        assert page.title not in live_titles(engine)
        fault(site, "stale-read", r"modified-date", times=1, argument=30)
        fault(site, "stale-read", r"body-format=storage|status=trashed", times=0, argument=30)

        incremental(context)

        assert "stale-read" in fired(site)
        assert page.title not in live_titles(engine)


def test_a_source_that_does_not_tell_its_time_moves_no_position(engine: Engine) -> None:
    """Then every incremental run is a full pass: slow, and right."""
    world = world_of(3)
    with Simulator(world) as site:
        fault(site, "date-absent", r".", times=0)
        context = context_of(site, engine)
        full(context)
        world.edit_page(world.pages()[0].id, storage="<p>NEW</p>")

        incremental(context)

        assert fired(site)
        assert ask(engine, "SELECT watermark FROM sync_spaces") == [(None,)]
        assert texts(engine, "NEW") == 1
