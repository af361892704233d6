"""What counts as evidence that a page is gone, and what does not."""

import threading
from datetime import timedelta

import pytest
from confluence_simulator import Fault, Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.outcome import Mode
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.support.wiring import (
    NoWaiting,
    ask,
    context_of,
    fault,
    fired,
    full,
    incremental,
    live_titles,
    mirrored,
)


def world_of(pages: int, *keys: str) -> World:
    """Make spaces (HR unless named) with so many pages each."""
    world = World()
    for key in keys or ("HR",):
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def removed(engine: Engine) -> int:
    """Return how many rows are marked as removed."""
    return int(ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL")[0][0])


@pytest.mark.parametrize("kind", ["listed-but-404", "error-500", "html-200"])
def test_one_odd_page_does_not_keep_the_others_for_ever(engine: Engine, kind: str) -> None:
    """The access check asks other known pages when the first one fails by itself."""
    world = world_of(12)
    pages = world.pages()
    with mirrored(world, engine) as (site, context):
        world.trash_page(pages[3].id)
        world.hide_page(pages[5].id)
        fault(site, kind, rf"/api/v2/pages/{pages[0].id}($|\?)", times=0, argument=pages[0].id)

        full(context)
        full(context)

        assert kind in fired(site)
        assert removed(engine) == 2


def test_one_odd_page_does_not_keep_the_others_on_data_center(engine: Engine) -> None:
    """The lowest page id answers 500."""
    world = world_of(6)
    pages = world.pages()
    with Simulator(world, flavor="datacenter") as site:
        context = context_of(site, engine, source=DataCenterSource)
        full(context)
        world.trash_page(pages[3].id)
        fault(site, "error-500", rf"content/{pages[0].id}\?", times=0)

        full(context)

        assert "error-500" in fired(site)
        assert pages[3].title not in live_titles(engine)


@pytest.mark.parametrize(
    "kind", ["forbidden-html-403", "forbidden-foreign-json-403", "not-found-foreign-json-404", "anonymous-header"]
)
def test_the_refusal_of_somebody_else_is_no_evidence(engine: Engine, kind: str) -> None:
    """A filter or proxy before Confluence answers for one page that the listing lacks: the page is kept."""
    world = world_of(6)
    page = world.pages()[3]
    with mirrored(world, engine) as (site, context):
        fault(site, "page-hidden", r"/spaces/\d+/pages|status=trashed", times=0, argument=page.id)
        fault(site, kind, rf"/api/v2/pages/{page.id}($|\?)", times=0, argument=page.id)

        first, second = full(context), full(context)

        assert {"page-hidden", kind} <= fired(site)
        assert first.exit_code in {3, 77}
        assert second.exit_code in {3, 77}
        assert len(live_titles(engine)) == 6
        assert removed(engine) == 0


def test_single_reads_that_all_fail_prove_nothing(engine: Engine) -> None:
    """Every read by id is refused while the lists work: the access check asks by the same kind of read."""
    world = world_of(8)
    page = world.pages()[3]
    with mirrored(world, engine) as (site, context):
        fault(site, "page-hidden", r"/spaces/\d+/pages|status=trashed", times=0, argument=page.id)
        fault(site, "single-reads-404", r".", times=0)

        reports = [full(context), full(context)]

        assert {"page-hidden", "single-reads-404"} <= fired(site)
        assert [report.exit_code for report in reports] == [3, 3]
        assert len(live_titles(engine)) == 8
        assert removed(engine) == 0


def test_an_unknown_status_is_no_reason_to_remove(engine: Engine) -> None:
    """Confluence may get a new word; the page is kept and the run is partial."""
    world = world_of(3)
    with mirrored(world, engine) as (site, context):
        fault(site, "row-unknown-status", r"/spaces/\d+/pages|status=trashed|/api/v2/pages/\d+", times=0, argument=0)

        report = full(context)

        assert "row-unknown-status" in fired(site)
        assert report.exit_code == 3
        assert removed(engine) == 0


@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_credentials_that_stop_counting_in_the_middle_never_end_as_complete(
    engine: Engine, mode: Mode, at: int
) -> None:
    """From one request on, the site answers as to an anonymous visitor, who sees fewer pages."""
    world = world_of(8)
    with mirrored(world, engine) as (site, context):
        world.edit_page(world.pages()[0].id, storage="new")
        site.faults.add(Fault(kind="becomes-anonymous", at=at, match=r".", times=0))

        report = run(context, SyncRequest(mode=mode))

        if "becomes-anonymous" in fired(site):
            assert report.outcome != "complete"
        assert len(live_titles(engine)) == 8
        assert removed(engine) == 0


def test_a_lost_space_is_looked_up_in_parallel_and_what_was_answered_is_kept(engine: Engine) -> None:
    """A run that is stopped in the middle has hidden what it had found out."""
    world = world_of(1200, "HR")
    world.create_space("PUB")
    world.create_page(space_key="PUB", title="z", storage="x")
    with Simulator(world, latency_seconds=0.005) as site:
        full(context_of(site, engine, connections=8))
        world.forbid_space("HR", group="confluence-users")
        stop = NoWaiting()
        context = context_of(site, engine, connections=8, cancellation=stop)
        site.requests.clear()
        threading.Timer(1.2, stop.set).start()

        run(context, SyncRequest())

        hidden = ask(engine, "SELECT count(*) FROM confluence_pages WHERE hidden_at IS NOT NULL")[0][0]
        assert site.requests.peak_concurrency > 2
        assert hidden % 500 == 0
        full(context_of(site, engine, connections=8))
        assert live_titles(engine) == ["z"]


def test_a_space_whose_first_run_died_is_withdrawn_when_it_is_lost(engine: Engine) -> None:
    """Its identity stands in its row from the moment of the lease, and in its pages."""
    world = world_of(5, "HR", "PUB")
    with mirrored(world, engine) as (_site, context):
        ask(
            engine,
            "UPDATE sync_spaces SET space_id = NULL, name = NULL, watermark = NULL, last_full_at = NULL, "
            "last_complete_at = NULL WHERE space_key = 'HR'",
        )
        world.forbid_space("HR", group="confluence-users")

        full(context)

        assert all(title.startswith("PUB") for title in live_titles(engine))


def test_a_named_page_that_is_invisible_for_a_minute_is_not_removed(engine: Engine) -> None:
    """No listing asked about it, however often a person does."""
    world = world_of(4)
    page = world.pages()[0]
    with mirrored(world, engine) as (_site, context):
        world.hide_page(page.id)
        for _ in range(2):
            run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))
        assert removed(engine) == 0
        assert page.title not in live_titles(engine)
        world.unrestrict_page(page.id)

        run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))

        assert page.title in live_titles(engine)


def test_a_resync_writes_no_older_body_over_a_newer_one(engine: Engine) -> None:
    """A list by ids that lags shows version 2 while version 3 is stored."""
    world = world_of(2)
    page = world.pages()[0]
    with mirrored(world, engine) as (site, context):
        world.edit_page(page.id, storage="v2")
        world.advance(timedelta(hours=2))
        world.edit_page(page.id, storage="v3")
        incremental(context)
        fault(site, "stale-read", "body-format=storage", argument=30)

        run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(page.id,)))

        assert "stale-read" in fired(site)
        assert ask(engine, "SELECT version, storage FROM live_pages WHERE id = %s", page.id) == [(3, "v3")]


@pytest.mark.parametrize("version", ["8.5.4", "6.15.1"])
def test_an_archived_space_of_data_center_leaves_the_view(engine: Engine, version: str) -> None:
    """Also where the server's spaces have no status."""
    world = world_of(3, "HR", "PUB")
    with Simulator(world, flavor="datacenter", version=version) as site:
        context = context_of(site, engine, source=DataCenterSource)
        full(context)
        world.archive_space("HR")
        full(context)
        full(context)

        assert all(title.startswith("PUB") for title in live_titles(engine))


def test_one_page_that_cannot_be_rendered_does_not_stop_freshness(engine: Engine) -> None:
    """The run is partial and the page is recorded; the space was looked at completely."""
    world = world_of(20)
    pages = world.pages()
    with mirrored(world, engine) as (site, context):
        world.edit_page(pages[7].id, storage="y")
        fault(site, "page-breaks-batch", "body-format", times=0, argument=pages[7].id)
        ask(engine, "UPDATE sync_spaces SET last_complete_at = now() - interval '2 hours'")

        report = full(context)

        assert report.exit_code == 3
        assert ask(engine, "SELECT last_complete_at > now() - interval '1 minute' FROM sync_spaces") == [(True,)]
        assert ask(engine, "SELECT page_id FROM page_failures") == [(pages[7].id,)]


def test_a_stored_body_that_is_missing_is_fetched_again(engine: Engine) -> None:
    """A plan looks at everything that the view needs."""
    world = world_of(5)
    with mirrored(world, engine) as (_site, context):
        ask(engine, "DELETE FROM page_bodies")
        assert live_titles(engine) == []

        report = full(context)

        assert (report.outcome, report.counts.updated) == ("complete", 5)
        assert len(live_titles(engine)) == 5


def test_a_listing_that_was_wrong_has_no_digest(engine: Engine) -> None:
    """Equal digests prove equal listings, so one that lacks a page that is there has none."""
    world = world_of(5)
    with mirrored(world, engine) as (site, context):
        fault(site, "page-hidden", r"/spaces/\d+/pages", argument=world.pages()[2].id)

        assert full(context).exit_code == 3

        assert fired(site) == {"page-hidden"}
        digests = ask(engine, "SELECT listing_digest IS NULL FROM sync_run_spaces ORDER BY run_id")
        assert digests == [(False,), (True,)]
