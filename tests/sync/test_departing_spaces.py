"""Whole spaces that go: out of sight, into the archive, or out of the settings."""

from dataclasses import replace

from sqlalchemy import Engine, text

from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import Scope, SyncContext
from tests.sync.mirrors import full, mirrored, world_of


def live_by_space(engine: Engine) -> dict[str, int]:
    """Count what consumers see."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT space_key, count(*) FROM live_pages GROUP BY 1"))
        return {row[0]: row[1] for row in rows}


def reasons(engine: Engine) -> set[str]:
    """Name why pages were removed."""
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT DISTINCT removed_reason FROM confluence_pages WHERE removed_at IS NOT NULL")
        )
        return {reason for (reason,) in found}


def scoped(mirror: SyncContext, *spaces: str, pages: PageScope | None = None) -> SyncContext:
    """Return the same mirror with another scope."""
    return replace(mirror, scope=Scope(spaces=spaces, pages=pages or PageScope()))


def test_a_named_space_out_of_sight_hides_its_pages_and_is_no_complete_run(engine: Engine) -> None:
    """Revoked pages vanish now; the run says that the settings name a space that is not to be seen."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine, spaces=("S00", "S01")) as (_, mirror):
        world.forbid_space("S01", group="confluence-users")

        report = full(mirror)

        assert live_by_space(engine) == {"S00": 10}
        assert (report.outcome, report.exit_code, report.counts.hidden) == ("partial", 3, 10)
        assert "S01" in str(report.error)


def test_a_large_space_out_of_sight_is_held(engine: Engine) -> None:
    """More than twenty pages at once wait for a decision, also when the whole space is not to be seen."""
    world = world_of(60, spaces=2)
    with mirrored(world, engine) as (_, mirror):
        world.forbid_space("S01", group="confluence-users")

        assert (full(mirror).exit_code, live_by_space(engine)) == (4, {"S00": 30, "S01": 30})
        assert full(mirror, allow_mass_delete=True).counts.hidden == 30
        assert live_by_space(engine) == {"S00": 30}


def test_the_pages_of_an_archived_space_are_removed_with_that_reason(engine: Engine) -> None:
    """Its pages still answer `current` by id; the space itself tells."""
    world = world_of(20, spaces=2)
    with mirrored(world, engine) as (_, mirror):
        world.archive_space("S01")

        report = full(mirror)

        assert (report.outcome, report.counts.removed) == ("complete", 10)
        assert live_by_space(engine) == {"S00": 10}
        assert reasons(engine) == {"space archived"}
        assert full(mirror).outcome == "complete"


def test_a_space_that_the_settings_drop_waits_for_a_word(engine: Engine) -> None:
    """Narrowing is no deletion at the source: its own reason, its own confirmation."""
    with mirrored(world_of(20, spaces=2), engine) as (_, mirror):
        narrower = scoped(mirror, "S00")

        assert full(narrower).exit_code == 4
        assert full(narrower, allow_mass_delete=True).exit_code == 4, "that is another decision"
        assert live_by_space(engine) == {"S00": 10, "S01": 10}

        assert full(narrower, accept_narrower_scope=True).outcome == "complete"
        assert live_by_space(engine) == {"S00": 10}
        assert reasons(engine) == {"out of scope"}
        assert full(narrower).outcome == "complete"

        assert full(mirror).counts.restored == 10, "a wider scope brings them back"


def test_page_trees_narrow_and_widen(engine: Engine) -> None:
    """A tree takes its pages with it when it is excluded, once confirmed, and brings them back when it is not."""
    world = world_of(20)
    with mirrored(world, engine) as (_, mirror):
        top = next(page for page in world.pages() if page.parent_id is not None)
        below = {page.id for page in world.pages() if page.parent_id == top.id}
        without = scoped(mirror, "*", pages=PageScope(exclude_page_trees=frozenset({top.id})))

        assert full(without).exit_code == 4
        report = full(without, accept_narrower_scope=True)
        assert report.outcome == "complete"
        assert report.counts.removed >= 1 + len(below)
        assert live_by_space(engine) == {"S00": 20 - report.counts.removed}

        assert full(mirror).counts.restored == report.counts.removed
