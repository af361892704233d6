"""Stops a service at random moments in the circumstances that it may be in, and says what each stop left behind."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from confluence_simulator import Fault, Simulator
from sqlalchemy import Engine

from tests.service.processes import AS_PROCESS_1, PATIENCE_SECONDS, Serving, serving_anew, wait_until, wire
from tests.support.database import connect, rows

LONGEST_STOP_SECONDS = 5.0
_ASKED_TO_WAIT = {"status": 429, "headers": {"Retry-After": "50"}, "body": "{}"}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One stop. `left` is empty where nothing was left behind that the next worker would have to wait for."""

    circumstance: str
    after_seconds: float  #: from the start of the process to the signal
    exit_code: int
    seconds: float
    left: list[str]

    @property
    def is_good(self) -> bool:
        """In time, with the exit code of a stop, and nothing left behind."""
        return self.seconds <= LONGEST_STOP_SECONDS and self.exit_code in {0, 75} and not self.left


@contextmanager
def slow_pages(_engine: Engine, _site: Simulator, _service: Serving) -> Iterator[None]:
    """Nothing out of the ordinary, at a random moment."""
    yield


@contextmanager
def request_hangs(_engine: Engine, site: Simulator, service: Serving) -> Iterator[None]:
    """Give a request no answer."""
    site.faults.add(Fault(kind="stall", match="/pages", times=0))
    wait_until(lambda: site.faults.fired, service)
    yield


@contextmanager
def asked_to_wait(_engine: Engine, site: Simulator, service: Serving) -> Iterator[None]:
    """Confluence asked to come back in 50 s."""
    site.faults.add(Fault(kind="status", match="/pages", times=0, argument=_ASKED_TO_WAIT))
    wait_until(lambda: site.faults.fired, service)
    yield


@contextmanager
def _locked(table: str, engine: Engine, service: Serving) -> Iterator[None]:
    with connect(engine) as holder, holder.transaction():
        holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE".encode())
        wait_until(lambda: _waiting(engine), service)
        yield


def pages_locked(engine: Engine, _site: Simulator, service: Serving) -> AbstractContextManager[None]:
    """Somebody else locks the table of pages, and a write of ours waits for it."""
    return _locked("confluence_pages", engine, service)


def spaces_locked(engine: Engine, _site: Simulator, service: Serving) -> AbstractContextManager[None]:
    """Somebody else locks the table of leases."""
    return _locked("sync_spaces", engine, service)


Circumstance: TypeAlias = Callable[[Engine, Simulator, Serving], AbstractContextManager[None]]
CIRCUMSTANCES: Sequence[Circumstance] = (slow_pages, request_hangs, asked_to_wait, pages_locked, spaces_locked)


def interned_str(circumstance: Circumstance) -> str:
    """Name a circumstance."""
    return str(getattr(circumstance, "__name__", circumstance))


def stop_once(
    home: Path,
    engine: Engine,
    site: Simulator,
    circumstance: Circumstance,
    chance: random.Random,
    *,
    as_process_1: bool,
) -> Stop:
    """Start a service on a fresh mirror, bring about a circumstance, wait a random while, stop it."""
    site.faults.clear()
    with connect(engine) as connection:
        connection.execute("TRUNCATE sync_spaces, sync_runs, confluence_pages, page_failures, content_changes CASCADE")
    url = engine.url.render_as_string(hide_password=False)
    wire(home, site, url, seconds_between_runs=0.5, max_connections=2)
    began = time.monotonic()
    with serving_anew(home, *(AS_PROCESS_1 if as_process_1 else ())) as service:
        wait_until(service.hears, service)
        with circumstance(engine, site, service):
            time.sleep(chance.uniform(0, 3.0 if circumstance is slow_pages else 0.3))
            after = time.monotonic() - began
            try:
                exit_code, seconds = service.stop()
            except subprocess.TimeoutExpired:
                exit_code, seconds = -1, PATIENCE_SECONDS
            # While a lock is still held: what is left now is what the next worker meets. The lease itself cannot be
            # given back where the table of leases is locked by somebody else.
            left = [] if circumstance is spaces_locked else _left(engine)
    return Stop(
        circumstance=f"{interned_str(circumstance)}{' as process 1' if as_process_1 else ''}",
        after_seconds=round(after, 2),
        exit_code=exit_code,
        seconds=round(seconds, 2),
        left=left,
    )


def _left(engine: Engine) -> list[str]:
    leases = rows(engine, "SELECT space_key FROM sync_spaces WHERE lease_expires_at > now()")
    torn = rows(
        engine,
        "SELECT id FROM confluence_pages LEFT JOIN page_bodies ON page_id = id "
        "WHERE storage IS NULL OR content_hash <> encode(sha256(convert_to(storage, 'UTF8')), 'hex')",
    )
    untold = rows(engine, "SELECT id FROM confluence_pages WHERE id NOT IN (SELECT page_id FROM content_changes)")
    found = {"lease of": leases, "torn page": torn, "untold page": untold}
    return [f"{what} {next(iter(row.values()))}" for what, rows in found.items() for row in rows]


def _waiting(engine: Engine) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(rows(engine, query))
