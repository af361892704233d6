"""The public functions for engines: what is due, and the job of one space."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine, make_url

from hr_sync.domain.rounds import Cadence
from hr_sync.engines import Cancellation, DueSpace, Mode, due_spaces, prune, run_space
from hr_sync.engines.space_jobs import _until_interrupted
from hr_sync.errors import ConfluenceUnavailable, DatabaseUnavailable, UsageError
from hr_sync.store.store import Store
from hr_sync.sync.spaces import select_spaces
from tests.engines.site import TOKEN, USERNAME, config_of, world_of
from tests.store.spaces import HR, IT, WORKER
from tests.support.wiring import fault

HOLD = "UPDATE sync_spaces SET lease_token = 'x', lease_worker = 'elsewhere:7', lease_expires_at = now() + '1 hour'"


@contextmanager
def served(world: World) -> Iterator[Simulator]:
    with Simulator(world, username=USERNAME, api_token=TOKEN) as site:
        yield site


def sql(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        found = connection.execute(query.encode(), values or None)
        return found.fetchall() if found.description else []


def keys(due: object) -> list[str]:
    assert isinstance(due, list)
    return [each.space_key for each in due if isinstance(each, DueSpace)]


def test_what_is_due_is_run_once_and_is_due_together_again(tmp_path: Path, prepared_url: str) -> None:
    """A job that comes twice does nothing; the others wait for theirs; where nothing is due nobody is asked."""
    with served(world_of(3)) as site:
        config = config_of(tmp_path, site, prepared_url)
        due = due_spaces(config)
        assert [(each.space_key, each.mode) for each in due] == [(f"S0{n}", Mode.FULL) for n in range(3)]

        first = run_space("S01", "full", config)

        assert (first.outcome, first.exit_code, first.was_done) == ("complete", 0, True)
        assert first.counts["inserted"] == 1
        assert sql(prepared_url, "SELECT space_key FROM live_pages") == [("S01",)]
        assert keys(due_spaces(config)) == ["S00", "S02"]
        site.requests.clear()
        assert not run_space("S01", "full", config).was_done
        assert len(site.requests) == 0
        assert [run_space(key, Mode.FULL, config).exit_code for key in ("S00", "S02")] == [0, 0]
        for mode in ("full", "incremental"):
            assert sql(prepared_url, f"SELECT count(DISTINCT {mode}_due_at) FROM sync_spaces") == [(1,)]
        site.requests.clear()
        assert due_spaces(config) == []
        assert len(site.requests) == 0
        assert sql(prepared_url, "SELECT count(*) FROM sync_runs") == [(3,)]


def test_a_space_that_is_done_while_the_site_is_asked_is_not_due_again(
    tmp_path: Path, prepared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its full pass did the work of the other modes, although these have no due time yet."""
    with served(world_of(2)) as site:
        config = config_of(tmp_path, site, prepared_url)
        assert keys(due_spaces(config)) == ["S00", "S01"]
        ended = []

        def ask_slowly(*given: Any) -> Any:
            selection = select_spaces(*given)
            ended.append(run_space("S00", Mode.FULL, config).outcome)
            return selection

        monkeypatch.setattr("hr_sync.sync.due_rounds.select_spaces", ask_slowly)

        assert keys(due_spaces(config)) == ["S01"]
        assert ended == ["complete"]


def test_a_job_leaves_a_space_that_somebody_is_at_work_on(tmp_path: Path, prepared_url: str) -> None:
    """It stays due, and is listed when it is free again. A request in any case waits, and says who holds it."""
    with served(world_of(2)) as site:
        config = config_of(tmp_path, site, prepared_url, "[sync]", "busy_wait_seconds = 0")
        due_spaces(config)
        sql(prepared_url, f"{HOLD} WHERE space_key = 'S00'")

        assert keys(due_spaces(config)) == ["S01"]
        site.requests.clear()
        assert not run_space("S00", "full", config).was_done
        assert len(site.requests) == 0
        asked = run_space("S00", "full", config, only_if_due=False)
        assert asked.exit_code == 75
        sql(prepared_url, "UPDATE sync_spaces SET lease_expires_at = now()")
        assert keys(due_spaces(config)) == ["S00", "S01"]


def test_what_leaves_is_limited_over_all_jobs_of_a_round(tmp_path: Path, prepared_url: str) -> None:
    """Each job removes less than its own limit; all jobs together do not remove more than one."""
    world = world_of(3, pages=15)
    with served(world) as site:
        config = config_of(tmp_path, site, prepared_url)
        for due in due_spaces(config):
            assert run_space(due.space_key, due.mode, config).exit_code == 0
        for page in list(world.pages()):
            if not page.title.endswith((" 0", " 1", " 2", " 3", " 4")):
                world.trash_page(page.id)
        sql(prepared_url, "UPDATE sync_spaces SET full_due_at = now() - interval '1 minute'")

        ended = [run_space(due.space_key, due.mode, config) for due in due_spaces(config)]

        assert [each.exit_code for each in ended] == [0, 0, 4]
        assert ended[2].outcome == "held"
        assert sql(prepared_url, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(20,)]
        assert sql(prepared_url, "SELECT count(*) FROM live_pages") == [(15,)]


def test_new_spaces_are_due_and_withdrawn_ones_are_followed(tmp_path: Path, prepared_url: str) -> None:
    """A space that nobody may see any more has a last job, which fails for no reason of its own."""
    world = world_of(2)
    with served(world) as site:
        config = config_of(tmp_path, site, prepared_url)
        for due in due_spaces(config):
            run_space(due.space_key, due.mode, config)
        world.create_space("NEW")
        world.create_page(space_key="NEW", title="new", storage="<p>x</p>")
        world.archive_space("S00")
        sql(prepared_url, "UPDATE sync_spaces SET full_due_at = now() - interval '1 minute'")

        ended = {due.space_key: run_space(due.space_key, due.mode, config) for due in due_spaces(config)}

        assert {key: each.exit_code for key, each in ended.items()} == {"NEW": 0, "S00": 0, "S01": 0}
        assert sql(prepared_url, "SELECT space_key FROM live_pages ORDER BY 1") == [("NEW",), ("S01",)]


def test_a_job_that_is_stopped_is_still_due(tmp_path: Path, prepared_url: str) -> None:
    """It ends as temporary."""
    stop = Cancellation()
    with served(world_of(1)) as site:
        config = config_of(tmp_path, site, prepared_url)
        due_spaces(config)
        fault(site, "slow", r"/pages\?", argument=20, times=0)
        timer = threading.Timer(0.5, stop.set)
        timer.start()

        ended = run_space("S00", "full", config, cancellation=stop)

        assert (ended.outcome, ended.exit_code) == ("stopped", 75)
        assert keys(due_spaces(config)) == ["S00"]


def test_an_exception_of_a_signal_handler_stops_the_work() -> None:
    """As orchestrators end their tasks."""
    stop, begun = Cancellation(), threading.Event()

    class Ended(Exception):
        pass

    def end(*_: object) -> None:
        raise Ended

    def work() -> bool:
        begun.set()
        return stop.wait(20)

    def interrupt() -> None:
        begun.wait(5)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, end)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(Ended):
            _until_interrupted(work, stop)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert stop.is_set()


def test_a_site_or_database_that_is_away(tmp_path: Path, prepared_url: str) -> None:
    """Nothing is listed as due. A job ends as temporary; without a database there is no result at all."""
    config = config_of(tmp_path, "http://127.0.0.1:9/wiki", prepared_url)

    with pytest.raises(ConfluenceUnavailable):
        due_spaces(config)
    ended = run_space("S00", "incremental", config)
    assert (ended.exit_code, ended.outcome, ended.was_done) == (75, "failed", True)
    away = config_of(tmp_path, "http://127.0.0.1:9/wiki", "postgresql://x@127.0.0.1:9/x")
    with pytest.raises(DatabaseUnavailable):
        run_space("S00", "full", away)


def test_wrong_use_is_told(tmp_path: Path, prepared_url: str) -> None:
    """A mode, a space, and a mode that nothing schedules."""
    with served(world_of(1)) as site:
        config = config_of(tmp_path, site, prepared_url)
        with pytest.raises(UsageError, match="Write full, incremental, access"):
            run_space("S00", "resync", config)
        with pytest.raises(UsageError, match="Nothing schedules access runs"):
            run_space("S00", "access", config)
        assert run_space("S00", "access", config, only_if_due=False).exit_code == 0


def test_the_import_loads_neither_command_line_nor_engine() -> None:
    """Orchestrators import it again and again."""
    heavy = "{'typer', 'procrastinate', 'sqlalchemy', 'requests', 'pydantic'}"
    code = f"import sys, hr_sync.engines; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "set()"


def test_old_rows_are_deleted(tmp_path: Path, prepared_url: str) -> None:
    """Jobs write a row each; a retention of the settings holds for them."""
    with served(world_of(1)) as site:
        config = config_of(tmp_path, site, prepared_url, "[sync]", "keep_history_days = 1")
        due_spaces(config)
        for _ in range(2):
            assert run_space("S00", "full", config, only_if_due=False).was_done
        sql(prepared_url, "UPDATE sync_runs SET started_at = now() - interval '9 days'")

        prune(config)

        assert sql(prepared_url, "SELECT id FROM sync_runs") == [(2,)], "the last one is kept"


def test_a_job_looks_for_no_other_space(engine: Engine) -> None:
    """It would lock the rows of those that come before, and jobs beside it would find nothing."""
    store = Store(engine)
    current = store.due.open_round(Mode.FULL, [HR, IT], Cadence(every=timedelta(hours=1)))
    seen: set[str] = set()

    with store.due.leased(current, lambda *_: IT, seen, WORKER, 0, seconds=60, only=IT) as taken:
        assert taken is not None

    assert seen == {IT.key}
    assert HR.key < IT.key, "whose turn comes first"


def test_the_log_of_an_engine_is_joined_and_shows_no_secret() -> None:
    """In a process whose log is not ours: its handlers stay, and libraries do not log what they send."""
    code = """
import logging, structlog
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
from hr_sync.logs import join_logging
join_logging(["first-secret"])
join_logging(["second-secret"])
structlog.get_logger("hr_sync.x").info("run.ended", note="first-secret second-secret", space="HR")
logging.getLogger("urllib3.connectionpool").debug("Authorization: x")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("INFO hr_sync.x event='run.ended'")
    assert "space='HR'" in lines[0]
    assert "secret" not in lines[0]


def test_a_job_does_not_make_the_views_over_all_sites(tmp_path: Path, prepared_url: str) -> None:
    """Jobs are many: `hr-sync init-db` makes the views."""
    with served(world_of(1)) as site:
        config = config_of(tmp_path, site, prepared_url)
        text = config.read_text(encoding="utf-8").replace("[confluence]", "[sites.emea.confluence]")
        config.write_text(text.replace("[access]", "[sites.emea.access]"), encoding="utf-8")
        assert keys(due_spaces(config, site="emea")) == ["S00"]
    assert sql(prepared_url, "SELECT to_regclass('emea.live_pages') IS NOT NULL") == [(True,)]
    assert sql(prepared_url, "SELECT to_regnamespace('hr_sync_sites') IS NULL") == [(True,)]
