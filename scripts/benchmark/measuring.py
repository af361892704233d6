"""Runs one process and measures it from outside: wall time, processor time and the most memory it held."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class ProcessFailed(Exception):
    """A measured process ended with a code that was not expected. The message ends with what it said."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One finished process."""

    wall_seconds: float
    cpu_seconds: float  #: user and system
    peak_megabytes: float
    output: str


def measure(command: Sequence[str], environment: Mapping[str, str], *, accepted: Sequence[int] = (0,)) -> Measured:
    """Run a command to its end. Raises ProcessFailed for an exit code that is not accepted."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in accepted:
            errors.seek(0)
            said = errors.read()[-2000:].decode(errors="replace")
            raise ProcessFailed(f"{' '.join(command)} ended with {process.returncode}: {said}")
        output.seek(0)
        return Measured(
            wall_seconds=wall_seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_megabytes=usage.ru_maxrss * 1024 / 1e6,
            output=output.read().decode(),
        )
