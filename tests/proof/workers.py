"""Workers as processes, started together, stopped, continued and killed."""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


@dataclass(kw_only=True)
class Worker:
    """One worker process."""

    task: int
    pid: int = 0
    result: dict[str, Any] = field(default_factory=dict)  #: empty when it was killed
    ended: bool = False

    @property
    def exit_code(self) -> int | None:
        """What the run ended with; None when the worker was killed before it could tell."""
        return self.result.get("exit_code")

    def signal(self, number: int) -> None:
        """Send a signal, if the worker is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Workers:
    """Starts workers through a zygote and waits for them."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._always: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._workers: dict[int, Worker] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @contextmanager
    def every(self, **always: Any) -> Iterator["Workers"]:
        """Make these values part of every task until the block ends, and the workers with it."""
        self._always = always
        try:
            yield self
        finally:
            left = [worker for worker in self._workers.values() if not worker.ended]
            for worker in left:
                worker.signal(9)
            self.wait(*left)

    def start(self, order: str, **task: Any) -> Worker:
        """Start a worker and give it as soon as it has a process."""
        with self._changed:
            worker = Worker(task=len(self._workers))
            self._workers[worker.task] = worker
        message = {"order": order, "delay_seconds": 0.0, **self._always, **task, "task": worker.task}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
        self._wait(lambda: bool(worker.pid))
        return worker

    def wait(self, *workers: Worker) -> None:
        """Wait until all of them have ended."""
        self._wait(lambda: all(worker.ended for worker in workers))

    def _wait(self, happened: Any) -> None:
        with self._changed:
            assert self._changed.wait_for(happened, PATIENCE_SECONDS), self._workers

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._changed:
                self._take(message)
                self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "ended" in message:
            for worker in self._workers.values():
                worker.ended = worker.ended or worker.pid == message["ended"]
        elif "pid" in message:
            self._workers[message["task"]].pid = message["pid"]
        else:
            self._workers[message["task"]].result = message

    def close(self) -> None:
        """End the zygote."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._reader.join(PATIENCE_SECONDS)
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()


@cache
def workers() -> Workers:
    """Start the zygote, once: it imports everything, which takes longer than most runs. It ends with this process."""
    command = [sys.executable, "-m", "tests.proof.zygote"]
    started = Workers(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    atexit.register(started.close)
    return started
