"""The files of attachments become sections of their pages: read once, shown with the page, told in the feed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import World, handbook_world
from confluence_simulator.world import Attachment
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.attachments import forget_attachment_texts
from hr_sync.documents.reader import DocumentReader
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.write.retention import prune_bodies
from hr_sync.sync.context import SyncPolicy
from tests.derive.reading import FLAVORS, Mirror, handbook, mirror_of
from tests.documents import good
from tests.support.database import execute, rows
from tests.support.wiring import access, full, incremental

CSV = b"country,euro\nDenmark,75\nPoland,45\n"
TABLE = "| country | euro |\n| --- | --- |\n| Denmark | 75 |\n| Poland | 45 |"
ENFORCED = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"*"}))
each_flavor = pytest.mark.parametrize("flavor", FLAVORS)


def attached(mirror: Mirror, name: str, payload: bytes, media_type: str = "text/plain") -> str:
    """Attach a file to the first page. Return its id."""
    page = mirror.world.pages()[0]
    return mirror.world.attach(page.id, filename=name, payload=payload, media_type=media_type).id


def stored(world: World, attachment_id: str) -> Attachment:
    """Return an attachment as Confluence has it."""
    found = world.find(attachment_id)
    assert isinstance(found, Attachment)
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are read from now on."""
    names: list[str] = []
    read = DocumentReader.read

    def counted(reader: DocumentReader, source: Any, *, media_type: str, name: str) -> Any:
        names.append(name)
        return read(reader, source, media_type=media_type, name=name)

    monkeypatch.setattr(DocumentReader, "read", counted)
    return names


@each_flavor
def test_a_file_becomes_sections_behind_those_of_its_page(engine: Engine, flavor: str) -> None:
    """Below its name; an unchanged space is not asked for it again."""
    world = handbook()
    page = world.pages()[0]
    made = world.attach(page.id, filename="allowances.csv", payload=CSV, media_type="text/csv")
    with mirror_of(world, engine, flavor) as mirror:
        report = mirror.derive()

        assert (report.downloads, report.written, report.failed, report.ended_by) == (1, 1, 0, None)
        assert mirror.shown() == [
            (None, ["Days"], "# Days\n\nThirty."),
            (None, ["Forms"], "# Forms\n\nBelow."),
            (made.id, ["allowances.csv"], TABLE),
        ]
        assert len(mirror.downloads()) == 1
        (change,) = [each for each in mirror.consumer.read() if each.sections_added == [mirror.section_ids()[2]]]
        assert (change.page_id, change.attachment_id, change.kind, change.action) == (
            page.id, None, "sections", "derive",
        )  # fmt: skip
        mirror.site.requests.clear()
        full(mirror.context)
        again = mirror.derive()
        assert (again.downloads, again.written, again.counts.outcomes) == (0, 0, {"complete": 1})
        assert mirror.downloads() == []
        assert mirror.consumer.missing() == []


@each_flavor
def test_a_new_version_is_downloaded_alone(engine: Engine, flavor: str, reads: list[str]) -> None:
    """Between the listing and the reading nothing of the file is shown. The same bytes are not read again."""
    world = handbook()
    with mirror_of(world, engine, flavor) as mirror:
        for name in ("one.txt", "two.txt"):
            attached(mirror, name, name.encode())
        full(mirror.context)
        mirror.derive()
        assert mirror.of_files() == [("one.txt", "one.txt"), ("two.txt", "two.txt")]
        attached(mirror, "two.txt", b"second")
        mirror.consumer.read()
        incremental(mirror.context)
        assert mirror.of_files() == [("one.txt", "one.txt")]
        mirror.consumer.read()
        assert mirror.consumer.missing() == [], "the withdrawal of its sections was told"

        mirror.site.requests.clear()
        assert mirror.derive().downloads == 1
        assert len(mirror.downloads()) == 1
        assert mirror.of_files() == [("one.txt", "one.txt"), ("two.txt", "second")]
        attached(mirror, "two.txt", b"second")
        incremental(mirror.context)
        assert mirror.of_files() == [("one.txt", "one.txt")]
        assert mirror.derive().downloads == 1
        assert mirror.of_files() == [("one.txt", "one.txt"), ("two.txt", "second")]
        assert reads == ["two.txt", "one.txt", "two.txt"], "newest first, and the third version not at all"
        mirror.consumer.read()
        assert mirror.consumer.missing() == []


def test_what_is_withdrawn_shows_nothing_and_comes_back_without_a_download(engine: Engine) -> None:
    """In the transaction that hides the file; the feed tells of the page and of the file."""
    with mirror_of(handbook(), engine, policy=ENFORCED) as mirror:
        made = attached(mirror, "one.txt", b"one")
        full(mirror.context)
        mirror.derive()
        ids = mirror.section_ids()
        assert mirror.found_by_functions("one") == (1, 3, 3)
        mirror.consumer.read()
        mirror.world.remove_attachment(made)
        full(mirror.context)

        assert mirror.of_files() == []
        assert mirror.found_by_functions("one") == (0, 2, 2)
        told = [(each.kind, each.action, each.sections_removed) for each in mirror.consumer.read()]
        assert told == [("sections", "derive", [ids[2]]), ("attachment", "hide", [])]
        assert mirror.consumer.missing() == []
        assert mirror.derive().downloads == 0
        execute(engine, "UPDATE page_attachments SET removed_at = NULL, removed_reason = NULL")
        mirror.world.load([replace(stored(mirror.world, made), status="current")])
        full(mirror.context)
        assert mirror.of_files() == [("one.txt", "one")]
        assert mirror.derive().downloads == 0
        mirror.consumer.read()
        assert mirror.consumer.missing() == []


def test_a_file_on_another_page_is_read_there(engine: Engine) -> None:
    """Its sections are shown on neither page until it was read for the second."""
    world = handbook()
    with mirror_of(world, engine) as mirror:
        other = world.create_page(space_key="HR", title="Other", storage="<p>Own.</p>")
        made = attached(mirror, "one.txt", b"one")
        attached(mirror, "two.txt", b"two")
        full(mirror.context)
        mirror.derive()
        mirror.consumer.read()
        world.load([replace(stored(world, made), container_id=other.id)])
        full(mirror.context)
        assert mirror.of_files() == [("two.txt", "two")]
        mirror.consumer.read()
        assert mirror.consumer.missing() == []

        assert mirror.derive().downloads == 1
        assert [row["page_id"] for row in mirror.sections_of(made)] == [other.id]
        assert all("Other" in row["embed_text"] for row in mirror.sections_of(made))
        mirror.consumer.read()
        assert mirror.consumer.missing() == []


def test_only_files_of_live_pages_are_downloaded(engine: Engine) -> None:
    """Not those of a page in the trash, or of one that is hidden."""
    world = handbook()
    page = world.create_page(space_key="HR", title="Gone", storage="<p>x</p>")
    world.attach(page.id, filename="gone.txt", payload=b"gone", media_type="text/plain")
    with mirror_of(world, engine) as mirror:
        world.trash_page(page.id)
        full(mirror.context)
        assert mirror.derive().downloads == 0
        assert mirror.downloads() == []


def test_type_and_size_decide_without_a_download(engine: Engine) -> None:
    """Other settings read what they let in, and drop what they leave out."""
    with mirror_of(handbook(), engine) as mirror:
        attached(mirror, "photo.png", b"\x89PNG", "image/png")
        attached(mirror, "raw.heic", b"x", "application/octet-stream")
        attached(mirror, "large.txt", b"large " * 100)
        attached(mirror, "table.csv", CSV, "text/csv")
        full(mirror.context)
        assert mirror.derive(max_bytes=500, kinds=("text",)).downloads == 0
        assert mirror.outcomes() == {
            "photo.png": "unsupported_type",
            "raw.heic": "unsupported_type",
            "large.txt": "too_large",
            "table.csv": "type_not_selected",
        }
        assert mirror.derive(max_bytes=500, kinds=("text",)).written == 0, "once"
        assert mirror.derive(kinds=("csv",)).downloads == 1
        assert [name for name, _ in mirror.of_files()] == ["table.csv"]
        assert mirror.derive(kinds=("text",)).downloads == 1
        assert [name for name, _ in mirror.of_files()] == ["large.txt"]
        assert mirror.outcomes()["table.csv"] == "type_not_selected"


def test_a_renamed_page_needs_no_download(engine: Engine, reads: list[str]) -> None:
    """Its sections get the new title; so they do for other languages of the search, and a renamed file."""
    with mirror_of(handbook(), engine) as mirror:
        made = attached(mirror, "days.txt", b"holidays")
        full(mirror.context)
        mirror.derive()
        mirror.world.rename_page(mirror.world.pages()[0].id, "Absence")
        full(mirror.context)
        report = mirror.derive(search_languages=("english", "german"))
        assert (report.downloads, report.relabelled) == (0, 1)
        (row,) = mirror.sections_of(made)
        arrow = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
        assert row["embed_text"] == f"{arrow.join(('HR', 'Absence', 'days.txt'))}\nholidays"
        assert mirror.derive(search_languages=("english", "german")).relabelled == 0

        mirror.world.load([replace(stored(mirror.world, made), title="free days.txt")])
        full(mirror.context)
        assert mirror.derive(search_languages=("english", "german")).downloads == 1
        assert [name for name, _ in mirror.of_files()] == ["free days.txt"]
        assert reads == ["days.txt"]
        mirror.consumer.read()
        assert mirror.consumer.missing() == []


def test_sections_of_files_move_with_those_of_the_page(engine: Engine) -> None:
    """The page's come first, then those of each file; the feed tells what moved."""
    with mirror_of(handbook(), engine) as mirror:
        first, second = attached(mirror, "a.md", b"# A\n\none\n\n# B\n\ntwo"), attached(mirror, "b.txt", b"three")
        full(mirror.context)
        mirror.derive()
        assert mirror.places() == [(None, 0), (None, 1), (first, 2), (first, 3), (second, 4)]
        mirror.consumer.read()
        page = mirror.world.pages()[0]
        mirror.world.edit_page(page.id, storage="<h1>Days</h1><p>Thirty.</p>")
        incremental(mirror.context)
        mirror.derive()
        assert mirror.places() == [(None, 0), (first, 1), (first, 2), (second, 3)]
        attached(mirror, "a.md", b"# A\n\none")
        incremental(mirror.context)
        mirror.derive()
        assert mirror.places() == [(None, 0), (first, 1), (second, 2)]
        *_, change = mirror.consumer.read()
        assert change.sections_changed == [mirror.section_ids()[-1]]
        assert mirror.consumer.missing() == []


def test_a_file_that_is_newer_than_what_is_known_of_its_readers_waits(engine: Engine) -> None:
    """Somebody may have restricted the page first. The next look at access lets it in."""
    with mirror_of(handbook(), engine, policy=ENFORCED) as mirror:
        attached(mirror, "secret.txt", b"secret")
        full(mirror.context)
        execute(engine, "UPDATE sync_spaces SET access_checked_at = '2026-03-01'")
        assert mirror.derive().downloads == 0
        assert access(mirror.context).outcome == "complete"
        assert mirror.derive().downloads == 1
        assert mirror.of_files() == [("secret.txt", "secret")]


def test_an_asker_is_shown_no_file_that_is_newer_than_what_is_known_of_its_readers(engine: Engine) -> None:
    """In the mode `account` the audience sees it at once; functions for one asker follow the facts in both modes."""
    account = SyncPolicy(access=AccessPolicy(mode=AccessMode.ACCOUNT), open_spaces=frozenset({"*"}))
    found = "SELECT attachment_id FROM search_sections('secret', 'nobody', ARRAY[]::text[])"
    with mirror_of(handbook(), engine, policy=account) as mirror:
        assert access(mirror.context).outcome == "complete"
        attached(mirror, "secret.txt", b"secret")
        full(mirror.context)
        execute(engine, "UPDATE page_attachments SET last_updated = now()")
        assert mirror.derive().downloads == 1
        assert mirror.of_files() == [("secret.txt", "secret")]
        assert rows(engine, found) == []
        readable = "SELECT count(*) AS n FROM sections_readable_by('nobody', ARRAY[]::text[])"
        counted = "SELECT count_sections_readable_by('nobody', ARRAY[]::text[]) AS n"
        assert rows(engine, readable) == rows(engine, counted) == [{"n": 2}]
        mirror.context.store.apply_access_policy(AccessPolicy())
        assert mirror.of_files() == []
        assert rows(engine, "SELECT FROM search_live_sections('secret')") == []


def test_a_pass_ends_at_its_limit_and_goes_on_next_time(engine: Engine) -> None:
    """Newest first; what waits is counted."""
    with mirror_of(handbook(), engine) as mirror:
        for name in "abc":
            attached(mirror, f"{name}.txt", name.encode() * 100)
        full(mirror.context)
        report = mirror.derive(max_bytes_of_pass=150)
        assert (report.downloads, report.counts.waiting) == (2, 1)
        assert sorted(name for name, _ in mirror.of_files()) == ["b.txt", "c.txt"]
        assert mirror.derive(max_bytes_of_pass=150).downloads == 1


def test_the_same_bytes_are_read_once(engine: Engine, reads: list[str]) -> None:
    """In a pass, and where they have no text also later."""
    with mirror_of(handbook(), engine) as mirror:
        ids = [attached(mirror, f"{name}.txt", b"copy") for name in "ab"]
        attached(mirror, "empty.txt", b" \n")
        full(mirror.context)
        assert mirror.derive().downloads == 3
        attached(mirror, "blank.txt", b" \n")
        full(mirror.context)
        assert mirror.derive().downloads == 1
        assert reads == ["empty.txt", "b.txt"]
        assert mirror.outcomes()["blank.txt"] == "no_text"
        assert mirror.of_files() == [("a.txt", "copy"), ("b.txt", "copy")]
        assert len({row["section_id"] for each in ids for row in mirror.sections_of(each)}) == 2


def test_a_document_is_found_by_page_and_told_in_part(engine: Engine) -> None:
    """A PDF has a section for each page below its name; what is missing is counted."""
    with mirror_of(handbook(), engine) as mirror:
        for name, data in (("plan.pdf", good.pdf(["Thirty days", "Ask first"])), ("form.docx", good.word_document())):
            attached(mirror, name, data, "application/octet-stream")
        full(mirror.context)
        report = mirror.derive()
        assert sum(report.counts.outcomes.values()) == 2
        paths = [path for attachment_id, path, _ in mirror.shown() if attachment_id is not None]
        assert ["plan.pdf", "Page 1"] in paths
        assert ["form.docx", "Entitlement"] in paths


def test_switched_off_forgets_what_was_read(engine: Engine) -> None:
    """With a row in the feed; switched on again it is read again."""
    with mirror_of(handbook(), engine) as mirror:
        attached(mirror, "one.txt", b"one")
        full(mirror.context)
        mirror.derive()
        mirror.consumer.read()
        assert forget_attachment_texts(mirror.context.store, Cancellation()) == 1
        assert (mirror.of_files(), mirror.outcomes()) == ([], {})
        mirror.consumer.read()
        assert mirror.consumer.missing() == []
        assert forget_attachment_texts(mirror.context.store, Cancellation()) == 0
        assert mirror.derive().downloads == 1


def test_what_was_read_of_removed_files_is_deleted_in_time(engine: Engine) -> None:
    """With their names; also what was read of the files of a removed page."""
    with mirror_of(handbook(), engine) as mirror:
        page = mirror.world.create_page(space_key="HR", title="Old", storage="<p>x</p>")
        mirror.world.attach(page.id, filename="old.txt", payload=b"old", media_type="text/plain")
        made = attached(mirror, "one.txt", b"one")
        full(mirror.context)
        mirror.derive()
        mirror.world.remove_attachment(made)
        mirror.world.trash_page(page.id)
        full(mirror.context)
        assert mirror.outcomes().keys() == {"one.txt", "old.txt"}
        with session_scope(make_sessions(engine)) as session:
            assert prune_bodies(session, removed_for=timedelta(0)) == 1
        assert mirror.outcomes().keys() == {"one.txt"}, "of a page whose sections were deleted nothing says otherwise"
        assert mirror.context.store.prune_bodies(timedelta(0)) > 0
        assert mirror.outcomes() == {}
        assert rows(engine, "SELECT FROM page_sections WHERE attachment_id IS NOT NULL") == []


def test_the_files_of_the_sample_handbook_are_found(engine: Engine) -> None:
    """A Word document, a table and a form, below their names."""
    with mirror_of(handbook_world(), engine, spaces=("HR",)) as mirror:
        assert mirror.derive().counts.outcomes == {"complete": 3}
        call = "SELECT heading_path FROM search_live_sections(%s)"
        assert [row["heading_path"] for row in rows(engine, call, "winter tyres")] == [
            ["Car policy.docx", "Winter tyres"]
        ]
        assert rows(engine, call, "Denmark Poland euro country")[0]["heading_path"] == ["Allowances 2027.csv"]
