"""Texts and sections follow the stored bodies, and are shown under the same conditions as their pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive import texts as module
from hr_sync.derive.texts import TextReport, derive_texts
from hr_sync.domain.access import AccessPolicy
from hr_sync.errors import Stopped
from hr_sync.render.result import RENDERER_VERSION
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.database import execute, rows
from tests.support.wiring import access, context_of, full, incremental

POLICY = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"none"}))
BODY = "<p>Intro.</p><h1>Leave</h1><p>30 days.</p><h2>Carry over</h2><p>Until March.</p><h1>Travel</h1><p>By train.</p>"
SECTIONS = "SELECT heading_path, text, text_hash, section_id FROM live_sections ORDER BY page_id, ordinal"


@dataclass(frozen=True)
class Scene:
    """A space with a page of four sections and a short one, and its mirror."""

    world: World
    engine: Engine
    context: SyncContext
    page: str

    def derive(self, size: int = 2000) -> TextReport:
        return derive_texts(self.context.store, Cancellation(), section_size=size)

    def sections(self) -> list[dict[str, Any]]:
        return rows(self.engine, SECTIONS)

    def stamps(self) -> list[tuple[Any, ...]]:
        """Return every stored section with the transaction that wrote it."""
        return [tuple(row.values()) for row in rows(self.engine, "SELECT section_id, xmin::text FROM page_sections")]


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    world = World()
    world.add_group("managers")
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="Handbook", storage=BODY)
    world.create_page(space_key="HR", title="Notes", storage="<p>One paragraph.</p>")
    with Simulator(world) as site:
        context = context_of(site, engine, policy=POLICY)
        assert full(context).outcome == "complete"
        yield Scene(world, engine, context, page.id)


def test_every_page_gets_its_sections(scene: Scene) -> None:
    """With headings, texts and hashes; a second pass finds nothing to do and writes nothing."""
    assert scene.sections() == []

    assert scene.derive() == TextReport(pages=2, sections_written=5, sections_deleted=0)

    found = [(row["heading_path"], row["text"].splitlines()[-1]) for row in scene.sections()]
    assert found == [
        ([], "Intro."),
        (["Leave"], "30 days."),
        (["Leave", "Carry over"], "Until March."),
        (["Travel"], "By train."),
        ([], "One paragraph."),
    ]
    assert rows(scene.engine, "SELECT markdown FROM page_texts WHERE page_id = %s", scene.page)[0]["markdown"].endswith(
        "By train."
    )
    stamps = scene.stamps()
    assert scene.derive() == TextReport()
    assert scene.stamps() == stamps


def test_an_edit_of_one_paragraph_writes_one_section(scene: Scene) -> None:
    """The others keep their rows and their hashes. Until the text is made, the old one is not shown."""
    scene.derive()
    before = {row["section_id"]: row["text_hash"] for row in scene.sections()}
    scene.world.edit_page(scene.page, storage=BODY.replace("30 days", "31 days"))
    assert incremental(scene.context).counts.updated == 1
    assert [row["text"] for row in scene.sections()] == ["One paragraph."]

    assert scene.derive() == TextReport(pages=1, sections_written=1, sections_deleted=0)

    after = {row["section_id"]: row["text_hash"] for row in scene.sections()}
    assert after.keys() == before.keys()
    assert sum(after[each] != before[each] for each in after) == 1


def test_a_section_that_is_gone_is_deleted(scene: Scene) -> None:
    """And what moves up keeps its id."""
    scene.derive()
    scene.world.edit_page(scene.page, storage=BODY.replace("<h2>Carry over</h2><p>Until March.</p>", ""))
    incremental(scene.context)

    report = scene.derive()

    assert (report.pages, report.sections_deleted) == (1, 1)
    assert [row["heading_path"] for row in scene.sections()] == [[], ["Leave"], ["Travel"], []]


def test_a_new_title_changes_no_hash(scene: Scene) -> None:
    """It stands in `embed_text` alone."""
    scene.derive()
    before = [row["text_hash"] for row in scene.sections()]
    scene.world.rename_page(scene.page, "Rules")
    incremental(scene.context)

    assert scene.derive().pages == 1
    assert [row["text_hash"] for row in scene.sections()] == before
    texts = rows(scene.engine, "SELECT embed_text FROM live_sections WHERE page_id = %s", scene.page)
    assert all("Rules" in row["embed_text"].splitlines()[0] for row in texts)


def test_a_move_makes_no_text_anew(scene: Scene) -> None:
    """Within a space it stands in no text; to another space it changes `embed_text` and no hash."""
    scene.derive()
    before, stamps = [row["text_hash"] for row in scene.sections()], scene.stamps()
    parent = scene.world.create_page(space_key="HR", title="Parent", storage="")
    scene.world.move_page(scene.page, parent_id=parent.id)
    assert full(scene.context).counts.moved == 1
    scene.derive()
    assert scene.stamps() == stamps
    scene.world.create_space("IT")
    scene.world.move_page(scene.page, space_key="IT")
    full(scene.context)
    scene.derive()
    assert sorted(row["text_hash"] for row in scene.sections()) == sorted(before)


def test_another_rendering_makes_every_text_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a request; so does another size of sections."""
    scene.derive()
    monkeypatch.setattr(module, "RENDERER_VERSION", RENDERER_VERSION + 1)
    assert scene.derive().pages == 2
    assert scene.derive(size=300).pages == 2
    assert scene.derive(size=300).pages == 0


def test_sections_have_the_readers_of_their_page(scene: Scene) -> None:
    """A restriction takes them out of the view and from askers at once, and writes no row of theirs."""
    scene.derive()
    stamps = scene.stamps()
    scene.world.restrict_page(scene.page, groups=("managers",))
    assert access(scene.context).counts.restricted == 1

    assert [row["text"] for row in scene.sections()] == ["One paragraph."]
    (group,) = [each.id for each in scene.world.groups() if each.name == "managers"]
    readable = "SELECT count(*) AS n FROM sections_readable_by(%s, %s::text[])"
    assert rows(scene.engine, readable, "ann", [group]) == [{"n": 5}]
    assert rows(scene.engine, readable, "ann", []) == [{"n": 1}]
    counted = "SELECT count_sections_readable_by(%s, %s::text[]) AS n"
    assert [rows(scene.engine, counted, "ann", groups)[0]["n"] for groups in ([group], [])] == [5, 1]
    assert scene.stamps() == stamps


def test_a_text_is_not_written_over_a_newer_body(scene: Scene) -> None:
    """A page that was edited between reading and writing is left for the next pass."""
    store = scene.context.store

    class Slow(Store):
        def write_texts(self, texts: Any, kept: Any = ()) -> Any:
            execute(scene.engine, f"UPDATE confluence_pages SET content_hash = 'other' WHERE id = '{scene.page}'")
            return super().write_texts(texts, kept)

    assert derive_texts(Slow(scene.engine), Cancellation(), section_size=2000).pages == 1
    assert rows(scene.engine, "SELECT page_id FROM page_texts WHERE page_id = %s", scene.page) == []
    assert (
        store.pending_texts(renderer_version=1, section_size=2000, search_languages=["english"], after="", limit=5)[
            0
        ].page_id
        == scene.page
    )


def test_texts_of_removed_pages_are_deleted_with_their_bodies(scene: Scene) -> None:
    """After `sync.keep_removed_days`."""
    scene.derive()
    execute(
        scene.engine,
        "UPDATE confluence_pages SET removed_at = now() - interval '31 days', removed_reason = 'trashed' "
        f"WHERE id = '{scene.page}'",
    )
    assert scene.context.store.prune_bodies(timedelta(days=30)) == 1
    for table in ("page_texts", "page_sections", "page_bodies"):
        assert rows(scene.engine, f"SELECT page_id FROM {table} WHERE page_id = %s", scene.page) == []


def test_a_stop_leaves_what_was_made(scene: Scene) -> None:
    """The next pass makes the rest."""
    cancellation = Cancellation()
    cancellation.set()
    with pytest.raises(Stopped):
        derive_texts(scene.context.store, cancellation, section_size=2000)
    assert scene.derive().pages == 2
