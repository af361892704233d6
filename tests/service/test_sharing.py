"""What waits for a worker, who is at work, and what the site allows: read from the database, told to people."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from hr_sync.cli.status_output import print_status
from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import Cadence
from hr_sync.service.health import judge
from hr_sync.service.html import Pages
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.read.sharing import DueLine, HolderLine, Sharing, read_sharing
from hr_sync.store.store import Store
from tests.service.samples import ACTIVITY, LIMITS, NOW, OVERVIEW, WELL
from tests.store.spaces import HR, IT, WORKER, leased
from tests.support.wiring import ask


def sharing_of(engine: Engine) -> Sharing:
    """Read it."""
    with session_scope(make_sessions(engine)) as session:
        return read_sharing(session)


def test_a_fresh_database_shares_nothing(engine: Engine) -> None:
    """Nothing waits, nobody works, and the site has said nothing."""
    waits_for_nobody = [DueLine(mode=mode, spaces=0, oldest=None) for mode in ("full", "incremental", "access")]

    assert sharing_of(engine) == Sharing(due=waits_for_nobody, holders=[])


def test_what_is_due_and_not_begun_waits(engine: Engine) -> None:
    """A space at work does not wait, and its holder is named."""
    store = Store(engine)
    store.due.open_round(Mode.FULL, [HR, IT], Cadence(every=timedelta(hours=1)))
    ask(engine, "UPDATE sync_spaces SET full_due_at = now() - interval '1 hour' WHERE space_key = 'IT' RETURNING 1")
    Store(engine).budget.block(60, WORKER)
    Store(engine).budget.note_left(5, 100)
    with leased(store, HR):
        found = sharing_of(engine)

    assert found.due[0].spaces == 1
    assert found.due[0].oldest is not None
    assert found.due[0].oldest > timedelta(minutes=59)
    assert found.holders == [HolderLine(worker="box:1", spaces=1)]
    assert found.blocked_for is not None
    assert timedelta(seconds=50) < found.blocked_for <= timedelta(seconds=60)
    assert (found.blocked_by, found.requests_left, found.requests_limit) == ("box:1", 5, 100)


def test_status_and_page_tell_it(capsys: pytest.CaptureFixture[str]) -> None:
    """In the same words for everybody."""
    health = judge(OVERVIEW.spaces, WELL, LIMITS)
    print_status(OVERVIEW, health)
    printed = capsys.readouterr().out
    page = " ".join(Pages().status(OVERVIEW, health, ACTIVITY, now=NOW, show_titles=False).split())

    assert "Due for full runs: 3 spaces, the first since 4 min ago." in printed
    assert "At work: box:17 on 2 spaces." in printed
    assert "no worker sends a request for 42 s (box:17 was told)" in printed
    assert "Requests left of 40000, as Confluence last said: 12." in printed
    assert "Spaces that are due for full runs and wait: 3, the first for 240 s." in page
    assert "Worker box:17 holds the leases of 2 spaces." in page
    assert "no worker sends a request for 42 s." in page
    assert "as it last said: 12." in page
