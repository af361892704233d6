"""A mass of removals: 60 % of a space purged at the source, by the limits that are usual."""

import pytest

from tests.support.oracle import Wanted, differences, expected, stored
from tests.proof.stage import MIRRORED, Stage
from tests.support.wiring import context_for, full

PAGES = 60


@pytest.mark.parametrize("how", ["purge_page", "trash_page", "hide_page", "archive_page"])
def test_sixty_percent_are_held_and_released_once(stage: Stage, how: str) -> None:
    """Held again and again, released by one run that is told so, and the next mass is held anew."""
    stage.begin()
    world, wanted = stage.site.world, Wanted(spaces=MIRRORED)

    def run(*, allow: bool = False) -> int:
        return full(context_for(stage.site.site_url, stage.engine, wanted), allow_mass_delete=allow).exit_code

    pages = [world.create_page(space_key="A", title=f"Policy {n}", storage="<p>1</p>").id for n in range(PAGES)]
    assert run() == 0
    live = stored(stage.url).live.keys()

    for page_id in pages[:36]:
        getattr(world, how)(page_id)
    assert [run(), run()] == [4, 4]
    assert stored(stage.url).live.keys() == live

    assert run(allow=True) == 0
    assert differences(expected(world, stage.site.site_url, wanted), stored(stage.url)) == []

    for page_id in pages[36:57]:
        getattr(world, how)(page_id)
    assert run() == 4
    assert run(allow=True) == 0
    assert differences(expected(world, stage.site.site_url, wanted), stored(stage.url)) == []
