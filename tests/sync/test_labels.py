"""Labels choose pages: by the search index, which lags, and by the page itself where that matters."""

from dataclasses import replace
from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine, text

from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import Mode, Scope, SyncContext, SyncRequest
from hr_sync.sync.run import run
from tests.sync.mirrors import full, mirror_of, world_of

PUBLIC = frozenset({"public"})
SECRET = frozenset({"secret"})


def labelled(mirror: SyncContext, **labels: frozenset[str]) -> SyncContext:
    """Return the same mirror with labels in its scope."""
    return replace(mirror, scope=Scope(spaces=("*",), pages=PageScope(**labels)))


def live(engine: Engine) -> set[str]:
    """Name what consumers see."""
    with engine.connect() as connection:
        return {page_id for (page_id,) in connection.execute(text("SELECT id FROM live_pages"))}


def ids(world: World) -> list[str]:
    """Name all current pages."""
    return [page.id for page in world.pages(status="current")]


def test_only_pages_with_a_wanted_label_are_mirrored(engine: Engine) -> None:
    """And those that lose it leave, as ordinary removals."""
    world = world_of(12)
    chosen = ids(world)[:5]
    for page_id in chosen:
        world.label_page(page_id, "public", "other")
    with Simulator(world) as site:
        mirror = labelled(mirror_of(site, engine), include_labels=PUBLIC)
        assert (full(mirror).outcome, live(engine)) == ("complete", set(chosen))

        world.unlabel_page(chosen[0], "public")
        world.label_page(ids(world)[7], "public")
        assert (full(mirror).outcome, live(engine)) == ("complete", {*chosen[1:], ids(world)[7]})


def test_pages_with_an_unwanted_label_are_not_mirrored(engine: Engine) -> None:
    """A label that is put on a page takes it out of the mirror without a new version."""
    world = world_of(12)
    everything = set(ids(world))
    world.label_page(ids(world)[0], "secret")
    with Simulator(world) as site:
        mirror = labelled(mirror_of(site, engine), exclude_labels=SECRET)
        assert (full(mirror).outcome, live(engine)) == ("complete", everything - {ids(world)[0]})

        world.label_page(ids(world)[1], "secret")
        assert (full(mirror).outcome, live(engine)) == ("complete", everything - set(ids(world)[:2]))

        world.unlabel_page(ids(world)[0], "secret")
        assert (full(mirror).outcome, live(engine)) == ("complete", everything - {ids(world)[1]})


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_an_index_that_lags_removes_nothing_and_lets_nothing_new_in(engine: Engine, mode: Mode) -> None:
    """A page is asked itself before it leaves a mirror that is there, and before it enters it."""
    world = world_of(12)
    for page_id in ids(world):
        world.label_page(page_id, "public")
    with Simulator(world) as site:
        mirror = labelled(mirror_of(site, engine), include_labels=PUBLIC, exclude_labels=SECRET)
        assert full(mirror).outcome == "complete"
        before = live(engine)
    with Simulator(world, search_lag=timedelta(days=3650)) as site:  # the index knows nothing of any label
        hidden = world.create_page(space_key="S00", title="New and secret", storage="<p>x</p>", labels=("secret",))
        shown = world.create_page(space_key="S00", title="New", storage="<p>x</p>", labels=("public",))
        mirror = replace(mirror_of(site, engine), scope=mirror.scope)
        report = run(mirror, SyncRequest(mode=mode))

        assert report.outcome == "complete"
        assert report.counts.removed == report.counts.hidden == 0
        assert hidden.id not in live(engine)
        assert live(engine) >= before
        if mode is Mode.INCREMENTAL:
            assert shown.id in live(engine)


def test_a_changed_choice_of_labels_waits_for_a_word(engine: Engine) -> None:
    """As any narrower scope does."""
    world = world_of(12)
    world.label_page(ids(world)[0], "public")
    with Simulator(world) as site:
        mirror = mirror_of(site, engine)
        full(mirror)
        narrower = labelled(mirror, include_labels=PUBLIC)

        assert full(narrower).exit_code == 4
        assert len(live(engine)) == 12
        assert full(narrower, accept_narrower_scope=True).outcome == "complete"
        assert live(engine) == {ids(world)[0]}
