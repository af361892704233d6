"""Labels choose pages: by the search index, which lags, and by the page itself where that matters."""

from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.support.database import state_of
from tests.support.wiring import context_of, full, live_ids, world_of

PUBLIC = PageScope(include_labels=frozenset({"public"}))
NO_SECRETS = PageScope(exclude_labels=frozenset({"secret"}))


def ids(world: World) -> list[str]:
    """Return the ids of all current pages."""
    return [page.id for page in world.pages(status="current")]


def test_only_pages_with_a_wanted_label_are_mirrored(engine: Engine) -> None:
    """One that loses it is removed as out of scope, and one that gets it arrives, without a new version."""
    world = world_of(12)
    chosen = ids(world)[:5]
    for page_id in chosen:
        world.label_page(page_id, "public", "other")
    with Simulator(world) as site:
        context = context_of(site, engine, pages=PUBLIC)
        assert (full(context).outcome, live_ids(engine)) == ("complete", set(chosen))

        world.unlabel_page(chosen[0], "public")
        world.label_page(ids(world)[7], "public")
        assert (full(context).outcome, live_ids(engine)) == ("complete", {*chosen[1:], ids(world)[7]})
        assert state_of(engine, chosen[0]) == "out_of_scope"


def test_pages_with_an_unwanted_label_are_not_mirrored(engine: Engine) -> None:
    """A label takes a page out of the mirror without a new version, and back in when it is gone."""
    world = world_of(12)
    everything = set(ids(world))
    world.label_page(ids(world)[0], "secret")
    with Simulator(world) as site:
        context = context_of(site, engine, pages=NO_SECRETS)
        assert (full(context).outcome, live_ids(engine)) == ("complete", everything - {ids(world)[0]})

        world.label_page(ids(world)[1], "secret")
        assert (full(context).outcome, live_ids(engine)) == ("complete", everything - set(ids(world)[:2]))

        world.unlabel_page(ids(world)[0], "secret")
        assert (full(context).outcome, live_ids(engine)) == ("complete", everything - {ids(world)[1]})


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_an_index_that_lags_removes_nothing_and_lets_nothing_new_in(engine: Engine, mode: Mode) -> None:
    """A page is asked itself before it leaves the mirror, and before it enters it."""
    scope = PageScope(include_labels=PUBLIC.include_labels, exclude_labels=NO_SECRETS.exclude_labels)
    world = world_of(12)
    for page_id in ids(world):
        world.label_page(page_id, "public")
    with Simulator(world) as site:
        assert full(context_of(site, engine, pages=scope)).outcome == "complete"
        before = live_ids(engine)
    with Simulator(world, search_lag=timedelta(days=3650)) as site:  # the index knows nothing of any label
        secret = world.create_page(space_key="S00", title="Secret", storage="<p>x</p>", labels=("public", "secret"))
        shown = world.create_page(space_key="S00", title="New", storage="<p>x</p>", labels=("public",))

        report = run(context_of(site, engine, pages=scope), SyncRequest(mode=mode))

        assert report.outcome == "complete"
        assert report.counts.removed == report.counts.hidden == 0
        assert live_ids(engine) == {*before, shown.id}
        assert secret.id not in live_ids(engine)


def test_a_changed_choice_of_labels_hides_at_once_and_removal_waits(engine: Engine) -> None:
    """As with any narrower scope."""
    world = world_of(12)
    world.label_page(ids(world)[0], "public")
    with Simulator(world) as site:
        full(context_of(site, engine))
        narrower = context_of(site, engine, pages=PUBLIC)

        assert full(narrower).exit_code == 4
        assert live_ids(engine) == {ids(world)[0]}
        assert {state_of(engine, page_id) for page_id in ids(world)[1:]} == {"hidden"}
        report = full(narrower, allow_mass_delete=True)
        assert (report.outcome, report.counts.removed) == ("complete", 11)
