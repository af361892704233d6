"""Pages that are fetched by id are compared with the scope too: the mirror gets no wider, on either flavour."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from confluence_simulator import World

from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope
from hr_sync.errors import UsageError
from tests.datacenter.test_same_rows import OpenSide, Side, side

__all__ = ["side"]  # the fixture

SCHEMA = "named"
FLAVORS = ("cloud", "datacenter")

Scope: TypeAlias = Callable[[World], PageScope]


def opened_of(side: OpenSide, world: World, flavor: str, scope: PageScope | None = None) -> Side:
    """Serve a world in a flavour, with an empty mirror of it."""
    return side(world, SCHEMA, pages=scope, flavor=flavor)


def world_of_trees() -> World:
    """Two trees of three pages in one space, with a label at the bottom and another at the top of each."""
    world = World()
    world.create_space("HR", "People")
    for tree in ("Open", "Closed"):
        top = world.create_page(space_key="HR", title=tree, storage="<p>0</p>")
        middle = world.create_page(space_key="HR", title=f"{tree} middle", storage="<p>1</p>", parent_id=top.id)
        low = world.create_page(space_key="HR", title=f"{tree} low", storage="<p>2</p>", parent_id=middle.id)
        world.label_page(low.id, "public")
        world.label_page(top.id, "secret")
    return world


def named(world: World, title: str) -> str:
    return next(page.id for page in world.pages() if page.title == title)


def shown(opened: Side) -> set[str]:
    return {title for (title,) in opened.select("SELECT title FROM {schema}.live_pages")}


def fail(opened: Side, page_id: str) -> None:
    """Record a failure of a page that is due to be tried again."""
    opened.execute(
        "INSERT INTO {schema}.page_failures (page_id, space_key, stage, error_class, message, attempts,"
        " next_attempt_at, run_id) VALUES (:id, 'HR', 'read', 'Test', 'It failed.', 1, now(), 1)",
        id=page_id,
    )


def by_tree(world: World) -> PageScope:
    """Choose one tree."""
    return PageScope(page_trees=frozenset({named(world, "Open")}))


def by_excluded_tree(world: World) -> PageScope:
    """Leave one tree out."""
    return PageScope(exclude_page_trees=frozenset({named(world, "Closed")}))


def by_label(_world: World) -> PageScope:
    """Choose pages with a label."""
    return PageScope(include_labels=frozenset({"public"}))


def by_excluded_label(_world: World) -> PageScope:
    """Leave pages with a label out."""
    return PageScope(exclude_labels=frozenset({"secret"}))


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize(
    "case",
    [
        (by_tree, "Open low", "Closed low", "confluence.page_trees"),
        (by_excluded_tree, "Open low", "Closed low", "confluence.exclude_page_trees"),
        (by_label, "Closed low", "Closed middle", "confluence.include_labels"),
        (by_excluded_label, "Open low", "Open", "exclude_labels"),
    ],
)
def test_a_page_out_of_scope_is_not_fetched_because_somebody_names_it(
    side: OpenSide, flavor: str, case: tuple[Scope, str, str, str]
) -> None:
    """It is refused with the rule, and nothing of the request is done; a page in scope is fetched."""
    scope, inside, outside, rule = case
    world = world_of_trees()
    opened = opened_of(side, world, flavor, scope(world))
    with pytest.raises(UsageError, match=rf"Page {named(world, outside)} is out of scope: .*{rule}"):
        opened.run(Mode.RESYNC, page_ids=[named(world, inside), named(world, outside)])
    assert shown(opened) == set()

    assert opened.run(Mode.RESYNC, page_ids=[named(world, inside)]).exit_code == 0
    assert shown(opened) == {inside}


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("request_", [(Mode.RESYNC, {"failed_pages": True}), (Mode.INCREMENTAL, {})], ids=str)
@pytest.mark.parametrize("left_by", ["move", "label"])
def test_a_page_that_failed_and_left_the_scope_is_not_stored(
    side: OpenSide,
    flavor: str,
    request_: tuple[Mode, dict[str, Any]],
    left_by: str,
) -> None:
    """Neither by `resync --failed` nor by the incremental run that tries it again; one that is in scope is."""
    world = world_of_trees()
    scope = by_tree(world) if left_by == "move" else by_excluded_label(world)
    opened = opened_of(side, world, flavor, scope)
    assert opened.run().exit_code == 0
    before = shown(opened)
    failing = [
        world.create_page(space_key="HR", title=title, storage="<p>3</p>", parent_id=named(world, "Open low")).id
        for title in ("Leaves", "Stays")
    ]
    if left_by == "move":
        world.move_page(failing[0], parent_id=named(world, "Closed"))
    else:
        world.label_page(failing[0], "secret")
    for page_id in failing:
        fail(opened, page_id)
    mode, how = request_
    assert opened.run(mode, **how).exit_code in (0, 3)  # 3: the page that is out of scope has not succeeded
    assert shown(opened) == {*before, "Stays"}
    assert opened.run().exit_code == 0
    assert shown(opened) == {*before, "Stays"}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_page_that_is_gone_is_hidden_when_somebody_names_it(side: OpenSide, flavor: str) -> None:
    """It has no place any more that could be out of scope."""
    world = world_of_trees()
    opened = opened_of(side, world, flavor, by_tree(world))
    assert opened.run().exit_code == 0
    world.trash_page(named(world, "Open low"))
    assert opened.run(Mode.RESYNC, page_ids=[named(world, "Open low")]).exit_code == 0
    assert "Open low" not in shown(opened)


def test_an_everything_scope_costs_no_further_request(side: OpenSide) -> None:
    """Only a scope that leaves pages out is looked at."""
    world = world_of_trees()
    opened = opened_of(side, world, "cloud")
    opened.site.requests.clear()
    assert opened.run(Mode.RESYNC, page_ids=[named(world, "Closed low")]).exit_code == 0
    assert sum(("body-format", "storage") in record.query for record in opened.site.requests) == 1
