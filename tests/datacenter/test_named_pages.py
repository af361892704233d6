"""Pages that are fetched by id are held against the scope too: the mirror gets no wider, on either flavour."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import text

from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import Mode, Scope
from tests.datacenter.test_same_rows import Side, _engine

SCHEMA = "named"
FLAVORS = ("cloud", "datacenter")

Open: TypeAlias = Callable[..., Side]


@pytest.fixture
def side(database_url: str) -> Iterator[Open]:
    """Serve a world in a flavour and wire the mirror of it; further arguments are the scope."""
    with ExitStack() as stack:

        def open_side(world: World, flavor: str, **scope: list[str]) -> Side:
            site = stack.enter_context(Simulator(world, flavor=flavor))  # type: ignore[arg-type] # two words
            opened = Side(site, stack.enter_context(_engine(database_url, SCHEMA)), SCHEMA)
            pages = PageScope(**{name: frozenset(values) for name, values in scope.items()})
            opened.mirror = replace(opened.mirror, scope=Scope(spaces=("*",), pages=pages))
            return opened

        yield open_side


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
    """Note a failure of a page that is due to be tried again."""
    with opened.mirror.engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO {SCHEMA}.page_failures (page_id, space_key, stage, error_class, message, attempts,"
                " next_attempt_at, run_id) VALUES (:id, 'HR', 'read', 'Test', 'It failed.', 1, now(), 1)"
            ),
            {"id": page_id},
        )


def by_tree(world: World) -> dict[str, list[str]]:
    return {"page_trees": [named(world, "Open")]}


def by_excluded_tree(world: World) -> dict[str, list[str]]:
    return {"exclude_page_trees": [named(world, "Closed")]}


def by_label(_world: World) -> dict[str, list[str]]:
    return {"include_labels": ["public"]}


def by_excluded_label(_world: World) -> dict[str, list[str]]:
    return {"exclude_labels": ["secret"]}


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
    side: Open,
    flavor: str,
    case: tuple[Callable[[World], dict[str, list[str]]], str, str, str],
) -> None:
    """It is refused by the rule, and nothing of the order is done; a page in scope is fetched as ever."""
    scope, inside, outside, rule = case
    world = world_of_trees()
    opened = side(world, flavor, **scope(world))
    refused = opened.run(Mode.RESYNC, page_ids=[named(world, inside), named(world, outside)])
    assert refused.exit_code == 2
    assert named(world, outside) in (refused.error or "")
    assert rule in (refused.error or "")
    assert shown(opened) == set()

    assert opened.run(Mode.RESYNC, page_ids=[named(world, inside)]).exit_code == 0
    assert shown(opened) == {inside}


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("order", [(Mode.RESYNC, {"failed_pages": True}), (Mode.INCREMENTAL, {})], ids=str)
@pytest.mark.parametrize("left_by", ["move", "label"])
def test_a_page_that_failed_and_left_the_scope_is_not_brought_in(
    side: Open,
    flavor: str,
    order: tuple[Mode, dict[str, Any]],
    left_by: str,
) -> None:
    """Neither by `resync --failed` nor by the incremental run that tries it again; one that is in scope still is."""
    world = world_of_trees()
    scope = by_tree(world) if left_by == "move" else by_excluded_label(world)
    opened = side(world, flavor, **scope)
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
    mode, how = order
    assert opened.run(mode, **how).exit_code in (0, 3)  # 3: the page that is out of scope has not succeeded
    assert shown(opened) == {*before, "Stays"}
    assert opened.run().exit_code == 0
    assert shown(opened) == {*before, "Stays"}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_page_that_is_gone_is_dealt_with_when_somebody_names_it(side: Open, flavor: str) -> None:
    """It has no place any more that could be out of scope."""
    world = world_of_trees()
    opened = side(world, flavor, **by_tree(world))
    assert opened.run().exit_code == 0
    world.trash_page(named(world, "Open low"))
    assert opened.run(Mode.RESYNC, page_ids=[named(world, "Open low")]).exit_code == 0
    assert "Open low" not in shown(opened)


def test_an_everything_scope_costs_no_further_request(side: Open) -> None:
    """Only a scope that leaves pages out is looked at."""
    world = world_of_trees()
    opened = side(world, "cloud")
    opened.site.requests.clear()
    assert opened.run(Mode.RESYNC, page_ids=[named(world, "Closed low")]).exit_code == 0
    assert sum(("body-format", "storage") in record.query for record in opened.site.requests) == 1
