"""Writes log lines to a stream that may break, fill up or stall, without ending the run or holding it up.

Lines are written by the thread that logs: what was logged before the process is killed is out. A queue with a thread of
its own would lose the last lines, which matter most.
"""

import os
import select
import sys
import time
from typing import TextIO

_PATIENCE_SECONDS = 1.0


class LineWriter:
    """Writes one line at a time, from one thread at a time.

    A pipe whose reader stalls would block a plain write for ever (a container's log driver can do that). So a write
    waits until the pipe has room: for one second at first, and not at all as long as it stays full. Pipes and files are
    written without Python's buffers, which would fail again at exit and turn exit code 0 into 120.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        # Progress bars replace sys.stderr while they run; lines then belong above the bar.
        self._is_standard_error = stream is sys.stderr
        self._descriptor = _descriptor(stream)
        self._is_torn = False
        self._is_stalled = False

    def write(self, line: str) -> bool:
        """Write a line. Return True if the stream accepted all of it."""
        try:
            if self._descriptor is None:
                self._write_stream(line + "\n")
            else:
                self._write_descriptor(self._descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):  # broken, full, closed
            return False
        return True

    def _write_stream(self, line: str) -> None:
        stream = sys.stderr if self._is_standard_error else self._stream
        if stream is not None:  # a process without standard error has None there
            stream.write(line.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8"))
            stream.flush()

    def _write_descriptor(self, descriptor: int, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._is_torn else line)
        deadline = time.monotonic() + (0 if self._is_stalled else _PATIENCE_SECONDS)
        self._is_stalled = True
        while rest:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            written = os.write(descriptor, rest[: select.PIPE_BUF])  # so much goes through at once or not at all
            rest = rest[written:]
            self._is_torn = bool(rest)
        self._is_stalled = False


def _descriptor(stream: TextIO | None) -> int | None:
    """Return the file descriptor; None for a terminal, which people may pause, and for a stream in memory."""
    if stream is None:
        return None
    try:
        return None if stream.isatty() else stream.fileno()
    except (OSError, ValueError):
        return None
