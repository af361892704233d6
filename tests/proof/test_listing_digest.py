"""The listing digest of a complete run: equal for equal listings, another one for any change that it covers."""

from collections.abc import Callable

import pytest
from confluence_simulator import Fault, World
from confluence_simulator.world import Page

from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted, sha256
from tests.support.wiring import context_for, full

DIGESTS = """
    SELECT listing_digest FROM sync_run_spaces WHERE space_key = 'A' ORDER BY run_id DESC LIMIT 1
"""


def run(stage: Stage) -> object:
    """Run in full and give the digest of space A."""
    full(context_for(stage.site.site_url, stage.engine, Wanted(spaces=MIRRORED)))
    row = stage.connection.execute(DIGESTS.encode()).fetchone()
    assert row is not None
    return row[0]


def by_hand(world: World) -> str:
    """Compute it from the world: a line `id, version, status, parent` for each page, sorted by id as text."""
    pages = sorted(world.pages(space_key="A", status="current"), key=lambda page: page.id)
    lines = [f"{page.id}\t{page.version}\t{page.status}\t{page.parent_id or '-'}\n" for page in pages]
    return sha256("".join(lines))


def test_an_unchanged_space_has_the_same_digest(stage: Stage) -> None:
    """In every run, and it is the one that anybody can compute."""
    stage.begin()

    assert run(stage) == run(stage) == run(stage) == by_hand(stage.site.world)


@pytest.mark.parametrize(
    "change",
    [
        lambda world, page: world.edit_page(page.id, storage="<p>Other</p>"),
        lambda world, page: world.move_page(page.id),
        lambda world, page: world.trash_page(page.id),
        lambda world, page: world.create_page(space_key="A", title="One more", storage="", parent_id=page.id),
    ],
    ids=["edit", "move", "trash", "create"],
)
def test_one_change_gives_another_digest(stage: Stage, change: Callable[[World, Page], object]) -> None:
    """Version, place, absence and presence all count."""
    stage.begin()
    before = run(stage)
    change(stage.site.world, next(page for page in stage.site.world.pages() if page.title == "Far below A"))

    assert run(stage) not in (before, None)


def test_a_run_that_is_not_complete_certifies_nothing(stage: Stage) -> None:
    """Its listing may lack anything."""
    stage.begin()
    run(stage)
    stage.site.faults.add(Fault(kind="missing-rows", match=r"/spaces/\d+/pages"))

    assert run(stage) is None
    assert stage.site.faults.fired
