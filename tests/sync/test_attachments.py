"""The attachments of a space: mirrored, withdrawn by evidence, shown with their page, told in the feed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from confluence_simulator import Simulator, World, generated_world
from confluence_simulator.world import Attachment, Page
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Outcome
from hr_sync.domain.scope import PageScope
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext
from tests.support.wiring import SHORT, ask, context_of, fault, fired, full, incremental, preview

WITH = PageScope(items=frozenset({ItemKind.ATTACHMENTS}))
FLAVORS: dict[str, tuple[Literal["cloud", "datacenter"], type[CloudSource] | type[DataCenterSource]]] = {
    "cloud": ("cloud", CloudSource),
    "datacenter": ("datacenter", DataCenterSource),
}
LIST = r"/rest/api/content/search\?.*type\+%3D\+attachment"
ONE = r"/api/v2/attachments/att\d+"
each_flavor = pytest.mark.parametrize("flavor", FLAVORS)


def world_with(files: int, *, pages: int = 2) -> World:
    """Make a space whose first page has so many files."""
    world = World()
    world.create_space("HR")
    for number in range(pages):
        world.create_page(space_key="HR", title=f"Page {number}", storage="<p>x</p>")
    first = world.pages()[0]
    for number in range(files):
        world.attach(first.id, filename=f"policy-{number:03d}.pdf", payload=b"x" * number, media_type="application/pdf")
    return world


@contextmanager
def mirror_of(
    world: World, engine: Engine, flavor: str = "cloud", **changes: Any
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and mirror it with its attachments; the request log is empty then."""
    name, source = FLAVORS[flavor]
    with Simulator(world, flavor=name) as site:
        context = context_of(site, engine, source=source, pages=WITH, **changes)
        report = full(context)
        assert report.outcome == "complete", report
        site.requests.clear()
        yield site, context


def shown(engine: Engine) -> dict[str, str]:
    """Return the names of the files that consumers see, by id."""
    return dict(ask(engine, "SELECT id, name FROM live_attachments"))


@each_flavor
def test_files_are_mirrored_with_what_is_known_of_them(engine: Engine, flavor: str) -> None:
    """Name, type, size, version and where the bytes are; without the bytes."""
    world = world_with(3)
    page = world.pages()[0]
    with mirror_of(world, engine, flavor) as (_, _):
        rows = ask(
            engine,
            "SELECT id, page_id, name, media_type, size_bytes, version, last_updated, page_title FROM live_attachments "
            "ORDER BY name",
        )
        (path,) = ask(engine, "SELECT download_path FROM live_attachments WHERE name = 'policy-000.pdf'")[0]

    assert rows == [
        (each.id, page.id, each.title, "application/pdf", each.file_size, 1, each.modified_at, page.title)
        for each in sorted(world.attachments(page.id), key=lambda each: each.title)
    ]
    assert path.startswith(f"/download/attachments/{page.id}/policy-000.pdf?")


def states(engine: Engine) -> dict[str, tuple[str | None, str | None]]:
    """Return why files are hidden and removed, by name."""
    rows = ask(engine, "SELECT name, hidden_reason, removed_reason FROM page_attachments")
    return {name: (hidden, removed) for name, hidden, removed in rows}


def told(engine: Engine, after: int = 0) -> list[tuple[str, str, list[str]]]:
    """Return what the feed tells of attachments: id, action, changed fields."""
    rows = ask(
        engine,
        "SELECT attachment_id, action, changed_fields FROM content_changes "
        "WHERE attachment_id IS NOT NULL AND seq > %s ORDER BY seq",
        after,
    )
    return [(attachment_id, action, list(fields)) for attachment_id, action, fields in rows]


def head(engine: Engine) -> int:
    """Return the last number of the feed."""
    return int(ask(engine, "SELECT coalesce(max(seq), 0) FROM content_changes")[0][0])


def rows_of(engine: Engine) -> list[tuple[object, ...]]:
    """Return every row with the transaction that wrote it."""
    return ask(engine, "SELECT id, xmin::text FROM page_attachments ORDER BY id")


def asked(site: Simulator) -> int:
    """Count the requests about attachments."""
    return sum("attachment" in f"{record.route}{record.query}" for record in site.requests)


@each_flavor
def test_each_change_is_told_once(engine: Engine, flavor: str) -> None:
    """A new file, a new version, and one in the trash; the same files again write and tell nothing."""
    world = world_with(3)
    page = world.pages()[0]
    first, second, third = sorted(world.attachments(page.id), key=lambda each: each.title)
    with mirror_of(world, engine, flavor) as (_, context):
        assert [(each, action) for each, action, _ in told(engine)] == [
            (each.id, "insert") for each in sorted((first, second, third), key=lambda each: each.id)
        ]
        before, rows = head(engine), rows_of(engine)
        full(context)
        assert rows_of(engine) == rows

        new = world.attach(page.id, filename="new.pdf", payload=b"new")
        world.attach(page.id, filename=second.title, payload=b"another text")
        world.remove_attachment(third.id)
        report = full(context)

    assert told(engine, before) == [
        *sorted([(new.id, "insert", ["title", "location", "url", "version"]), (second.id, "update", ["version"])]),
        (third.id, "hide", ["hidden"]),
    ]
    assert report.outcome is Outcome.COMPLETE
    assert set(shown(engine)) == {first.id, second.id, new.id}
    assert states(engine)[third.title] == ("trashed", "trashed")
    counts = report.counts
    assert (counts.attachments_added, counts.attachments_updated, counts.attachments_removed) == (1, 1, 1)
    assert (counts.attachments_listed, counts.attachments_hidden) == (3, 0)


def test_an_incremental_run_brings_new_versions_and_withdraws_nothing(engine: Engine) -> None:
    """By one request; what is gone is left to a full run."""
    world = world_with(3)
    page = world.pages()[0]
    first, second, _ = sorted(world.attachments(page.id), key=lambda each: each.title)
    with mirror_of(world, engine) as (site, context):
        world.attach(page.id, filename=first.title, payload=b"another text")
        world.remove_attachment(second.id)
        new = world.attach(page.id, filename="new.pdf", payload=b"new")
        incremental(context)
        requests = asked(site)

    assert requests == 1
    assert ask(engine, "SELECT version FROM page_attachments WHERE id = %s", first.id) == [(2,)]
    assert {second.id, new.id} <= set(shown(engine))


def test_an_unchanged_space_costs_one_request_for_200_files(engine: Engine) -> None:
    """No lookup, no row, and at most two requests a space beside the list."""
    world = generated_world(pages=400, spaces=1, lengths=SHORT)
    pages = world.pages()
    world.store.load(files_on(world, pages, each=10))
    without = PageScope()
    with Simulator(world) as site:
        full(context_of(site, engine, pages=without))
        site.requests.clear()
        full(context_of(site, engine, pages=without))
        pages_alone = len(site.requests)
        context = context_of(site, engine, pages=WITH)
        report = full(context)
        rows, before = rows_of(engine), head(engine)
        site.requests.clear()
        idle = full(context)
        requests = len(site.requests)

    assert report.outcome is idle.outcome is Outcome.COMPLETE
    assert len(rows) == 4000
    assert (rows_of(engine), head(engine)) == (rows, before)
    assert requests - pages_alone <= 4000 // 200 + 2
    assert not any("/download/" in route for route in routes(site))


def routes(site: Simulator) -> list[str]:
    """Return the paths that were asked for."""
    return [record.route for record in site.requests]


def files_on(world: World, pages: list[Page], *, each: int) -> Iterator[Attachment]:
    """Make so many files on each page, at once."""
    for page in pages:
        for number in range(each):
            yield Attachment(
                id=f"att{world.store.new_id()}",
                kind="attachment",
                space_id=page.space_id,
                space_key=page.space_key,
                title=f"{number}.pdf",
                created_at=page.created_at,
                modified_at=page.modified_at,
                changed_at=page.changed_at,
                author_id=page.author_id,
                editor_id=page.editor_id,
                container_id=page.id,
                media_type="application/pdf",
                file_size=7,
                file_id="",
            )


def test_a_page_hides_its_files_and_shows_them_again(engine: Engine) -> None:
    """The feed tells of the page alone, and the rows of the files stay as they are."""
    world = world_with(2)
    page = world.pages()[0]
    with mirror_of(world, engine) as (site, context):
        rows, before = rows_of(engine), head(engine)
        world.hide_page(page.id)
        full(context)
        hidden = shown(engine)
        requests = sum(bool(re.search(ONE, route)) for route in routes(site))
        world.unrestrict_page(page.id)
        full(context)

    assert (hidden, requests) == ({}, 0)
    assert len(shown(engine)) == 2
    assert rows_of(engine) == rows
    assert told(engine, before) == []


def test_a_dry_run_shows_what_the_run_then_does(engine: Engine) -> None:
    """Also of a file in the trash whose page comes back in the same run, in a space that has another key by now."""
    world = world_with(3)
    page = world.pages()[0]
    first, second, _ = world.attachments(page.id)
    with mirror_of(world, engine) as (_, context):
        world.hide_page(page.id)
        full(context)
        world.unrestrict_page(page.id)
        world.remove_attachment(first.id)
        world.attach(page.id, filename=second.title, payload=b"another text")
        new = world.attach(page.id, filename="new.pdf", payload=b"new")
        world.rekey_space("HR", "PEOPLE")
        rows = rows_of(engine)
        shown_before = preview(context)["PEOPLE"]
        assert rows_of(engine) == rows
        report = full(context)

    assert {(each.item.id, str(each.action)) for each in shown_before.of_kind(ItemKind.ATTACHMENTS).writes} == {
        (second.id, "update"),
        (new.id, "insert"),
    }
    assert [each.page_id for each in shown_before.of_kind(ItemKind.ATTACHMENTS).deletions.hide] == [first.id]
    assert [each.page_id for each in shown_before.of_kind(ItemKind.ATTACHMENTS).deletions.remove] == [first.id]
    counts = report.counts
    assert (counts.attachments_added, counts.attachments_updated, counts.attachments_removed) == (1, 1, 1)


def test_a_list_that_lags_brings_nothing_back(engine: Engine) -> None:
    """A file in the trash that the index shows again is looked up by id, and stays away."""
    world = world_with(3)
    page = world.pages()[0]
    first = world.attachments(page.id)[0]
    with mirror_of(world, engine) as (site, context):
        world.store.clock.advance(timedelta(hours=1))
        world.remove_attachment(first.id)
        full(context)
        assert first.id not in shown(engine)
        lag(site, timedelta(minutes=30))
        site.requests.clear()
        report = full(context)

    assert any(record.route.endswith(f"/attachments/{first.id}") for record in site.requests)
    assert first.id not in shown(engine)
    assert report.outcome is Outcome.COMPLETE


def lag(site: Simulator, by: timedelta) -> None:
    """Let the search index of the site lag from now on."""
    object.__setattr__(site.tenant, "search_lag", by)
    site.world.advance(timedelta(0))


def test_an_older_version_in_a_list_that_lags_is_not_written(engine: Engine) -> None:
    """The single read has the version that is stored."""
    world = world_with(1)
    page = world.pages()[0]
    (first,) = world.attachments(page.id)
    with mirror_of(world, engine) as (site, context):
        world.store.clock.advance(timedelta(hours=1))
        world.attach(page.id, filename=first.title, payload=b"another text")
        full(context)
        rows = rows_of(engine)
        lag(site, timedelta(minutes=30))
        full(context)

    assert ask(engine, "SELECT version FROM page_attachments") == [(2,)]
    assert rows_of(engine) == rows


def test_an_index_that_holds_nothing_removes_nothing(engine: Engine) -> None:
    """Every file is looked up by id and found, and the run says that the search is not to be trusted."""
    world = world_with(30)
    with mirror_of(world, engine) as (site, context):
        fault(site, "empty-list", LIST)
        report = full(context)
        assert fired(site) == {"empty-list"}

    assert len(shown(engine)) == 30
    assert report.outcome is Outcome.PARTIAL
    assert "lacks 30 attachments of space HR" in (report.error or "")


@pytest.mark.parametrize("at", [1, 2], ids=["from the beginning", "after the first access check"])
def test_reads_by_id_that_all_fail_prove_nothing(engine: Engine, at: int) -> None:
    """Files that the list has just shown are not found either, before the lookups or after them."""
    world = world_with(3)
    first = world.attachments(world.pages()[0].id)[0]
    with mirror_of(world, engine) as (site, context):
        world.remove_attachment(first.id)
        fault(site, "not-found-404-v2", ONE, times=0, at=at)
        report = full(context)
        assert fired(site) == {"not-found-404-v2"}

    assert len(shown(engine)) == 3
    assert report.outcome is Outcome.PARTIAL


def test_a_mass_that_leaves_is_hidden_and_its_removal_is_held(engine: Engine) -> None:
    """Until somebody decides; pages are counted and removed apart from it."""
    world = world_with(40, pages=30)
    page = world.pages()[0]
    with mirror_of(world, engine) as (site, context):
        for each in world.attachments(page.id)[:25]:
            world.remove_attachment(each.id)
        world.trash_page(world.pages()[-1].id)
        report = full(context)
        assert (report.outcome, report.exit_code) == (Outcome.HELD, 4)
        assert "The removal of 25 hidden attachments of space HR waits for a decision" in (report.error or "")
        assert "more than 20 attachments left at once" in (report.error or "")
        assert len(shown(engine)) == 15
        assert (report.counts.removed, report.counts.attachments_removed) == (1, 0)
        assert ask(engine, "SELECT held, held_attachments FROM sync_spaces") == [(25, 25)]

        again = full(context)
        assert (again.outcome, again.counts.attachments_removed) == (Outcome.HELD, 0)
        world.trash_page(world.pages(status="current")[-1].id)
        assert full(context).counts.removed == 1  # pages do not wait for attachments
        assert incremental(context).outcome is Outcome.COMPLETE
        assert ask(engine, "SELECT held, held_attachments FROM sync_spaces") == [(25, 25)]

        world.trash_page(world.pages(status="current")[-1].id)
        fault(site, "not-found-404-v1", LIST, times=0)
        unread = full(context)  # what cannot be decided about goes on waiting
        assert (unread.outcome, unread.counts.removed) == (Outcome.PARTIAL, 1)
        assert ask(engine, "SELECT held, held_attachments FROM sync_spaces") == [(25, 25)]
        site.faults.clear()

        done = full(context, allow_mass_delete=True)
        assert (done.outcome, done.counts.attachments_removed) == (Outcome.COMPLETE, 25)
        assert ask(engine, "SELECT held, held_attachments FROM sync_spaces") == [(0, 0)]


@pytest.mark.parametrize("kind", ["error-500", "bad-request-400", "unauthorized-401-scope", "not-found-404-v1"])
def test_a_list_that_fails_costs_no_page(engine: Engine, kind: str) -> None:
    """Pages are written, files stay as they were, and the run says why it is partial."""
    world = world_with(3)
    with mirror_of(world, engine) as (site, context):
        world.edit_page(world.pages()[1].id, storage="<p>new</p>")
        fault(site, kind, LIST, times=0)
        report = full(context)
        assert fired(site) == {kind}

    assert report.outcome is Outcome.PARTIAL
    assert "The attachments of space HR were not read" in (report.error or "")
    assert report.counts.updated == 1
    assert len(shown(engine)) == 3


def test_a_file_that_cannot_be_read_fails_alone(engine: Engine) -> None:
    """Its last good row stays, its failure is counted, and nobody asks for it as for a page."""
    world = world_with(3)
    page = world.pages()[0]
    with mirror_of(world, engine) as (site, context):
        new = world.attach(page.id, filename="new.pdf", payload=b"new")
        fault(site, "row-without-version", LIST, argument=0)
        report = full(context)
        (failing,) = ask(engine, "SELECT page_id, stage FROM page_failures")
        site.requests.clear()
        healed = full(context)

    assert failing[1] == "attachment"
    assert (report.outcome, report.counts.failed) == (Outcome.PARTIAL, 1)
    assert (report.error or "").startswith("1 attachment of space HR failed;")
    assert new.id in shown(engine)
    assert len(shown(engine)) == 4
    assert (healed.outcome, healed.counts.failed) == (Outcome.COMPLETE, 0)
    assert not any(record.route.endswith(f"/pages/{failing[0]}") for record in site.requests)


def test_a_file_that_was_not_tried_still_fails(engine: Engine) -> None:
    """A full run that cannot read the list knows nothing better of it; one that reads it does."""
    world = world_with(3)
    with mirror_of(world, engine) as (site, context):
        fault(site, "row-without-version", LIST, argument=0)
        full(context)
        fault(site, "error-500", LIST, times=0)
        unread = full(context)
        failing = ask(engine, "SELECT stage, attempts FROM page_failures")
        assert fired(site) == {"row-without-version", "error-500"}
        site.faults.clear()
        healed = full(context)

    assert failing == [("attachment", 1)]
    assert (unread.outcome, unread.counts.failed) == (Outcome.PARTIAL, 1)
    assert "1 attachment of space HR failed;" in (unread.error or "")
    assert (healed.outcome, healed.counts.failed) == (Outcome.COMPLETE, 0)
    assert ask(engine, "SELECT FROM page_failures") == []


def test_a_file_that_the_database_refuses_fails_alone(engine: Engine) -> None:
    """The others of its transaction are written."""
    world = world_with(5)
    ask(engine, "ALTER TABLE page_attachments ADD CHECK (name <> 'policy-002.pdf')")
    with Simulator(world) as site:
        report = full(context_of(site, engine, pages=WITH))

    assert report.outcome is Outcome.PARTIAL
    assert sorted(shown(engine).values()) == [f"policy-00{number}.pdf" for number in (0, 1, 3, 4)]
    assert ask(engine, "SELECT stage FROM page_failures") == [("attachment",)]


def test_a_file_on_another_page_leaves_the_page_that_it_was_on(engine: Engine) -> None:
    """It has other readers there. One on what is not mirrored is removed."""
    world = world_with(2)
    first, second = world.pages()
    one, other = world.attachments(first.id)
    world.create_space("ELSEWHERE")
    far = world.create_page(space_key="ELSEWHERE", title="Far")
    with mirror_of(world, engine, spaces=("HR",)) as (_, context):
        world.store.put(replace(one, container_id=second.id))
        world.store.put(replace(other, container_id=far.id, space_id=far.space_id, space_key="ELSEWHERE"))
        full(context)

    assert ask(engine, "SELECT id, page_id FROM live_attachments") == [(one.id, second.id)]
    assert states(engine)[other.title] == ("moved", "moved")


def test_what_is_switched_off_is_hidden_and_asked_for_by_nobody(engine: Engine) -> None:
    """Nothing is removed for it, and nothing is looked up when it is switched on again."""
    world = world_with(30)
    with mirror_of(world, engine) as (site, context):
        without = replace(context, scope=replace(context.scope, pages=PageScope()))
        report = full(without)
        assert (shown(engine), asked(site)) == ({}, 0)
        assert set(states(engine).values()) == {("out_of_scope", None)}
        assert (report.outcome, report.counts.attachments_hidden) == (Outcome.COMPLETE, 30)
        assert full(without).counts.attachments_hidden == 0

        again = full(context)
        assert len(shown(engine)) == 30
        assert (asked(site), again.counts.attachments_added) == (1, 30)


def test_files_of_what_is_not_mirrored_are_counted(engine: Engine) -> None:
    """Those of pages out of scope and of blog posts."""
    world = world_with(2)
    second = world.pages()[1]
    world.label_page(second.id, "private")
    world.attach(second.id, filename="a.pdf", payload=b"a")
    post = world.create_blog_post(space_key="HR", title="News")
    world.attach(post.id, filename="b.pdf", payload=b"b")
    scope = PageScope(items=frozenset({ItemKind.ATTACHMENTS}), exclude_labels=frozenset({"private"}))
    with Simulator(world) as site:
        full(context_of(site, engine, pages=scope))

    assert len(shown(engine)) == 2
    assert ask(engine, "SELECT attachments_not_mirrored FROM sync_spaces") == [(2,)]


def test_a_file_moves_with_its_page(engine: Engine) -> None:
    """To another space, and the space of its row follows."""
    world = world_with(1)
    page = world.pages()[0]
    world.create_space("IT")
    with mirror_of(world, engine) as (_, context):
        before = head(engine)
        world.move_page(page.id, space_key="IT")
        (file,) = world.attachments(page.id)
        assert full(context).outcome is Outcome.COMPLETE
        assert full(context).outcome is Outcome.COMPLETE

    assert ask(engine, "SELECT space_id FROM page_attachments") == [(world.space("IT").id,)]
    assert shown(engine) == {file.id: file.title}
    assert told(engine, before) == []


def test_retention_erases_what_is_known_of_a_file(engine: Engine) -> None:
    """Names of files are content of the page. Of what was found gone a row stays; of the files of a gone page none."""
    world = world_with(2)
    page = world.pages()[0]
    with mirror_of(world, engine) as (_, context):
        one, other = world.attachments(page.id)
        world.remove_attachment(one.id)
        full(context)
        store = Store(engine)
        assert store.prune_bodies(timedelta(0)) == 1
        assert store.prune_bodies(timedelta(0)) == 0
        assert states(engine) == {other.title: (None, None), "": ("trashed", "trashed")}
        assert ask(engine, ERASED, one.id) == [("", None, None, "", "")]
        world.trash_page(page.id)
        full(context)
        store.prune_bodies(timedelta(0))

    assert ask(engine, "SELECT id FROM page_attachments") == [(one.id,)]


def test_a_list_that_lags_brings_nothing_back_after_retention(engine: Engine) -> None:
    """The row of a file that was found gone stays, so that it is looked up; what is back has its name again."""
    world = world_with(3)
    page = world.pages()[0]
    first, second, _ = world.attachments(page.id)
    with mirror_of(world, engine) as (site, context):
        world.store.clock.advance(timedelta(hours=1))
        world.remove_attachment(first.id)
        world.remove_attachment(second.id)
        full(context)
        Store(engine).prune_bodies(timedelta(0))
        world.store.put(second)
        lag(site, timedelta(minutes=30))
        full(context)

        assert first.id not in shown(engine)
        assert shown(engine)[second.id] == second.title
        incremental(context)
        assert first.id not in shown(engine)


ERASED = "SELECT name, media_type, size_bytes, download_path, metadata_digest FROM page_attachments WHERE id = %s"
