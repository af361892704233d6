"""The pages of a space that is new come along with its listing, and are written while it goes on."""

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluence_simulator import Simulator
from confluence_simulator.messages import Answer
from confluence_simulator.v2 import pages as simulated_pages
from confluence_simulator.v2.lists import list_answer
from sqlalchemy import Engine

from hr_sync.confluence import cloud_walks
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.content import Page
from hr_sync.domain.scope import PageScope
from hr_sync.store.values import WriteResult
from hr_sync.sync import new_space as module
from hr_sync.sync.apply import write_new_pages
from hr_sync.sync.context import SpaceRun, SyncContext
from tests.confluence.flavors import BEFORE_SCAN
from tests.support.database import execute, page_rows, rows
from tests.support.oracle import sanitized, sha256, wrong
from tests.support.wiring import LISTING, asked_bodies, context_of, fault, fired, full, live_ids, world_of

PAGES = {"cloud": 520, "datacenter": 120}  #: three answers of a listing with bodies
FLAVORS: dict[str, type[CloudSource] | type[DataCenterSource]] = {
    "cloud": CloudSource,
    "datacenter": DataCenterSource,
}
SECOND_ANSWER = {"cloud": (LISTING, 2), "datacenter": ("/content/scan", 3)}  #: the scan is looked for first


@contextmanager
def new_space(
    engine: Engine, flavor: str = "cloud", version: str = "9.2.1", pages: int | None = None, **changes: Any
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve a space that the mirror does not know."""
    world = world_of(pages or PAGES[flavor])
    site = Simulator(world) if flavor == "cloud" else Simulator(world, flavor="datacenter", version=version)
    with site:
        yield site, context_of(site, engine, source=FLAVORS[flavor], connections=2, **changes)


def with_bodies(site: Simulator) -> list[str]:
    """Return the routes of the requests for pages with their bodies."""
    return [
        record.route
        for record in site.requests
        if any(name == "body-format" or (name == "expand" and "body.storage" in value) for name, value in record.query)
    ]


def is_mirrored(engine: Engine, site: Simulator) -> bool:
    """Return True if every page is live with its body. What the rows must hold else is the matter of the oracle."""
    live = {page_id: row["content_hash"] for page_id, row in page_rows(engine, "hidden_at IS NULL").items()}
    return live == {page.id: sha256(sanitized(page.storage)) for page in site.world.pages()}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_nothing_is_asked_for_twice(engine: Engine, flavor: str) -> None:
    """Three answers hold every page with its body; the next run of the same space asks for no body."""
    with new_space(engine, flavor) as (site, context):
        report = full(context)

        assert report.outcome == "complete"
        pages = PAGES[flavor]
        assert (report.counts.inserted, report.counts.bodies, report.counts.unchanged) == (pages, pages, 0)
        assert len(with_bodies(site)) == 3
        assert asked_bodies(site) == set()
        assert is_mirrored(engine, site)

        site.requests.clear()
        again = full(context)
        assert (again.counts.unchanged, with_bodies(site)) == (pages, [])


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("kind", ["html-200", "repeated-cursor", "error-500"])
def test_a_listing_that_breaks_keeps_what_arrived(engine: Engine, flavor: str, kind: str) -> None:
    """The run is not complete. The next one asks for the missing bodies alone."""
    with new_space(engine, flavor) as (site, context):
        match, at = SECOND_ANSWER[flavor]
        fault(site, kind, match, at=at, times=0)
        broken = full(context)

        assert fired(site) == {kind}
        assert broken.outcome in {"partial", "failed"}
        kept = set(page_rows(engine))
        assert 0 < len(kept) < PAGES[flavor]
        assert page_rows(engine, "hidden_at IS NOT NULL OR removed_at IS NOT NULL") == {}

        site.faults.clear()
        site.requests.clear()
        assert full(context).outcome == "complete"
        if flavor == "cloud":
            assert asked_bodies(site) == live_ids(engine) - kept
        assert is_mirrored(engine, site)


@pytest.fixture
def every_space_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """List a space from both ends as soon as one answer has not shown all of it."""
    monkeypatch.setattr(cloud_walks, "_ALONE", 1)


def orders(site: Simulator) -> list[str]:
    """Return the orders in which pages with their bodies were listed, request by request."""
    return [
        value
        for record in site.requests
        if ("body-format", "storage") in record.query
        for name, value in record.query
        if name == "sort"
    ]


@pytest.mark.usefixtures("every_space_is_large")
@pytest.mark.parametrize("pages", [1, 250, 251, 499, 500, 501, 1_100])
def test_a_large_space_is_listed_from_both_ends(engine: Engine, pages: int) -> None:
    """The walks meet, wherever the middle is, and each page is stored once."""
    with new_space(engine, pages=pages) as (site, context):
        report = full(context)

        assert (report.outcome, report.counts.listed, report.counts.inserted) == ("complete", pages, pages)
        assert ("-id" in orders(site)) == (pages > 250)
        assert len(with_bodies(site)) <= -(-pages // 250) + 2
        assert is_mirrored(engine, site)
        assert wrong(engine, site, marked=True) == []


@pytest.mark.usefixtures("every_space_is_large")
@pytest.mark.parametrize("kind", ["reordered-rows", "html-200", "repeated-cursor", "error-500"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_walk_from_the_end_that_breaks_costs_nothing(engine: Engine, kind: str, at: int) -> None:
    """Heads are listed instead; two walks of which one keeps to no order might meet anywhere."""
    with new_space(engine, pages=1_300) as (site, context):
        fault(site, kind, LISTING + r".*sort=-id", at=at, times=0)
        report = full(context)

        assert fired(site) == {kind}
        assert (report.outcome, report.counts.listed) == ("complete", 1_300)
        assert is_mirrored(engine, site)


@pytest.mark.usefixtures("every_space_is_large")
def test_a_server_that_ignores_the_order_is_not_believed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both walks begin with the same pages then, and have met before they have shown the others."""
    ignored: list[str] = []

    def list_upwards(*given: Any, sort: str, **others: Any) -> Answer:
        ignored.append(sort)
        return list_answer(*given, sort=sort.removeprefix("-"), **others)

    monkeypatch.setattr(simulated_pages, "list_answer", list_upwards)
    with new_space(engine, pages=1_300) as (site, context):
        report = full(context)

        assert "-id" in ignored
        assert (report.outcome, report.counts.listed) == ("complete", 1_300)
        assert is_mirrored(engine, site)


@pytest.mark.usefixtures("every_space_is_large")
@pytest.mark.parametrize("kind", ["create-during-walk", "trash-during-walk", "edit-during-walk", "missing-rows"])
def test_what_changes_between_the_ends_is_found_at_the_next_run(engine: Engine, kind: str) -> None:
    with new_space(engine, pages=1_300) as (site, context):
        fault(site, kind, LISTING + r".*sort=-id", at=1)
        full(context)

        assert fired(site) == {kind}
        assert full(context).outcome == "complete"
        assert wrong(engine, site, marked=True) == []


@pytest.mark.parametrize(("kind", "at"), [("error-500", 2), ("page-too-large", 1)])
def test_answers_that_are_too_wide_with_bodies_are_listed_without(engine: Engine, kind: str, at: int) -> None:
    """One body breaks every list that holds it: the heads are listed, and the missing bodies are asked for by id."""
    with new_space(engine) as (site, context):
        fault(site, kind, LISTING + r".*body-format", at=at, times=0)
        report = full(context)

        assert fired(site) == {kind}
        assert report.outcome == "complete"
        assert (len(asked_bodies(site)) == PAGES["cloud"]) == (at == 1)
        assert wrong(engine, site, marked=True) == []


def test_a_page_that_the_database_refuses_is_tried_once(engine: Engine) -> None:
    """Its failure is recorded once, and it is not asked for again in the same run."""
    with new_space(engine) as (site, context):
        refused = site.world.pages()[3].id
        execute(
            engine,
            f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN IF NEW.id = '{refused}' THEN RAISE 'refused' USING ERRCODE = '22000'; END IF; RETURN NEW; END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON confluence_pages FOR EACH ROW EXECUTE FUNCTION refuse()""",
        )
        report = full(context)

        assert (report.outcome, report.counts.inserted) == ("partial", PAGES["cloud"] - 1)
        assert rows(engine, "SELECT page_id, attempts FROM page_failures") == [{"page_id": refused, "attempts": 1}]
        assert asked_bodies(site) == set()


def test_a_page_that_another_space_has_is_looked_up(engine: Engine) -> None:
    """It was moved to the new space: its row moves, and no second one is made."""
    world = world_of(40, spaces=2)
    with Simulator(world) as site:
        first = world.pages()[1]
        other = next(key for key in ("S00", "S01") if key != first.space_key)
        assert full(context_of(site, engine, spaces=[first.space_key])).outcome == "complete"
        world.move_page(first.id, space_key=other)

        assert full(context_of(site, engine)).outcome == "complete"

        assert page_rows(engine)[first.id]["space_key"] == other
        assert wrong(engine, site, marked=True) == []


def test_bodies_come_along_only_where_every_page_is_wanted(engine: Engine) -> None:
    """With page trees or labels in the settings it is not known before the end of the listing which pages are."""
    with new_space(engine) as (site, _context):
        top = site.world.pages()[-1].id
        report = full(context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({top}))))

        assert report.outcome == "complete"
        assert not any("/spaces/" in route for route in with_bodies(site))


def test_a_data_center_without_a_scan_is_listed_by_offset(engine: Engine) -> None:
    """There each body would come twice: a listing by offset is read until two walks agree."""
    with new_space(engine, "datacenter", BEFORE_SCAN) as (site, context):
        assert full(context).outcome == "complete"
        assert len(with_bodies(site)) == PAGES["datacenter"]
        assert is_mirrored(engine, site)


def test_a_resync_of_a_new_space_fetches_each_page_once(engine: Engine) -> None:
    """Every page was asked for, whatever its version, and every page was just fetched."""
    with new_space(engine) as (site, context):
        report = full(context, every_page=True)

        pages = PAGES["cloud"]
        counts = report.counts
        assert (counts.inserted, counts.updated, counts.unchanged, counts.bodies) == (pages, 0, 0, pages)
        assert asked_bodies(site) == set()


def test_what_was_written_before_a_listing_broke_is_counted_once(engine: Engine) -> None:
    """The heads that are listed instead show 250 pages that are stored by then, and not unchanged."""
    with new_space(engine) as (site, context):
        fault(site, "error-500", LISTING + r".*body-format", at=2, times=0)
        counts = full(context).counts

        assert fired(site) == {"error-500"}
        assert (counts.inserted, counts.unchanged) == (PAGES["cloud"], 0)


def test_progress_has_no_total_before_the_end_of_the_listing(engine: Engine) -> None:
    """Nobody knows it."""
    noted: list[tuple[int, int | None]] = []
    with new_space(engine, on_progress=lambda _key, done, total: noted.append((done, total))) as (_, context):
        full(context)

    assert noted == [(250, None), (500, None), (520, None), (520, 520)]


def test_a_page_that_one_answer_holds_twice_is_asked_for(engine: Engine) -> None:
    """Which of the two bodies is that of the newer version is not known."""
    with new_space(engine) as (site, context):
        fault(site, "duplicate-rows", LISTING + r".*body-format", at=1)
        report = full(context)

        assert fired(site) == {"duplicate-rows"}
        assert report.outcome == "complete"
        assert asked_bodies(site)
        assert wrong(engine, site, marked=True) == []


def test_bodies_are_freed_chunk_by_chunk_as_they_are_written(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of 250 pages takes megabytes, for each of the spaces that are listed at a time."""
    alive: list[int] = []

    def count() -> int:
        return sum(type(each) is Page for each in gc.get_objects())

    def counted(run: SpaceRun, pages: Collection[Page]) -> WriteResult:
        alive.append(count() - before)
        return write_new_pages(run, pages)

    before = count()

    monkeypatch.setattr(module, "write_new_pages", counted)
    monkeypatch.setattr(module, "MAX_PAGES", 50)
    with new_space(engine) as (_, context):
        full(context)

    assert alive[:6] == [250, 200, 150, 100, 50, 250], "two answers, without what was written"
