"""Jobs of one process share connections and rates; other settings of a database open it anew."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine, QueuePool, text

from hr_sync.cancellation import Cancellation
from hr_sync.cli import shared_sites
from hr_sync.cli.shared_sites import SharedSites
from hr_sync.domain.outcome import Mode
from hr_sync.engines.space_jobs import due_spaces_through, run_space_through
from hr_sync.errors import CredentialsRefused, DatabaseUnavailable, SchemaError, Stopped
from hr_sync.settings import load_settings
from hr_sync.settings.model import DatabaseSettings, Settings
from hr_sync.store.store import Store
from tests.engines.site import TOKEN, USERNAME, config_of, world_of
from tests.engines.test_space_jobs import sql
from tests.support.wiring import ask

Changed = Callable[..., Settings]


@pytest.fixture
def changed(tmp_path: Path, prepared_url: str) -> Changed:
    """Return how to make settings of the test's database, with other values in their table of it."""
    settings = load_settings(config_of(tmp_path, "http://127.0.0.1:9/wiki", prepared_url))

    def with_values(**values: object) -> Settings:
        database = DatabaseSettings.model_validate(settings.database.model_dump(by_alias=True) | values)
        return settings.model_copy(update={"database": database})

    return with_values


@pytest.fixture
def sites() -> Iterator[SharedSites]:
    """Return two sites, and close their connections."""
    shared = SharedSites(2)
    yield shared
    shared.close()


def pool_of(store: Store) -> QueuePool:
    """Return the connections of a store."""
    assert isinstance(store.engine.pool, QueuePool)
    return store.engine.pool


def test_sites_of_one_database_share_its_connections(sites: SharedSites, changed: Changed) -> None:
    """Each has the tables of its schema, which are made once, and a rate of its own."""
    one, other = sites.of("one"), sites.of("other")
    with one.open_store(changed()) as first, other.open_store(changed(schema="other")) as second:
        assert pool_of(first) is pool_of(second)
        assert second.held_removals() == 0
        assert pool_of(first).size() == 5
    with one.open_store(changed()) as again:
        assert again is first
    assert sites.of("one") is one
    assert one.gate is not other.gate


def test_other_settings_open_the_database_anew(sites: SharedSites, changed: Changed) -> None:
    """What is under way ends on the connections that it has, and those of nobody are closed."""
    site = sites.of("one")
    with site.open_store(changed()) as store, store.engine.connect() as under_way:
        before = store.engine.pool
        with site.open_store(changed(pool_size=2)) as newer:
            assert pool_of(newer).size() == 2
        assert store.engine.pool is not before, "closed"
        assert under_way.execute(text("SELECT 1")).scalar_one() == 1
        under_way.detach()  # else it is closed when the memory of its pool is freed


def test_a_database_that_is_away_is_tried_again(sites: SharedSites, changed: Changed) -> None:
    """By the next job, and as the error of a job."""
    site = sites.of("one")
    with (
        pytest.raises(DatabaseUnavailable),
        site.open_store(changed(url="postgresql://nobody@127.0.0.1:9/none", connect_timeout_seconds=2)),
    ):
        pass
    with site.open_store(changed()) as store:
        assert store.held_removals() == 0


def test_what_failed_is_not_tried_by_each_job_that_waits_for_it(changed: Changed, sites: SharedSites) -> None:
    """They would wait one after the other for a server that does not answer."""
    site, tried = sites.of("one"), list[float]()
    away = changed(url="postgresql://nobody@127.0.0.1:9/none", connect_timeout_seconds=2)
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable), site.open_store(away):
            pass
        tried.append(time.monotonic() - began)
    assert max(tried[1:]) < 0.1


def test_tables_of_another_version_are_noticed(
    changed: Changed, sites: SharedSites, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that goes on after somebody has moved them would write what they do not hold."""
    monkeypatch.setattr(shared_sites, "_CHECK_SECONDS", 0)
    site = sites.of("one")
    with site.open_store(changed()):
        pass
    ask(engine, "UPDATE hr_sync_alembic_version SET version_num = '9999_newer' RETURNING 1")
    with pytest.raises(SchemaError), site.open_store(changed()):
        pass


def test_a_site_that_refuses_is_asked_once_a_minute(tmp_path: Path, prepared_url: str, sites: SharedSites) -> None:
    """And no job is begun there, which would be refused too."""
    with Simulator(world_of(1), username=USERNAME, api_token="another") as simulator:
        config, site = config_of(tmp_path, simulator, prepared_url), sites.of("one")
        with pytest.raises(CredentialsRefused):
            due_spaces_through(site, config, None)
        asked = len(simulator.requests)
        assert asked > 0
        assert due_spaces_through(site, config, None) == []
        assert len(simulator.requests) == asked


def test_jobs_of_one_process_leave_no_connection_more(tmp_path: Path, prepared_url: str, sites: SharedSites) -> None:
    """Nor anything that is called for each connection that is lent."""
    with Simulator(world_of(4), username=USERNAME, api_token=TOKEN) as simulator:
        config = config_of(tmp_path, simulator, prepared_url)
        site, counts = sites.of("one"), list[tuple[object, int]]()
        for number in range(4):
            assert run_space_through(site, f"S{number:02d}", "full", config, None).exit_code == 0
            with site.open_store(load_settings(config)) as store:
                backends = sql(prepared_url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hr_sync'")
                counts.append((backends, len(list(store.engine.pool.dispatch.checkout))))

    assert sql(prepared_url, "SELECT count(*) FROM live_pages") == [(4,)]
    assert counts[0] == counts[-1]


def test_a_site_is_asked_for_its_spaces_once_a_minute(tmp_path: Path, prepared_url: str, sites: SharedSites) -> None:
    """What is due is looked for far more often: a space whose worker was killed waits for nothing else."""
    with Simulator(world_of(2), username=USERNAME, api_token=TOKEN) as simulator:
        config, site = config_of(tmp_path, simulator, prepared_url), sites.of("one")
        assert [each.space_key for each in due_spaces_through(site, config, None)] == ["S00", "S01"]
        assert run_space_through(site, "S00", "full", config, None).exit_code == 0
        simulator.requests.clear()
        assert [each.space_key for each in due_spaces_through(site, config, None)] == ["S01"]
        assert len(simulator.requests) == 0
        assert len(due_spaces_through(sites.of("other"), config, None)) == 1
        assert len(simulator.requests) > 0


def test_few_jobs_begin_at_a_site_that_limits_the_rate(
    tmp_path: Path, prepared_url: str, sites: SharedSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than requests may be under way, in each mode; the others ask nothing and hold no lease meanwhile."""
    monkeypatch.setattr(shared_sites, "_TURN_SECONDS", 60)
    with Simulator(world_of(3), username=USERNAME, api_token=TOKEN) as simulator:
        config, site = config_of(tmp_path, simulator, prepared_url), sites.of("one")
        assert len(due_spaces_through(site, config, None)) == 3
        site.gate.width.begin_with_one()
        simulator.requests.clear()
        stop = Cancellation()
        with site.turn(Mode.FULL, bool), ThreadPoolExecutor(2) as pool:
            with site.turn(Mode.FULL, bool):
                waiting = pool.submit(run_space_through, site, "S00", "full", config, None)
                stopped = pool.submit(run_space_through, site, "S01", "full", config, None, cancellation=stop)
                assert wait([waiting, stopped], 0.5).done == set()
                assert list(simulator.requests) == []
                stop.set()
                with pytest.raises(Stopped):
                    stopped.result(5)
                assert sql(prepared_url, "SELECT 1 FROM sync_runs WHERE mode = 'full'") == []
                assert run_space_through(site, "S02", "incremental", config, None).was_done
            assert waiting.result(20).was_done
            done = sql(prepared_url, "SELECT space_key FROM sync_spaces WHERE last_full_at IS NOT NULL ORDER BY 1")
            assert done == [("S00",), ("S02",)]


def test_a_job_that_waits_for_long_makes_room(
    tmp_path: Path, prepared_url: str, sites: SharedSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of other modes would have no place in the process; its space is still due, and deferred again.

    A copy of a job whose space has been done does not wait for a turn to find that out.
    """
    monkeypatch.setattr(shared_sites, "_TURN_SECONDS", 0.3)
    with Simulator(world_of(2), username=USERNAME, api_token=TOKEN) as simulator:
        config, site = config_of(tmp_path, simulator, prepared_url), sites.of("one")
        assert len(due_spaces_through(site, config, None)) == 2
        assert run_space_through(site, "S01", "full", config, None).was_done
        site.gate.width.begin_with_one()
        with site.turn(Mode.FULL, bool), site.turn(Mode.FULL, bool):
            simulator.requests.clear()
            assert not run_space_through(site, "S00", "full", config, None).was_done
            assert list(simulator.requests) == []
            assert [each.space_key for each in due_spaces_through(site, config, None)] == ["S00"]
            monkeypatch.setattr(shared_sites, "_TURN_SECONDS", 60)
            assert not run_space_through(site, "S01", "full", config, None).was_done
        assert run_space_through(site, "S00", "full", config, None).was_done
