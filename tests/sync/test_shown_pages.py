"""A run says how many pages of each space consumers are shown, once, and asks for no name twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine
from structlog.testing import capture_logs

from hr_sync.cancellation import Cancellation
from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Mode, Outcome, RunReport
from hr_sync.store.values import Worker
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.wiring import access, context_of, fault, fired, full, incremental

ENFORCE = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"none"}), busy_wait_seconds=0.0)


@pytest.fixture
def limited(engine: Engine) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve space HR, which a group may view, and PUB, which everybody may view."""
    world = World()
    for key in ("HR", "PUB"):
        world.create_space(key)
        world.create_page(space_key=key, title=key, storage="<p>1</p>")
    world.add_group("hr-all")
    world.set_groups("hr-bot", ("confluence-users", "hr-all"))
    world.permit_space("HR", group="hr-all")
    world.forbid_space("HR", group="confluence-users")
    with Simulator(world) as site:
        yield site, context_of(site, engine, policy=ENFORCE)


def shown(report: RunReport) -> dict[str, int | None]:
    """Return how many pages are shown, by space; None: not said."""
    return {each.space_key: None if each.shown is None else each.shown.shown for each in report.spaces}


def logged(events: list[Any]) -> dict[str, str]:
    """Return the level of what was logged of each space."""
    return {event["space"]: event["log_level"] for event in events if event["event"] == "access.shown"}


def test_each_run_says_it_and_incremental_ones_log_only_warnings(limited: tuple[Simulator, SyncContext]) -> None:
    """The reports have the numbers of all spaces."""
    _, context = limited
    both = {"HR": "warning", "PUB": "info"}

    for run, levels in ((full, both), (access, both), (incremental, {"HR": "warning"})):
        with capture_logs() as events:
            report = run(context)
        assert report.outcome is Outcome.COMPLETE
        assert shown(report) == {"HR": 0, "PUB": 1}
        assert logged(events) == levels


def test_names_of_groups_are_asked_for_once(limited: tuple[Simulator, SyncContext]) -> None:
    """They are stored; what cannot be read is an id, and no failure."""
    site, context = limited
    fault(site, "error-500", "group/by-id", times=0)
    first = full(context)
    assert fired(site) == {"error-500"}
    group = site.world.group("hr-all").id

    site.faults.clear()
    second = access(context)
    asked = len([each for each in site.requests if "group/by-id" in each.path])
    third = access(context)

    messages = [report.spaces[0].shown.message or "" for report in (first, second, third) if report.spaces[0].shown]
    assert [f"group {group}" in message for message in messages] == [True, False, False]
    assert ["group hr-all" in message for message in messages] == [False, True, True]
    assert len([each for each in site.requests if "group/by-id" in each.path]) == asked


def test_a_space_that_another_worker_holds_is_left_to_it(limited: tuple[Simulator, SyncContext]) -> None:
    """It may be about to read for the first time what is missing here."""
    site, context = limited
    hr = site.world.space("HR")
    other = Worker(host="other", pid=1)
    run_id = context.store.open_run(Mode.FULL, other, "test")
    with (
        context.store.leased(Space(id=hr.id, key="HR", name="HR"), other, run_id, cancellation=Cancellation()),
        capture_logs() as events,
    ):
        report = full(context)

    assert shown(report) == {"HR": None, "PUB": 1}
    assert logged(events) == {"PUB": "info"}
