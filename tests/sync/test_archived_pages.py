"""Archived pages: stored where the settings name them, and never live."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.confluence.archived import ArchivedPages
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Listing, Space
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.domain.outcome import Outcome
from hr_sync.domain.scope import PageScope
from hr_sync.errors import AnswerNotTrusted
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.overview import list_pages
from hr_sync.store.values import Busy, PageWrite
from hr_sync.sync.context import SyncContext, SyncPolicy
from hr_sync.sync.explain import explain
from tests.support.wiring import (
    access,
    ask,
    context_of,
    fault,
    fired,
    full,
    incremental,
    live_titles,
    preview,
)

WITH = PageScope(archived_pages=True)
WITHOUT = PageScope()
ENFORCED = SyncPolicy(
    access=AccessPolicy(mode=AccessMode.ENFORCE),
    limit=DeletionLimit(max_removed_pages=1, max_removed_fraction=0.0),
    counts_not_mirrored=True,
    busy_wait_seconds=0.0,
)
MOMENT = "2026-01-01T00:00:00.000Z"
LIST_OF_ARCHIVED = r"/spaces/\d+/pages\?.*status=archived"


def world_of(archived: int) -> World:
    """Make a space with two current pages and so many archived ones."""
    world = World()
    world.create_space("HR")
    for number in range(2):
        world.create_page(space_key="HR", title=f"Page {number}", storage="<p>x</p>")
    for number in range(archived):
        page = world.create_page(space_key="HR", title=f"Old {number}", storage=f"<p>It was {number}</p>")
        world.archive_page(page.id)
    return world


def id_of(world: World, title: str) -> str:
    """Return the id of a page."""
    return next(page.id for page in world.pages() if page.title == title)


@contextmanager
def mirror_of(
    world: World, engine: Engine, pages: PageScope = WITH, policy: SyncPolicy = ENFORCED
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and mirror it; the request log is empty then."""
    with Simulator(world) as site:
        context = context_of(site, engine, pages=pages, policy=policy)
        report = full(context)
        assert report.outcome is Outcome.COMPLETE, report
        site.requests.clear()
        yield site, context


def states(engine: Engine) -> dict[str, tuple[str, str | None, str | None, str | None]]:
    """Return status, reasons of hiding and removal, and the body of every row, by title."""
    rows = ask(
        engine,
        "SELECT title, status, hidden_reason, removed_reason, storage "
        "FROM confluence_pages LEFT JOIN page_bodies ON page_id = id",
    )
    return {title: tuple(others) for title, *others in rows}


def told(engine: Engine, page_id: str) -> list[str]:
    """Return what the feed tells of a page."""
    return [
        action
        for (action,) in ask(engine, "SELECT action FROM content_changes WHERE page_id = %s ORDER BY seq", page_id)
    ]


def shown_anywhere(engine: Engine) -> set[str]:
    """Return the titles in any view of consumers that has titles, and of what an asker may read."""
    asked = "SELECT title FROM confluence_pages WHERE id IN (SELECT pages_readable_by(NULL))"
    return {*live_titles(engine), *(title for (title,) in ask(engine, asked))}


def lists_of_archived(site: Simulator) -> int:
    """Count the requests for lists of archived pages of a space."""
    return sum(
        "/spaces/" in record.path and record.path.endswith("/pages") and ("status", "archived") in record.query
        for record in site.requests
    )


def test_archived_pages_are_stored_and_never_live(engine: Engine) -> None:
    """With their bodies, no access set, no row of the feed. A second run writes nothing, by one request more."""
    world = world_of(2)
    with mirror_of(world, engine) as (site, context):
        found, seen = states(engine), shown_anywhere(engine)
        rows = ask(engine, "SELECT id, xmin::text FROM confluence_pages ORDER BY id")
        again = full(context)
        asked = lists_of_archived(site)
        single = [record.path for record in site.requests if "/api/v2/pages/" in record.path]
        after = ask(engine, "SELECT id, xmin::text FROM confluence_pages ORDER BY id")
        with session_scope(make_sessions(engine)) as session:
            listed = {page.title for page in list_pages(session, space_key="HR", since=None, archived=True)}
        sets = ask(engine, "SELECT access_set_id FROM confluence_pages WHERE status = 'archived'")
        for mode in (access, incremental):
            assert mode(context).outcome is Outcome.COMPLETE

    assert found["Old 1"] == ("archived", "archived", None, "<p>It was 1</p>")
    assert seen == {"Page 0", "Page 1"} == shown_anywhere(engine)
    assert sets == [(None,), (None,)]
    assert listed == {"Old 0", "Old 1"}
    assert told(engine, id_of(world, "Old 0")) == []
    assert again.outcome is Outcome.COMPLETE
    assert rows == after
    assert (asked, single) == (1, [])
    assert {str(each.kind) for each in again.not_mirrored} == {"attachment", "blog_post", "comment"}


def test_without_the_word_nothing_is_asked(engine: Engine) -> None:
    """They are counted as not mirrored."""
    with mirror_of(world_of(2), engine, WITHOUT) as (site, context):
        report = full(context)
        assert lists_of_archived(site) == 0
    assert set(states(engine)) == {"Page 0", "Page 1"}
    assert {str(each.kind): each.count for each in report.not_mirrored}["archived_page"] == 2


def test_a_page_goes_into_the_archive_and_comes_back(engine: Engine) -> None:
    """Hidden in that run, told once, kept without removal or hold whatever their number; live again from its body."""
    world = world_of(0)
    both = [id_of(world, f"Page {number}") for number in range(2)]
    for number in range(2, 6):
        world.create_page(space_key="HR", title=f"Page {number}", storage="<p>x</p>")
    with mirror_of(world, engine) as (site, context):
        for page_id in both:
            world.archive_page(page_id)
        would = preview(context)["HR"].deletions
        report = full(context)
        kept = states(engine)["Page 0"]
        gone = shown_anywhere(engine)
        site.requests.clear()
        idle = full(context)
        single = [record.path for record in site.requests if "/api/v2/pages/" in record.path]
        words = explain(context, both[0])
        world.restore_page(both[0])
        incremental(context)
        back = full(context)

    assert ({each.page_id for each in would.hide}, would.remove, would.held) == (set(both), (), ())
    assert (report.outcome, report.counts.hidden, report.counts.removed) == (Outcome.COMPLETE, 2, 0)
    assert kept == ("archived", "archived", None, "<p>x</p>")
    assert gone == {f"Page {number}" for number in range(2, 6)}
    assert (idle.outcome, single) == (Outcome.COMPLETE, [])
    assert "never shown" in words.scope
    assert "keep it" in words.decision
    assert (back.outcome, back.counts.restored, back.counts.bodies) == (Outcome.COMPLETE, 1, 0)
    assert "Page 0" in shown_anywhere(engine)
    readers_come_later = {"restrict"}  # with the access of each full run
    assert [each for each in told(engine, both[0]) if each not in readers_come_later] == ["insert", "hide", "restore"]
    assert [each for each in told(engine, both[1]) if each not in readers_come_later] == ["insert", "hide"]


def test_what_leaves_the_archive_by_evidence_is_removed(engine: Engine) -> None:
    """A page in the trash at once, with no row of the feed; one that is purged when a second run agrees."""
    world = world_of(2)
    with mirror_of(world, engine) as (_site, context):
        world.restore_page(id_of(world, "Old 0"))
        world.trash_page(id_of(world, "Old 0"))
        report = full(context)
    assert report.outcome is Outcome.COMPLETE
    assert states(engine)["Old 0"][1:3] == ("trashed", "trashed")
    assert states(engine)["Old 1"][1:3] == ("archived", None)
    assert told(engine, id_of(world, "Old 0")) == []


def test_switched_off_they_are_gone_and_a_mass_waits(engine: Engine) -> None:
    """By lookups, within the limit of removals as it is; switched on again they are kept and nothing waits."""
    with mirror_of(world_of(3), engine) as (site, context):
        off = context_of(site, engine, pages=WITHOUT, policy=ENFORCED)
        held = full(off)
        waiting = states(engine)
        on = full(context)
        allowed = full(off, allow_mass_delete=True)
        gone = states(engine)
        again = full(context)

    assert held.outcome is Outcome.HELD
    assert {waiting[f"Old {number}"][1:3] for number in range(3)} == {("archived", None)}
    assert on.outcome is Outcome.COMPLETE
    assert allowed.counts.removed == 3
    assert {gone[f"Old {number}"][1:3] for number in range(3)} == {("archived", "archived")}
    assert again.outcome is Outcome.COMPLETE
    assert {states(engine)[f"Old {number}"][1:3] for number in range(3)} == {("archived", None)}
    assert shown_anywhere(engine) == {"Page 0", "Page 1"}


@pytest.mark.parametrize("kind", ["error-500", "forbidden-403"])
def test_a_list_that_fails_costs_archived_pages_alone(engine: Engine, kind: str) -> None:
    """The run is partial, their rows stay, the space is as fresh as ever, and no page is looked up for it."""
    world = world_of(2)
    with mirror_of(world, engine) as (site, context):
        before = states(engine)
        world.create_page(space_key="HR", title="New", storage="<p>x</p>")
        world.archive_page(id_of(world, "Page 0"))
        fault(site, kind, LIST_OF_ARCHIVED, times=0)
        report = full(context)
        deeds = fired(site)
        looked_up = {record.path.rsplit("/", 1)[-1] for record in site.requests}
        fresh = ask(engine, "SELECT last_complete_at > now() - interval '1 minute' FROM sync_spaces")

    assert deeds == {kind}
    assert not looked_up & {id_of(world, "Old 0"), id_of(world, "Old 1")}
    assert report.outcome is Outcome.PARTIAL
    assert "archived pages of space HR were not listed" in (report.spaces[0].error or "")
    after = states(engine)
    assert {title: after[title] for title in ("Old 0", "Old 1")} == {
        title: before[title] for title in ("Old 0", "Old 1")
    }
    assert after["Page 0"][1:3] == ("archived", None)
    assert shown_anywhere(engine) == {"Page 1", "New"}
    assert fresh == [(True,)]


def test_a_new_version_in_the_archive_is_stored_hidden(engine: Engine) -> None:
    """Edited, and archived again: the stored body is the new one."""
    world = world_of(1)
    page_id = id_of(world, "Old 0")
    with mirror_of(world, engine) as (_site, context):
        world.restore_page(page_id)
        world.edit_page(page_id, storage="<p>Newer</p>")
        world.archive_page(page_id)
        assert full(context).outcome is Outcome.COMPLETE
    assert states(engine)["Old 0"] == ("archived", "archived", None, "<p>Newer</p>")
    assert told(engine, page_id) == []


def test_archived_pages_out_of_scope_are_not_stored(engine: Engine) -> None:
    """The scope counts for them as for current pages; a stored one is asked again when the settings change."""
    world = world_of(3)
    labels = {"Old 0": "secret", "Old 1": "other"}
    for title, label in labels.items():
        world.label_page(id_of(world, title), label)
    pages = PageScope(archived_pages=True, exclude_labels=frozenset({"secret"}))
    with mirror_of(world, engine, pages) as (site, context):
        assert set(states(engine)) == {"Page 0", "Page 1", "Old 1", "Old 2"}
        full(context)
        asked = {record.path for record in site.requests if record.path.endswith("/labels")}
        other = replace(pages, exclude_labels=frozenset({"secret", "other"}))
        narrowed = full(context_of(site, engine, pages=other, policy=ENFORCED))

    assert not [path for path in asked if id_of(world, "Old 1") in path or id_of(world, "Old 2") in path]
    assert narrowed.outcome is Outcome.HELD
    assert states(engine)["Old 1"][1:3] == ("out_of_scope", None)
    assert states(engine)["Old 2"][1:3] == ("archived", None)


def test_data_center_says_that_it_has_none(engine: Engine) -> None:
    """By one warning of full runs; nothing else changes."""
    world = World()
    world.create_space("HR")
    world.create_page(space_key="HR", title="Page 0", storage="<p>x</p>")
    with Simulator(world, flavor="datacenter") as site:
        context = context_of(site, engine, pages=WITH, source=DataCenterSource, policy=ENFORCED)
        report = full(context)
        quiet = incremental(context)
    assert report.outcome is Outcome.COMPLETE
    assert [warning for warning in report.warnings if "archived_pages" in warning]
    assert not quiet.warnings
    assert live_titles(engine) == ["Page 0"]


class BetweenTheLists:
    """The archive of a site, where something happens before it is listed."""

    def __init__(self, archive: ArchivedPages, happens: Callable[[], object]) -> None:
        self.pages = archive.pages
        self._archive = archive
        self._happens = happens

    def listing(self, space: Space) -> Listing:
        """List the archive, after what happens."""
        self._happens()
        return self._archive.listing(space)


def test_a_page_that_is_archived_between_the_lists_is_hidden_in_that_run(engine: Engine) -> None:
    """Both lists show it; a lookup decides."""
    world = world_of(0)
    with mirror_of(world, engine) as (_site, context):
        archive = context.source.archived
        assert archive is not None
        happens = Mock(side_effect=lambda: world.archive_page(id_of(world, "Page 0")))
        between = BetweenTheLists(archive, happens)
        cast("Any", context.source).archived = between
        report = full(context)

    happens.assert_called_once_with()
    assert (report.outcome, report.counts.hidden) == (Outcome.COMPLETE, 1)
    assert shown_anywhere(engine) == {"Page 1"}
    assert states(engine)["Page 0"][1:3] == ("archived", None)


def test_a_page_in_both_lists_without_an_answer_stays_as_it_is(engine: Engine) -> None:
    """It is told as failing, and not stored as archived."""
    world = world_of(0)
    page_id = id_of(world, "Page 0")
    with mirror_of(world, engine) as (site, context):
        archive = context.source.archived
        assert archive is not None
        happens = Mock(side_effect=lambda: world.archive_page(page_id))
        cast("Any", context.source).archived = BetweenTheLists(archive, happens)
        fault(site, "error-500", rf"/api/v2/pages/{page_id}", times=0)
        report = full(context)
        deeds = fired(site)

    assert deeds == {"error-500"}
    assert report.outcome is Outcome.PARTIAL
    assert states(engine)["Page 0"][:3] == ("current", None, None)


def test_a_server_that_ignores_the_filter_is_an_error() -> None:
    """A current page, or one of another space, among what is listed as archived."""
    page = {
        "id": "1",
        "title": "x",
        "parentId": None,
        "parentType": None,
        "version": {"number": 1, "createdAt": MOMENT},
    }
    for status, space_id in (("current", "9"), ("archived", "8")):
        item = page | {"status": status, "spaceId": space_id}
        answer = Mock(content={"results": [item]}, date=None)
        archive = ArchivedPages(Mock(walk=Mock(return_value=[answer])), PageUrls("https://wiki.example.com"), Mock())
        with pytest.raises(AnswerNotTrusted):
            archive.listing(Space(id="9", key="HR", name="HR"))
    answer.content["results"] = [page | {"status": "archived", "spaceId": "9"}]
    assert set(archive.listing(Space(id="9", key="HR", name="HR")).heads) == {"1"}


def test_a_live_row_is_never_written_as_archived(engine: Engine) -> None:
    """Whatever a list says: what hides a page is the lookup."""
    world = world_of(0)
    with mirror_of(world, engine) as (_site, context):
        space = context.source.spaces(["HR"]).spaces[0]
        row = context.store.reader(space).stored_pages()[id_of(world, "Page 0")]
        head = replace(context.source.listing(space).heads[row.id], status="archived", title="Wrong")
        bodies = [None, "<p>wrong</p>"]
        with context.store.leased(space, context.worker, 1, cancellation=context.cancellation) as store:
            assert not isinstance(store, Busy)
            for body in bodies:
                write = PageWrite(
                    action=ChangeAction.UPDATE,
                    reason="",
                    head=head,
                    storage=body,
                    content_hash="0" * 64,
                    seen_in_space="HR",
                )
                assert store.write_archived([write]) == frozenset()
    assert shown_anywhere(engine) == {"Page 0", "Page 1"}
    assert states(engine)["Page 0"] == ("current", None, None, "<p>x</p>")
