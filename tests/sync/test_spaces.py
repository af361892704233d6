"""Which spaces a run works on: renamed keys, aliases, spaces that are described badly, and none at all."""

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.errors import UsageError
from tests.support.wiring import ask, context_of, fault, fired, full, incremental, live_titles, mirrored, preview


def world_of(*keys: str) -> World:
    """Make spaces with three pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(3):
            world.create_page(space_key=key, title=f"{key}{number}", storage="x")
    return world


@pytest.mark.parametrize("spaces", [("*",), ("HR",)])
def test_a_space_with_another_key_is_followed(engine: Engine, spaces: tuple[str, ...]) -> None:
    """Its pages go on under the new key, and an explicit setting is reported as outdated."""
    world = world_of("HR", "PUB")
    with mirrored(world, engine, spaces=spaces) as (_site, context):
        world.rekey_space("HR", "PEOPLE")
        world.edit_page(world.pages()[0].id, storage="NEW TEXT")

        incremental(context)
        report = full(context)
        again = full(context)

        assert again.exit_code == 0
        keys = {key for (key,) in ask(engine, "SELECT DISTINCT space_key FROM live_pages")} - {"PUB"}
        assert keys == {"PEOPLE"}
        assert ask(engine, "SELECT count(*) FROM live_pages WHERE storage = 'NEW TEXT'") == [(1,)]
        if spaces == ("HR",):
            assert [warning for warning in report.warnings if "PEOPLE" in warning]


def test_an_alias_finds_its_space(engine: Engine) -> None:
    """Cloud shows people a key of its own for some spaces."""
    world = world_of("HR")
    world.alias_space("HR", "hr-team")
    with Simulator(world) as site:
        report = full(context_of(site, engine, spaces=("hr-team",)))

    assert report.outcome == "complete"
    assert len(live_titles(engine)) == 3


@pytest.mark.parametrize("kind", ["space-null-name", "space-without-type", "space-without-status", "space-null-id"])
def test_a_space_that_is_described_badly_costs_itself(engine: Engine, kind: str) -> None:
    """The other spaces are mirrored."""
    world = world_of("HR", "PUB")
    with Simulator(world) as site:
        fault(site, kind, r"/api/v2/spaces\?", times=0, argument="HR")
        full(context_of(site, engine))

        assert fired(site) == {kind}
        assert {"PUB0", "PUB1", "PUB2"} <= set(live_titles(engine))


def test_a_run_over_no_space_at_all_is_not_complete(engine: Engine) -> None:
    """The account sees nothing any more."""
    world = world_of("HR")
    with mirrored(world, engine) as (_site, context):
        world.forbid_space("HR", group="confluence-users")

        report = full(context)

        assert report.exit_code != 0
        assert live_titles(engine) == []
        assert full(context).exit_code != 0


def test_a_space_that_is_neither_visible_nor_stored_is_refused(engine: Engine) -> None:
    """A typing mistake in --space."""
    world = world_of("HR")
    with mirrored(world, engine, spaces=("HR",)) as (_site, context), pytest.raises(UsageError, match="NOPE"):
        preview(context, space_keys=("NOPE",))


def test_a_space_that_is_gone_is_no_longer_reported(engine: Engine) -> None:
    """Once nothing of it is left, health and status say nothing about it."""
    world = world_of("HR", "OLD")
    with mirrored(world, engine) as (_site, context):
        world.forbid_space("OLD", group="confluence-users")
        full(context)
        full(context)

        assert ask(engine, "SELECT space_key FROM sync_spaces WHERE gone_at IS NOT NULL") == [("OLD",)]
        assert full(context).outcome == "complete"


def test_the_dry_run_of_a_space_with_another_key_shows_what_the_run_does(engine: Engine) -> None:
    """Its pages and its hold are found under the key that the mirror still knows."""
    world = world_of("HR", "PUB")
    with mirrored(world, engine) as (_site, context):
        world.trash_page(world.pages(space_key="HR")[0].id)
        world.rekey_space("HR", "PEOPLE")

        shown = preview(context)["PEOPLE"].deletions
        report = full(context)

        assert (len(shown.hide), len(shown.remove), shown.stored_pages) == (1, 1, 3)
        assert report.counts.removed == 1


def test_a_renamed_space_that_is_lost_is_one_space(engine: Engine) -> None:
    """A page that was hidden before has the former key, under which nobody decides about it again."""
    world = world_of("HR", "PUB")
    with mirrored(world, engine, spaces=("HR", "PUB")) as (site, before):
        world.hide_page(world.pages(space_key="HR")[0].id)
        full(before)
        world.rekey_space("HR", "PEOPLE")
        context = context_of(site, engine, spaces=("PEOPLE", "PUB"))
        incremental(context)
        world.forbid_space("PEOPLE", group="confluence-users")

        shown = preview(context)
        full(context)
        full(context)

        assert {key: each.kind for key, each in shown.items()} == {"PEOPLE": "unlisted", "PUB": "full"}
        assert set(ask(engine, "SELECT space_key FROM sync_spaces")) == {("PEOPLE",), ("PUB",)}
        reasons = ask(
            engine, "SELECT DISTINCT removed_reason FROM confluence_pages WHERE space_id = %s", world.space("PEOPLE").id
        )
        assert reasons == [("not_visible",)]
