"""The program as a process that is forked by one that has imported everything, for a fifth of the processor time.

A process has its own working directory, environment, standard streams, signals and exit code, as a program of its own
would. What Python decides at its start (the encoding of the streams, closed descriptors, what is imported) needs a new
interpreter instead, `tests.cli.program.start_anew`.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

SERVER = Path(__file__).with_name("fork_server.py")
ROOT = Path(__file__).parents[2]


class Process:
    """A program that was forked, with what the tests need of `subprocess.Popen`."""

    def __init__(self, pid: int, awaited: int, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout  #: None where the output goes to a file
        self.stderr = stderr
        self._awaited = awaited
        self._readers: list[tuple[threading.Thread, list[str]]] = []

    def fileno(self) -> int:
        """Return what `select` finds readable as soon as the process has ended."""
        return self._awaited

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process runs."""
        if self.returncode is None and select.select([self._awaited], [], [], 0)[0]:
            self._take_code()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; raise TimeoutExpired where it does not come."""
        if self.returncode is None:
            if not select.select([self._awaited], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("hr-sync", timeout or 0)
            self._take_code()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all of the output, wait for the end, and return what was printed on standard output and error."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        if not self._readers:
            self._readers = [_reader(self.stdout), _reader(self.stderr)]
        for thread, _ in self._readers:
            thread.join(None if ends_at is None else max(0.0, ends_at - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired("hr-sync", timeout or 0)
        self.wait(None if ends_at is None else max(0.0, ends_at - time.monotonic()))
        (_, out), (_, err) = self._readers
        return "".join(out), "".join(err)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self.send_signal(signal.SIGKILL)

    def _take_code(self) -> None:
        answer = os.read(self._awaited, 1 << 5)
        os.close(self._awaited)
        assert answer, "the process that forks has ended"
        self.returncode = int(answer)


def _reader(stream: IO[str] | None) -> tuple[threading.Thread, list[str]]:
    found: list[str] = []

    def read() -> None:
        if stream is not None and not stream.closed:
            with stream:
                found.append(stream.read())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, found


class Forks:
    """The process that forks."""

    def __init__(self) -> None:
        """Start it, and wait until it has imported everything."""
        self._calls, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", str(SERVER), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # The program beside these tests, also in a copy in which a rule is broken.
                env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)},
            )
        self._answers = self._calls.makefile("rb")
        self._lock = threading.Lock()
        assert self._answers.readline() == b"ready\n"

    def start(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: dict[str, str],
        output: IO[str] | None = None,
        errors: Path | None = None,
    ) -> Process:
        """Start the program in a folder; what it prints goes to a file, or into pipes if there is none.

        `errors`: a file for the classes of the errors that are made in it.
        """
        if output is not None:
            with Path(os.devnull).open("rb") as nothing:
                given = [nothing.fileno(), output.fileno(), output.fileno()]
                pid, awaited = self._start(folder, arguments, environment, given)
            return Process(pid, awaited, None, None)
        (out, their_out), (err, their_err) = os.pipe(), os.pipe()
        try:
            with Path(os.devnull).open("rb") as nothing:
                given = [nothing.fileno(), their_out, their_err]
                pid, awaited = self._start(folder, arguments, environment, given, errors=errors)
        finally:
            os.close(their_out)
            os.close(their_err)
        opened = [os.fdopen(each, encoding="utf-8", errors="replace") for each in (out, err)]
        return Process(pid, awaited, opened[0], opened[1])

    def start_on(self, terminal: int, folder: Path, arguments: Sequence[str], environment: dict[str, str]) -> Process:
        """Start the program on a terminal of its own."""
        pid, awaited = self._start(folder, arguments, environment, [terminal] * 3, is_terminal=True)
        return Process(pid, awaited, None, None)

    def _start(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: dict[str, str],
        streams: Sequence[int],
        *,
        is_terminal: bool = False,
        errors: Path | None = None,
    ) -> tuple[int, int]:
        call = {
            "folder": str(folder),
            "arguments": list(arguments),
            "environment": environment,
            "terminal": is_terminal,
            "errors": None if errors is None else str(errors),
        }
        awaited, theirs = os.pipe()
        line = json.dumps(call).encode() + b"\n"
        try:
            with self._lock:
                sent = socket.send_fds(self._calls, [line], [*streams, theirs])
                self._calls.sendall(line[sent:])
                answer = self._answers.readline()
        finally:
            os.close(theirs)
        assert answer, "the process that forks has ended"
        return int(answer), awaited

    def close(self) -> None:
        """End it."""
        self._answers.close()
        self._calls.close()
        self._server.wait(10)


@cache
def forks() -> Forks:
    """Return the process that forks for this test process; it ends with it."""
    started = Forks()
    atexit.register(started.close)
    return started
