"""What happens between the steps of a run: another worker, a kill, an edit at the source."""

from collections.abc import Callable

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.sync import run as run_module
from hr_sync.sync.removals import settle_removals
from tests.support.wiring import ask, context_of, full, live_ids


def world_with(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


@pytest.fixture
def before_the_removals(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return what lets something happen once, after the spaces were worked on and before anything is removed."""

    def plan(happens: Callable[[], object]) -> None:
        calls = [happens]

        def settle(*args: object) -> object:
            if calls:
                calls.pop()()
            return settle_removals(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(run_module, "settle_removals", settle)

    return plan


def test_a_page_that_another_worker_has_shown_since_is_not_removed(
    engine: Engine, before_the_removals: Callable[[Callable[[], object]], None]
) -> None:
    """Two runs did not find it; before it is removed, the full pass of another worker lists it again."""
    world = world_with(3, "HR")
    page = world.pages()[0]
    with Simulator(world) as site:
        one, other = context_of(site, engine), context_of(site, engine)
        full(one)
        world.hide_page(page.id)
        full(one)

        def meanwhile() -> None:
            world.unrestrict_page(page.id)
            assert full(other).counts.restored == 1

        before_the_removals(meanwhile)

        report = full(one)

        assert report.counts.removed == 0
        assert page.id in live_ids(engine)


def test_a_hold_of_another_worker_is_not_cleared(
    engine: Engine, before_the_removals: Callable[[Callable[[], object]], None]
) -> None:
    """One worker removes one page at the end of its run; the other one has found a mass since."""
    world = world_with(60, "HR")
    with Simulator(world) as site:
        one, other = context_of(site, engine), context_of(site, engine)
        full(one)
        world.trash_page(world.pages()[50].id)

        def meanwhile() -> None:
            for page in world.pages()[:40]:
                world.hide_page(page.id)
            assert full(other).outcome == "held"

        before_the_removals(meanwhile)

        full(one)

        assert ask(engine, "SELECT held FROM sync_spaces") == [(40,)]
