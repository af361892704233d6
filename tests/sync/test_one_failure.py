"""One failure costs what it is about: a page, a space, a question; and what is not known is no answer."""

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.content import ItemKind
from hr_sync.domain.scope import PageScope
from hr_sync.errors import DatabaseConflict
from hr_sync.store.space_store import SpaceStore
from tests.support.wiring import (
    ask,
    context_of,
    fault,
    fired,
    full,
    incremental,
    live_ids,
    live_titles,
    mirrored,
    preview,
)

EXCLUDED = PageScope(exclude_labels=frozenset({"confidential"}))


def world_with(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def removed_ids(engine: Engine) -> set[str]:
    """Return the ids of removed pages."""
    return {page_id for (page_id,) in ask(engine, "SELECT id FROM confluence_pages WHERE removed_at IS NOT NULL")}


def test_a_conflict_while_removing_costs_its_space_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The removals of all spaces come at the end of the run; those behind the conflict are done nevertheless."""
    world = world_with(3, "A", "B", "C")
    with mirrored(world, engine) as (_site, context):
        gone = {key: world.pages(space_key=key)[0].id for key in "ABC"}
        for page_id in gone.values():
            world.trash_page(page_id)
        remove = SpaceStore.remove

        def conflict(store: SpaceStore, decisions: object) -> object:
            if store.space.key == "A":
                raise DatabaseConflict("A row is locked. Run again later.")
            return remove(store, decisions)  # type: ignore[arg-type]

        monkeypatch.setattr(SpaceStore, "remove", conflict)

        report = full(context)

        assert {each.space_key: each.outcome for each in report.spaces} == {
            "A": "failed",
            "B": "complete",
            "C": "complete",
        }
        assert report.exit_code == 3
        assert removed_ids(engine) == {gone["B"], gone["C"]}
        assert not live_ids(engine) & set(gone.values())
        assert ask(engine, "SELECT last_outcome FROM sync_spaces WHERE space_key = 'A'") == [("failed",)]


def test_a_conflict_while_removing_attachments_leaves_the_pages_counted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were removed in a transaction before it; the next full run removes the attachments."""
    world = world_with(3, "A")
    first, second, _ = world.pages()
    file = world.attach(first.id, filename="a.pdf", payload=b"a")
    scope = PageScope(items=frozenset({ItemKind.ATTACHMENTS}))
    with mirrored(world, engine, pages=scope) as (_site, context):
        world.trash_page(second.id)
        world.remove_attachment(file.id)

        def conflict(*_: object) -> object:
            raise DatabaseConflict("A row is locked. Run again later.")

        with monkeypatch.context() as patch:
            patch.setattr(SpaceStore, "remove_items", conflict)
            report = full(context)

        assert report.exit_code == 75
        assert (report.counts.removed, report.counts.hidden) == (1, 0)
        assert (report.counts.attachments_removed, report.counts.attachments_hidden) == (0, 1)
        assert removed_ids(engine) == {second.id}
        assert ask(engine, "SELECT removed, hidden FROM sync_run_spaces ORDER BY run_id DESC LIMIT 1") == [(1, 0)]
        assert full(context).counts.attachments_removed == 1


def test_a_moved_page_whose_place_is_not_known_has_failed(engine: Engine) -> None:
    """It is listed in A and stored in B; a lookup that gives no answer does not make it nobody's."""
    world = world_with(3, "A", "B")
    with mirrored(world, engine) as (site, context):
        page = world.pages(space_key="B")[1]
        world.move_page(page.id, space_key="A")
        fault(site, "error-500", rf"/api/v2/pages/{page.id}$", times=0)

        report = full(context)

        assert "error-500" in fired(site)
        assert report.exit_code == 3
        assert page.id in {failed for (failed,) in ask(engine, "SELECT page_id FROM page_failures")}
        site.faults.clear()
        assert full(context).outcome == "complete"
        assert ask(engine, "SELECT space_key FROM live_pages WHERE id = %s", page.id) == [("A",)]


@pytest.mark.parametrize("kind", ["error-500", "gone-410"])
def test_a_renamed_space_that_cannot_be_asked_costs_itself(engine: Engine, kind: str) -> None:
    """A configured space is not in the list, and the server fails at the question where it has gone."""
    world = world_with(3, "HR", "PUB")
    with mirrored(world, engine, spaces=("HR", "PUB")) as (site, context):
        space_id = world.space("HR").id
        world.forbid_space("HR", group="confluence-users")
        fault(site, kind, rf"/api/v2/spaces/{space_id}$", times=0)
        world.edit_page(world.pages(space_key="PUB")[0].id, storage="NEW")

        report = incremental(context)

        assert fired(site) == {kind}
        assert {each.space_key: each.outcome for each in report.spaces}["PUB"] == "complete"
        assert ask(engine, "SELECT count(*) FROM live_pages WHERE storage = 'NEW'") == [(1,)]


@pytest.mark.parametrize("kind", ["error-500", "html-200", "gone-410", "unauthorized-401-scope"])
def test_a_lost_space_that_cannot_be_asked_is_hidden_all_the_same(engine: Engine, kind: str) -> None:
    """Whether it is archived is not known, and each of its pages answers for itself that it is not visible."""
    world = world_with(3, "HR", "PUB")
    with mirrored(world, engine, spaces=("HR", "PUB")) as (site, context):
        world.forbid_space("HR", group="confluence-users")
        fault(site, kind, rf"/api/v2/spaces/{world.space('HR').id}$", times=0)

        report = full(context)

        assert fired(site) == {kind}
        assert report.exit_code != 0
        assert live_titles(engine) == ["PUB00", "PUB01", "PUB02"]


@pytest.mark.parametrize("kind", ["gone-410", "forbidden-json-403", "bad-request-400"])
def test_a_parent_that_cannot_be_asked_costs_the_pages_below_it(engine: Engine, kind: str) -> None:
    """What stands above a folder is not known, so what is below it is not shown; every other page arrives."""
    world = world_with(3, "HR")
    folder = world.create_folder(space_key="HR", title="Folder")
    world.create_page(space_key="HR", title="Below", storage="<p>x</p>", parent_id=folder.id)
    with Simulator(world) as site:
        tree = PageScope(exclude_page_trees=frozenset({world.pages()[1].id}))
        context = context_of(site, engine, pages=tree)
        fault(site, kind, rf"/folders/{folder.id}|/ancestors", times=0)

        report = full(context)

        assert fired(site) == {kind}
        assert (report.outcome, report.exit_code) == ("partial", 3)
        assert live_titles(engine) == ["HR00", "HR02"]


def test_a_space_that_cannot_be_previewed_costs_itself(engine: Engine) -> None:
    """The dry run shows all others, and says which one it does not know."""
    world = world_with(2, "HR", "IT")
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("HR", "IT"))
        fault(site, "error-500", rf"/api/v2/spaces/{world.space('HR').id}/pages", times=0)

        seen = preview(context)

        assert fired(site) == {"error-500"}
    assert seen["HR"].error
    assert (seen["HR"].exit_code, seen["HR"].plan.steps) == (75, ())
    assert (seen["IT"].error, len(seen["IT"].plan.steps)) == (None, 2)


def test_a_page_tree_that_gives_no_answer_is_not_a_wrong_setting(engine: Engine) -> None:
    """Not known is not absent; the listing shows the page and what is below it."""
    world = world_with(3, "HR")
    root = world.pages()[0].id
    with mirrored(world, engine, spaces=("HR",), pages=PageScope(page_trees=frozenset({root}))) as (site, context):
        fault(site, "error-500", rf"/api/v2/pages\?.*status=trashed|/api/v2/pages/{root}$", times=0)

        report = full(context)

        assert fired(site) == {"error-500"}
        assert (report.outcome, live_titles(engine)) == ("complete", ["HR00"])


LABEL_LISTS = {
    "the labels of the space": r"/content/labels",
    "the pages of a label": r"/api/v2/labels/\d+/pages",
    "the search index": r"content/search",
}


@pytest.mark.parametrize("kind", ["error-500", "forbidden-403", "not-found-404-v2"])
@pytest.mark.parametrize("which", LABEL_LISTS)
def test_a_list_of_labels_that_fails_leaves_each_page_to_be_asked(engine: Engine, which: str, kind: str) -> None:
    """No page is shown that must not be, no other one is lost, and the space goes on."""
    world = world_with(20, "HR")
    for page in world.pages()[:4]:
        world.label_page(page.id, "confidential")
    with Simulator(world) as site:
        context = context_of(site, engine, pages=EXCLUDED)
        assert full(context).outcome == "complete"
        world.label_page(world.pages()[4].id, "confidential")
        fault(site, kind, LABEL_LISTS[which], times=0)

        report = full(context)

        assert kind in fired(site)
        assert report.outcome == "complete"
        assert live_titles(engine) == [f"HR{number:02d}" for number in range(5, 20)]


@pytest.mark.parametrize("version", ["7.17.0", "8.5.0"])
@pytest.mark.parametrize("kind", ["error-500", "forbidden-json-403", "html-200"])
def test_a_walk_over_labels_that_fails_leaves_each_page_of_data_center_to_be_asked(
    engine: Engine, version: str, kind: str
) -> None:
    """By scan and by offset alike."""
    world = world_with(20, "HR")
    for page in world.pages()[:4]:
        world.label_page(page.id, "confidential")
    with Simulator(world, flavor="datacenter", version=version) as site:
        context = context_of(site, engine, source=DataCenterSource, pages=EXCLUDED)
        assert full(context).outcome == "complete"
        world.label_page(world.pages()[4].id, "confidential")
        fault(site, kind, "expand=metadata.labels", times=0)

        report = full(context)

        assert fired(site) == {kind}
        assert report.outcome == "complete"
        assert live_titles(engine) == [f"HR{number:02d}" for number in range(5, 20)]


def test_a_page_out_of_scope_is_hidden_before_anything_is_fetched(engine: Engine) -> None:
    """The bodies of other pages fail with what ends the run; the page is hidden all the same."""
    world = world_with(3, "HR")
    first, second, _ = world.pages()
    with mirrored(world, engine, pages=EXCLUDED) as (site, context):
        world.label_page(first.id, "confidential")
        world.edit_page(second.id, storage="<p>new</p>")
        fault(site, "unauthorized-401", r"body-format=storage", times=0)

        report = full(context)

        assert fired(site)
        assert report.outcome == "failed"
    assert first.id not in live_ids(engine)
