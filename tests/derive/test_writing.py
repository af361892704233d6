"""Texts are written while the next ones are made."""

import threading
from collections.abc import Sequence

import pytest

from hr_sync.cancellation import Cancellation
from hr_sync.derive import texts as module
from hr_sync.derive.texts import TextReport, derive_texts
from hr_sync.errors import DatabaseUnavailable, Stopped
from hr_sync.store.read.texts import PendingText
from hr_sync.store.write.text_rows import TextKept, TextWrite
from hr_sync.store.write.texts import TextsWritten

PATIENCE = 20.0


class NoMentions:
    """Nobody is mentioned anywhere."""


class FakeStore:
    """Pages 00 to 05, one a chunk, without a database."""

    mentions = NoMentions()

    def __init__(self, pages: int = 6) -> None:
        self.pending = [f"{number:02}" for number in range(pages)]
        self.written: list[str] = []
        self.most_ahead = 0
        self._read = 0

    def write_text_policy(self, *_: object) -> bool:
        return False

    def find_address(self, *_: object) -> None:
        return None

    def find_included(self, *_: object) -> None:
        return None

    def pending_texts(self, *, after: str, limit: int, **_: object) -> list[PendingText]:
        ids = [each for each in self.pending if each > after][:limit]
        self._read += len(ids)
        self.most_ahead = max(self.most_ahead, self._read - len(self.written))
        return [
            PendingText(page_id=each, title=each, space_key="HR", content_hash="h", storage=f"<p>{each}</p>")
            for each in ids
        ]

    def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
        self.written += [each.page_id for each in texts] + [each.page_id for each in kept]
        return TextsWritten(pages=len(texts), sections_written=len(texts), sections_deleted=0)


@pytest.fixture(autouse=True)
def one_page_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGES_AT_ONCE", 1)


def derive(store: FakeStore, cancellation: Cancellation | None = None) -> TextReport:
    return derive_texts(store, cancellation or Cancellation(), section_size=2000)  # type: ignore[arg-type]


def test_the_next_texts_are_made_while_others_are_written() -> None:
    """The first write ends only after the second chunk is being written."""
    second = threading.Event()

    class Waiting(FakeStore):
        def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
            if texts[0].page_id == "00":
                assert second.wait(PATIENCE)
            if texts[0].page_id == "01":
                second.set()
            return super().write_texts(texts, kept)

    store = Waiting()
    report = derive(store)
    assert sorted(store.written) == store.pending
    assert (report.pages, report.sections_written) == (6, 6)


def test_what_is_made_waits_for_what_is_written() -> None:
    """However slow the database is, at most two chunks are being written and one is made."""
    read_on = threading.Event()

    class Slow(FakeStore):
        def pending_texts(self, *, after: str, limit: int, **given: object) -> list[PendingText]:
            if after == "01":
                read_on.set()
            return super().pending_texts(after=after, limit=limit, **given)

        def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
            assert read_on.wait(PATIENCE)
            return super().write_texts(texts, kept)

    store = Slow(40)
    derive(store)
    assert sorted(store.written) == store.pending
    assert store.most_ahead <= 3


def test_what_fails_ends_the_pass() -> None:
    """Nothing is read for ever, and what was begun is settled before."""

    class Broken(FakeStore):
        def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
            if texts[0].page_id == "01":
                raise DatabaseUnavailable("gone")
            return super().write_texts(texts, kept)

    store = Broken(40)
    with pytest.raises(DatabaseUnavailable):
        derive(store)
    assert "00" in store.written
    assert len(store.written) <= 4


def test_a_failure_of_the_last_texts_is_raised() -> None:
    """Nobody asks for them after the loop but the end of the pass."""

    class Broken(FakeStore):
        def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
            if texts[0].page_id == self.pending[-1]:
                raise DatabaseUnavailable("gone")
            return super().write_texts(texts, kept)

    with pytest.raises(DatabaseUnavailable):
        derive(Broken())


def test_a_stop_ends_after_what_was_begun() -> None:
    """A transaction is not cut off in the middle, and none is begun after that."""
    cancellation, stopped = Cancellation(), threading.Event()

    class Stopping(FakeStore):
        def pending_texts(self, *, after: str, limit: int, **given: object) -> list[PendingText]:
            if after == "00":
                cancellation.set()
                stopped.set()
            return super().pending_texts(after=after, limit=limit, **given)

        def write_texts(self, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
            assert stopped.wait(PATIENCE)
            return super().write_texts(texts, kept)

    store = Stopping()
    with pytest.raises(Stopped):
        derive(store, cancellation)
    assert store.written == ["00"]
