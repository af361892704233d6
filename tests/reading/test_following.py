"""A consumer that follows the feed has what the views show, whatever happens between two readings."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from hr_sync.domain.changes import ChangeAction
from hr_sync.errors import ConfigurationError, DatabaseUnavailable, SnapshotNeeded, UsageError
from hr_sync.feed.follow import read_changes
from hr_sync.reading import MirrorStore, open_store
from hr_sync.store.engine import make_engine
from hr_sync.store.store import Store
from tests.reading.conftest import Mirror
from tests.store.spaces import decision, leased, tell, write


@pytest.fixture
def followed(engine: Engine) -> Iterator[MirrorStore]:
    """Open a mirror of the pages 1 to 3, of which the consumer `index` has a copy."""
    with leased(Store(engine)) as space:
        space.write_pages([write(page_id) for page_id in "123"])
    with open_store(engine.url.render_as_string(hide_password=False)) as store:
        with store.snapshot(consumer="index") as mirror:
            assert [page.id for page in mirror.iterate_pages()] == ["1", "2", "3"]
        yield store


def edit(engine: Engine, page_id: str, version: int) -> None:
    """Write a new version of a page."""
    with leased(Store(engine)) as space:
        space.write_pages([write(page_id, version=version, title=f"v{version}", seen="HR", action=ChangeAction.UPDATE)])


def told(store: MirrorStore) -> list[tuple[str, str]]:
    """Return page and action of what `index` has not acknowledged."""
    return [(change.page_id, change.action) for change in store.changes("index")]


def test_changes_come_in_order_until_they_are_acknowledged(followed: MirrorStore, engine: Engine) -> None:
    """At least once, and from behind the last one that was acknowledged on."""
    assert told(followed) == []
    edit(engine, "2", 2)
    edit(engine, "1", 2)
    with leased(Store(engine)) as space:
        space.remove([decision("3")])
    assert told(followed) == told(followed) == [("2", "update"), ("1", "update"), ("3", "remove")]

    first, second, _ = followed.changes("index")
    followed.ack("index", second)
    assert told(followed) == [("3", "remove")]
    followed.ack("index", second)
    with pytest.raises(UsageError, match="before it"):
        followed.ack("index", first)
    assert [change.changed_fields for change in followed.changes("index", compact=True)] == [None]


def test_a_consumer_begins_with_a_snapshot(followed: MirrorStore, engine: Engine) -> None:
    """Also if the copying failed, or if the database was restored, or if its changes were deleted as old."""
    with pytest.raises(SnapshotNeeded) as new:
        list(followed.changes("other"))
    with pytest.raises(ZeroDivisionError), followed.snapshot(consumer="other") as mirror:
        raise ZeroDivisionError(mirror.count())
    with pytest.raises(SnapshotNeeded):
        list(followed.changes("other"))

    edit(engine, "2", 2)
    (change,) = followed.changes("index")
    tell(engine, "UPDATE feed_state SET pruned_seq = 100")
    with pytest.raises(SnapshotNeeded) as overtaken:
        followed.ack("index", change)
    tell(engine, "UPDATE feed_state SET seed = gen_random_uuid(), pruned_seq = 0")
    with pytest.raises(SnapshotNeeded) as restored:
        list(followed.changes("index"))
    with followed.snapshot(consumer="index"):
        pass
    assert told(followed) == []
    assert [each.value.reason for each in (new, overtaken, restored)] == ["new", "overtaken", "epoch"]


def test_what_changes_during_a_snapshot_is_told_after_it(followed: MirrorStore, engine: Engine) -> None:
    """The snapshot does not show it."""
    with followed.snapshot(consumer="late") as mirror:
        edit(engine, "2", 2)
        found = mirror.page("2")
        assert found is not None
        assert found.version == 1
    assert [change.page_id for change in followed.changes("late")] == ["2"]


@pytest.mark.usefixtures("followed")
def test_a_standby_gives_changes_and_keeps_no_position(engine: Engine) -> None:
    """By `hr_sync.reading` and by what the commands are built on; the remedy is in the message."""
    edit(engine, "2", 2)
    tell(engine, f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on")
    url = engine.url.render_as_string(hide_password=False)
    refused = pytest.raises(
        DatabaseUnavailable, match=r"position of consumer \w+ cannot be kept.*Connect to the primary"
    )
    with open_store(url) as store:
        with store.snapshot() as mirror:  # the next transaction of this connection may write again
            assert mirror.count() == 3
        (change,) = store.changes("index")
        with refused, store.snapshot(consumer="late"):
            raise AssertionError("it is refused before anything is copied")
        with refused:
            store.ack("index", change)
    here = make_engine(engine.url)
    feed = Store(here).feed
    assert [each.page_id for each in read_changes(feed, "index")] == ["2"]
    with refused:
        feed.ack("index", change.seq)
    with refused:
        feed.check_keeps_positions("late")
    with refused:
        feed.remove_consumer("index")
    here.dispose()
    assert [(each.name, each.lag_rows) for each in Store(engine).feed.consumers()] == [("index", 1)]


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_what_the_views_show(followed: MirrorStore, engine: Engine, seed: int) -> None:
    """After any edits, removals and returns, although the consumer ends in the middle of its changes at times."""
    dice = random.Random(seed)  # noqa: S311 -- a play of changes
    copy = {page.id: page.title for page in followed.iterate_pages()}
    for version in range(2, 22):
        page_id = dice.choice("1234")
        with leased(Store(engine)) as space:
            stored = space.stored_pages().get(page_id)
            if stored is not None and stored.live and dice.random() < 0.4:
                space.remove([decision(page_id)])
            else:
                action = ChangeAction.INSERT if stored is None else ChangeAction.RESTORE
                seen = None if stored is None else "HR"
                space.write_pages([write(page_id, version=version, title=f"v{version}", seen=seen, action=action)])
        for change in followed.changes("index"):
            page = followed.page(change.page_id)
            copy = {key: title for key, title in copy.items() if key != change.page_id}
            copy |= {} if page is None else {page.id: page.title}
            if dice.random() < 0.3:
                break  # before it is acknowledged
            followed.ack("index", change)
    for change in followed.changes("index"):
        page = followed.page(change.page_id)
        copy.pop(change.page_id, None)
        copy |= {} if page is None else {page.id: page.title}

    assert copy == {page.id: page.title for page in followed.iterate_pages()}


def test_the_role_of_the_feed_is_enough_and_that_of_a_reader_is_not(mirror: Mirror) -> None:
    """One clear error names what is missing."""
    with open_store(mirror.feed_url) as store:
        with store.snapshot(consumer="by role") as copied:
            assert copied.count() == 3
        assert list(store.changes("by role")) == []
    with open_store(mirror.url) as store, pytest.raises(ConfigurationError, match=r"permission denied .*Grant it"):
        list(store.changes("by role"))
