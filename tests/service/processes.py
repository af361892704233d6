"""`hr-sync serve` as a process of its own, alone or as process 1 of a namespace, and signals sent to it."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluence_simulator import Simulator

from tests.cli.forks import Process
from tests.cli.program import HR_SYNC, environment, settings, start_logging, written

PATIENCE_SECONDS = 30.0
#: Makes a new process namespace with the command as its process 1; the kernel ends it together with `unshare`.
AS_PROCESS_1 = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A service that was started. `pid` is its own, seen from here, also where `process` is the one around it."""

    process: "Process | subprocess.Popen[bytes]"
    pid: int
    log: Path

    def events(self) -> list[dict[str, Any]]:
        """Read the log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def port(self) -> int:
        """Wait until it listens; gives where."""

        def ports() -> list[int]:
            return [event["port"] for event in self.events() if event["event"] == "web.started"]

        wait_until(ports, self)
        return ports()[0]

    def hears(self) -> bool:
        """Whether SIGTERM has a handler. Without one the kernel drops it for process 1, and kills any other."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal and wait for the end; gives the exit code and how many seconds that took."""
        began = time.monotonic()
        os.kill(self.pid, number)
        code = self.process.wait(PATIENCE_SECONDS)
        return code, time.monotonic() - began


def can_be_process_1() -> bool:
    """Whether this machine lets us make a process namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*AS_PROCESS_1, "true"], capture_output=True, check=False).returncode == 0


def wire(
    home: Path,
    site: Simulator,
    database_url: str,
    *,
    seconds_between_runs: float,
    full_too: bool = False,
    **confluence: Any,
) -> None:
    """Write the settings of a service that runs often, full runs too or not, and listens on a free port."""
    groups = settings(site.site_url, database_url, **confluence)
    groups["sync"] = {
        "incremental_interval_minutes": seconds_between_runs / 60,
        "full_interval_minutes": seconds_between_runs / 60 if full_too else 60,
        "jitter_seconds": 0,
    }
    groups["service"] = {"port": 0}
    written(home, groups)


@contextmanager
def serving(home: Path) -> Iterator[Serving]:
    """Run `hr-sync serve` in `home` until the block ends."""
    log = home / "log"
    with log.open("w") as stream:
        process = start_logging(home, stream, "serve")
    try:
        yield Serving(process=process, pid=process.pid, log=log)
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


@contextmanager
def serving_anew(home: Path, *before: str) -> Iterator[Serving]:
    """Do the same with an interpreter of its own, which starts as slowly as any, and the words of another command."""
    log = home / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*before, str(HR_SYNC), "serve"], cwd=home, env=environment(home), stdout=stream, stderr=stream
        )
    try:
        yield Serving(process=process, pid=_own_pid(process, before), log=log)
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


def wait_until(holds: Callable[[], object], service: Serving) -> None:
    """Wait until something is so, while the service lives."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert service.process.poll() is None, service.log.read_text()[-3000:]
        assert time.monotonic() < ends_at, service.log.read_text()[-3000:]
        time.sleep(0.01)


def _own_pid(process: "subprocess.Popen[bytes]", before: tuple[str, ...]) -> int:
    if not before:
        return process.pid
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.001)
    raise AssertionError(f"{before[0]} ended with {process.returncode}")
