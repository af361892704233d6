"""Ten thousand pages of which nothing changed: what an idle run costs, in requests, bodies and written rows."""

from collections.abc import Iterator

import pytest
from confluence_simulator import BodyLengths, Simulator, generated_world
from sqlalchemy import Engine, text

from hr_sync.store.engine import make_engine
from tests.conftest import _database
from tests.support.oracle import Wanted
from tests.support.wiring import context_for, full, incremental

PAGES, SPACES = 10_000, 4
WANTED = Wanted(spaces=tuple(f"S{number:02d}" for number in range(SPACES)))
WRITTEN = """
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables
    WHERE relname IN ('confluence_pages', 'page_bodies', 'content_changes', 'page_failures')
"""


@pytest.fixture(scope="module")
def large(postgres_server: str, template_database: str) -> Iterator[tuple[Simulator, Engine]]:
    """Mirror ten thousand short pages once."""
    world = generated_world(pages=PAGES, spaces=SPACES, lengths=BodyLengths(median=100, mean=120, maximum=400))
    with _database(postgres_server, template_database) as url, Simulator(world) as site:
        engine = make_engine(url)
        first = full(context_for(site.site_url, engine, WANTED, connections=4))
        assert (first.exit_code, first.counts.inserted) == (0, PAGES)
        yield site, engine
        engine.dispose()


def written(engine: Engine) -> int:
    """Count the rows that were ever written in the tables of pages, by PostgreSQL's own books."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        return int(connection.scalar(text(WRITTEN)) or 0)


@pytest.mark.timeout(300)
def test_an_idle_full_run_costs_next_to_nothing(large: tuple[Simulator, Engine]) -> None:
    """At most a request for 250 pages, one for each space and two more; no body, no row of a page."""
    site, engine = large
    engine.dispose()  # connections that end tell the server what they wrote
    before = written(engine)
    site.requests.clear()

    report = full(context_for(site.site_url, engine, WANTED, connections=4))
    engine.dispose()

    assert (report.exit_code, report.counts.unchanged, report.counts.bodies) == (0, PAGES, 0)
    assert len(site.requests) <= PAGES / 250 + SPACES + 2
    assert not [record for record in site.requests if ("body-format", "storage") in record.query]
    assert written(engine) == before >= 3 * PAGES


@pytest.mark.timeout(300)
def test_an_idle_incremental_run_costs_less(large: tuple[Simulator, Engine]) -> None:
    """At most three requests for each space, and two more: what changed lately, where that ends, and the account."""
    site, engine = large
    site.requests.clear()

    report = incremental(context_for(site.site_url, engine, WANTED, connections=4))

    assert (report.exit_code, report.counts.bodies) == (0, 0)
    assert len(site.requests) <= 3 * SPACES + 2
