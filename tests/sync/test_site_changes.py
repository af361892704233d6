"""An incremental run asks once about all spaces, and asks each where that answer does not say enough."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.content import ItemKind
from hr_sync.domain.scope import PageScope
from hr_sync.sync import site_changes
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.database import execute, page_rows, rows
from tests.support.oracle import sanitized, sha256
from tests.support.wiring import context_of, fault, fired, full, incremental, world_of

SPACES = 6
FLAVORS: dict[str, type[CloudSource] | type[DataCenterSource]] = {
    "cloud": CloudSource,
    "datacenter": DataCenterSource,
}
#: Requests about the changes of one space, and of all.
OF_ONE = {
    "cloud": r"/api/v2/spaces/\d+/pages\?.*modified-date",
    "datacenter": r"content/search\?.*cql=space\+%3D.*modified",
}
OF_ALL = {"cloud": r"/api/v2/pages\?.*modified-date", "datacenter": r"content/search\?.*cql=type.*space\+in.*modified"}

OF_ITEMS = r"content/search\?.*cql=space\+%3D.*type\+%3D\+(attachment|comment).*modified"
OF_ALL_ITEMS = r"content/search\?.*cql=type\+%3D\+(attachment|comment)\+and\+space\+in.*modified"
WITH_ITEMS = PageScope(items=frozenset(ItemKind))


@contextmanager
def mirrored_site(
    engine: Engine, flavor: str, spaces: int = SPACES, **changes: Any
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve a mirrored site whose pages are old."""
    world = world_of(spaces * 5, spaces)
    site = Simulator(world) if flavor == "cloud" else Simulator(world, flavor="datacenter")
    with site:
        context = context_of(site, engine, source=FLAVORS[flavor], **changes)
        assert full(context).outcome == "complete"
        world.advance(timedelta(days=4))
        assert full(context).outcome == "complete"
        site.requests.clear()
        yield site, context


def asked(site: Simulator, pattern: str) -> int:
    """Return how many requests fit a pattern."""
    targets = [f"{record.route}?{urlencode(record.query)}" for record in site.requests]
    return sum(re.search(pattern, target) is not None for target in targets)


def is_mirrored(engine: Engine, site: Simulator) -> bool:
    """Return True if every page is live with its body."""
    live = {page_id: row["content_hash"] for page_id, row in page_rows(engine, "hidden_at IS NULL").items()}
    return live == {page.id: sha256(sanitized(page.storage)) for page in site.world.pages()}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_many_idle_spaces_cost_one_question(engine: Engine, flavor: str) -> None:
    with mirrored_site(engine, flavor) as (site, context):
        report = incremental(context)

        assert (report.outcome, len(report.spaces), report.counts.updated) == ("complete", SPACES, 0)
        assert (asked(site, OF_ALL[flavor]), asked(site, OF_ONE[flavor])) == (1, 0)
        assert asked(site, "user/current") == 2  # at the beginning, and once after what all spaces read


@pytest.mark.parametrize("flavor", FLAVORS)
def test_what_changed_is_found_in_its_space(engine: Engine, flavor: str) -> None:
    """Also at the second run, whose spaces all begin where the answer of the first one began."""
    with mirrored_site(engine, flavor) as (site, context):
        for turn in range(2):
            site.world.advance(timedelta(minutes=20))
            changed = [space.id for space in site.world.spaces()][turn : turn + 2]
            pages = [next(page for page in site.world.pages() if page.space_id == space_id) for space_id in changed]
            for page in pages:
                site.world.edit_page(page.id, storage=f"<p>new {turn}</p>")
            report = incremental(context)

            assert {each.space_key: each.counts.updated for each in report.spaces if each.counts.updated} == {
                space.key: 1 for space in site.world.spaces() if space.id in changed
            }
            assert is_mirrored(engine, site)
        assert (asked(site, OF_ALL[flavor]), asked(site, OF_ONE[flavor])) == (2, 0)


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("kind", ["error-500", "html-200", "row-without-version"])
def test_an_answer_about_all_that_cannot_be_used_costs_nothing(engine: Engine, flavor: str, kind: str) -> None:
    with mirrored_site(engine, flavor) as (site, context):
        page = next(iter(site.world.pages()))
        site.world.edit_page(page.id, storage="<p>new</p>")
        fault(site, kind, OF_ALL[flavor], times=0)
        report = incremental(context)

        assert fired(site) == {kind}
        assert report.counts.updated == 1
        assert asked(site, OF_ONE[flavor]) >= SPACES
        assert is_mirrored(engine, site)


@pytest.mark.parametrize("kind", ["empty-list", "next-missing"])
def test_an_answer_that_ends_too_early_proves_nothing(engine: Engine, kind: str) -> None:
    """A list of the site that is empty, or ends before a page that is older, may have left out what changed."""
    with mirrored_site(engine, "cloud") as (site, context):
        for page in list(site.world.pages()):
            site.world.edit_page(page.id, storage="<p>new</p>")
        fault(site, kind, OF_ALL["cloud"], times=0)
        report = incremental(context)

        assert fired(site) == {kind} or kind == "next-missing"
        assert report.counts.updated == SPACES * 5
        assert is_mirrored(engine, site)


def test_a_site_on_which_much_changes_is_asked_by_space(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed elsewhere would be read in vain."""
    monkeypatch.setattr("hr_sync.confluence.cloud_walks._FEW", 5)
    with mirrored_site(engine, "cloud", spaces=3) as (site, context):
        for page in list(site.world.pages()):
            site.world.edit_page(page.id, storage="<p>new</p>")
        report = incremental(context)

        assert report.counts.updated == 15
        assert asked(site, OF_ALL["cloud"]) <= 3
        assert is_mirrored(engine, site)


@pytest.mark.parametrize("last_look", ["looked_from - interval '1 day'", "NULL"])
def test_a_space_that_was_not_looked_at_lately_is_asked_about_itself(engine: Engine, last_look: str) -> None:
    """It may have changed before the answer about all spaces begins."""
    with mirrored_site(engine, "cloud") as (site, context):
        page = next(page for page in site.world.pages() if page.space_id == site.world.spaces()[3].id)
        site.world.edit_page(page.id, storage="<p>new</p>")
        site.world.advance(timedelta(hours=20))
        execute(
            engine, "UPDATE sync_spaces SET looked_from = looked_from + interval '20 hours' WHERE space_key <> 'S03'"
        )
        execute(engine, f"UPDATE sync_spaces SET looked_from = {last_look} WHERE space_key = 'S03'")

        assert incremental(context).counts.updated == 1
        assert (asked(site, OF_ALL["cloud"]), asked(site, OF_ONE["cloud"])) == (1, 1)


def test_an_answer_about_all_reaches_as_far_back_as_the_settings_say(engine: Engine) -> None:
    """A page that was listed five hours late, where the overlap is a day."""
    policy = SyncPolicy(busy_wait_seconds=0.0, overlap=timedelta(days=1))
    with mirrored_site(engine, "cloud", policy=policy) as (site, context):
        page = site.world.pages()[0]
        site.world.edit_page(page.id, storage="<p>new</p>")
        site.world.advance(timedelta(hours=5))
        execute(engine, "UPDATE sync_spaces SET looked_from = looked_from + interval '5 hours'")

        assert incremental(context).counts.updated == 1
        assert (asked(site, OF_ALL["cloud"]), asked(site, OF_ONE["cloud"])) == (1, 0)


def test_one_space_is_asked_about_itself(engine: Engine) -> None:
    with mirrored_site(engine, "cloud", spaces=1) as (site, context):
        assert incremental(context).outcome == "complete"
        assert (asked(site, OF_ALL["cloud"]), asked(site, OF_ONE["cloud"])) == (0, 1)


def test_an_answer_that_is_too_old_is_asked_for_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spaces of a long run would otherwise be stored as they were at its beginning, and be called fresh."""
    monkeypatch.setattr(site_changes, "_SHARED_SECONDS", 0.0)
    with mirrored_site(engine, "cloud") as (site, context):
        assert incremental(context).outcome == "complete"
        assert (asked(site, OF_ALL["cloud"]), asked(site, OF_ONE["cloud"])) == (SPACES, 0)


def test_a_space_that_another_worker_has_just_read_needs_no_full_pass(engine: Engine) -> None:
    """The answer about all spaces began before its position, which is then no sign of a clock that was set back."""
    with mirrored_site(engine, "cloud", connections=1) as (site, context):
        original = context.source.recent_of_spaces

        def read_meanwhile(*given: Any, **others: Any) -> Any:
            found = original(*given, **others)
            site.world.advance(timedelta(minutes=5))
            now = "looked_from + interval '3 minutes'"
            execute(engine, f"UPDATE sync_spaces SET watermark = {now}, looked_from = {now} WHERE space_key = 'S04'")
            return found

        context.source.recent_of_spaces = read_meanwhile  # type: ignore[method-assign]
        report = incremental(context)

        assert report.outcome == "complete"
        assert asked(site, r"/api/v2/spaces/\d+/pages\?.*sort=id") == 0, "no full pass"


@pytest.mark.parametrize("flavor", FLAVORS)
def test_items_of_many_idle_spaces_cost_one_question_a_kind(engine: Engine, flavor: str) -> None:
    with mirrored_site(engine, flavor, pages=WITH_ITEMS) as (site, context):
        report = incremental(context)

        assert (report.outcome, len(report.spaces)) == ("complete", SPACES)
        assert (asked(site, OF_ALL_ITEMS), asked(site, OF_ITEMS)) == (2, 0)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_items_that_changed_are_found_on_their_pages(engine: Engine, flavor: str) -> None:
    """A file and a comment on one page, and a file on a page that is new in the same run."""
    with mirrored_site(engine, flavor, pages=WITH_ITEMS) as (site, context):
        first, second = site.world.spaces()[:2]
        page = next(page for page in site.world.pages() if page.space_id == second.id)
        site.world.attach(page.id, filename="plan.pdf", payload=b"x")
        site.world.comment(page.id, storage="<p>why</p>")
        new = site.world.create_page(space_key=first.key, title="New", storage="<p>new</p>")
        site.world.attach(new.id, filename="new.pdf", payload=b"x")
        report = incremental(context)

        assert (report.outcome, report.counts.attachments_added, report.counts.comments_added) == ("complete", 2, 1)
        assert asked(site, OF_ITEMS) == 0
        stored = {row["page_id"] for row in rows(engine, "SELECT page_id FROM page_attachments")}
        assert stored == {page.id, new.id}


def test_items_that_cannot_be_read_for_all_are_asked_for_by_space(engine: Engine) -> None:
    with mirrored_site(engine, "cloud", pages=WITH_ITEMS) as (site, context):
        page = next(iter(site.world.pages()))
        site.world.attach(page.id, filename="plan.pdf", payload=b"x")
        fault(site, "error-500", OF_ALL_ITEMS, times=0)
        report = incremental(context)

        assert fired(site) == {"error-500"}
        assert (report.outcome, report.counts.attachments_added) == ("complete", 1)
        assert asked(site, OF_ITEMS) == 2 * SPACES


def test_a_run_that_did_not_read_the_items_is_no_look_at_them(engine: Engine) -> None:
    """What the next answer about all spaces leaves out was not seen before."""
    with mirrored_site(engine, "cloud", pages=WITH_ITEMS) as (site, context):
        before = rows(engine, "SELECT space_key, looked_from FROM sync_spaces ORDER BY space_key")
        site.world.advance(timedelta(hours=1))
        fault(site, "error-500", r"content/search\?.*type.*attachment", times=0)
        assert incremental(context).outcome == "partial"
        assert rows(engine, "SELECT space_key, looked_from FROM sync_spaces ORDER BY space_key") == before

        site.faults.clear()
        assert incremental(context).outcome == "complete"
        assert rows(engine, "SELECT space_key, looked_from FROM sync_spaces ORDER BY space_key") != before
