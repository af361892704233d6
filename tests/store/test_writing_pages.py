"""Pages are written under a lease, on the row that the plan saw, with everything that belongs to them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import WithdrawalReason
from hr_sync.domain.plan import LabelStep
from hr_sync.errors import DatabaseConflict
from hr_sync.store.engine import make_engine
from hr_sync.store.item_tables import ATTACHMENTS
from hr_sync.store.store import Store
from hr_sync.store.values import WriteResult
from tests.store.spaces import HR, IT, ask, decision, feed, file, leased, tell, write

LABELS = {"1": frozenset("ba"), "2": frozenset[str](), "3": frozenset("c")}
NEW = ["text", "title", "location", "url", "version"]


@contextmanager
def waiting_for_a_lock(engine: Engine, act: Callable[[], Any]) -> Iterator[threading.Thread]:
    """Run `act` beside the block, which begins when `act` waits for a lock that somebody else holds."""
    thread = threading.Thread(target=act)
    thread.start()
    observer = make_engine(engine.url)
    with observer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while thread.is_alive() and not connection.scalar(text(waits)):
            pass
        assert thread.is_alive(), "it waits"
        yield thread
    thread.join(20)
    observer.dispose()
    assert not thread.is_alive()


def test_a_page_is_written_with_body_feed_row_and_no_failure(store: Store, engine: Engine) -> None:
    """All of it in one transaction; an insert that is repeated changes nothing for consumers and makes no feed row."""
    with leased(store) as space:
        assert space.write_pages([write("2"), write("1")]) == WriteResult()
        assert space.write_pages([write("1", seen="HR", action=ChangeAction.UPDATE)]) == WriteResult()
        stored = space.stored_pages()

    assert sorted(stored) == ["1", "2"]
    assert stored["1"].live
    assert stored["1"].has_body
    assert feed(engine) == [("1", "insert", NEW), ("2", "insert", NEW)]


def test_a_chunk_that_is_too_large_is_refused(store: Store) -> None:
    """No transaction grows without a limit."""
    with leased(store) as space, pytest.raises(ValueError, match="at most 250"):
        space.write_pages([write(str(number)) for number in range(251)])


@pytest.mark.parametrize(
    "refused",
    [{"7"}, {"0", "124", "125", "249"}, set(map(str, range(100, 110))), set(map(str, range(3, 250, 15)))],
    ids=len,
)
def test_each_page_that_is_refused_fails_alone(store: Store, engine: Engine, refused: set[str]) -> None:
    """However many there are in a chunk, and where; PostgreSQL holds 64 savepoints of a transaction in memory."""
    ids = [str(number) for number in range(250)]
    pages = [write(page_id, body="\ud800" if page_id in refused else "<p>x</p>") for page_id in ids]
    savepoints: list[str] = []
    event.listen(engine, "savepoint", lambda _connection, name: savepoints.append(name))
    kept: list[str] = []
    event.listen(engine, "release_savepoint", lambda _connection, name, _context: kept.append(name))
    with leased(store) as space:
        result = space.write_pages(pages)
        stored = space.stored_pages()

    assert result == WriteResult(failed=frozenset(refused))
    assert stored.keys() == set(ids) - refused
    assert len(savepoints) <= 2 + 16 * len(refused)
    assert len(kept) == 1
    told = [page_id for page_id, *_ in feed(engine)]
    assert sorted(told) == sorted(set(ids) - refused), "what was rolled back and written again is told once"


def test_a_page_that_stands_twice_in_a_chunk_is_written_where_another_is_refused(store: Store, engine: Engine) -> None:
    """One statement cannot write a row twice, and what was accepted in halves is refused together."""
    with leased(store) as space:
        result = space.write_pages([write("1"), write("2", body="\ud800"), write("1", body="<p>y</p>"), write("3")])

    assert result == WriteResult(failed=frozenset({"2"}))
    assert ask(engine, "SELECT id, content_hash FROM confluence_pages ORDER BY id") == [
        {"id": "1", "content_hash": "hash of <p>y</p>"},
        {"id": "3", "content_hash": "hash of <p>x</p>"},
    ]


def test_a_page_that_was_accepted_and_then_refused_is_not_told(store: Store, engine: Engine) -> None:
    """A trigger takes page 3 while page 1 is not there: in a half, and not with all that was accepted."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN
                IF NEW.page_id = '3' AND EXISTS (SELECT FROM page_bodies WHERE page_id = '1') THEN
                    RAISE check_violation;
                END IF;
                RETURN NEW;
            END $$"""
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON public.page_bodies FOR EACH ROW EXECUTE FUNCTION public.refuse()"
        )
    with leased(store) as space:
        result = space.write_pages([write("1"), write("2", body="\ud800"), write("3"), write("4")])

    assert result == WriteResult(failed=frozenset({"2", "3"}))
    assert feed(engine) == [("1", "insert", NEW), ("4", "insert", NEW)]


def test_a_row_that_another_space_took_over_is_not_written(store: Store, engine: Engine) -> None:
    """The plan saw the page in HR; IT has written it since, and its row stays IT's."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
    with leased(store, IT) as space:
        assert space.write_pages([write("1", IT, seen="HR", action=ChangeAction.MOVE)]) == WriteResult()
    before = feed(engine)
    for body in ("<p>y</p>", None):
        with leased(store) as space:
            result = space.write_pages([write("1", seen="HR", body=body, title="Older")])
            assert result == WriteResult(superseded=frozenset({"1"}))

    assert feed(engine) == before
    assert ask(engine, "SELECT space_key, title FROM confluence_pages WHERE id = '1'") == [
        {"space_key": "IT", "title": "Page 1"}
    ]


def test_a_head_is_not_written_over_the_body_of_another_version(store: Store, engine: Engine) -> None:
    """The plan compared version 1; B has stored version 2 since, under which A's title and version would be wrong."""
    with leased(store, IT) as space:
        space.write_pages([write("1", IT)])
        space.write_pages([write("1", IT, seen="IT", body="<p>two</p>", version=2, action=ChangeAction.UPDATE)])
    with leased(store) as space:
        result = space.write_pages([write("1", seen="IT", body=None, action=ChangeAction.MOVE)])

    assert result == WriteResult(superseded=frozenset({"1"}))
    assert ask(engine, "SELECT space_key, version FROM confluence_pages") == [{"space_key": "IT", "version": 2}]


def test_a_page_that_was_purged_since_is_not_written(store: Store) -> None:
    """Somebody erased it between plan and write."""
    with leased(store) as space:
        for body in ("<p>x</p>", None):
            result = space.write_pages([write("1", seen="HR", body=body, action=ChangeAction.MOVE)])
            assert result.superseded == {"1"}
        assert space.stored_pages() == {}


def test_of_two_spaces_that_insert_a_page_the_first_one_wins(store: Store, engine: Engine) -> None:
    """Neither saw a row. The second waits for the first, and then drops its write."""
    results: list[WriteResult] = []
    other = Store(make_engine(engine.url))
    with leased(store) as space, leased(other, IT) as later, engine.connect() as connection:
        connection.execute(text(
            "INSERT INTO public.confluence_pages (id, title, space_key, content_hash, last_updated, version, url,"
            " status, metadata_digest) VALUES ('1', 'First', 'HR', '', now(), 1, '', 'current', '')"
        ))  # fmt: skip
        with waiting_for_a_lock(engine, lambda: results.append(later.write_pages([write("1", IT), write("2", IT)]))):
            connection.commit()
        assert results == [WriteResult(superseded=frozenset({"1"}))]
        assert [page for page, _, _ in feed(engine)] == ["2"]
        assert space.stored_pages()["1"].space_key == "HR"
    other.engine.dispose()


def test_rows_are_locked_in_the_order_of_their_ids(store: Store, engine: Engine) -> None:
    """Whatever order the pages are given in: two spaces that write the same pages wait, and do not deadlock."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
    locked: list[list[str]] = []

    def listener(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "FOR UPDATE" in statement and "confluence_pages.title" in statement:
            locked.append([statement.rpartition("ORDER BY")[2].split()[0], *parameters["ids"]])

    event.listen(engine, "before_cursor_execute", listener)
    with leased(store) as space:
        space.write_pages([write("2", seen="HR"), write("1", seen="HR")])
        space.hide([decision("2"), decision("1")])
        space.remove([decision("2"), decision("1")])
        space.purge(["2", "1"])
    event.remove(engine, "before_cursor_execute", listener)

    assert len(locked) == 4
    assert {order for order, *_ in locked} == {"public.confluence_pages.id"}


def test_files_of_pages_that_move_are_locked_in_the_order_of_their_ids(store: Store, engine: Engine) -> None:
    """While the move waits for the first of them it holds none of the others, wherever their rows stand."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
        space.write_items(ATTACHMENTS, [file("a2", "1", "a.txt")])
        space.write_items(ATTACHMENTS, [file("a1", "2", "a.txt")])
    other = Store(make_engine(engine.url))
    with leased(other, IT) as mover, engine.connect() as connection:
        connection.execute(text("SELECT FROM public.page_attachments WHERE id = 'a1' FOR UPDATE"))
        moves = [write(each, IT, seen="HR", action=ChangeAction.MOVE) for each in ("1", "2")]
        with waiting_for_a_lock(engine, lambda: mover.write_pages(moves)):
            connection.execute(text("SELECT FROM public.page_attachments FOR UPDATE NOWAIT"))
            connection.rollback()
    other.engine.dispose()


def test_changed_fields_are_those_against_the_row_as_it_is_when_it_is_locked(store: Store, engine: Engine) -> None:
    """IT brings back the page while HR hides it: the feed ends as the row does."""
    with leased(store) as space:
        space.write_pages([write("1")])
    other = Store(make_engine(engine.url))
    with leased(store) as hider, leased(other, IT) as mover, engine.connect() as connection:
        connection.execute(text("SELECT FROM public.confluence_pages FOR UPDATE"))
        move = write("1", IT, seen="HR", action=ChangeAction.MOVE)
        with waiting_for_a_lock(engine, lambda: hider.hide([decision("1")])) as hiding:
            connection.rollback()
        hiding.join()
        mover.write_pages([move])
    other.engine.dispose()

    assert feed(engine)[1:] == [("1", "hide", ["hidden"]), ("1", "restore", ["location", "restored"])]


def test_a_conflict_is_tried_once_more(engine: Engine) -> None:
    """A row that somebody locked: the second try waits again; when the lock is gone meanwhile, it succeeds."""
    quick = Store(make_engine(engine.url, lock_timeout_seconds=0.1))
    with leased(quick) as space:
        space.write_pages([write("1")])
        with engine.connect() as connection:
            connection.execute(text("SELECT FROM public.confluence_pages FOR UPDATE"))
            with pytest.raises(DatabaseConflict, match="55P03"):
                space.write_pages([write("1", seen="HR", version=2)])
            refused: list[int] = []

            def let_go(*_: object) -> None:
                refused.append(1)
                connection.rollback()

            event.listen(quick.engine, "handle_error", let_go)
            assert space.write_pages([write("1", seen="HR", version=2)]) == WriteResult()
    quick.engine.dispose()

    assert len(refused) == 1
    assert [action for _, action, _ in feed(engine)] == ["insert", "update"]


def test_a_page_that_the_database_refuses_costs_only_itself(store: Store, engine: Engine) -> None:
    """The others of its chunk are written, and it is recorded; what cannot be encoded is refused likewise."""
    writes = [
        write("1"),
        write("2", title="nul\0"),
        write("3", title="half \ud83d of a pair"),
        write("4", version=2**40),
    ]
    with leased(store) as space:
        assert space.write_pages(writes) == WriteResult(failed=frozenset({"2", "3", "4"}))
        assert sorted(space.stored_pages()) == ["1"]
        assert space.failing_pages() == ["2", "3", "4"]
        assert space.failing_pages(due_only=True) == []
        assert space.write_pages([write("2")]) == WriteResult()
        assert space.failing_pages() == ["3", "4"]

    rows = ask(engine, "SELECT page_id, error_class, stage FROM page_failures ORDER BY 1")
    assert [(row["page_id"], row["error_class"]) for row in rows] == [
        ("3", "UnicodeEncodeError"),
        ("4", "NumericValueOutOfRange"),
    ]


def test_a_restore_clears_every_mark(store: Store, engine: Engine) -> None:
    """Hidden and removed pages come back, with their stored body or a new one."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
        space.hide([decision("1"), decision("2")])
        space.remove([decision("1"), decision("2")])
        space.write_pages(
            [
                write("1", seen="HR", body=None, action=ChangeAction.RESTORE),
                write("2", seen="HR", body="<p>y</p>", action=ChangeAction.RESTORE),
            ]
        )

    marks = "hidden_at, hidden_reason, removed_at, removed_reason, missing_since_run_id"
    assert {tuple(row.values()) for row in ask(engine, f"SELECT {marks} FROM confluence_pages")} == {(None,) * 5}
    assert sorted(feed(engine)[-2:]) == [("1", "restore", ["restored"]), ("2", "restore", ["text", "restored"])]
    assert [row["storage"] for row in ask(engine, "SELECT storage FROM live_pages ORDER BY id")] == [
        "<p>x</p>",
        "<p>y</p>",
    ]


def test_a_body_that_is_the_same_is_not_written_again(store: Store, engine: Engine) -> None:
    """A renamed page costs its row, not its text; a body that somebody changed by hand is healed."""
    with leased(store) as space:
        space.write_pages([write("1")])
        (before,) = ask(engine, "SELECT xmin::text AS written FROM page_bodies")
        space.write_pages([write("1", seen="HR", title="Other")])
        assert ask(engine, "SELECT xmin::text AS written FROM page_bodies") == [before]
        tell(engine, "UPDATE page_bodies SET storage = 'changed'")
        space.write_pages([write("1", seen="HR")])

    assert ask(engine, "SELECT storage FROM page_bodies") == [{"storage": "<p>x</p>"}]


def test_a_page_without_its_body_is_seen(store: Store, engine: Engine) -> None:
    """A plan fetches it again."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
        tell(engine, "DELETE FROM page_bodies WHERE page_id = '2'")

        assert {page_id: page.has_body for page_id, page in space.stored_pages().items()} == {"1": True, "2": False}
        assert not store.stored_by_id(["2"])["2"].has_body


def test_labels_are_written_where_the_page_is_live(store: Store, engine: Engine) -> None:
    """Sorted, with a feed row each; a page that is not live here is left alone."""
    steps = [LabelStep(page_id=each, labels=labels, reason="labels") for each, labels in LABELS.items()]
    with leased(store) as space:
        space.write_pages([write("1"), write("2"), write("3")])
        space.hide([decision("3", reason=WithdrawalReason.NOT_VISIBLE)])
        assert space.write_labels(steps) == steps[:2]
        assert space.stored_labels() == {"1": frozenset("ab"), "2": frozenset()}

    assert ask(engine, "SELECT labels FROM confluence_pages ORDER BY id") == [
        {"labels": ["a", "b"]},
        {"labels": []},
        {"labels": None},
    ]
    assert feed(engine)[-2:] == [("1", "relabel", ["labels"]), ("2", "relabel", ["labels"])]


def test_a_chunk_costs_eight_round_trips(store: Store, engine: Engine) -> None:
    """BEGIN, settings, lease, rows, savepoint, one statement, release, COMMIT: over a network each of them counts."""
    statements: list[str] = []
    with leased(store) as space:
        event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        space.write_pages([write(str(number)) for number in range(50)])
        written = list(statements)

    assert [statement.split()[0] for statement in written] == [
        *("SELECT", "SELECT", "SELECT", "SAVEPOINT", "WITH", "RELEASE", "WITH")
    ]


def test_the_feed_has_one_writer() -> None:
    """Only one module names the table of the feed in an insert."""
    from pathlib import Path  # noqa: PLC0415

    import hr_sync.store.write  # noqa: PLC0415

    folder = Path(hr_sync.store.write.__path__[0])
    users = {path.name for path in folder.glob("*.py") if "INSERT INTO {schema}.content_changes" in path.read_text()}
    assert users == {"changes.py"}
    others = {path for path in folder.glob("*.py") if "ContentChange" in path.read_text()}
    assert {path.name for path in others} == {"feed.py", "purge.py", "retention.py"}
    for path in others:
        assert "insert(ContentChange" not in path.read_text()
        assert "insert(_CHANGES" not in path.read_text()


def test_words_that_are_none_are_refused_by_the_database(store: Store, engine: Engine) -> None:
    """Whatever writes into the tables: actions, fields, reasons, stages, modes and outcomes are those of the enums."""
    with leased(store) as space:
        space.write_pages([write("1")])
    for statement in (
        "UPDATE content_changes SET action = 'renamed'",
        "UPDATE content_changes SET changed_fields = '{colour}'",
        "UPDATE content_changes SET changed_fields = '{}'",
        "UPDATE confluence_pages SET hidden_at = now(), hidden_reason = 'because'",
        "UPDATE confluence_pages SET hidden_at = now()",
        "UPDATE confluence_pages SET removed_reason = 'trashed'",
        "UPDATE sync_runs SET mode = 'wide'",
        "UPDATE sync_runs SET outcome = 'fine'",
        "UPDATE sync_spaces SET last_outcome = 'fine'",
        "INSERT INTO page_failures SELECT '1', 'HR', 'dreaming', '', '', 1, 1, now(), now(), now(), 1",
    ):
        with pytest.raises(Exception, match="CheckViolation"):
            tell(engine, statement)


def test_known_spaces(store: Store, engine: Engine) -> None:
    """Spaces with pages that are not removed, or failures, or that are not gone; also where the row of one was lost."""
    assert store.stored_spaces() == []
    with leased(store) as space:
        space.write_pages([write("1")])
    with leased(store, IT):
        pass
    known = [(each.key, each.id, each.name) for each in store.stored_spaces()]
    assert known == [("HR", "1", HR.name), ("IT", "2", IT.name)]
    store.mark_gone(["HR", "IT"])
    assert [each.key for each in store.stored_spaces()] == ["HR"]
    tell(engine, "DELETE FROM sync_spaces")
    assert [(each.key, each.id, each.name) for each in store.stored_spaces()] == [("HR", "1", "")]


def test_the_feed_says_what_a_write_is_to_consumers(store: Store, engine: Engine) -> None:
    """Another run may have hidden or written the page since it was planned: no update of what nobody sees."""
    with leased(store) as space:
        space.write_pages([write("1"), write("2")])
        space.hide([decision("1", reason=WithdrawalReason.NOT_VISIBLE)])
        told = len(feed(engine))
        space.write_pages(
            [
                write("1", seen="HR", action=ChangeAction.UPDATE, title="Later"),
                write("2", seen="HR", action=ChangeAction.INSERT, title="Later"),
                write("3", action=ChangeAction.UPDATE),
            ]
        )

    assert [(page_id, action) for page_id, action, _ in feed(engine)[told:]] == [
        ("1", "restore"),
        ("2", "update"),
        ("3", "insert"),
    ]
