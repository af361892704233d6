"""Four writers and two consumers of one feed, each a process that is killed at random; what the consumers end with.

`python -m tests.proof.feed_play URL --changes 2000` plays on an empty database and prints the figures as JSON. A
consumer keeps what it has read in a file of its own, and applies each change by reading the page again.
"""

# ruff: noqa: T201 -- it is a program that tells on standard output

import argparse
import json
import os
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import make_url

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import (
    AccessClass,
    AccessMode,
    AccessPolicy,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
    SpaceViewers,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Space
from hr_sync.domain.feed import FeedPosition
from hr_sync.domain.outcome import Mode
from hr_sync.errors import HrSyncError, SnapshotNeeded
from hr_sync.logs import configure_logging
from hr_sync.store.engine import make_engine
from hr_sync.store.feed_signal import FeedSignal
from hr_sync.store.feed_store import FeedStore
from hr_sync.store.read.feed import SnapshotOf
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from hr_sync.store.values import Busy, Worker
from tests.store.spaces import decision, write

WRITERS = 4
PAGES = 60  # of each writer's space
EVERYBODY = Principal(PrincipalKind.CLASS, AccessClass.LICENSED)
VIEWS: dict[str, SnapshotOf] = {"pages": "live_pages", "sections": "live_sections"}
PAGE_COLUMN = {"pages": "id", "sections": "page_id"}
CLOCKS = ("checked_at", "access_checked_at", "synced_at")  # move without a change
LEASE_SECONDS = 1.0


def connect(url: str) -> psycopg.Connection[dict[str, Any]]:
    """Connect past the code under test."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, row_factory=dict_row)


def head_of(connection: psycopg.Connection[dict[str, Any]]) -> int:
    """Return the number of the last change."""
    row = connection.execute("SELECT coalesce(max(seq), 0)::int AS head FROM content_changes").fetchone()
    assert row is not None
    return int(row["head"])


class Writer:
    """Changes the pages of one space in every way, until there are so many changes."""

    def __init__(self, url: str, number: int, seed: int) -> None:
        self._store = Store(make_engine(url, pool_size=2))
        self._space = Space(id=str(number), key=f"S{number}", name="")
        self._random = Random(seed)  # noqa: S311 -- reproducible
        self._connection = connect(url)

    def work(self, goal: int) -> None:
        """Write."""
        while head_of(self._connection) < goal:
            with suppress(HrSyncError), self._leased() as space:
                for _ in range(20):
                    self._step(space)

    @contextmanager
    def _leased(self) -> Iterator[SpaceStore]:
        worker = Worker.current()
        run_id = self._store.open_run(Mode.FULL, worker, "0")
        given = {"seconds": LEASE_SECONDS, "wait_seconds": 3 * LEASE_SECONDS, "cancellation": Cancellation()}
        with self._store.leased(self._space, worker, run_id, **given) as taken:  # type: ignore[arg-type]
            if isinstance(taken, Busy):
                return
            yield taken

    def _step(self, space: SpaceStore) -> None:
        kind = self._random.choices(
            ("write", "hide", "remove", "texts", "access", "purge", "policy"), (40, 8, 4, 20, 6, 1, 0.5)
        )[0]
        if kind == "write":
            self._write(space)
        elif kind == "texts":
            derive_texts(self._store, Cancellation(), section_size=2000)
        elif kind == "access":
            self._access(space)
        elif kind == "policy":
            mode = self._random.choice((AccessMode.ACCOUNT, AccessMode.ACCOUNT, AccessMode.ENFORCE))
            self._store.apply_access_policy(AccessPolicy(mode=mode))
        elif kind == "purge":
            space.purge(self._some(2))
        else:
            decisions = [decision(page_id, space=self._space) for page_id in self._some(5)]
            (space.hide if kind == "hide" else space.remove)(decisions)

    def _some(self, most: int) -> list[str]:
        numbers = self._random.sample(range(PAGES), self._random.randint(1, most))
        return [f"{self._space.key}-{number}" for number in numbers]

    def _write(self, space: SpaceStore) -> None:
        ids = self._some(30)
        stored = space.stored_by_id(ids)
        writes = []
        for page_id in ids:
            before = stored.get(page_id)
            action = ChangeAction.INSERT if before is None else ChangeAction.UPDATE
            seen = None if before is None else before.space_key
            version = 1 if before is None else before.version + 1
            title = f"Page {self._random.randint(1, 3)}"
            writes.append(
                write(page_id, self._space, seen=seen, body=self._body(), action=action, version=version, title=title)
            )
        space.write_pages(writes)

    def _body(self) -> str:
        numbers = range(self._random.randint(0, 3))
        parts = "".join(f"<h1>{n}</h1><p>{self._random.choice('ab')}</p>" for n in numbers)
        return parts + self._random.choice(("", "\n", "\n\n"))  # another body, whose sections may be the same

    def _access(self, space: SpaceStore) -> None:
        nodes = [
            NodeFact(id=page_id, kind="page", parent_id=None, restriction=self._restriction())
            for page_id in (f"{self._space.key}-{number}" for number in range(PAGES))
        ]
        viewers = SpaceViewers(layer=frozenset({EVERYBODY}), source="permissions")
        space.write_access(viewers, nodes, began_at=self._store.now())

    def _restriction(self) -> Restriction:
        return Restriction(users=frozenset({"ann"})) if self._random.random() < 0.1 else Restriction()


class Kept:
    """What a consumer has: rows by page, its position, and what it was given; in a file that survives it."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.executescript(
            """CREATE TABLE IF NOT EXISTS kept (page TEXT, row TEXT);
            CREATE INDEX IF NOT EXISTS by_page ON kept (page);
            CREATE TABLE IF NOT EXISTS position (epoch TEXT, seq INTEGER);
            CREATE TABLE IF NOT EXISTS given (epoch TEXT, seq INTEGER, page TEXT, turn INTEGER);
            CREATE TABLE IF NOT EXISTS told (reason TEXT, epoch TEXT, seq INTEGER);"""
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Apply everything in the block, or nothing."""
        self._file.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def put(self, page: str, rows: list[str]) -> None:
        """Replace what there is of a page."""
        self._file.execute("DELETE FROM kept WHERE page = ?", (page,))
        self.add(page, rows)

    def add(self, page: str, rows: list[str]) -> None:
        """Add rows of a page."""
        self._file.executemany("INSERT INTO kept VALUES (?, ?)", [(page, row) for row in rows])

    def clear(self) -> None:
        """Forget every page."""
        self._file.execute("DELETE FROM kept")

    def set_position(self, position: FeedPosition) -> None:
        """Note the position of what is kept."""
        self._file.execute("DELETE FROM position")
        self._file.execute("INSERT INTO position VALUES (?, ?)", (position.epoch, position.seq))

    def position(self) -> FeedPosition | None:
        """Return the position."""
        row = self._file.execute("SELECT epoch, seq FROM position").fetchone()
        return None if row is None else FeedPosition(epoch=row[0], seq=row[1])

    def note_given(self, epoch: str, seq: int, page: str) -> None:
        """Note a change that was given."""
        self._file.execute("INSERT INTO given VALUES (?, ?, ?, ?)", (epoch, seq, page, os.getpid()))

    def note_told(self, reason: str, position: FeedPosition) -> None:
        """Note that a snapshot was demanded, and where it was taken."""
        self._file.execute("INSERT INTO told VALUES (?, ?, ?)", (reason, position.epoch, position.seq))

    def last_snapshot(self) -> int:
        """Return the number of the last snapshot."""
        return int(self._file.execute("SELECT seq FROM told ORDER BY rowid DESC").fetchone()[0])

    def rows(self) -> list[str]:
        """Return all rows, sorted."""
        return sorted(row for (row,) in self._file.execute("SELECT row FROM kept"))

    def given(self, epoch: str) -> list[int]:
        """Return the numbers that were given in an epoch, in the order in which they came."""
        return [seq for (seq,) in self._file.execute("SELECT seq FROM given WHERE epoch = ? ORDER BY rowid", (epoch,))]

    def told(self) -> Counter[str]:
        """Count why snapshots were demanded."""
        return Counter(reason for (reason,) in self._file.execute("SELECT reason FROM told"))


def row_text(row: dict[str, Any]) -> str:
    """Return a row of a view as it is compared."""
    return json.dumps({name: value for name, value in row.items() if name not in CLOCKS}, default=str, sort_keys=True)


class Consumer:
    """Keeps what a view shows. `pages` trusts the position in its own file, `sections` the one in the database."""

    def __init__(self, url: str, name: str, path: Path, seed: int) -> None:
        engine = make_engine(url, pool_size=2)
        self._feed: FeedStore = Store(engine).feed
        self._name = name
        self._kept = Kept(path)
        self._random = Random(seed)  # noqa: S311 -- reproducible
        self._connection = connect(url)
        self._signal = FeedSignal(engine)

    def work(self, is_over: Callable[[], bool]) -> None:
        """Read on until everything is over and read."""
        while True:
            ends = is_over()
            try:
                if not self._read_on():
                    if ends:
                        return
                    self._signal.wait(Cancellation(), seconds=0.3, is_over=is_over)
            except SnapshotNeeded as needed:
                self._snapshot(needed.reason)
            except HrSyncError:  # the database was away
                time.sleep(0.05)

    def _read_on(self) -> bool:
        own = self._kept.position()
        position = own if self._name == "pages" and own is not None else self._feed.position(self._name)
        if own is None or own.epoch != position.epoch:
            raise SnapshotNeeded("The file is of another time.", reason="own file")
        compact = self._name == "sections" and self._random.random() < 0.5
        limit = self._random.randint(1, 400)
        found = self._feed.changes_after(position, consumer=self._name, limit=limit, compact=compact)
        if not found:
            return False
        with self._kept.transaction():
            for change in found:
                self._kept.note_given(change.epoch, change.seq, change.page_id)
                self._kept.put(change.page_id, self._page(change.page_id))
            last = FeedPosition(epoch=found[-1].epoch, seq=found[-1].seq)
            self._kept.set_position(last)
        self._feed.ack(self._name, last.seq, epoch=last.epoch)
        return True

    def _page(self, page_id: str) -> list[str]:
        query = f"SELECT * FROM {VIEWS[self._name]} WHERE {PAGE_COLUMN[self._name]} = %s"
        return [row_text(row) for row in self._connection.execute(query.encode(), (page_id,))]

    def _snapshot(self, reason: str) -> None:
        column = PAGE_COLUMN[self._name]
        with self._kept.transaction():
            self._kept.clear()
            position = self._feed.snapshot(
                VIEWS[self._name], lambda row: self._kept.add(row[column], [row_text(dict(row))]), lambda _: None
            )
            self._kept.set_position(position)
            self._kept.note_told(reason, position)
        self._feed.start_consumer(self._name, position)


@dataclass
class Play:
    """The processes of one play."""

    url: str
    folder: Path
    random: Random
    goal: int
    kills: int = 0
    children: dict[int, str] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a writer or a consumer by its name."""
        seed = self.random.randrange(1 << 30)
        pid = os.fork()
        if pid:
            self.children[pid] = name
            return
        code = 1
        try:
            self._be(name, seed)
            code = 0
        finally:
            os._exit(code)

    def _be(self, name: str, seed: int) -> None:
        if name in VIEWS:
            Consumer(self.url, name, self.file_of(name), seed).work((self.folder / "over").exists)
        else:
            Writer(self.url, int(name), seed).work(self.goal)

    def file_of(self, name: str) -> Path:
        """Return the file of a consumer."""
        return self.folder / f"{name}.sqlite"

    def run(self, *, kill_every: float) -> None:
        """Let everybody work, and kill one of them again and again, until the writers are through; then the rest."""
        for name in (*map(str, range(WRITERS)), *VIEWS):
            self.start(name)
        while any(name not in VIEWS for name in self.children.values()):
            ends_at = time.monotonic() + self.random.uniform(0.2, 1.8) * kill_every
            while time.monotonic() < ends_at:
                self._reap()
                time.sleep(0.01)
            if self.children and kill_every:
                pid = self.random.choice(sorted(self.children))
                name = self.children[pid]
                self.kill(pid)
                self.start(name)
                self.kills += 1
        self.finish_texts()
        (self.folder / "over").touch()
        while self.children:
            self._reap()
            time.sleep(0.01)
        (self.folder / "over").unlink()

    def finish_texts(self) -> None:
        """Make the texts that are pending."""
        engine = make_engine(self.url)
        derive_texts(Store(engine), Cancellation(), section_size=2000)
        engine.dispose()

    def kill(self, pid: int) -> None:
        """Kill a child at once."""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        del self.children[pid]

    def _reap(self) -> None:
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                name = self.children.pop(pid)
                assert status == 0, f"{name} ended with {status}"

    def verify(self) -> dict[str, Any]:
        """Compare what the consumers have with the views. Return the figures; raise AssertionError."""
        found: dict[str, Any] = {"kills": self.kills}
        with connect(self.url) as connection:
            found["changes"] = head_of(connection)
            (epoch,) = [str(row["epoch"]) for row in connection.execute("SELECT feed_epoch() AS epoch")]
            there = [int(row["seq"]) for row in connection.execute("SELECT seq FROM content_changes ORDER BY seq")]
            for name, view in VIEWS.items():
                kept = Kept(self.file_of(name))
                shown = sorted(row_text(row) for row in connection.execute(f"SELECT * FROM {view}".encode()))
                assert kept.rows() == shown, f"{name}: {len(kept.rows())} rows kept, {len(shown)} shown"
                position = kept.position()
                assert position == FeedPosition(epoch=epoch, seq=found["changes"])
                found[name] = {"rows": len(shown), "given": len(kept.given(epoch)), "told": dict(kept.told())}
            pages = Kept(self.file_of("pages"))
            given = pages.given(epoch)
            assert given == sorted(set(given)), "given twice to one that keeps its position, or out of order"
            after = pages.last_snapshot()
            missed = {seq for seq in there if seq > after} - set(given)
            assert not missed, f"never given: {sorted(missed)[:5]}"
        return found


# Some transactions wait between their last statement and their commit, so that others could overtake them.
LINGER = """
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON content_changes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.seq % 25 = 0) EXECUTE FUNCTION linger()"""


def prepare(url: str, *, lingers: bool) -> None:
    """Make the mode of an empty mirror `account`."""
    if lingers:
        with connect(url) as connection:
            connection.execute(LINGER)
    engine = make_engine(url)
    Store(engine).apply_access_policy(AccessPolicy(mode=AccessMode.ACCOUNT))
    engine.dispose()


def overtake(url: str) -> int:
    """Make every change old and delete them, whoever has not read them. Return how many."""
    with connect(url) as connection:
        connection.execute("UPDATE content_changes SET changed_at = now() - interval '100 days'")
    engine = make_engine(url)
    deleted = Store(engine).prune_history(timedelta(days=90), seen_within=timedelta(0))
    engine.dispose()
    return deleted


def main() -> None:
    """Play once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--changes", type=int, default=2000)
    parser.add_argument("--kill-every", type=float, default=0.3, help="seconds; on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lingers", action="store_true", help="some transactions wait before their commit")
    options = parser.parse_args()
    configure_logging(level="error", format="console", secrets=())
    prepare(options.url, lingers=options.lingers)
    with tempfile.TemporaryDirectory() as folder:
        play = Play(options.url, Path(folder), Random(options.seed), options.changes)  # noqa: S311 -- reproducible
        play.run(kill_every=options.kill_every)
        print(json.dumps(play.verify()))


if __name__ == "__main__":
    main()
