"""A run from cron pings the configured address, and writes its metrics to the configured file."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from confluence_simulator import Fault, Simulator

from tests.cli.program import run, settings, written


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Listen on loopback; gives the address and the paths that were asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-canary", paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_from_cron_pings_and_writes_its_metrics(
    home: Path, site: Simulator, prepared_url: str, *, fails: bool
) -> None:
    """Start, then success or failure; the address is a secret that no output shows."""
    if fails:
        site.faults.add(Fault(kind="html-200", match="/pages", times=0))
    with listener() as (url, paths):
        groups = settings(site.site_url, prepared_url)
        groups["service"] = {"ping_url": url, "metrics_file": str(home / "hr_sync.prom")}
        written(home, groups)

        ended = run(home, "run")

    assert bool(site.faults.fired) is fails
    assert ended.exit_code == (3 if fails else 0)
    assert paths == ["/secret-canary/start", "/secret-canary/fail" if fails else "/secret-canary"]
    outcome = "partial" if fails else "complete"
    metrics = (home / "hr_sync.prom").read_text()
    assert f'hr_sync_runs_total{{mode="full",outcome="{outcome}"}} 1.0' in metrics
    assert "secret-canary" not in ended.stdout + ended.stderr + metrics


def test_a_run_that_ends_without_a_report_leaves_its_exit_code(home: Path, site: Simulator, prepared_url: str) -> None:
    """The metric is not that of the run before; a mistake in typing is no run."""
    groups = settings(site.site_url, prepared_url)
    groups["service"] = {"metrics_file": str(home / "hr_sync.prom")}
    written(home, groups)
    assert run(home, "run").exit_code == 0
    complete = (home / "hr_sync.prom").read_text()
    assert 'hr_sync_last_exit_code{mode="full"} 0.0' in complete
    assert run(home, "run", "--space", "NOPE").exit_code == 2
    assert (home / "hr_sync.prom").read_text() == complete

    groups["database"]["url"] = "postgresql://me@127.0.0.1:9/nothing"
    written(home, groups)
    assert run(home, "run").exit_code == 75

    metrics = (home / "hr_sync.prom").read_text()
    assert 'hr_sync_last_exit_code{mode="full"} 75.0' in metrics
    assert 'hr_sync_job_failed_total{job="full"} 1.0' in metrics


def test_an_audit_leaves_what_differs_as_a_metric(home: Path, site: Simulator, prepared_url: str) -> None:
    """Each kind has its number, zero included, in a file beside that of the runs; exit 3 when anything differs."""
    groups = settings(site.site_url, prepared_url)
    groups["service"] = {"metrics_file": str(home / "hr_sync.prom")}
    written(home, groups)
    assert run(home, "run").exit_code == 0
    page = site.world.pages()[0]
    site.world.edit_page(page.id, storage="<p>edited since</p>")

    assert run(home, "verify").exit_code == 3
    metrics = (home / "hr_sync_drift.prom").read_text()
    assert 'hr_sync_drift_pages{kind="version"} 1.0' in metrics
    assert 'hr_sync_drift_pages{kind="ghost"} 0.0' in metrics
