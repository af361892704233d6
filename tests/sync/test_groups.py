"""Members of groups and accounts are mirrored for askers who are known by their user id alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.access import AccessPolicy
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.database import execute, rows
from tests.support.wiring import access, context_of, fault, fired, full

POLICY = SyncPolicy(access=AccessPolicy(), groups_interval=timedelta(hours=1), open_spaces=frozenset({"none"}))
READABLE = 'SELECT pages_readable_by("user" => %s) AS id'


@dataclass(frozen=True)
class Scene:
    """A space that everybody may view, with a page for managers, and its mirror."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext
    page: str

    def user_id(self, name: str) -> str:
        user = self.world.user(name)
        return user.account_id if self.site.tenant.flavor == "cloud" else user.user_key

    def may_read(self, name: str) -> bool:
        """Return True if the mirror shows the managers' page to a user whose groups nobody gives."""
        return self.page in {row["id"] for row in rows(self.engine, READABLE, self.user_id(name))}

    def let_an_hour_pass(self) -> None:
        execute(self.engine, "UPDATE groups SET checked_at = checked_at - interval '61 minutes'")


@pytest.fixture(params=["cloud", "datacenter"])
def scene(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Scene]:
    """Mirror it with the members of its groups."""
    world = World()
    world.add_group("managers")
    world.add_group("directors")
    world.nest_group("managers", "directors")
    for name, groups in (("mia", ("managers",)), ("dan", ("directors",)), ("eve", ())):
        world.add_user(name, groups=("confluence-users", *groups))
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="For managers", storage="<p>1</p>")
    world.restrict_page(page.id, groups=("managers",))
    switches: dict[str, Any] = {} if request.param == "cloud" else {"flavor": "datacenter"}
    with Simulator(world, **switches) as site:
        source = DataCenterSource if switches else CloudSource
        context = context_of(site, engine, source=source, policy=POLICY)
        assert full(context).outcome == "complete"
        yield Scene(world, site, engine, context, page.id)


def test_members_read_what_their_groups_may_read(scene: Scene) -> None:
    """Members of a group within the group too; nobody else."""
    assert [scene.may_read(name) for name in ("mia", "dan", "eve")] == [True, True, False]
    assert rows(scene.engine, "SELECT count(*) AS n FROM identities WHERE user_id = %s", scene.user_id("mia")) == [
        {"n": 1}
    ]


def test_members_are_read_again_after_the_interval(scene: Scene) -> None:
    """Not before it: members of groups change rarely, and each group costs a request."""
    scene.world.set_groups("mia", ("confluence-users",))
    scene.world.set_groups("eve", ("confluence-users", "managers"))
    scene.site.requests.clear()
    assert access(scene.context).outcome == "complete"
    assert not [record for record in scene.site.requests if "member" in record.path]
    assert [scene.may_read(name) for name in ("mia", "eve")] == [True, False]

    scene.let_an_hour_pass()
    assert access(scene.context).outcome == "complete"
    assert [scene.may_read(name) for name in ("mia", "eve")] == [False, True]


@pytest.mark.parametrize(("kind", "stays"), [("forbidden-403", False), ("error-500", True), ("login-page-200", True)])
def test_members_that_cannot_be_read_are_a_warning(scene: Scene, kind: str, stays: bool) -> None:
    """A group that is not visible has no known members; an answer that fails changes nothing."""
    scene.let_an_hour_pass()
    fault(scene.site, kind, "member", times=0)

    report = access(scene.context)

    assert fired(scene.site) == {kind}
    assert report.outcome == "complete"
    assert [warning for warning in report.warnings if "members of" in warning]
    assert scene.may_read("mia") is stays


LICENCE = r"accessType=user|/rest/api/permissions"


@pytest.mark.parametrize("kind", ["bad-gateway-502", "empty-object-200", "gone-410", "forbidden-403"])
def test_groups_of_the_licence_that_cannot_be_read_cost_no_page(scene: Scene, kind: str) -> None:
    """The site may refuse that one request for ever: the pages are mirrored all the same."""
    scene.world.edit_page(scene.page, storage="<p>2</p>")
    fault(scene.site, kind, LICENCE, times=0)

    report = full(scene.context)

    assert fired(scene.site) == {kind}
    assert (report.outcome, report.counts.updated) == ("complete", 1)
    told = [warning for warning in report.warnings if "grant use of Confluence" in warning]
    if kind == "bad-gateway-502":  # the others are an answer: nobody knows these groups
        assert told


NAMES = r"/rest/api/user(/bulk)?\?"


@pytest.mark.parametrize("kind", ["bad-gateway-502", "login-page-200"])
def test_names_that_cannot_be_read_cost_no_removal(scene: Scene, kind: str) -> None:
    """Groups are read between the spaces and their removals, which go on whatever becomes of names."""
    scene.world.create_page(space_key="HR", title="Other", storage="<p>1</p>")
    assert full(scene.context).outcome == "complete"
    scene.world.trash_page(scene.page)
    scene.let_an_hour_pass()
    fault(scene.site, kind, NAMES, times=0)

    report = full(scene.context)

    assert fired(scene.site) == {kind}
    assert report.counts.removed == 1
    assert report.outcome == "complete"
    assert [warning for warning in report.warnings if "names of groups and accounts" in warning]


def test_members_expire(scene: Scene) -> None:
    """What is older than `access.max_age_hours` lets nobody read."""
    execute(scene.engine, "UPDATE groups SET checked_at = checked_at - interval '25 hours'")
    assert not scene.may_read("mia")


def test_nothing_is_read_unless_the_settings_say_so(scene: Scene) -> None:
    """Groups that the consumer knows need no mirror."""
    context = replace(scene.context, policy=replace(POLICY, groups_interval=None))
    scene.let_an_hour_pass()
    scene.site.requests.clear()
    assert access(context).outcome == "complete"
    assert not [record for record in scene.site.requests if "member" in record.path]
