"""A file that cannot be downloaded or read costs itself alone, and is tried again later."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.documents import reader as reader_module
from hr_sync.documents.process import ChildProcess
from hr_sync.documents.protocol import READY, frame
from hr_sync.errors import DatabaseUnavailable, Stopped
from hr_sync.store.attachment_text_store import AttachmentTextStore
from tests.derive.reading import Mirror, handbook, mirror_of
from tests.documents import hostile_office
from tests.support.database import execute, rows
from tests.support.wiring import fault, fired, full, incremental

FILE = r"/media/file/"  # of Cloud's media service
LINK = r"/child/attachment/[^/]+/download"  # of Cloud, which redirects there
#: What may be in the place of a file, by flavour and by the address that answers it.
FAULTS = [
    ("cloud", "/media/file/{}/", "login-page-200"),
    ("cloud", "/media/file/{}/", "cut-length"),
    ("cloud", "/attachment/{}/download", "redirect-other-host"),
    ("cloud", "/attachment/{}/download", "not-found-404-v1"),
    ("cloud", "/attachment/{}/download", "unauthorized-401"),
    ("datacenter", "/download/attachments/.*/bad", "login-page-200"),
    ("datacenter", "/download/attachments/.*/bad", "redirect-login"),
]


@contextmanager
def two_files(engine: Engine, flavor: str = "cloud") -> Iterator[Mirror]:
    """Mirror a page with two files, of which the newer one is `bad.txt`."""
    world = handbook()
    for name in ("good.txt", "bad.txt"):
        world.attach(world.pages()[0].id, filename=name, payload=name.encode(), media_type="text/plain")
    with mirror_of(world, engine, flavor) as mirror:
        yield mirror


@pytest.mark.parametrize(("flavor", "match", "kind"), FAULTS)
def test_a_download_that_fails_costs_its_file_alone(engine: Engine, flavor: str, match: str, kind: str) -> None:
    """Nothing of the answer is shown. It waits, is tried again when it is due, and its failure is forgotten then."""
    with two_files(engine, flavor) as mirror:
        bad = next(each for each in mirror.world.attachments(mirror.world.pages()[0].id) if each.title == "bad.txt")
        fault(mirror.site, kind, match.format(bad.id), times=0)
        report = mirror.derive()
        assert (report.failed, report.downloads, report.ended_by) == (1, 1, None)
        assert fired(mirror.site) == {kind}
        mirror.site.faults.clear()
        assert mirror.of_files() == [("good.txt", "good.txt")]
        (failure,) = mirror.failures()
        assert (failure["attempts"], failure["space_key"], failure["version"]) == (1, "HR", 1)
        assert "bad.txt" not in failure["message"]
        assert full(mirror.context).outcome == "complete", "the mirror of the pages is"
        assert len(mirror.failures()) == 1
        assert mirror.derive().downloads == 0
        execute(engine, "UPDATE page_failures SET next_attempt_at = now()")
        assert mirror.derive().downloads == 1
        assert mirror.of_files() == [("good.txt", "good.txt"), ("bad.txt", "bad.txt")]
        assert mirror.failures() == []


def test_a_new_version_is_tried_at_once_and_what_is_gone_not_at_all(engine: Engine) -> None:
    """Whatever the wait of the version before is."""
    with two_files(engine) as mirror:
        fault(mirror.site, "not-found-404-v1", LINK, times=2)
        assert mirror.derive().failed == 2
        mirror.site.faults.clear()
        page = mirror.world.pages()[0]
        mirror.world.attach(page.id, filename="bad.txt", payload=b"second", media_type="text/plain")
        (good,) = [each for each in mirror.world.attachments(page.id) if each.title == "good.txt"]
        mirror.world.remove_attachment(good.id)
        full(mirror.context)
        assert mirror.derive().downloads == 1
        assert (mirror.of_files(), mirror.failures()) == ([("bad.txt", "second")], [])


def test_a_scope_that_is_missing_ends_the_pass(engine: Engine) -> None:
    """It is about every file. No file fails for it, and the warning says what to do."""
    with two_files(engine) as mirror:
        fault(mirror.site, "unauthorized-401-scope", LINK, times=0)
        report = mirror.derive()
        assert (report.failed, report.downloads, mirror.failures()) == (0, 0, [])
        assert "scopes" in (report.ended_by or "")
        assert report.counts.waiting == 2


def test_many_failures_in_a_row_end_the_pass(engine: Engine) -> None:
    """As a firewall before the media service makes them. The others are tried by the next pass."""
    world = handbook()
    for number in range(7):
        world.attach(world.pages()[0].id, filename=f"{number}.txt", payload=b"x", media_type="text/plain")
    with mirror_of(world, engine) as mirror:
        fault(mirror.site, "error-500", FILE, times=0)
        report = mirror.derive()
        assert (report.failed, report.counts.failed, report.counts.waiting) == (5, 5, 2)
        assert "media service" in (report.ended_by or "")
        mirror.site.faults.clear()
        assert mirror.derive().downloads == 2


def test_files_that_always_fail_keep_no_other_waiting(engine: Engine) -> None:
    """However new they are: they are tried after all others, so that they cannot end a pass before these."""
    world = handbook()
    page = world.pages()[0].id
    world.attach(page, filename="older.txt", payload=b"older", media_type="text/plain")
    for number in range(6):
        world.attach(page, filename=f"broken{number}.txt", payload=b"x", media_type="text/plain")
    with mirror_of(world, engine) as mirror:
        fault(mirror.site, "error-500", r"broken\d", times=0)
        assert [mirror.derive().failed for _ in range(2)] == [5, 1]
        assert mirror.of_files() == [("older.txt", "older")]
        world.attach(page, filename="older.txt", payload=b"another", media_type="text/plain")
        full(mirror.context)
        execute(engine, "UPDATE page_failures SET next_attempt_at = now()")
        execute(engine, "UPDATE page_attachments SET last_updated = '2026-01-01' WHERE name = 'older.txt'")
        report = mirror.derive()
        assert (report.failed, report.downloads) == (5, 1)
        assert mirror.of_files() == [("older.txt", "another")]


def test_credentials_that_are_refused_end_the_pass(engine: Engine) -> None:
    """The files are not to blame."""
    with two_files(engine) as mirror:
        fault(mirror.site, "unauthorized-401", "", times=0)
        report = mirror.derive()
        assert (report.failed, mirror.failures()) == (0, [])
        assert "credentials" in (report.ended_by or "")


def test_a_crash_of_the_reader_costs_its_file_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and not tried again by the same reader."""
    program = f"import os; os.write(1, {frame(READY)!r}); os.abort()"
    with two_files(engine) as mirror:
        with monkeypatch.context() as patched:
            patched.setattr(reader_module, "ChildProcess", partial(ChildProcess, program=program))
            mirror.derive(max_bytes_of_pass=1)
        assert mirror.outcomes() == {"bad.txt": "reader_failed"}
        assert mirror.derive().downloads == 1
        assert mirror.outcomes() == {"bad.txt": "reader_failed", "good.txt": "complete"}


def test_a_hostile_file_costs_itself_alone(engine: Engine) -> None:
    """One that lies about what it unpacks to, and one that is another type than its name says."""
    world = handbook()
    media_type = "application/octet-stream"
    world.attach(
        world.pages()[0].id, filename="bomb.docx", payload=hostile_office.with_false_sizes(), media_type=media_type
    )
    world.attach(world.pages()[0].id, filename="liar.pdf", payload=b"<html><body>x", media_type=media_type)
    with mirror_of(world, engine) as mirror:
        mirror.derive()
        assert mirror.outcomes() == {"bomb.docx": "damaged", "liar.pdf": "type_mismatch"}
        assert mirror.of_files() == []


def test_a_kill_between_download_and_write_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next pass downloads the file again."""

    def killed(_store: AttachmentTextStore, writes: Any) -> frozenset[str]:
        if writes:
            raise DatabaseUnavailable("killed")
        return frozenset()

    with two_files(engine) as mirror:
        with monkeypatch.context() as patched:
            patched.setattr(AttachmentTextStore, "write", killed)
            with pytest.raises(DatabaseUnavailable):
                mirror.derive()
        assert len(mirror.downloads()) == 1
        assert (mirror.of_files(), mirror.outcomes(), mirror.failures()) == ([], {}, [])
        assert mirror.derive().downloads == 2


def test_what_changes_during_the_download_is_not_written(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version is stored by the time: the text of the old one is dropped, and the new one is read next time."""
    with two_files(engine) as mirror:
        write, page = AttachmentTextStore.write, mirror.world.pages()[0]

        def late(store: AttachmentTextStore, writes: Any) -> frozenset[str]:
            if writes and writes[0].version == 1 and len(mirror.downloads()) == 1:
                mirror.world.attach(page.id, filename="bad.txt", payload=b"second", media_type="text/plain")
                incremental(mirror.context)
            return write(store, writes)

        monkeypatch.setattr(AttachmentTextStore, "write", late)
        report = mirror.derive()
        assert (report.downloads, report.written) == (2, 1)
        assert mirror.of_files() == [("good.txt", "good.txt")]
        assert mirror.derive().downloads == 1
        assert mirror.of_files() == [("good.txt", "good.txt"), ("bad.txt", "second")]


def test_the_files_of_a_page_that_is_gone_by_then_are_not_written(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are they asked for again."""
    with two_files(engine) as mirror:
        write = AttachmentTextStore.write

        def late(store: AttachmentTextStore, writes: Any) -> frozenset[str]:
            if writes and len(mirror.downloads()) == 1:
                mirror.world.trash_page(mirror.world.pages()[0].id)
                full(mirror.context)
            return write(store, writes)

        monkeypatch.setattr(AttachmentTextStore, "write", late)
        assert mirror.derive().written == 0
        assert (mirror.outcomes(), rows(engine, "SELECT FROM page_sections WHERE attachment_id IS NOT NULL")) == (
            {},
            [],
        )


def test_a_pass_stops_when_asked(engine: Engine) -> None:
    """Before the next file."""
    with two_files(engine) as mirror:
        cancellation = Cancellation()
        cancellation.set()
        with pytest.raises(Stopped):
            mirror.derive(cancellation)
        assert mirror.downloads() == []
