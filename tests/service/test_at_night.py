"""What operators see when something goes wrong at night, from `serve` and the commands against a simulated site."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import BodyLengths, Fault, Simulator, generated_world

from tests.cli.program import TOKEN, postgres, run, settings, written
from tests.cli.test_reporting import listener
from tests.service.processes import Serving, serving, wait_until

PAGES = 40


@dataclass(frozen=True, kw_only=True)
class Night:
    """A service at work, and where it reports to."""

    service: Serving
    home: Path
    pings: list[str]

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.service.port()}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self) -> dict[str, Any]:
        """Return what /healthz says, with its status."""
        status, body = self.get("/healthz")
        found: dict[str, Any] = json.loads(body)
        return {"status": status} | found

    def metric(self, name: str) -> float | None:
        """Return the value of one metric, named with its labels."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else None

    def ends(self, outcome: str, *modes_wanted: str) -> list[dict[str, Any]]:
        """Return the log lines of runs of these modes that ended so."""
        events = self.service.events()
        modes = {event["run_id"]: event["mode"] for event in events if event["event"] == "run.started"}
        ended = [event for event in events if event["event"] == "run.ended" and event["outcome"] == outcome]
        return [event for event in ended if modes[event["run_id"]] in modes_wanted]

    def wait(self, holds: Callable[[], object]) -> None:
        """Wait until something is so, while the service lives."""
        wait_until(holds, self.service)


@pytest.fixture
def site() -> Iterator[Simulator]:
    """One space whose pages are short."""
    lengths = BodyLengths(median=200, mean=300, maximum=2000)
    with Simulator(generated_world(pages=PAGES, spaces=1, lengths=lengths), api_token=TOKEN) as simulator:
        yield simulator


@contextmanager
def night(home: Path, site: Simulator, database_url: str, **sync: Any) -> Iterator[Night]:
    """Run `serve` with quick incremental and full runs until the block ends."""
    with listener() as (url, pings):
        groups = settings(site.site_url, database_url)
        groups["sync"] = {
            "incremental_interval_minutes": 0.7 / 60,
            "full_interval_minutes": 1.5 / 60,
            "jitter_seconds": 0,
        } | sync
        groups["service"] = {"port": 0, "ping_url": url}
        written(home, groups)
        with serving(home) as service:
            yield Night(service=service, home=home, pings=pings)


def test_held_removals_stay_visible_until_somebody_decides(tmp_path: Path, site: Simulator, prepared_url: str) -> None:
    """Through later incremental runs: health, metric, ping, page and `status`; the command that is shown ends it."""
    with night(tmp_path, site, prepared_url, full_interval_minutes=60) as at:
        at.wait(lambda: at.ends("complete", "full"))
        for page in [page for page in site.world.pages() if page.parent_id is not None][: PAGES * 3 // 4]:
            site.world.trash_page(page.id)
        held = run(tmp_path, "run", "--full", "--space", "S00")  # named: it waits for a space that `serve` holds
        assert held.exit_code == 4

        seen = len(at.ends("complete", "incremental"))
        at.wait(lambda: len(at.ends("complete", "incremental")) >= seen + 2)
        health = at.health()
        assert (health["status"], health["state"]) == (503, "needs a decision")
        assert health["spaces"][0]["freshness"]["ok"] is True
        waiting = health["spaces"][0]["held"]["removals"]
        assert waiting > 20
        assert at.metric('hr_sync_held_removals{space="S00"}') == waiting
        assert at.pings[-1].endswith("/fail") or at.pings[-2].endswith("/fail")
        shown = at.get("/")[1]
        assert "A decision is needed." in shown
        assert "hr-sync run --space S00 --allow-mass-delete" in shown
        status = run(tmp_path, "status")
        assert status.stdout.startswith("State: needs a decision\n")
        assert "hr-sync run --space S00 --allow-mass-delete" in status.stdout
        assert run(tmp_path, "status", "--json").document["state"] == "needs a decision"

        assert run(tmp_path, "run", "--space", "S00", "--allow-mass-delete").exit_code == 0
        at.wait(lambda: at.health()["status"] == 200)
        assert at.metric('hr_sync_held_removals{space="S00"}') == 0
        assert run(tmp_path, "status").stdout.startswith("State: well\n")
        heard = len(at.pings)
        at.wait(lambda: any(not ping.endswith(("/fail", "/start")) for ping in at.pings[heard:]))


def test_a_held_run_of_the_service_is_an_error_in_the_log(tmp_path: Path, site: Simulator, prepared_url: str) -> None:
    """It is logged with its outcome at level error, and the ping fails."""
    with night(tmp_path, site, prepared_url) as at:
        at.wait(lambda: at.ends("complete", "full"))
        for page in [page for page in site.world.pages() if page.parent_id is not None][: PAGES * 3 // 4]:
            site.world.trash_page(page.id)
        # An incremental run does the full pass that is due when the full run found the space busy.
        at.wait(lambda: at.ends("held", "full", "incremental"))
        held = at.ends("held", "full", "incremental")
        assert {event["level"] for event in held} == {"error"}
        at.wait(lambda: any(ping.endswith("/fail") for ping in at.pings))
        at.wait(
            lambda: 4 in [at.metric(f'hr_sync_last_exit_code{{mode="{mode}"}}') for mode in ("full", "incremental")]
        )


def test_one_page_that_fails_costs_itself_alone(tmp_path: Path, site: Simulator, prepared_url: str) -> None:
    """The space stays fresh beyond its limits, health stays green, and only the page's own metric tells of it."""
    victim = site.world.pages()[5].id
    site.faults.add(Fault(kind="page-breaks-batch", argument=victim, times=0))
    limits = {"stale_after_minutes": 4 / 60, "full_stale_after_minutes": 8 / 60}
    with night(tmp_path, site, prepared_url, **limits) as at:
        at.wait(lambda: at.ends("partial", "full", "incremental"))
        began = time.monotonic()
        while time.monotonic() - began < 10:
            assert at.health()["status"] == 200, at.health()
            time.sleep(0.5)
        assert site.faults.fired
        assert at.metric('hr_sync_failing_pages{space="S00"}') == 1
        assert at.metric('hr_sync_last_complete_age_seconds{space="S00"}') < 4  # type: ignore[operator] # it is there
        assert at.metric('hr_sync_live_pages{space="S00"}') == len(site.world.pages()) - 1
        assert {event["level"] for event in at.ends("partial", "full", "incremental")} == {"warning"}
        status = run(tmp_path, "status")
        assert status.stdout.startswith("State: well\n- ")
        assert victim in status.stdout


def test_a_refused_token_is_seen(tmp_path: Path, site: Simulator, prepared_url: str) -> None:
    """Failed runs are errors in the log, `last_exit_code` is 77, and health is red after three of them."""
    with night(tmp_path, site, prepared_url) as at:
        at.wait(lambda: at.ends("complete", "full"))
        site.faults.add(Fault(kind="status", argument=401, times=0))
        at.wait(lambda: at.metric('hr_sync_last_exit_code{mode="incremental"}') == 77)
        assert site.faults.fired
        assert {event["level"] for event in at.ends("failed", "incremental")} == {"error"}
        assert at.metric('hr_sync_runs_total{mode="incremental",outcome="failed"}') > 0  # type: ignore[operator] # as above


def test_old_history_and_bodies_are_deleted_by_the_service(tmp_path: Path, site: Simulator, prepared_url: str) -> None:
    """At its start and then daily: what is older than the settings keep, and nothing younger; rows of pages stay."""
    run_settings = settings(site.site_url, prepared_url)
    written(tmp_path, run_settings)
    assert run(tmp_path, "run").exit_code == 0
    old, young = [page.id for page in site.world.pages()][1:3]
    remove = (
        "UPDATE confluence_pages SET removed_at = now() - make_interval(days => %s), removed_reason = 'trashed' "
        "WHERE id = %s"
    )
    with psycopg.connect(postgres(prepared_url)) as connection:
        connection.execute("INSERT INTO sync_runs (mode, worker, version) VALUES ('full', 'x', 'x')")
        connection.execute("UPDATE sync_runs SET started_at = now() - interval '91 days'")
        aged = (
            "UPDATE content_changes SET changed_at = now() - interval '91 days' "
            "WHERE seq <= (SELECT max(seq) FROM content_changes WHERE page_id = %s)"
        )
        connection.execute(aged, [old])
        connection.execute(remove, [31, old])
        connection.execute(remove, [29, young])
    with night(tmp_path, site, prepared_url, full_interval_minutes=60, incremental_interval_minutes=50) as at:
        at.wait(lambda: {"history.pruned", "bodies.pruned"} <= {event["event"] for event in at.service.events()})
        pruned = {event["event"]: event for event in at.service.events()}
        assert pruned["bodies.pruned"]["bodies"] == 1
        assert pruned["history.pruned"]["rows"] >= 2
        assert at.service.stop()[0] == 0
    both = [old, young]
    with psycopg.connect(postgres(prepared_url)) as connection:
        bodies = "SELECT page_id FROM page_bodies WHERE page_id = ANY(%s)"
        assert connection.execute(bodies, [both]).fetchall() == [(young,)]
        rows = "SELECT count(*) FROM confluence_pages WHERE id = ANY(%s)"
        assert connection.execute(rows, [both]).fetchone() == (2,)
        feed = "SELECT count(*) FROM content_changes WHERE changed_at < now() - interval '90 days'"
        assert connection.execute(feed).fetchone() == (0,)
        assert run(tmp_path, "run").exit_code == 0, "both are still there, so they are restored"
        assert len(connection.execute(bodies, [both]).fetchall()) == 2
