"""The order of the feed is that of the commits, and a consumer that cannot go on is told so."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessMode, AccessPolicy, Restriction
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.feed import ConsumerState, FeedChange, FeedPosition
from hr_sync.errors import SchemaError, SnapshotNeeded, UsageError
from hr_sync.store.engine import make_engine, make_sessions, session_scope
from hr_sync.store.read.feed import begin_snapshot, snapshot_rows
from hr_sync.store.schema import make_missing_rows
from hr_sync.store.store import Store
from hr_sync.store.write.changes import (
    Change,
    Restricted,
    begin_changes,
    feed_lock,
    record_changes,
    record_restricted,
    write_changes,
)
from hr_sync.store.write.text_rows import SectionWrite, TextWrite
from hr_sync.store.write.texts import write_texts
from tests.store.spaces import HR, ask, decision, leased, record, tell, write
from tests.store.test_writing_pages import waiting_for_a_lock
from tests.support.database import connect
from tests.support.dump import restore_into

START = 0  # of a consumer that begins before anything was written


@pytest.fixture
def bot(store: Store) -> Store:
    """Store with a consumer that has taken a snapshot of nothing."""
    begin(store)
    return store


def begin(store: Store, name: str = "bot") -> FeedPosition:
    """Take a snapshot, and forget its rows."""
    position = store.feed.snapshot("live_pages", lambda _: None, lambda _: None)
    store.feed.start_consumer(name, position)
    return position


def unread(store: Store, name: str = "bot", **options: Any) -> list[FeedChange]:
    """Return what a consumer has not acknowledged."""
    return list(store.feed.changes_after(store.feed.position(name), consumer=name, limit=1000, **options))


def test_changes_are_read_in_order_until_they_are_acknowledged(bot: Store) -> None:
    """Again and again, and then no more; each names what has changed."""
    with leased(bot) as space:
        space.write_pages([write("2"), write("1")])
        space.hide([decision("1")])
    first = unread(bot)

    assert [(each.page_id, each.action, each.kind) for each in first] == [
        ("1", "insert", "page"),
        ("2", "insert", "page"),
        ("1", "hide", "page"),
    ]
    assert unread(bot) == first
    assert [each.seq for each in first] == sorted({each.seq for each in first})
    bot.feed.ack("bot", first[1].seq, epoch=first[1].epoch)
    assert unread(bot) == first[2:]
    bot.feed.ack("bot", first[2].seq)
    bot.feed.ack("bot", first[2].seq)  # a second attempt after an answer that was lost
    assert unread(bot) == []


def test_the_short_form_has_the_last_change_of_each_page(bot: Store) -> None:
    """It names no fields, which would be those of the last change alone; a piece of it may be acknowledged."""
    with leased(bot) as space:
        space.write_pages([write("1"), write("2"), write("3")])
        space.write_pages([write("2", seen="HR", version=2, title="Other")])
    short = unread(bot, compact=True)

    assert [(each.page_id, each.action, each.changed_fields, each.sections_added) for each in short] == [
        ("1", "insert", None, None),
        ("3", "insert", None, None),
        ("2", "update", None, None),
    ]
    (first,) = bot.feed.changes_after(bot.feed.position("bot"), consumer="bot", limit=1, compact=True)
    bot.feed.ack("bot", first.seq)
    assert {each.page_id for each in unread(bot, compact=True)} == {"2", "3"}


def test_numbers_are_given_under_the_lock_alone(bot: Store, engine: Engine) -> None:
    """A writer that waits for the lock has no number yet: whoever has the lock commits the smaller one."""
    last = "SELECT last_value AS n FROM pg_sequences WHERE sequencename = 'content_changes_seq_seq'"
    with leased(bot) as space:
        space.write_pages([write("1")])
        before = ask(engine, last)
        with connect(engine) as other, other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(%s)", (feed_lock("public"),))
            thread = threading.Thread(target=space.write_pages, args=([write("2")],))
            thread.start()
            waits = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while ask(engine, waits) == [{"n": 0}]:
                assert thread.is_alive()
            assert ask(engine, last) == before
            assert [each.page_id for each in unread(bot)] == ["1"]
        thread.join()
    assert [each.page_id for each in unread(bot)] == ["1", "2"]


def test_the_lock_is_the_last_thing_that_a_transaction_waits_for(bot: Store, engine: Engine) -> None:
    """Two transactions that change the same pages wait for each other's rows and for the lock, and do not deadlock."""
    pages = [str(number) for number in range(20)]
    with leased(bot) as space:
        space.write_pages([write(page_id) for page_id in pages])

        def write_heads(turn: int) -> None:
            space.write_pages([write(page_id, seen="HR", version=turn + 2) for page_id in reversed(pages)])

        def write_texts(turn: int) -> None:
            bot.write_texts([text(page_id, f"section {turn}") for page_id in pages])

        side_by_side([partial(repeat, write_heads, 15), partial(repeat, write_texts, 15)])
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert ask(engine, deadlocks) == [{"deadlocks": 0}]
    assert len(unread(bot)) == 20 * (1 + 15 + 15)


def repeat(act: Callable[[int], None], times: int) -> None:
    """Do something again and again."""
    for turn in range(times):
        act(turn)


def side_by_side(works: Sequence[Callable[[], None]]) -> None:
    """Do several things at the same time. Raise what one of them raises."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def text(page_id: str, words: str) -> TextWrite:
    """Return the text of a page that `write` has written: one section."""
    section = SectionWrite(
        section_id=f"section of {page_id}",
        ordinal=0,
        level=1,
        parent_section_id=None,
        heading_path=["Heading"],
        text=words,
        embed_text=words,
        text_hash=words,
    )
    return TextWrite(
        page_id=page_id,
        content_hash="hash of <p>x</p>",
        title=f"Page {page_id}",
        space_key="HR",
        renderer_version=1,
        section_size=2000,
        search_languages=("english",),
        markdown=words,
        parsed_as="strict",
        has_computed_content=False,
        hidden_characters=0,
        unknown_macros={},
        sections=[section],
    )


def test_foreign_transactions_hold_nothing_back(bot: Store, engine: Engine, postgres_server: str) -> None:
    """Neither one that has written in another database, nor one that was prepared and left, nor an old snapshot."""
    with connect(engine) as prepared:
        prepared.execute("CREATE TABLE elsewhere (n int)")
        prepared.execute("BEGIN; INSERT INTO elsewhere VALUES (1); PREPARE TRANSACTION 'left'")
        horizon = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin"
        before = prepared.execute(horizon.encode()).fetchone()
        with (
            psycopg.connect(make_url(postgres_server).set(drivername="postgresql").render_as_string(False)) as foreign,
            connect(engine) as snapshot,
        ):
            foreign.execute("SELECT pg_current_xact_id()")
            snapshot.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            with leased(bot) as space:
                space.write_pages([write("1")])

            assert prepared.execute(horizon.encode()).fetchone() == before, "the horizon stands still"
            assert [each.page_id for each in unread(bot)] == ["1"]
            snapshot.execute("COMMIT")
            foreign.rollback()
        prepared.execute("ROLLBACK PREPARED 'left'")


@pytest.mark.parametrize(("seq", "words"), [(4, "beyond the last change, which is 3"), (1, "acknowledged 2 already")])
def test_an_acknowledgement_that_cannot_be_is_refused(bot: Store, seq: int, words: str) -> None:
    """Of more than there is, or of less than before; the position stays."""
    with leased(bot) as space:
        space.write_pages([write("1"), write("2"), write("3")])
    bot.feed.ack("bot", 2)

    with pytest.raises(UsageError, match=words):
        bot.feed.ack("bot", seq)
    assert bot.feed.position("bot").seq == 2


def test_an_acknowledgement_of_another_epoch_is_refused(bot: Store) -> None:
    """Also where the consumer itself has begun anew since."""
    with leased(bot) as space:
        space.write_pages([write("1")])
    with pytest.raises(SnapshotNeeded, match="another epoch") as raised:
        bot.feed.ack("bot", 1, epoch="00000000-0000-0000-0000-000000000000")
    assert raised.value.reason == "epoch"
    assert bot.feed.position("bot").seq == START


def test_an_unknown_consumer_begins_with_a_snapshot(store: Store) -> None:
    """It would miss what was there before."""
    for ask_for in (store.feed.position, partial(store.feed.ack, seq=1)):
        with pytest.raises(SnapshotNeeded, match=r"hr-sync changes snapshot --consumer 'bot'\"'\"'s'") as raised:
            ask_for("bot's")
        assert (raised.value.reason, raised.value.exit_code) == ("new", 5)


def test_a_consumer_can_be_removed(bot: Store) -> None:
    """And is unknown then."""
    assert [each.name for each in bot.feed.consumers()] == ["bot"]
    assert bot.feed.remove_consumer("bot")
    assert not bot.feed.remove_consumer("bot")
    assert bot.feed.consumers() == []


def test_consumers_are_listed_with_how_far_they_are(bot: Store, engine: Engine) -> None:
    """Rows that wait, and the age of the oldest."""
    (idle,) = bot.feed.consumers()
    assert (idle.state, idle.lag_rows, idle.lag) == (ConsumerState.CURRENT, 0, timedelta(0))
    with leased(bot) as space:
        space.write_pages([write("1"), write("2")])
    tell(engine, "UPDATE content_changes SET changed_at = now() - interval '2 hours' WHERE seq = 1")
    (behind,) = bot.feed.consumers()
    assert (behind.lag_rows, behind.position.seq) == (2, START)
    assert timedelta(hours=2) <= behind.lag < timedelta(hours=3)
    bot.feed.ack("bot", 1)
    (less,) = bot.feed.consumers()
    assert less.lag_rows == 1
    assert less.lag < timedelta(minutes=1)
    assert less.acked_at is not None


def test_a_snapshot_is_what_the_changes_after_it_continue(bot: Store, engine: Engine) -> None:
    """What commits while it is read is not in it, and comes after its position."""
    with leased(bot) as space:
        space.write_pages([write(str(number)) for number in range(3)])
        with session_scope(make_sessions(engine)) as session:
            position = begin_snapshot(session)
            space.write_pages([write("8")])
            space.hide([decision("0")])
            shown = [row["id"] for row in snapshot_rows(session, "live_pages")]
    bot.feed.start_consumer("other", position)

    assert shown == ["0", "1", "2"]
    assert [(each.page_id, each.action) for each in unread(bot, "other")] == [("8", "insert"), ("0", "hide")]


def age(engine: Engine, up_to: int) -> None:
    """Make changes old."""
    tell(engine, f"UPDATE content_changes SET changed_at = now() - interval '100 days' WHERE seq <= {up_to}")


MONTHS = timedelta(days=90)
WEEKS = timedelta(days=14)


def test_retention_keeps_what_a_live_consumer_has_not_acknowledged(bot: Store, engine: Engine) -> None:
    """By age, and by the slowest consumer that was seen lately; one that was not seen is overtaken, and told so."""
    begin(bot, "slow")
    with leased(bot) as space:
        space.write_pages([write(str(number)) for number in range(4)])
    age(engine, 3)
    bot.feed.ack("bot", 4)
    bot.feed.ack("slow", 2)

    assert bot.prune_history(MONTHS, seen_within=WEEKS) == 2
    assert [each.seq for each in unread(bot, "slow")] == [3, 4]
    tell(engine, "UPDATE feed_consumers SET seen_at = now() - interval '15 days' WHERE name = 'slow'")
    assert bot.prune_history(MONTHS, seen_within=WEEKS) == 1
    assert ask(engine, "SELECT seq FROM content_changes") == [{"seq": 4}]
    for refused in (lambda: unread(bot, "slow"), lambda: bot.feed.ack("slow", 4)):
        with pytest.raises(SnapshotNeeded, match="Changes up to 3 were deleted") as raised:
            refused()
        assert raised.value.reason == "overtaken"
    states = {each.name: each.state for each in bot.feed.consumers()}
    assert states == {"bot": "current", "slow": "overtaken"}
    begin(bot, "slow")
    assert unread(bot, "slow") == []


def test_a_consumer_is_seen_when_it_acknowledges_or_has_nothing_to_read(bot: Store, engine: Engine) -> None:
    """Reading alone does not count: one that never acknowledges would keep the feed for ever."""
    long_ago, seen = (
        "seen_at = now() - interval '20 days'",
        "SELECT seen_at > now() - interval '1 h' AS s FROM feed_consumers",
    )
    tell(engine, f"UPDATE feed_consumers SET {long_ago}")
    bot.feed.note_seen("bot")
    assert ask(engine, seen) == [{"s": True}]
    with leased(bot) as space:
        space.write_pages([write("1")])
    tell(engine, f"UPDATE feed_consumers SET {long_ago}")
    bot.feed.note_seen("bot")
    assert ask(engine, seen) == [{"s": False}]
    bot.feed.ack("bot", 1)
    assert ask(engine, seen) == [{"s": True}]


def test_what_was_deleted_while_a_snapshot_was_read_is_missed(bot: Store, engine: Engine) -> None:
    """The position is refused; nothing is missed in silence."""
    position = FeedPosition(epoch=bot.feed.position("bot").epoch, seq=1)
    with leased(bot) as space:
        space.write_pages([write("1"), write("2"), write("3")])
    age(engine, 3)
    bot.feed.ack("bot", 3)
    bot.prune_history(MONTHS)

    with pytest.raises(SnapshotNeeded):
        bot.feed.start_consumer("late", position)


def test_the_end_of_an_emptied_feed_is_where_it_was(bot: Store, engine: Engine) -> None:
    """Numbers go on after everything was deleted."""
    with leased(bot) as space:
        space.write_pages([write("1")])
    age(engine, 1)
    bot.feed.ack("bot", 1)
    assert bot.prune_history(MONTHS, seen_within=WEEKS) == 1
    assert begin(bot, "late").seq == 1
    assert unread(bot) == []


def test_a_purge_is_told_to_whoever_had_the_page(bot: Store) -> None:
    """Its older rows are erased with it, and this is no gap."""
    with leased(bot) as space:
        space.write_pages([write("1"), write("2")])
        bot.feed.ack("bot", 1)
        space.purge(["1"])
    assert [(each.page_id, each.action) for each in unread(bot)] == [("2", "insert"), ("1", "purge")]


def test_a_restored_database_has_another_epoch(bot: Store, engine: Engine, database_url: str) -> None:
    """Within one server too: numbers that were given after the dump would mean something else."""
    with leased(bot) as space:
        space.write_pages([write("1")])
    restore_into(engine.url.render_as_string(hide_password=False), database_url)
    restored = make_engine(database_url)
    try:
        there = Store(restored)
        assert [row["page_id"] for row in ask(restored, "SELECT page_id FROM content_changes")] == ["1"]
        with pytest.raises(SnapshotNeeded, match="another epoch") as raised:
            unread(there)
        assert raised.value.reason == "epoch"
        assert [each.state for each in there.feed.consumers()] == ["other_epoch"]
        with pytest.raises(SnapshotNeeded):
            there.feed.ack("bot", 1)
        assert begin(there).epoch != bot.feed.position("bot").epoch
        assert unread(there) == []
    finally:
        restored.dispose()
    assert [each.page_id for each in unread(bot)] == ["1"], "the first one is as it was"


def test_tables_that_are_made_anew_begin_another_epoch(bot: Store, engine: Engine) -> None:
    """A seed of their own; without its row no position is valid."""
    before = bot.feed.position("bot").epoch
    tell(engine, "UPDATE feed_state SET seed = gen_random_uuid()")
    assert begin(bot, "other").epoch != before
    tell(engine, "DELETE FROM feed_state")
    with pytest.raises(SchemaError, match="hr-sync init-db"):
        begin(bot)
    make_missing_rows(engine)
    assert begin(bot).epoch != before


@pytest.fixture
def enforced(bot: Store) -> Store:
    """Store whose pages are shown by recent facts alone."""
    from tests.store.test_access_facts import OPEN, node  # noqa: PLC0415

    bot.apply_access_policy(AccessPolicy())
    with leased(bot) as space:
        space.write_pages([write("1"), write("2")])
        space.write_access(OPEN, [node("1"), node("2")], began_at=bot.now())
    bot.feed.ack("bot", unread(bot)[-1].seq)
    return bot


def told(store: Store) -> list[tuple[str, str]]:
    """Return page and action of what a consumer has not acknowledged, and acknowledge it."""
    found = unread(store)
    if found:
        store.feed.ack("bot", found[-1].seq)
    return [(each.page_id, each.action) for each in found]


def test_a_page_has_one_row_a_transaction(enforced: Store, engine: Engine) -> None:
    """With everything that has changed; who may read a page that is new is no change of it."""
    ann = Restriction(users=frozenset({"ann"}))
    edited = write("1", seen="HR", action=ChangeAction.UPDATE, version=2, body="<p>y</p>", restriction=ann)
    with leased(enforced) as space:
        space.write_pages([edited, write("3", restriction=Restriction())])
    assert [(each.page_id, sorted(each.changed_fields or ())) for each in unread(enforced)] == [
        ("1", ["restrictions", "text", "version"]),
        ("3", ["location", "text", "title", "url", "version"]),
    ]
    assert [row["id"] for row in ask(engine, "SELECT id FROM live_pages ORDER BY id")] == ["2", "3"]


BOTH = [("1", "restrict"), ("2", "restrict")]


def test_what_goes_by_age_is_told_and_what_comes_back_too(enforced: Store, engine: Engine) -> None:
    """Nothing else is written when facts become too old."""
    from tests.store.test_access_facts import OPEN, node  # noqa: PLC0415

    assert enforced.feed.tell_recency() == 0
    tell(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '25 h'")
    assert ask(engine, "SELECT id FROM live_pages") == []
    assert enforced.feed.tell_recency() == 2
    assert told(enforced) == BOTH
    assert enforced.feed.tell_recency() == 0

    with leased(enforced) as space:
        space.write_access(OPEN, [node("1"), node("2")], began_at=enforced.now())
    assert len(ask(engine, "SELECT id FROM live_pages")) == 2
    assert told(enforced) == BOTH


def test_an_expiry_that_nobody_has_told_is_told_when_it_ends(enforced: Store, engine: Engine) -> None:
    """A consumer may have read the pages meanwhile, and found none."""
    from tests.store.test_access_facts import OPEN, node  # noqa: PLC0415

    tell(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '25 h'")
    with leased(enforced) as space:
        space.write_access(OPEN, [node("1"), node("2")], began_at=enforced.now())
    assert told(enforced) == BOTH
    with leased(enforced) as space:
        space.write_access(OPEN, [node("1"), node("2")], began_at=enforced.now())
    assert told(enforced) == []


def test_an_age_that_the_settings_change_is_told(enforced: Store, engine: Engine) -> None:
    """In the transaction that changes it."""
    tell(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '2 h'")
    enforced.apply_access_policy(AccessPolicy(max_age_hours=1))
    assert ask(engine, "SELECT id FROM live_pages") == []
    assert told(enforced) == BOTH
    enforced.apply_access_policy(AccessPolicy(max_age_hours=3))
    assert len(ask(engine, "SELECT id FROM live_pages")) == 2
    assert told(enforced) == BOTH


def test_a_space_that_is_proven_again_is_told(enforced: Store, engine: Engine) -> None:
    """Pages that are hidden until a complete look come with it."""
    enforced.apply_access_policy(AccessPolicy(hide_after_hours=1))
    assert told(enforced) == BOTH
    with leased(enforced) as space:
        space.finish(lambda _: record(looked_at_all=True), clear_old_failures=False)
    assert len(ask(engine, "SELECT id FROM live_pages")) == 2
    assert told(enforced) == BOTH
    with leased(enforced) as space:
        space.finish(lambda _: record(looked_at_all=True), clear_old_failures=False)
    assert told(enforced) == []


def test_a_process_that_is_stopped_before_its_commit_loses_the_lock_soon(bot: Store, engine: Engine) -> None:
    """Sooner than other writers give up."""
    found: list[str] = []

    def look(connection: Connection) -> None:
        found.append(str(connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar()))

    with leased(bot) as space:
        event.listen(engine, "commit", look)
        space.write_pages([write("1")])
        event.remove(engine, "commit", look)
    assert found == ["10s"]


def test_a_transaction_that_is_rolled_back_tells_nothing(bot: Store, engine: Engine) -> None:
    """Nor does it leave the lock."""
    tell(
        engine,
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$""",
        "CREATE TRIGGER refuse BEFORE INSERT ON content_changes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    with leased(bot) as space:
        with pytest.raises(Exception, match="refused"):
            space.write_pages([write("1")])
        tell(engine, "DROP TRIGGER refuse ON content_changes")
        assert ask(engine, "SELECT id FROM confluence_pages") == []
        space.write_pages([write("1")])
    assert [each.page_id for each in unread(bot)] == ["1"]
    assert HR.key == unread(bot)[0].space_key


def test_sections_that_go_in_two_steps_of_a_transaction_are_all_told(bot: Store, engine: Engine) -> None:
    """As an erasure of somebody whom text and macros of a page show."""

    def derived(*gone: str) -> Change:
        return Change(
            page_id="1",
            space_key="HR",
            action=ChangeAction.DERIVE,
            changed_fields=(ChangedField.SECTIONS,),
            version=1,
            reason="erased",
            sections_removed=gone,
        )

    with session_scope(make_sessions(bot.engine)) as session:
        begin_changes(session)
        for each in (derived("a"), derived()):
            record_changes(session, 0, [each])
        write_changes(session)
    (told,) = ask(engine, "SELECT sections_removed FROM content_changes ORDER BY seq DESC LIMIT 1")
    assert told["sections_removed"] == ["a"]


def test_what_is_noted_of_many_pages_is_one_change_with_what_is_noted_of_one(bot: Store, engine: Engine) -> None:
    """In any order; the last reason stands, and who may read a page that is new is no change of it."""

    def change(page_id: str, action: ChangeAction, field: ChangedField, **item: str) -> Change:
        shared = {"page_id": page_id, "space_key": "HR", "page_kind": "page", "version": 7, "reason": "one"}
        return Change(**shared | item, action=action, changed_fields=(field,))  # type: ignore[arg-type]

    def restricted(reason: str, *page_ids: str) -> Restricted:
        versions = dict.fromkeys(page_ids, 7)
        return Restricted(space_key="HR", page_kind="page", reason=reason, versions=versions)

    with session_scope(make_sessions(bot.engine)) as session:
        begin_changes(session)
        record_changes(session, 3, [change("before", ChangeAction.UPDATE, ChangedField.TEXT)])
        record_restricted(session, 3, [restricted("many", "after", "before", "new", "only", "twice")])
        record_changes(session, 3, [change("after", ChangeAction.MOVE, ChangedField.LOCATION)])
        record_changes(session, 3, [change("new", ChangeAction.INSERT, ChangedField.TITLE)])
        record_changes(session, 3, [change("only", ChangeAction.UPDATE, ChangedField.TITLE, attachment_id="file")])
        record_restricted(session, 3, [restricted("later", "twice"), restricted("nobody")])
        write_changes(session)

    query = "SELECT page_id, attachment_id, action, changed_fields, reason, run_id, version FROM content_changes"
    assert [
        tuple(row.values())[:5] for row in ask(engine, f"{query} WHERE run_id = 3 AND version = 7 ORDER BY seq")
    ] == [
        ("after", None, "move", ["location", "restrictions"], "one"),
        ("before", None, "update", ["text", "restrictions"], "one"),
        ("new", None, "insert", ["title"], "one"),
        ("only", None, "restrict", ["restrictions"], "many"),
        ("only", "file", "update", ["title"], "one"),
        ("twice", None, "restrict", ["restrictions"], "later"),
    ]


def test_noting_what_changes_in_thousands_of_spaces_takes_no_longer_a_space() -> None:
    """Another audience restricts pages of all spaces in one transaction, which has their rows and the policy locked."""
    pages = [[f"{space}-{page}" for page in range(20)] for space in range(4_000)]
    shared: dict[str, Any] = {"space_key": "HR", "page_kind": "page", "reason": "other people"}
    shown = Change(
        page_id="a page",
        space_key="HR",
        action=ChangeAction.INSERT,
        changed_fields=(ChangedField.RESTRICTIONS,),
        version=1,
        reason="its page is shown",
    )
    with Session() as session:
        begin_changes(session)
        began = time.process_time()
        record_restricted(session, 0, (Restricted(versions=dict.fromkeys(each, 7), **shared) for each in pages))
        record_changes(session, 0, (replace(shown, page_id=space[0], attachment_id="file") for space in pages))
        record_changes(session, 0, (replace(shown, page_id=space[0]) for space in pages))
        record_restricted(session, 0, (Restricted(versions=dict.fromkeys(each[:2], 8), **shared) for each in pages))
        assert time.process_time() - began < 3


def test_another_mode_waits_for_the_texts_that_are_being_written(bot: Store, engine: Engine) -> None:
    """Which comments and files are shown follows from the mode, and the feed tells what is shown of a text."""
    with leased(bot) as space:
        space.write_pages([write("1")])
    bot.apply_access_policy(AccessPolicy())
    other = Store(engine)
    with bot._transactions.session() as session:
        write_texts(session, [text("1", "words")])
        policy = AccessPolicy(mode=AccessMode.ACCOUNT)
        with waiting_for_a_lock(engine, lambda: other.apply_access_policy(policy)):
            session.commit()
    assert ask(engine, "SELECT mode FROM access_policy") == [{"mode": "account"}]


def test_a_text_of_a_page_that_was_hidden_meanwhile_is_not_told(bot: Store) -> None:
    """It comes with the page, whose return is a change."""
    with leased(bot) as space:
        space.write_pages([write("1")])
        space.hide([decision("1")])
        assert bot.write_texts([text("1", "words")]).pages == 1
        assert told(bot) == [("1", "insert"), ("1", "hide")]
        space.write_pages([write("1", seen="HR", action=ChangeAction.RESTORE)])
        assert bot.write_texts([text("1", "words")]).sections_written == 0
        assert bot.write_texts([text("1", "others")]).sections_written == 1
        assert told(bot) == [("1", "restore"), ("1", "derive")]
