"""Behind PgBouncer in transaction mode: a run is right, and a stop ends what waits within the database."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from tests.cli.bouncer import PROGRAM, bouncing
from tests.cli.program import check_manners, ended, run, wired
from tests.cli.test_stopping import LOCK_WAITS, waiting_for_a_lock
from tests.support.database import rows
from tests.support.oracle import wrong

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture(params=[20, 1])
def bounced_url(prepared_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of the prepared database behind a PgBouncer that has many connections to it, or one alone."""
    with bouncing(prepared_url, connections=request.param) as url:
        yield url


def test_a_run_behind_it_is_as_any_other(home: Path, site: Simulator, engine: Engine, bounced_url: str) -> None:
    """No session setting, no prepared statement and no lock that needs a session."""
    wired(home, site, bounced_url)
    assert run(home, "run").exit_code == 0
    assert wrong(engine, site) == []


@pytest.mark.parametrize(("auth_type", "allowed"), [("trust", "none"), ("md5", "md5")])
def test_one_that_proves_nothing_is_refused_until_somebody_allows_it(
    home: Path, site: Simulator, prepared_url: str, auth_type: str, allowed: str
) -> None:
    """The message names what to add, and that works."""
    with bouncing(prepared_url, connections=2, auth_type=auth_type) as url:
        wired(home, site, url)
        refused = run(home, "run")
        assert refused.exit_code == 78
        assert f"require_auth={allowed}" in refused.stderr

        wired(home, site, f"{url}?require_auth={allowed}")
        assert run(home, "run").exit_code == 0


def test_a_stop_breaks_off_what_waits_behind_it(home: Path, site: Simulator, engine: Engine, bounced_url: str) -> None:
    """A write waits for somebody's lock: the process ends in time, the statement with it, and the lease is free."""
    wired(home, site, bounced_url)
    with waiting_for_a_lock(home, engine) as process:
        began = time.monotonic()
        process.terminate()
        stopped = ended(process)

        assert time.monotonic() - began < 4
        assert stopped.exit_code == 75
        check_manners(stopped)
        assert rows(engine, "SELECT lease_holder FROM sync_spaces") == [{"lease_holder": None}]
        assert rows(engine, LOCK_WAITS) == []
