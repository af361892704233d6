"""`hr-sync serve` as a process: a restricted page is no longer shown seconds after a notification."""

import http.client
import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import BodyLengths, Simulator, generated_world

from tests.cli.program import TOKEN, postgres, settings, start_logging, written
from tests.cli.test_serve import Service, eventually, port_of, titles
from tests.service.test_web import ask

SECRET = "service-token-0123456789"
PAGES = 12


@pytest.fixture
def site() -> Iterator[Simulator]:
    """Twelve pages in space S00."""
    world = generated_world(pages=PAGES, lengths=BodyLengths(median=200, mean=300, maximum=2000))
    with Simulator(world, api_token=TOKEN) as simulator:
        yield simulator


@contextmanager
def serving(home: Path, site: Simulator, database_url: str) -> Iterator[Service]:
    """Run `hr-sync serve` with intervals that no test waits for."""
    groups = settings(site.site_url, database_url, spaces=["S00"])
    groups["sync"] = {"incremental_interval_minutes": 30, "full_interval_minutes": 60, "jitter_seconds": 0}
    groups["service"] = {"port": 0, "token": SECRET}
    written(home, groups)
    with (home / "log").open("w") as log:
        process = start_logging(home, log, "serve")
    try:
        yield Service(process, port_of(process, home / "log"))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def post(service: Service, body: dict[str, Any], token: str = SECRET) -> int:
    """Notify; return the status."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
        connection.request("POST", "/notify", body=json.dumps(body), headers=headers)
        return connection.getresponse().status


def metric(service: Service, name: str) -> float:
    """Return the value of one metric, named with its labels."""
    exposition = ask(service.port, "/metrics", Authorization=f"Bearer {SECRET}")[2]
    found = re.search(rf"^{re.escape(name)} (\S+)$", exposition, re.MULTILINE)
    return float(found[1]) if found else 0.0


def runs_of(database_url: str, mode: str) -> int:
    """Return how many runs of a mode there were."""
    with psycopg.connect(postgres(database_url)) as connection:
        row = connection.execute("SELECT count(*) FROM sync_runs WHERE mode = %s", [mode]).fetchone()
    assert row is not None
    return int(row[0])


def test_a_restricted_page_is_gone_seconds_after_a_notification(
    tmp_path: Path, site: Simulator, prepared_url: str
) -> None:
    """Although the next access run is a quarter of an hour away; forged ids and wrong tokens start nothing."""
    with serving(tmp_path, site, prepared_url) as service:
        eventually(lambda: len(titles(prepared_url)) == PAGES)
        page = site.world.pages()[3]
        site.world.restrict_page(page.id, users=("hr-bot",))
        assert post(service, {"page_ids": [page.id]}, token="x" * 20) == 401
        assert post(service, {"page_ids": ["999999"], "space_keys": ["NO"]}) == 202
        time.sleep(2)
        assert page.title in titles(prepared_url)
        assert runs_of(prepared_url, "notified") == 0

        assert post(service, {"page_ids": [page.id]}) == 202
        seconds = eventually(lambda: page.title not in titles(prepared_url), seconds=10)
        assert len(titles(prepared_url)) == PAGES - 1
        assert runs_of(prepared_url, "access") == 0
        assert seconds < 5, "half a second until it is looked for, and a few requests"
        assert metric(service, 'hr_sync_notifications_total{result="accepted"}') == 2
        assert metric(service, 'hr_sync_notifications_total{result="refused"}') == 1
        eventually(lambda: metric(service, 'hr_sync_runs_total{mode="notified",outcome="complete"}') == 2)

        site.world.unrestrict_page(page.id)
        assert post(service, {"event": "space_permissions_updated", "space": {"key": "S00"}}) == 202
        eventually(lambda: len(titles(prepared_url)) == PAGES, seconds=10)


def test_a_flood_makes_few_runs_and_loses_nothing(tmp_path: Path, site: Simulator, prepared_url: str) -> None:
    """A thousand notifications in a row; what is restricted at their end is no longer shown."""
    with serving(tmp_path, site, prepared_url) as service:
        eventually(lambda: len(titles(prepared_url)) == PAGES)
        pages = site.world.pages()
        for number in range(1000):
            page = pages[number % PAGES]
            if number == 995:
                site.world.restrict_page(pages[995 % PAGES].id, users=("hr-bot",))
            assert post(service, {"page_ids": [page.id]}) == 202
        eventually(lambda: pages[995 % PAGES].title not in titles(prepared_url), seconds=20)
        assert runs_of(prepared_url, "notified") <= 12
        assert service.get("/livez")[0] == 200
