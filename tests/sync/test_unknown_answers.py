"""What an answer does not say, or says too late, is not known: it neither opens nor closes anything for good."""

from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.domain.content import ContentNode
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.support.wiring import ask, context_of, fault, fired, full, incremental, live_ids, live_titles, mirrored


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


def test_ancestors_that_lag_behind_the_page_do_not_open_an_excluded_tree(engine: Engine) -> None:
    """The list of changes names the new parent; the chain of ancestors is still that of before the move."""
    world = world_with(3, "HR")
    secret, page, _ = world.pages()
    with Simulator(world) as site:
        context = context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({secret.id})))
        full(context)
        world.advance(timedelta(minutes=5))
        world.move_page(page.id, parent_id=secret.id)
        world.edit_page(page.id, storage="<p>SECRET</p>")
        fault(site, "stale-read", r"/ancestors", times=0, argument=180)

        report = incremental(context)

        assert fired(site) == {"stale-read"}
        assert ask(engine, "SELECT count(*) FROM page_bodies WHERE storage LIKE '%%SECRET%%'") == [(0,)]
        assert report.exit_code == 3


class MovingSource(CloudSource):
    """Moves a page once, after its ancestors were asked for."""

    world: World
    moves: dict[str, str]

    def ancestors(self, page_id: str) -> tuple[ContentNode, ...]:
        found = super().ancestors(page_id)
        if parent_id := getattr(self, "moves", {}).pop(page_id, None):
            self.world.move_page(page_id, parent_id=parent_id)
            self.world.edit_page(page_id, storage="<p>SECRET</p>")
        return found


def test_a_page_that_moves_while_somebody_asks_for_it_is_not_written(engine: Engine) -> None:
    """Its body is of another place than the scope was decided for."""
    world = world_with(3, "HR")
    secret, page, _ = world.pages()
    with Simulator(world) as site:
        scope = PageScope(exclude_page_trees=frozenset({secret.id}))
        context = context_of(site, engine, pages=scope, source=MovingSource)
        full(context)
        context.source.world = world  # type: ignore[attr-defined]

        class _Second(dict[str, str]):
            asked = 0

            def pop(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
                if key != page.id:
                    return default
                self.asked += 1  # located first, then asked again under the lease
                return secret.id if self.asked == 2 else default

        context.source.moves = _Second()  # type: ignore[attr-defined]

        run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))

        assert context.source.moves.asked == 2  # type: ignore[attr-defined]
        assert ask(engine, "SELECT count(*) FROM page_bodies WHERE storage LIKE '%%SECRET%%'") == [(0,)]


@pytest.mark.parametrize("how", ["trashed", "moved"])
def test_lists_that_lag_together_remove_nothing(engine: Engine, how: str) -> None:
    """The page was away for a minute; listing and list by ids are of that minute, the page itself is back."""
    world = world_with(5, "HR")
    world.create_space("ELSEWHERE")
    page = world.pages()[0]
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("HR",))
        full(context)
        world.advance(timedelta(minutes=5))
        if how == "trashed":
            world.trash_page(page.id)
            world.advance(timedelta(minutes=1))
            world.restore_page(page.id)
        else:
            world.move_page(page.id, space_key="ELSEWHERE")
            world.advance(timedelta(minutes=1))
            world.move_page(page.id, space_key="HR")
        fault(site, "stale-read", r"sort=id|status=trashed", times=0, argument=90)

        report = full(context)

        assert fired(site) == {"stale-read"}
        assert report.exit_code == 3
        assert removed_ids(engine) == set()
        assert page.id in live_ids(engine)


def test_a_space_whose_alias_is_not_told_is_not_out_of_scope(engine: Engine) -> None:
    """The settings name it by its alias, which one answer leaves out."""
    world = world_with(3, "HR")
    world.alias_space("HR", "hr-team")
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("hr-team",))
        full(context)
        assert len(live_titles(engine)) == 3
        world.alias_space("HR", "people")

        report = full(context)

        assert (report.outcome, len(live_titles(engine))) == ("complete", 3)
        assert [warning for warning in report.warnings if "HR" in warning]
        world.forbid_space("HR", group="confluence-users")
        lost = full(context)
        assert lost.exit_code != 0
        assert ask(engine, "SELECT DISTINCT hidden_reason FROM confluence_pages") == [("not_visible",)]


def test_an_excluded_key_stays_excluded_when_a_space_gets_it(engine: Engine) -> None:
    """A configured space is followed to its new key, but not to one that is excluded."""
    world = world_with(3, "HR", "PUB")
    with mirrored(world, engine, spaces=("HR", "PUB"), exclude_spaces=("OLD",)) as (_site, context):
        world.rekey_space("HR", "OLD")

        full(context)

        assert {title[:3] for title in live_titles(engine)} == {"PUB"}


def test_a_date_far_in_the_past_or_future_blinds_no_run(engine: Engine) -> None:
    """The source's own clock jumps: whatever it says, an edit arrives by the next incremental run."""
    for shift in (-86_400, 86_400):
        world = world_with(3, "HR")
        ask(engine, "TRUNCATE sync_spaces, confluence_pages, page_failures CASCADE")
        with Simulator(world) as site:
            context = context_of(site, engine)
            full(context)
            fault(site, "date-shifted", r".", times=0, argument=shift)
            incremental(context)
            world.edit_page(world.pages()[0].id, storage="ONE")
            incremental(context)
            assert fired(site) == {"date-shifted"}
            site.faults.clear()
            world.edit_page(world.pages()[1].id, storage="TWO")

            assert incremental(context).outcome == "complete"

            texts = ask(engine, "SELECT storage FROM live_pages WHERE storage <> '<p>x</p>' ORDER BY storage")
            assert texts == [("ONE",), ("TWO",)]
