"""Access is compared with Confluence's own answers, pair by pair."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.domain.access import AccessPolicy
from hr_sync.errors import AccessDenied, UsageError
from hr_sync.sync.access_audit import audit_access
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.database import execute, rows
from tests.support.wiring import context_of, fault, fired, full

POLICY = SyncPolicy(access=AccessPolicy(), groups_interval=timedelta(hours=1), open_spaces=frozenset({"none"}))


@dataclass(frozen=True)
class Scene:
    """Two spaces, one of them for a group; restricted pages, one below another; and their mirror."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    world = World()
    world.add_group("managers")
    for name, groups in (("mia", ("managers",)), ("dan", ()), ("eve", ())):
        world.add_user(name, groups=("confluence-users", *groups))
    for key in ("HR", "BOARD"):
        world.create_space(key)
        home = world.create_page(space_key=key, title=f"Home of {key}", storage="<p>1</p>")
        below = world.create_page(space_key=key, title=f"Salaries of {key}", storage="<p>2</p>", parent_id=home.id)
        for year in (2025, 2026):
            world.create_page(space_key=key, title=f"{year} of {key}", storage="<p>3</p>", parent_id=below.id)
        world.restrict_page(below.id, groups=("managers",))
    world.permit_space("BOARD", group="managers")
    world.permit_space("BOARD", user="hr-bot")
    world.forbid_space("BOARD", group="confluence-users")
    with Simulator(world) as site:
        context = context_of(site, engine, policy=POLICY)
        assert full(context).outcome == "complete"
        yield Scene(world, site, engine, context)


def test_a_right_mirror_is_proven_to_be_right(scene: Scene) -> None:
    """299 pairs without an over-grant: at most one percent, and the result is stored."""
    found = audit_access(scene.context, 299)

    assert (found.pairs, found.unanswered, list(found.over_grants), list(found.under_grants)) == (299, 0, [], [])
    assert found.upper_bound <= 0.01
    assert found.exit_code == 0
    stored = rows(scene.engine, "SELECT pairs, over_grants, under_grants, unanswered FROM access_audits")
    assert stored == [{"pairs": 299, "over_grants": 0, "under_grants": 0, "unanswered": 0}]
    assert sum("permission/check" in record.path for record in scene.site.requests) == 299


def test_each_kind_of_page_is_drawn(scene: Scene) -> None:
    """Restricted itself, below a restricted page, in a limited space, moved lately, and any."""
    pages = {page.title: page.id for page in scene.world.pages()}
    scene.world.move_page(pages["2026 of HR"], parent_id=pages["Home of HR"])
    assert full(scene.context).outcome == "complete"

    drawn = {page.stratum: page.id for page in scene.context.store.audits.pages_to_audit(50)}

    assert drawn.keys() == {
        "restricted itself",
        "restricted above",
        "its space is limited",
        "moved in the last week",
        "any",
    }
    assert drawn["moved in the last week"] == pages["2026 of HR"]


def test_what_the_mirror_shows_too_much_is_found(scene: Scene) -> None:
    """A set that lost a layer, as if a restriction had been forgotten."""
    execute(
        scene.engine,
        "UPDATE confluence_pages SET access_set_id = (SELECT min(id) FROM access_sets WHERE layers = 1 AND audience)",
    )

    found = audit_access(scene.context, 200)

    assert found.over_grants
    assert not found.under_grants
    assert all(pair.mirror and not pair.confluence for pair in found.over_grants)
    assert found.upper_bound > len(found.over_grants) / 200
    assert found.exit_code == 3


def test_what_the_mirror_shows_too_little_is_counted_apart(scene: Scene) -> None:
    """Members of groups that are not mirrored."""
    execute(scene.engine, "UPDATE groups SET members_known = false")

    found = audit_access(scene.context, 200)

    assert found.under_grants
    assert not found.over_grants
    assert found.exit_code == 0


def test_an_account_that_may_not_ask_is_told_so(scene: Scene) -> None:
    """Only an administrator may ask about others: no answer proves nothing."""
    fault(scene.site, "forbidden-json-403", "permission/check", times=0)

    with pytest.raises(AccessDenied, match="administrator of Confluence"):
        audit_access(scene.context, 5)
    assert fired(scene.site) == {"forbidden-json-403"}


def test_without_users_there_is_nobody_to_ask_about(site_without_people: SyncContext) -> None:
    """The remedy names the setting."""
    with pytest.raises(UsageError, match="groups_interval_minutes"):
        audit_access(site_without_people, 5)


@pytest.fixture
def site_without_people(engine: Engine) -> Iterator[SyncContext]:
    world = World()
    world.create_space("HR")
    world.create_page(space_key="HR", title="Home", storage="<p>1</p>")
    with Simulator(world) as site:
        context = context_of(site, engine)
        assert full(context).outcome == "complete"
        yield context
