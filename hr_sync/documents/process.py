"""One child process: starts it, sends it bytes, reads its answer, ends it. Knows nothing of documents.

Started as a new program and never by a fork of this process alone, which may have threads.
"""

import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hr_sync
from hr_sync.documents.protocol import HEAD_BYTES, length_in

_PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from hr_sync.documents.child import main; main()"
_CHUNK_BYTES = 1 << 16
_WAIT_SECONDS = 0.1  # between two looks at whether to stop
_KEPT_VARIABLES = ("LD_LIBRARY_PATH",)  # without it some Pythons do not start


class NoAnswer(Exception):
    """The child gave no valid answer. `killed_by` is the signal that ended it, 0 if it ended otherwise."""

    def __init__(self, what: str, *, is_late: bool = False, killed_by: int = 0) -> None:
        super().__init__(what)
        self.is_late = is_late
        self.killed_by = killed_by


class ChildProcess:
    """A running child. For one thread at a time."""

    def __init__(self, argument: str, program: str = _PROGRAM) -> None:
        """Start it, isolated from environment, folder and packages of the user."""
        root = str(Path(hr_sync.__file__).parents[1])
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and a program of ours
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", program, root, argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        #: Known once it has ended. 0 where it is not known: it ended by itself, and this process had used more.
        self.peak_memory_bytes = 0
        self._peak_of_parent_bytes = _peak(resource.getrusage(resource.RUSAGE_SELF))
        self._pipes = [pipe for pipe in (self._process.stdin, self._process.stdout) if pipe is not None]
        self._inward, self._outward = (pipe.fileno() for pipe in self._pipes)
        for pipe in (self._inward, self._outward):
            os.set_blocking(pipe, False)

    def exchange(self, message: bytes, *, longest: int, ends_at: float, check: Callable[[], None]) -> bytes:
        """Send a message and return the content of the frame that answers it.

        `check` is called again and again, and may raise. Raise NoAnswer for anything else than one whole frame of at
        most `longest` bytes before `ends_at`, which is monotonic.
        """
        waiting = memoryview(message)
        received = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._outward, selectors.EVENT_READ)
            selector.register(self._inward, selectors.EVENT_WRITE)
            while True:
                check()
                if time.monotonic() > ends_at:
                    raise NoAnswer("no answer in time", is_late=True)
                for key, _ in selector.select(_WAIT_SECONDS):
                    if key.fd == self._inward:
                        waiting = self._send(waiting)
                        if not waiting:
                            selector.unregister(self._inward)
                    elif self._receive(received, longest):
                        return bytes(received[HEAD_BYTES:])

    def _send(self, waiting: memoryview) -> memoryview:
        """Send a part of what waits and return the rest."""
        try:
            return waiting[os.write(self._inward, waiting[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return waiting
        except OSError as error:
            raise self._ended() from error

    def _receive(self, received: bytearray, longest: int) -> bool:
        """Read what has come; return whether the frame is complete."""
        try:
            chunk = os.read(self._outward, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            raise self._ended()
        received += chunk
        if len(received) < HEAD_BYTES:
            return False
        try:
            length = length_in(bytes(received[:HEAD_BYTES]))
        except ValueError as error:
            raise NoAnswer("no frame") from error
        if length > longest or len(received) > HEAD_BYTES + length:
            raise NoAnswer("an answer that is too long")
        return len(received) == HEAD_BYTES + length

    def _ended(self) -> NoAnswer:
        code = self.end()
        return NoAnswer("it ended", killed_by=-code if code < 0 else 0)

    def end(self) -> int:
        """End the process, however far it is. Return its exit code, negative for a signal of its own."""
        if self._process.returncode is None:
            for pipe in self._pipes:
                pipe.close()
            self._process.returncode = self._reap()
        return self._process.returncode

    def _reap(self) -> int:
        """Kill the process unless it has ended, and wait for it, which takes no time then."""
        pid = self._process.pid
        running_peak = _peak_while_running(pid)
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if not done:
            os.kill(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
        # Linux counts what the parent used before the start as the child's, so that a smaller figure is the parent's.
        ended_peak = _peak(usage) if _peak(usage) > self._peak_of_parent_bytes else 0
        self.peak_memory_bytes = running_peak or ended_peak
        return os.waitstatus_to_exitcode(status)


def _peak(usage: resource.struct_rusage) -> int:
    """Return the largest resident size in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _peak_while_running(pid: int) -> int:
    """Return the largest resident size in bytes of a program that still runs, 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
