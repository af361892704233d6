"""Whole spaces that are not mirrored any more: not visible, archived, or not in the settings."""

from sqlalchemy import Engine

from hr_sync.domain.scope import PageScope
from tests.support.database import rows
from tests.support.wiring import context_of, full, live_ids, mirrored, world_of


def live_by_space(engine: Engine) -> dict[str, int]:
    """Return how many pages consumers see, by space."""
    found = rows(engine, "SELECT space_key, count(*) AS pages FROM live_pages GROUP BY 1")
    return {row["space_key"]: row["pages"] for row in found}


def reasons(engine: Engine) -> set[str]:
    """Return why pages were removed."""
    found = rows(engine, "SELECT DISTINCT removed_reason FROM confluence_pages WHERE removed_at IS NOT NULL")
    return {row["removed_reason"] for row in found}


def test_a_named_space_that_is_not_visible_hides_its_pages_and_is_no_complete_run(engine: Engine) -> None:
    """The run says that the settings name a space which is not visible; a later run removes the pages."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine, spaces=("S00", "S01")) as (_, context):
        world.forbid_space("S01", group="confluence-users")

        report = full(context)

        assert live_by_space(engine) == {"S00": 10}
        assert (report.outcome, report.exit_code, report.counts.hidden) == ("partial", 3, 10)
        assert "S01" in str(report.error)
        again = full(context)
        assert (again.exit_code, again.counts.removed) == (3, 10)
        assert reasons(engine) == {"not_visible"}


def test_the_pages_of_a_small_archived_space_are_removed_with_that_reason(engine: Engine) -> None:
    """Its pages still answer `current` by id; the space itself says that it is archived."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine) as (_, context):
        world.archive_space("S01")

        report = full(context)

        assert (report.outcome, report.counts.removed) == ("complete", 10)
        assert live_by_space(engine) == {"S00": 10}
        assert reasons(engine) == {"space_archived"}
        assert full(context).outcome == "complete"


def test_a_space_that_the_settings_drop_is_hidden_and_its_removal_waits(engine: Engine) -> None:
    """Narrowing is no deletion at the source: it has its own reason, and a wider scope brings the pages back."""
    with mirrored(world_of(20, spaces=2), engine) as (site, context):
        narrower = context_of(site, engine, spaces=("S00",))

        assert [full(narrower).exit_code, full(narrower).exit_code] == [4, 4]
        assert live_by_space(engine) == {"S00": 10}
        assert reasons(engine) == set()
        assert full(narrower, allow_mass_delete=True).counts.removed == 10
        assert reasons(engine) == {"out_of_scope"}
        assert full(narrower).outcome == "complete"

        report = full(context)
        assert (report.counts.restored, report.counts.bodies) == (10, 0)
        assert live_by_space(engine) == {"S00": 10, "S01": 10}


def test_page_trees_narrow_and_widen(engine: Engine) -> None:
    """A tree takes its pages with it when it is excluded, and brings them back when it is not."""
    world = world_of(20)
    with mirrored(world, engine) as (site, context):
        top = next(page for page in world.pages() if page.parent_id is not None)
        tree = {top.id, *(page.id for page in world.descendants(top.id))}
        without = context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({top.id})))

        assert full(without).exit_code == 4
        assert live_ids(engine) == {page.id for page in world.pages()} - tree
        assert full(without, allow_mass_delete=True).counts.removed == len(tree)
        assert full(context).counts.restored == len(tree)
        assert len(live_ids(engine)) == 20
