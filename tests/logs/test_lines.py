"""Streams that break, fill up or stall, in processes of their own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
import structlog
from hr_sync.logs import configure_logging
configure_logging("info", "auto", None, ())
log = structlog.get_logger("hr_sync.test")
events, pause_at, size = map(int, sys.argv[1:4])
for number in range(events):
    if number == pause_at:
        print("paused", flush=True)
        sys.stdin.readline()
    log.info("page.applied", number=number, filler="x" * size)
print("done", flush=True)
"""


def start(*numbers: int, stderr: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate("go on\n", timeout=30)
    return process.returncode, output


def test_a_closed_pipe_does_not_end_the_run() -> None:
    """Exit code 0, where Python's own handler leads to tracebacks and 120."""
    reader, writer = os.pipe()
    process = start(200, 5, 10, stderr=writer)
    os.close(writer)
    assert process.stdout is not None
    assert process.stdout.readline() == "paused\n"
    os.close(reader)

    assert finish(process) == (0, "done\n")


def test_a_full_disk_does_not_end_the_run() -> None:
    """/dev/full answers every write with "No space left on device"."""
    with Path("/dev/full").open("w") as full:
        assert finish(start(200, -1, 10, stderr=full.fileno())) == (0, "done\n")


def test_without_standard_error_the_run_goes_on() -> None:
    """Some supervisors close it; Python then has None in its place."""
    command = f'exec {sys.executable} -c "$0" 3 -1 1 2>&-'
    ended = subprocess.run(["sh", "-c", command, PROGRAM], capture_output=True, text=True, timeout=30, check=False)

    assert (ended.returncode, ended.stdout) == (0, "done\n")


def test_a_stalled_reader_costs_a_second_and_lines_but_not_the_run() -> None:
    """A pipe holds 64 KiB; a plain write would wait for ever. Lost lines are counted once the reader is back."""
    reader, writer = os.pipe()
    started = time.monotonic()
    process = start(400, 390, 1_000, stderr=writer)
    os.close(writer)
    assert process.stdout is not None
    assert process.stdout.readline() == "paused\n"  # 390 events of 1 KB went by, and nobody had read one
    assert time.monotonic() - started < 10
    read = os.read(reader, 1 << 20)
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()
    while chunk := os.read(reader, 1 << 20):
        read += chunk
    os.close(reader)

    assert finish(process) == (0, "done\n")
    lines = read.decode().splitlines()
    events = [json.loads(line) for line in lines if line.endswith("}")]
    assert len(lines) - len(events) <= 1  # the line that was cut when the pipe ran full
    lost = [event["lines"] for event in events if event["event"] == "log.lines_lost"]
    applied = [event["number"] for event in events if event["event"] == "page.applied"]
    assert applied[-10:] == list(range(390, 400))
    assert lost == [400 - len(applied)]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_text_fits_any_encoding(tmp_path: Path, encoding: str) -> None:
    """A container without a locale has ASCII."""
    log = tmp_path / "log"
    program = (
        "import structlog; from hr_sync.logs import configure_logging; configure_logging('info', 'console');"
        "structlog.get_logger('hr_sync.x').info('größe 日本語')"
    )
    with log.open("w") as stream:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            stderr=stream,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            cwd=Path(__file__).parents[2],
            check=False,
        )

    assert ended.returncode == 0
    assert "größe 日本語" in log.read_text(encoding="utf-8")
