"""Each page whose sections consumers see otherwise than before has one row in the feed, with what differs."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.sync.context import SyncContext
from tests.derive.consumer import SECTIONS, Consumer
from tests.support.database import rows
from tests.support.wiring import context_of, full, incremental

FIRST, SECOND, THIRD = (
    "<h1>Leave</h1><p>30 days.</p>",
    "<h1>Travel</h1><p>By train.</p>",
    "<h1>Pay</h1><p>Monthly.</p>",
)


@dataclass(frozen=True)
class Scene:
    """A mirror of one page with two sections, and a consumer."""

    world: World
    context: SyncContext
    page: str
    consumer: Consumer

    def ids(self) -> dict[str, str]:
        """Return the ids of the live sections by heading."""
        return {row["heading_path"][-1]: row["section_id"] for row in rows(self.consumer.engine, SECTIONS, self.page)}

    def edit(self, *parts: str) -> None:
        """Edit the page and mirror that."""
        self.world.edit_page(self.page, storage="".join(parts))
        incremental(self.context)


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    """Mirror a page whose text is not made yet."""
    world = World()
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="Handbook", storage=FIRST + SECOND)
    with Simulator(world) as site:
        context = context_of(site, engine)
        start = context.store.feed.snapshot("live_sections", lambda _: None, lambda _: None)
        full(context)
        consumer = Consumer(engine, context, start)
        yield Scene(world, context, page.id, consumer)


def test_the_first_text_adds_its_sections(scene: Scene) -> None:
    """Once: a second pass finds nothing to do."""
    assert [each.action for each in scene.consumer.read()] == ["insert"]
    (change,) = scene.consumer.derive()
    ids = scene.ids()
    assert change.sections_added == [ids["Leave"], ids["Travel"]]
    assert (change.sections_changed, change.sections_removed, change.version) == ([], [], 1)
    assert scene.consumer.derive() == []


def test_an_edit_names_what_it_changes(scene: Scene) -> None:
    """Between the edit and the text nothing of the page is shown, and its sections come back together."""
    scene.consumer.derive()
    before = scene.ids()
    scene.edit(FIRST.replace("30", "31"), THIRD)
    scene.consumer.read()
    assert scene.consumer.kept[scene.page] == []

    (change,) = scene.consumer.derive()
    after = scene.ids()
    assert change.sections_added == [after["Pay"]]
    assert change.sections_changed == [before["Leave"]]
    assert change.sections_removed == [before["Travel"]]
    assert len(scene.consumer.kept[scene.page]) == 2


def test_sections_that_are_the_same_again_are_told(scene: Scene) -> None:
    """Not one of them was written, and yet they were not shown while the body was another one."""
    scene.consumer.derive()
    scene.edit(FIRST, "\n", SECOND)
    scene.consumer.read()
    assert scene.consumer.kept[scene.page] == []

    (change,) = scene.consumer.derive()
    assert (change.sections_added, change.sections_changed, change.sections_removed) == ([], [], [])
    assert len(scene.consumer.kept[scene.page]) == 2


def test_a_new_title_changes_what_is_embedded(scene: Scene) -> None:
    """The title is part of that text; the hash of the section itself stays."""
    scene.consumer.derive()
    hashes = [row["text_hash"] for row in rows(scene.consumer.engine, SECTIONS, scene.page)]
    scene.world.rename_page(scene.page, "Other")
    full(scene.context)
    assert [each.changed_fields for each in scene.consumer.read()] == [["title", "url", "version"]]

    (change,) = scene.consumer.derive()
    assert sorted(change.sections_changed or ()) == sorted(scene.ids().values())
    assert [row["text_hash"] for row in rows(scene.consumer.engine, SECTIONS, scene.page)] == hashes


def test_a_page_that_comes_back_brings_its_sections(scene: Scene) -> None:
    """The row of the page is enough where its text is still the one of its body."""
    scene.consumer.derive()
    scene.world.hide_page(scene.page)
    full(scene.context)
    scene.consumer.read()
    assert scene.consumer.kept[scene.page] == []
    scene.world.unrestrict_page(scene.page)
    full(scene.context)
    assert [each.action for each in scene.consumer.read()] == ["restore"]
    assert scene.consumer.derive() == []
    assert len(scene.consumer.kept[scene.page]) == 2
