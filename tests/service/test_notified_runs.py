"""What is notified is read again: pages with their restrictions, and the access to their space; nothing is believed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world.records import SpacePermission
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.cli.service_jobs import notified_job
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.outcome import Mode, Outcome, RunReport
from hr_sync.errors import DatabaseUnavailable
from hr_sync.service.pending import PendingNotifications
from hr_sync.store.values import Worker
from hr_sync.sync.context import LeftCallback, Notified, SyncContext, SyncPolicy, SyncRequest, no_retry
from hr_sync.sync.run import run
from tests.support.database import fingerprint, rows, state_of
from tests.support.wiring import context_of, fault, fired, full, live_titles

ENFORCED = SyncPolicy(access=AccessPolicy(), busy_wait_seconds=30.0)


@dataclass
class Scene:
    """Spaces HR and IT and their mirror; Home > Leave > Claim, and Notes, in HR."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext
    reports: list[RunReport] = field(default_factory=list)

    def page(self, title: str) -> str:
        return next(page.id for page in self.world.pages() if page.title == title)

    def notify(self, *page_ids: str, **named: Any) -> RunReport:
        request = SyncRequest(mode=Mode.NOTIFIED, notified=Notified(page_ids=page_ids, **named))
        return run(self.context, request)

    def run_once(self, request: SyncRequest, end_of_run: Cancellation, on_left: LeftCallback = no_retry) -> RunReport:
        """Run as `serve` does."""
        assert not end_of_run.is_set()
        self.reports.append(run(replace(self.context, on_left=on_left), request))
        return self.reports[-1]

    def spaces(self, report: RunReport) -> list[str]:
        assert report.outcome == "complete"
        return [space.space_key for space in report.spaces]


@pytest.fixture(params=["cloud", "datacenter"])
def scene(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Scene]:
    """Serve both spaces, mirrored, with everything open to everybody."""
    world = World()
    world.add_group("managers")
    for key in ("HR", "IT", "ZZ"):
        world.create_space(key)
    home = world.create_page(space_key="HR", title="Home", storage="<p>1</p>")
    leave = world.create_page(space_key="HR", title="Leave", storage="<p>2</p>", parent_id=home.id)
    world.create_page(space_key="HR", title="Claim", storage="<p>3</p>", parent_id=leave.id)
    world.create_page(space_key="HR", title="Notes", storage="<p>4</p>", parent_id=home.id)
    world.create_page(space_key="IT", title="Printer", storage="<p>5</p>")
    world.create_page(space_key="ZZ", title="Elsewhere", storage="<p>6</p>")
    switches: dict[str, Any] = {} if request.param == "cloud" else {"flavor": "datacenter"}
    with Simulator(world, **switches) as site:
        source = DataCenterSource if switches else CloudSource
        context = context_of(site, engine, source=source, policy=ENFORCED, spaces=("HR", "IT"))
        assert full(context).outcome == "complete"
        site.requests.clear()
        yield Scene(world, site, engine, context)


EVERYTHING = ["Claim", "Home", "Leave", "Notes", "Printer"]


def test_a_restricted_page_and_all_below_it_are_no_longer_shown(scene: Scene) -> None:
    """By its id alone; the other space is not asked about."""
    assert live_titles(scene.engine) == EVERYTHING
    scene.world.restrict_page(scene.page("Leave"), groups=("managers",))
    report = scene.notify(scene.page("Leave"))
    assert (report.mode, scene.spaces(report)) == (Mode.NOTIFIED, ["HR"])
    assert live_titles(scene.engine) == ["Home", "Notes", "Printer"]

    scene.world.unrestrict_page(scene.page("Leave"))
    scene.notify(space_keys=("hr",))
    assert live_titles(scene.engine) == EVERYTHING


def test_a_moved_page_takes_the_restrictions_of_its_new_place(scene: Scene) -> None:
    """The notification names the page that was moved."""
    scene.world.restrict_page(scene.page("Leave"), groups=("managers",))
    scene.notify(space_keys=("HR",))
    scene.world.move_page(scene.page("Notes"), parent_id=scene.page("Leave"))
    scene.notify(scene.page("Notes"))
    assert live_titles(scene.engine) == ["Home", "Printer"]


def test_a_new_version_arrives_and_a_page_in_the_trash_is_hidden(scene: Scene) -> None:
    """Hidden, and not removed: a notification is no evidence that removes anything."""
    scene.world.rename_page(scene.page("Notes"), "News")
    scene.world.trash_page(scene.page("Claim"))
    claim = rows(scene.engine, "SELECT id FROM confluence_pages WHERE title = 'Claim'")[0]["id"]
    scene.notify(scene.page("News"), claim)
    assert live_titles(scene.engine) == ["Home", "Leave", "News", "Printer"]
    assert state_of(scene.engine, claim) == "hidden"


def test_a_new_page_arrives_with_its_restriction(scene: Scene) -> None:
    """It was never shown without."""
    page = scene.world.create_page(space_key="HR", title="Secret", storage="<p>1</p>", parent_id=scene.page("Home"))
    scene.world.restrict_page(page.id, groups=("managers",))
    scene.notify(page.id)
    assert rows(scene.engine, "SELECT 1 FROM confluence_pages WHERE title = 'Secret'")
    assert live_titles(scene.engine) == EVERYTHING


def test_a_page_that_was_moved_into_another_space_is_read_there(scene: Scene) -> None:
    """A space that is not mirrored hides it."""
    scene.world.move_page(scene.page("Claim"), parent_id=scene.page("Printer"), space_key="IT")
    assert scene.spaces(scene.notify(scene.page("Claim"))) == ["IT"]
    assert rows(scene.engine, "SELECT space_key FROM live_pages WHERE title = 'Claim'")[0]["space_key"] == "IT"
    assert live_titles(scene.engine) == EVERYTHING
    scene.world.move_page(scene.page("Notes"), parent_id=scene.page("Elsewhere"), space_key="ZZ")
    scene.notify(scene.page("Notes"))
    assert live_titles(scene.engine) == ["Claim", "Home", "Leave", "Printer"]


def test_a_folder_is_known_by_its_id(scene: Scene) -> None:
    """It has no lookup; its space is that of the stored node."""
    folder = scene.world.create_folder(space_key="HR", title="Forms", parent_id=scene.page("Home"))
    scene.world.move_page(scene.page("Notes"), parent_id=folder.id)
    scene.notify(scene.page("Notes"))
    scene.world.restrict_page(folder.id, groups=("managers",))
    assert scene.spaces(scene.notify(folder.id)) == ["HR"]
    assert live_titles(scene.engine) == ["Claim", "Home", "Leave", "Printer"]


def test_a_withdrawn_permission_of_a_space_closes_it(scene: Scene) -> None:
    """By the key or the id of the space, and on the word of one of its pages; other spaces stay as they are."""
    scene.context = replace(scene.context, policy=ENFORCED)  # which opens no space to everybody
    assert full(scene.context).outcome == "complete"
    assert live_titles(scene.engine) == EVERYTHING
    space_id = rows(scene.engine, "SELECT space_id FROM sync_spaces WHERE space_key = 'HR'")[0]["space_id"]
    names: list[dict[str, Any]] = [
        {"space_keys": ("HR",)},
        {"space_ids": (space_id,)},
        {"page_ids": (scene.page("Notes"),)},
    ]
    for named in names:
        permissions = scene.world.space("HR").permissions
        scene.world.edit_space("HR", permissions=tuple(each for each in permissions if not is_for_all(each)))
        scene.world.permit_space("HR", user="hr-bot")
        request = SyncRequest(mode=Mode.NOTIFIED, notified=Notified(**named))
        assert scene.spaces(run(scene.context, request)) == ["HR"]
        assert live_titles(scene.engine) == ["Printer"]

        scene.world.edit_space("HR", permissions=permissions)
        assert scene.spaces(scene.notify(every_space=True)) == ["HR", "IT"]
        assert live_titles(scene.engine) == EVERYTHING


def is_for_all(permission: SpacePermission) -> bool:
    return permission.principal_type in {"group", "access-class"}


def test_forged_ids_change_nothing(scene: Scene) -> None:
    """Unknown ids, and pages and spaces out of scope: no row, no failure, no run."""
    before, runs = fingerprint(scene.engine), rows(scene.engine, "SELECT * FROM sync_runs")
    for named in (("999999",), (scene.page("Elsewhere"),), ("0", "1", "2")):
        assert scene.notify(*named).spaces == []
    assert scene.notify(space_keys=("ZZ", "NO", "")).spaces == []
    assert scene.notify(space_ids=("999",)).spaces == []
    assert fingerprint(scene.engine) == before
    assert rows(scene.engine, "SELECT * FROM sync_runs") == runs


def test_a_notification_about_pages_that_are_as_they_were_tells_consumers_nothing(scene: Scene) -> None:
    """They are fetched again, as by a resync: nothing but the time of that differs."""
    pages = "SELECT id, title, version, content_hash, access_set_id, hidden_at FROM confluence_pages ORDER BY id"
    before = (rows(scene.engine, pages), rows(scene.engine, "SELECT * FROM content_changes"))
    report = scene.notify(*(scene.page(title) for title in EVERYTHING), space_keys=("HR", "IT"))
    assert scene.spaces(report) == ["HR", "IT"]
    assert (rows(scene.engine, pages), rows(scene.engine, "SELECT * FROM content_changes")) == before


def test_a_draft_or_a_page_in_the_trash_that_was_never_mirrored_is_no_failure(scene: Scene) -> None:
    """It is visible, and nothing of the mirror."""
    page = scene.world.create_page(space_key="HR", title="Gone", storage="<p>1</p>")
    scene.world.trash_page(page.id)
    assert scene.notify(page.id).spaces == []
    assert rows(scene.engine, "SELECT * FROM page_failures") == []


def test_where_access_is_not_enforced_only_pages_count(scene: Scene) -> None:
    """What the account sees is the rule there, so that a space alone has nothing to be read again."""
    scene.context = replace(scene.context, policy=replace(ENFORCED, access=AccessPolicy(mode=AccessMode.ACCOUNT)))
    assert scene.notify(space_keys=("HR",)).spaces == []
    scene.world.rename_page(scene.page("Notes"), "News")
    assert scene.spaces(scene.notify(scene.page("News"))) == ["HR"]
    assert "News" in live_titles(scene.engine)


def work(scene: Scene, pending: PendingNotifications) -> RunReport | None:
    """Do what `serve` does when the job is due."""
    job = notified_job(pending, scene.run_once)
    assert job.is_due is not None
    assert job.is_due()
    return job.work(Cancellation())


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_makes_few_runs(scene: Scene) -> None:
    """A thousand notifications about two spaces are one run with one job for each."""
    clock = Clock()
    pending = PendingNotifications(clock)
    for number in range(1000):
        title = EVERYTHING[number % 5]
        pending.add(Notified(page_ids=(scene.page(title), str(10**9 + number % 50)), space_keys=("HR",)))
    report = work(scene, pending)
    assert report is not None
    assert scene.spaces(report) == ["HR", "IT"]
    clock.now += 3600
    assert not pending.is_due()


def test_a_space_that_another_worker_has_is_read_when_it_is_free(scene: Scene) -> None:
    """It is not waited for, the other space is read at once, and nothing is lost."""
    clock = Clock()
    pending = PendingNotifications(clock)
    scene.world.restrict_page(scene.page("Leave"), groups=("managers",))
    scene.world.restrict_page(scene.page("Printer"), groups=("managers",))
    pending.add(Notified(page_ids=(scene.page("Leave"), scene.page("Printer"))))
    store, space = scene.context.store, next(s for s in scene.context.source.spaces(["HR"]).spaces)
    other = Worker.current()
    with store.leased(space, other, 1, cancellation=Cancellation()):
        report = work(scene, pending)
        assert report is not None
        assert report.outcome == "complete"
        assert [bool(each.busy_with) for each in report.spaces] == [True, False]
        assert report.duration_seconds < 10
        assert live_titles(scene.engine) == ["Claim", "Home", "Leave", "Notes"]
    clock.now += 100
    assert work(scene, pending) is not None
    assert live_titles(scene.engine) == ["Home", "Notes"]
    clock.now += 3600
    assert not pending.is_due()


def test_a_confluence_that_fails_is_asked_again(scene: Scene) -> None:
    """Whether it fails before the spaces are known or in one of them."""
    for match in (r"/space", r"restriction"):
        clock = Clock()
        pending = PendingNotifications(clock)
        scene.world.restrict_page(scene.page("Leave"), groups=("managers",))
        pending.add(Notified(page_ids=(scene.page("Leave"),), space_keys=("HR",)))
        fault(scene.site, "status", match, argument=503, times=0)
        work(scene, pending)
        assert fired(scene.site) == {"status"}
        scene.site.faults.clear()
        clock.now += 100
        assert work(scene, pending) is not None
        assert scene.reports[-1].outcome is Outcome.COMPLETE
        assert live_titles(scene.engine) == ["Home", "Notes", "Printer"]
        scene.world.unrestrict_page(scene.page("Leave"))
        scene.notify(space_keys=("HR",))
        assert live_titles(scene.engine) == EVERYTHING


def test_refused_credentials_are_not_tried_again(scene: Scene) -> None:
    """Each try may count towards a lock of the account; the runs on schedule go on."""
    clock = Clock()
    pending = PendingNotifications(clock)
    pending.add(Notified(page_ids=(scene.page("Leave"),)))
    fault(scene.site, "status", ".", argument=401, times=0)
    report = work(scene, pending)
    assert report is not None
    assert report.exit_code == 77
    clock.now += 3600
    assert not pending.is_due()


def test_a_database_that_is_away_loses_nothing() -> None:
    """The run ends by an exception, and what it took waits."""
    clock = Clock()
    pending = PendingNotifications(clock)
    pending.add(Notified(page_ids=("1",)))

    def away(request: SyncRequest, end_of_run: Cancellation, on_left: LeftCallback = no_retry) -> RunReport:
        raise DatabaseUnavailable(f"Away: {request}, {end_of_run}, {on_left}.")

    with pytest.raises(DatabaseUnavailable):
        notified_job(pending, away).work(Cancellation())
    clock.now += 100
    assert pending.take() == Notified(page_ids=("1",))
