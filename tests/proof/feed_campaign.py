"""The proof of the feed for longer: a dump in the middle, old rows deleted, foreign transactions open throughout."""

# ruff: noqa: T201 -- it is a program that tells on standard output

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from tests.support.dump import restore_into

ROOT = Path(__file__).parents[2]
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_prepared_transactions": "4"}


def play_feed(number: int, seed: int) -> None:
    """Make so many changes: some that no consumer reads before they are deleted, and 40 % after a restore elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-feed-"))
    folder.chmod(0o711)
    kept = folder / "kept"
    kept.mkdir()
    try:
        with new_server(folder / "first") as first, new_server(folder / "second") as second, left_open(first):
            engine = make_engine(first)
            ensure_schema(engine)
            engine.dispose()
            found = played(first, kept, seed, number * 4 // 10)
            expect(found, new=1)
            print(played(first, kept, seed + 1, number * 1 // 10, "--overtake"), flush=True)
            found = played(first, kept, seed + 2, number * 1 // 10)
            expect(found, new=1, overtaken=1)
            restore_into(first, second)
            found = played(second, kept, seed + 3, number * 4 // 10)
            expect(found, new=1, overtaken=1, epoch=1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def played(url: str, folder: Path, seed: int, changes: int, *options: str) -> dict[str, Any]:
    """Play until there are so many changes. Return the figures; raise if a consumer has not what is shown."""
    program = [sys.executable, "-m", "tests.proof.feed_play", url, "--changes", str(changes), "--seed", str(seed)]
    program += ["--folder", str(folder), "--kill-every", "0.5", *options]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def expect(found: dict[str, Any], **told: int) -> None:
    """Hold that each consumer was told of each gap once, and of no other."""
    print(found, flush=True)
    for name in ("pages", "sections"):
        assert found[name]["told"] == told, f"{name} was told {found[name]['told']}"


@contextmanager
def new_server(folder: Path) -> Iterator[str]:
    """Start a server of its own."""
    with EmbeddedPostgres(folder, programs=None, **SETTINGS) as server:
        yield server.url


@contextmanager
def left_open(url: str) -> Iterator[None]:
    """Leave a prepared transaction, and hold one open that has written in another database."""
    address = make_url(url).set(drivername="postgresql")
    plain = address.render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.elsewhere (n int)")
        connection.execute("BEGIN; INSERT INTO public.elsewhere VALUES (1); PREPARE TRANSACTION 'left'")
    other = address.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(other) as foreign:
        foreign.execute("SELECT pg_current_xact_id()")
        yield
        foreign.rollback()
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("ROLLBACK PREPARED 'left'")
