"""A mass of removals: 60 % of a space leaves at the source, under the limits that are usual."""

import pytest

from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted, differences, expected
from tests.support.wiring import access, context_for, full, incremental

PAGES = 60


@pytest.mark.parametrize("how", ["purge_page", "trash_page", "hide_page", "archive_page"])
def test_sixty_percent_are_hidden_at_once_and_removed_by_a_decision(stage: Stage, how: str) -> None:
    """The rows wait until one run is allowed to remove them, and the next mass waits again."""
    stage.begin()
    world, wanted = stage.site.world, Wanted(spaces=MIRRORED)

    def run(*, allow: bool = False) -> int:
        return full(context_for(stage.site, stage.engine, wanted), allow_mass_delete=allow).exit_code

    def held() -> int:
        return sum(space.held for space in stage.stored().spaces.values())

    def wrong() -> list[str]:
        return differences(expected(world, stage.site.site_url, wanted), stage.stored())

    pages = [world.create_page(space_key="A", title=f"Policy {n}", storage="<p>1</p>").id for n in range(PAGES)]
    assert run() == 0

    for page_id in pages[:36]:
        getattr(world, how)(page_id)
    assert [run(), run()] == [4, 4]
    assert (wrong(), held(), stage.stored().removed) == ([], 36, {})
    incremental(context_for(stage.site, stage.engine, wanted))
    access(context_for(stage.site, stage.engine, wanted))
    assert (wrong(), held(), stage.stored().removed) == ([], 36, {})

    assert run(allow=True) == 0
    assert (wrong(), held(), len(stage.stored().removed)) == ([], 0, 36)

    for page_id in pages[36:57]:
        getattr(world, how)(page_id)
    assert run() == 4
    assert (wrong(), held()) == ([], 21)
    assert run(allow=True) == 0
    assert (wrong(), held()) == ([], 0)
