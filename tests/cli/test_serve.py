"""The long-running service as a process: changes arrive, what it shows agrees with the database, and it stops."""

import json
import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import Fault, Simulator
from structlog.testing import capture_logs

from hr_sync.cli.commands.serve import Reloading
from hr_sync.cli.options import SettingsChoice
from tests.cli.forks import Process
from tests.cli.program import postgres, settings, start, start_logging, written

SECONDS_BETWEEN_RUNS = 1.0
PATIENCE_SECONDS = 20


class Service:
    """A service that runs, and its HTTP port."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a path; gives status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """Return the value of one metric, named with its labels."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def serving(
    home: Path, site: Simulator, database_url: str, access: dict[str, Any] | None = None, **sync: Any
) -> Iterator[Service]:
    """Run `hr-sync serve` until the block ends."""
    groups = settings(site.site_url, database_url, spaces=["S00"])
    groups["sync"] = {
        "incremental_interval_minutes": SECONDS_BETWEEN_RUNS / 60,
        "full_interval_minutes": 60,
        "jitter_seconds": 0,
    } | sync
    groups["service"] = {"port": 0}
    groups["access"] = access or {}
    written(home, groups)
    with (home / "log").open("w") as log:
        process = start_logging(home, log, "serve")
    try:
        yield Service(process, port_of(process, home / "log"))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def port_of(process: Process, log: Path) -> int:
    """Wait for the line that says where it listens."""
    for line in lines_until(log, "web.started", process):
        if line["event"] == "web.started":
            return int(line["port"])
    raise AssertionError(log.read_text())


def lines_until(log: Path, event: str, process: Process) -> list[dict[str, Any]]:
    """Read the log until it holds an event."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        if any(line["event"] == event for line in lines):
            return lines
        time.sleep(0.05)
    raise AssertionError(f"no {event} in: {log.read_text()[-2000:]}")


def eventually(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until something is so; gives how long that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def titles(database_url: str) -> set[str]:
    """Read the titles of the live pages by a connection of its own."""
    with psycopg.connect(postgres(database_url)) as connection:
        return {title for (title,) in connection.execute("SELECT title FROM live_pages")}


def test_changes_arrive_and_what_is_shown_agrees_with_the_database(
    home: Path, site: Simulator, prepared_url: str
) -> None:
    """Edits and new pages are there within a few intervals, and metrics, health and status page tell the same."""
    with serving(home, site, prepared_url) as service:
        eventually(lambda: len(titles(prepared_url)) == 12)
        for number in range(3):
            page = site.world.pages()[number]
            site.world.rename_page(page.id, f"Renamed {number}")
            eventually(lambda number=number: f"Renamed {number}" in titles(prepared_url))  # type: ignore[misc]
        site.world.create_page(space_key="S00", title="Brand new", storage="<p>1</p>")
        eventually(lambda: "Brand new" in titles(prepared_url))

        assert service.get("/livez")[0] == service.get("/readyz")[0] == service.get("/healthz")[0] == 200
        eventually(lambda: service.metric('hr_sync_live_pages{space="S00"}') == 13)
        assert service.metric('hr_sync_pages_total{action="updated"}') == 3
        assert service.metric('hr_sync_runs_total{mode="full",outcome="complete"}') == 1
        assert service.metric("hr_sync_replication_lag_seconds_count") == 4
        status, page_text = service.get("/")
        assert status == 200
        assert "S00" in page_text
        assert "Renamed" not in page_text, "titles are confidential unless the settings say otherwise"

        service.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert service.process.wait(10) == 0
        assert time.monotonic() - began < 5
    with psycopg.connect(postgres(prepared_url)) as connection:
        assert connection.execute("SELECT count(*) FROM sync_spaces WHERE lease_holder IS NOT NULL").fetchone() == (0,)


def test_health_is_red_while_no_run_is_complete_and_green_again_after_one(
    home: Path, site: Simulator, prepared_url: str
) -> None:
    """A Confluence that only fails is shown within its limit; after the next complete run all is well."""
    site.faults.add(Fault(kind="status", argument=503, match="/api/v2/spaces", times=0))
    with serving(home, site, prepared_url, stale_after_minutes=1.5 / 60) as service:
        eventually(lambda: service.get("/healthz")[0] == 503)
        assert service.get("/livez")[0] == 200, "it lives, so that a restart would change nothing"
        assert site.faults.fired

        site.faults.clear()
        eventually(lambda: service.get("/healthz")[0] == 200)


@pytest.mark.parametrize("kind", ["stall", "retry-after-60"])
def test_a_stop_is_heard_in_any_wait(home: Path, site: Simulator, prepared_url: str, kind: str) -> None:
    """Within five seconds, while a request hangs and while Confluence asked to wait; the lease is free afterwards."""
    if kind == "stall":
        fault = Fault(kind="stall", match="/pages", times=0, argument=30)
    else:
        answer = {"status": 429, "headers": {"Retry-After": "50"}, "body": "{}"}
        fault = Fault(kind="status", match="/pages", times=0, argument=answer)
    site.faults.add(fault)
    with serving(home, site, prepared_url) as service:
        eventually(lambda: bool(site.faults.fired))
        service.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        service.process.wait(10)

        assert time.monotonic() - began < 5
    with psycopg.connect(postgres(prepared_url)) as connection:
        assert connection.execute("SELECT count(*) FROM sync_spaces WHERE lease_holder IS NOT NULL").fetchone() == (0,)


def test_a_hangup_reads_the_settings_again(home: Path, site: Simulator, prepared_url: str) -> None:
    """A mistake leaves the old ones in force; what runs read holds from the next run on."""
    with serving(home, site, prepared_url) as service:
        eventually(lambda: len(titles(prepared_url)) == 12)
        right = (home / "config.toml").read_text()
        (home / "config.toml").write_text("nonsense = 1\n")
        service.process.send_signal(signal.SIGHUP)
        lines = lines_until(home / "log", "settings.refused", service.process)

        assert any("nonsense" in str(line.get("error")) for line in lines)
        assert service.get("/livez")[0] == 200
        (home / "config.toml").write_text(right)
        service.process.send_signal(signal.SIGHUP)
        assert lines_until(home / "log", "settings.reloaded", service.process)


@contextmanager
def listening(reloading: Reloading) -> Iterator[list[str]]:
    """Let it hear SIGHUP within the block. Give the events that are logged about settings."""
    before = signal.getsignal(signal.SIGHUP)
    try:
        with capture_logs() as told:
            reloading.start()
            yield (events := [])
            events += [line["event"] for line in told if line["event"].startswith("settings.")]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_reloads_are_done_one_after_the_other_whatever_a_bug_does_to_one() -> None:
    """A signal interrupts another one's handler: what was read first must not be put in force last."""
    steps: list[str] = []

    class Slow(Reloading):
        def reload(self) -> None:
            steps.append("reads")
            if len(steps) == 1:
                os.kill(os.getpid(), signal.SIGHUP)
                time.sleep(0.2)
            steps.append("in force")
            if len(steps) == 2:
                raise ZeroDivisionError

    with listening(Slow(SettingsChoice(), [])) as events:
        signal.raise_signal(signal.SIGHUP)
        eventually(lambda: len(steps) == 4)

    assert steps == ["reads", "in force"] * 2
    assert events == ["settings.not_reloaded"]


def test_signals_that_come_while_settings_are_read_are_one_request() -> None:
    """They want the same."""
    reads: list[int] = []
    go_on = threading.Event()

    class Waiting(Reloading):
        def reload(self) -> None:
            reads.append(1)
            go_on.wait(PATIENCE_SECONDS)

    with listening(Waiting(SettingsChoice(), [])):
        signal.raise_signal(signal.SIGHUP)
        eventually(lambda: len(reads) == 1)
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)
        go_on.set()
        eventually(lambda: len(reads) == 2)
        time.sleep(0.2)

    assert len(reads) == 2


@pytest.mark.parametrize(
    ("expression", "key"),
    [("0 0 * * 9", "sync.full_cron"), ("0 3 * * 0", "sync.full_stale_after_minutes (config.toml)")],
)
def test_a_schedule_that_cannot_be_meant_is_refused_at_the_start(
    home: Path, site: Simulator, prepared_url: str, expression: str, key: str
) -> None:
    """A wrong expression, and one that health cannot stay green with: exit code 78 and the key, and nothing runs."""
    groups = settings(site.site_url, prepared_url, spaces=["S00"])
    groups["sync"] = {"full_cron": expression, "full_stale_after_minutes": 1440}
    groups["service"] = {"port": 0}
    written(home, groups)
    process = start(home, "serve")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 78
    assert key in said
    assert "Traceback" not in said


def test_labels_and_restrictions_are_a_job_of_their_own(home: Path, site: Simulator, prepared_url: str) -> None:
    """In mode enforce, or where a time is set for it; else there is no such job."""
    site.world.label_page(site.world.pages()[0].id, "public")
    with serving(
        home, site, prepared_url, access={"interval_minutes": SECONDS_BETWEEN_RUNS / 60, "labels": True}
    ) as service:
        eventually(lambda: service.metric('hr_sync_runs_total{mode="access",outcome="complete"}') > 0)
        eventually(lambda: service.metric('hr_sync_pages_total{action="relabelled"}') == 12)
        (started,) = [line for line in lines_until(home / "log", "service.started", service.process) if "jobs" in line]
        assert started["jobs"] == ["full", "incremental", "access", "retention", "notified"]
    with serving(home, site, prepared_url, access={"mode": "account"}) as service:
        (started,) = [line for line in lines_until(home / "log", "service.started", service.process) if "jobs" in line]
        assert started["jobs"] == ["full", "incremental", "retention", "notified"]


def refused(home: Path, site: Simulator, database_url: str, service: dict[str, Any]) -> str:
    """Start a service that has to refuse its settings; return what it says."""
    groups = settings(site.site_url, database_url, spaces=["S00"])
    groups["service"] = service
    written(home, groups)
    process = start(home, "serve")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 78
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])  # noqa: S104 -- refused
def test_a_service_that_other_machines_reach_needs_a_token(
    home: Path, site: Simulator, prepared_url: str, host: str
) -> None:
    """Exit code 78, the key, and what to set."""
    said = refused(home, site, prepared_url, {"host": host, "port": 0})
    assert "service.host (config.toml) lets other machines connect, and there is no token" in said
    assert "HR_SYNC_SERVICE__TOKEN_FILE" in said


def test_a_token_that_can_be_guessed_is_refused(home: Path, site: Simulator, prepared_url: str) -> None:
    """By its length, without being shown."""
    said = refused(home, site, prepared_url, {"token": "canary-of-15-ch"})
    assert "service.token (config.toml): must have at least 16 characters" in said
    assert "canary-of" not in said


def test_a_port_that_is_taken_is_said(home: Path, site: Simulator, prepared_url: str) -> None:
    """Exit code 78 and the reason of the system."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(home, site, prepared_url, {"port": port})
    assert f"127.0.0.1 port {port} cannot be opened (Address already in use)" in said
