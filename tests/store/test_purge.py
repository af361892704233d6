"""Erasing takes everything that belongs to a page, and nothing that was not meant any more when it happens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.attachment_texts import TextOutcome
from hr_sync.domain.attachments import AttachmentWrite
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.outcome import Outcome
from hr_sync.store.item_tables import ATTACHMENTS
from hr_sync.store.store import Store
from hr_sync.store.values import Failure, FailureStage
from hr_sync.store.write.attachment_texts import AttachmentTextWrite
from hr_sync.store.write.text_rows import SectionWrite
from tests.store.spaces import HR, IT, NOON, ask, decision, feed, file, leased, record, tell, write
from tests.store.test_access_facts import ANN, node, sets, write_facts

FAILED = Failure(page_id="8", stage=FailureStage.READ, error_class="AnswerNotTrusted", message="no title")
NOW = timedelta(0)


@pytest.fixture
def filled(store: Store) -> Store:
    """Store with the pages 1 to 3 of HR, of which 3 is removed, and the page 8 that only ever failed."""
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in "123"])
        space.remove([decision("3")])
        space.record_failures([FAILED])
        space.finish(
            lambda _: record(watermark=NOON, scope_fingerprint="s", looked_at_all=True, listed_all=True, held=2),
            clear_old_failures=False,
        )
    return store


def test_what_a_purge_would_erase_is_found(filled: Store) -> None:
    """By page, by space, by age; pages that only failed are among them, except where an age is asked for."""
    assert filled.pages_to_purge() == {}
    assert filled.pages_to_purge(page_ids=["1", "8", "9"]) == {"HR": ["1", "8"]}
    assert filled.pages_to_purge(space_keys=["HR", "IT"]) == {"HR": ["1", "2", "3", "8"]}
    assert filled.pages_to_purge(removed_for=NOW) == {"HR": ["3"]}
    assert filled.pages_to_purge(removed_for=timedelta(days=1)) == {}


def test_row_body_failure_and_feed_are_erased(filled: Store, engine: Engine) -> None:
    """What remains is that they were erased; a live page disappears for consumers by it."""
    tell(engine, "INSERT INTO page_failures SELECT '1', space_key, stage, error_class, message, version, attempts, "
         "first_failed_at, last_failed_at, next_attempt_at, run_id FROM page_failures")  # fmt: skip
    with leased(filled) as space:
        assert space.purge(["1", "3", "8", "9"]) == 3
        assert space.purge(["1", "3", "8", "9"]) == 0
        assert sorted(space.stored_pages()) == ["2"]
        assert space.failing_pages() == []

    assert ask(engine, "SELECT page_id FROM page_bodies") == [{"page_id": "2"}]
    assert sorted(feed(engine)) == [
        ("1", "purge", ["erased", "hidden"]),
        ("2", "insert", ["text", "title", "location", "url", "version"]),
        ("3", "purge", ["erased"]),
    ]


def test_a_page_that_was_restored_meanwhile_is_not_erased(filled: Store) -> None:
    """A person confirmed a list of removed pages; one of them was synchronised again before the purge."""
    with leased(filled) as space:
        space.write_pages([write("3", seen="HR", body=None, action=ChangeAction.RESTORE)])
        assert space.purge(["3"], only_if_removed_before=NOW) == 0
        assert space.purge(["8"], only_if_removed_before=NOW) == 0, "it was never removed"
        assert space.stored_pages()["3"].live
        space.remove([decision("3")])
        assert space.purge(["3"], only_if_removed_before=timedelta(days=1)) == 0
        assert space.purge(["3"], only_if_removed_before=NOW) == 1


def test_a_page_that_moved_meanwhile_keeps_everything(filled: Store, engine: Engine) -> None:
    """It is another space's now: row, failure and history stay."""
    with leased(filled, IT) as space:
        space.write_pages([write("1", IT, seen="HR", body=None, action=ChangeAction.MOVE)])
        space.record_failures([Failure(page_id="1", stage=FailureStage.READ, error_class="E", message="m")])
    with leased(filled) as space:
        assert space.purge(["1"]) == 0
    with leased(filled, IT) as space:
        assert space.failing_pages() == ["1"]
    assert [action for page, action, _ in feed(engine) if page == "1"] == ["insert", "move"]


def test_a_purged_space_needs_a_full_pass(filled: Store) -> None:
    """Without a position no incremental run passes for complete; nothing is held any more."""
    with leased(filled) as space:
        assert space.purge_space(forget=False) == 4
        state = space.state()
        assert (state.watermark, state.scope_fingerprint, state.last_full_at, state.hold.held) == (None, None, None, 0)
    assert filled.full_pass_is_due(timedelta(days=1))
    assert [space.key for space in filled.stored_spaces()] == ["HR"], "a full run marks it as gone, or brings it back"


def test_a_space_out_of_scope_is_forgotten_with_its_name(filled: Store, engine: Engine) -> None:
    """Key and name of a personal space are a person's; what remains is that its pages were erased."""
    with leased(filled) as space:
        assert space.purge_space(forget=True) == 4
    assert ask(engine, "SELECT FROM sync_spaces") == []
    assert ask(engine, "SELECT FROM sync_run_spaces") == []
    assert {action for _, action, _ in feed(engine)} == {"purge"}
    with leased(filled, HR) as space:
        assert space.state().watermark is None


def test_a_page_without_a_row_is_erased_where_it_is_named(filled: Store, engine: Engine) -> None:
    """By its node, which the pages below need, and by its feed rows; another space's are left alone."""
    write_facts(filled, [node("1"), node("77", "1"), node("2", "77")])
    tell(engine, "INSERT INTO content_changes (page_id, space_key, run_id, action, changed_fields) VALUES "
         "('78', 'HR', 1, 'update', '{text}'), ('79', 'IT', 1, 'update', '{text}')")  # fmt: skip
    assert filled.pages_to_purge(page_ids=["77", "78"]) == {"HR": ["77", "78"]}
    assert filled.pages_to_purge(page_ids=["79"]) == {"IT": ["79"]}
    with leased(filled) as space:
        assert space.purge(["77", "78", "79"]) == 2

    assert [found.column for found in filled.find_traces("77").found] == ["parent_id"], "of the page below"
    assert filled.find_traces("78").found == []
    assert sets(engine)["2"] is None, "no way up is known"
    assert [row for row in feed(engine) if row[0] in {"77", "78", "79"}] == [
        ("79", "update", ["text"]),
        ("78", "purge", ["erased"]),
    ]


def file_text(written: AttachmentWrite, text: str) -> AttachmentTextWrite:
    """Return the text of an attachment as one section."""
    attachment = written.item
    section = SectionWrite(
        section_id="f" * 32, ordinal=0, level=0, parent_section_id=None, heading_path=[attachment.name], text=text,
        embed_text=text, text_hash="0" * 64,
    )  # fmt: skip
    return AttachmentTextWrite(
        attachment_id=attachment.id,
        page_id=attachment.page_id or "",
        version=attachment.version,
        metadata_digest=attachment.metadata_digest,
        content_sha256="0" * 64,
        reader_version=1,
        section_size=2000,
        title="Salary of Ann Lee",
        space_key="HR",
        search_languages=["english"],
        file_words=attachment.name,
        kind="xlsx",
        outcome=TextOutcome.COMPLETE,
        sections=[section],
    )


def test_no_table_names_a_page_that_was_erased(filled: Store) -> None:
    """Whatever was stored of it: row, body, text, sections, node, failure and history."""
    write_facts(filled, [node("1"), node("2"), node("3")])
    with leased(filled) as space:
        space.write_pages([write("4711", title="Salary of Ann", body="<p>4,000 a month</p>")])
        space.record_failures([replace(FAILED, page_id="4711", message="page 4711 cannot be read")])
        write_pages_again = write("4711", title="Salary of Ann Lee", version=2, seen="HR", action=ChangeAction.UPDATE)
        space.write_pages([write_pages_again])
        attached = file("att4712", "4711", "Bonus of Ann.xlsx")
        space.write_items(ATTACHMENTS, [attached])
        space.record_failures([replace(FAILED, page_id="4711", message="page 4711 cannot be read")])
    write_facts(filled, [node("1"), node("2"), node("3"), node("4711", "1", ANN)])
    derive_texts(filled, Cancellation(), section_size=2000)
    assert filled.attachment_texts.write([file_text(attached, "1,000 for Ann")]) == {"att4712"}
    not_downloaded = replace(FAILED, page_id="att4712", stage=FailureStage.ATTACHMENT_TEXT)
    filled.attachment_texts.record_failures({"HR": [not_downloaded]})
    assert {found.table for found in filled.find_traces("att4712").found} == {
        "attachment_texts", "content_changes", "page_attachments", "page_failures", "page_sections",
    }  # fmt: skip
    assert {found.table for found in filled.find_traces("4711").found} == {
        "confluence_pages", "content_changes", "content_nodes", "page_attachments", "page_bodies", "page_failures",
        "page_sections", "page_texts",
    }  # fmt: skip
    with leased(filled) as space:
        assert space.purge(["4711"]) == 1

    for words in ("4711", "att4712", "Bonus of Ann.xlsx", "Salary of Ann", "Salary of Ann Lee", "4,000", "1,000"):
        assert filled.find_traces(words).found == []


def test_a_space_that_only_its_row_is_left_of_can_be_named(store: Store, engine: Engine) -> None:
    """Its name is a person's; runs of earlier days name it too."""
    with leased(store) as space:
        space.finish(lambda _: record(error="Space HR is gone.", held=0), clear_old_failures=False)
    assert store.pages_to_purge(space_keys=["hr"]) == {"HR": []}
    assert store.pages_to_purge(space_keys=["IT"]) == {}
    tell(engine, "DELETE FROM sync_spaces")
    assert store.pages_to_purge(space_keys=["hr"]) == {"HR": []}


def test_a_forgotten_space_is_named_nowhere(filled: Store, engine: Engine) -> None:
    """Neither in the feed, nor in messages of runs, nor as the former key of another space; longer words stay."""
    with leased(filled, IT) as space:
        space.write_pages([write("1", IT, seen="HR", body=None, action=ChangeAction.MOVE)])
        about = "run --space HR; HR1 and XHR stay"
        space.finish(lambda _: record(IT, outcome=Outcome.PARTIAL, error=about), clear_old_failures=False)
    tell(
        engine,
        "UPDATE sync_spaces SET former_keys = '{A,HR,HRX}', held_reason = 'HR' WHERE space_key = 'IT'",
        "UPDATE sync_runs SET error = 'HR: (HR)'",
    )
    with leased(filled) as space:
        space.purge_space(forget=True)

    assert filled.find_traces("HR").found == []
    assert filled.find_traces("Human Resources").found == []
    assert ask(engine, "SELECT last_error, former_keys, held_reason FROM sync_spaces") == [
        {
            "last_error": "run --space (erased); HR1 and XHR stay",
            "former_keys": ["A", "HRX"],
            "held_reason": "(erased)",
        }
    ]
    assert [action for page, action, _ in feed(engine) if page == "1"] == ["insert", "move"]
