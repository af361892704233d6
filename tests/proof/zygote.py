"""Forks workers on demand: a process that has imported everything once, so that a worker starts in milliseconds.

Reads tasks, a JSON object a line, and writes what became of them. Each worker is a process of its own, with its own
connections, and can be stopped and killed like any other. Started by `workers.py`.
"""

import json
import os
import select
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from hr_sync.cancellation import Cancellation
from hr_sync.cli.commands.serve import serve
from hr_sync.cli.options import SettingsChoice
from hr_sync.confluence.http.session import Limits
from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import Cadence
from hr_sync.errors import DatabaseUnavailable, HrSyncError
from hr_sync.logs import configure_logging
from hr_sync.store.engine import make_engine
from hr_sync.sync.context import SyncPolicy, SyncRequest
from hr_sync.sync.run import run
from tests.cli.fork_server import load
from tests.support.oracle import Wanted
from tests.support.wiring import context_for

ORDERS = {
    "full": SyncRequest(mode=Mode.FULL),
    "incremental": SyncRequest(mode=Mode.INCREMENTAL),
    "resync": SyncRequest(mode=Mode.RESYNC, every_page=True),
}


def work(task: dict[str, Any]) -> dict[str, Any]:
    """Run once, as the command line would, with the lease and the timeouts that the task names."""
    time.sleep(task["delay_seconds"])
    engine = make_engine(
        task["database_url"],
        lock_timeout_seconds=10,
        # A worker that sleeps within a transaction holds the lease's row; the server ends such a transaction.
        idle_in_transaction_timeout_seconds=task["idle_in_transaction_seconds"],
    )
    mirror = context_for(
        task["site_url"],
        engine,
        Wanted(spaces=tuple(task["spaces"])),
        limits=Limits(max_connections=2),
        connections=2,
        policy=SyncPolicy(lease_seconds=task["lease_seconds"]),
        cancellation=Cancellation(),
    )
    try:
        report = run(mirror, ORDERS[task["order"]])
    except HrSyncError as error:
        return {"exit_code": error.exit_code, "error": type(error).__name__, "busy": False}
    busy = any(space.busy_with for space in report.spaces)
    return {"exit_code": int(report.exit_code), "error": report.error, "busy": busy}


def share(task: dict[str, Any]) -> dict[str, Any]:
    """Be a replica: do what is due and free, again and again, until nothing is due any more."""
    engine = make_engine(task["database_url"], lock_timeout_seconds=10, idle_in_transaction_timeout_seconds=2)
    replica = context_for(
        task["site_url"],
        engine,
        Wanted(spaces=("*",)),
        limits=Limits(max_connections=task["connections"]),
        connections=task["connections"],
        policy=SyncPolicy(lease_seconds=task["lease_seconds"]),
        cancellation=Cancellation(),
    )
    query = text("SELECT count(*) FROM sync_spaces WHERE full_due_at <= clock_timestamp()")
    request = SyncRequest(mode=Mode.FULL, cadence=Cadence(every=timedelta(hours=1)))
    runs, error = 0, None
    while True:
        try:
            report = run(replica, request)
            runs, error = runs + 1, report.error or error
            with engine.connect() as connection:
                if not connection.scalar(query):
                    return {"exit_code": int(report.exit_code), "error": error, "busy": False, "runs": runs}
        except DatabaseUnavailable as failure:  # it slept within a transaction, which the server has ended
            error = str(failure)
        time.sleep(0.05)


def keep_serving(task: dict[str, Any]) -> dict[str, Any]:
    """Be `hr-sync serve`, with the settings file that the task names, until a signal ends it."""
    with Path(task["log"]).open("ab") as log:
        os.dup2(log.fileno(), 2)
    serve(SettingsChoice(file=Path(task["config"])))
    return {"exit_code": 0, "error": None, "busy": False}


def say(message: dict[str, Any]) -> None:
    """Write one line at once; short enough to be one write."""
    os.write(1, json.dumps(message).encode()[:3000] + b"\n")


def fork(task: dict[str, Any]) -> None:
    """Start a worker for a task."""
    pid = os.fork()
    if pid:
        say({"task": task["task"], "pid": pid})
        return
    try:
        result = {"serve": keep_serving, "share": share}.get(task["order"], work)(task)
    except BaseException as error:  # noqa: BLE001 -- told to whoever waits for it
        result = {"exit_code": 1, "error": repr(error)[:500], "busy": False}
    say({"task": task["task"], **result})
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    configure_logging(level="critical", format="json")
    load()
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.01)
        if readable:
            data = os.read(0, 1 << 16)
            if not data:
                sys.exit()
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                fork(json.loads(line))
        reap()


def reap() -> None:
    """Say which workers have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        say({"ended": pid, "status": status})


if __name__ == "__main__":
    main()
