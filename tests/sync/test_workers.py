"""A worker can tell whether another one still lives."""

import subprocess
import sys
from pathlib import Path

import pytest

from hr_sync.sync.workers import host_and_pid, is_dead, worker_name

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/ns/pid").is_symlink(), reason="only Linux shows processes in /proc"
)


def test_a_process_that_ended_is_dead() -> None:
    """Its number is free, or belongs to a process that began later."""
    code = "from hr_sync.sync.workers import worker_name; print(worker_name())"
    name = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert is_dead(name)
    assert is_dead(f"{name}:17"), "a run number behind the name does not matter"


def test_this_process_lives() -> None:
    """Nobody takes over from a worker that is at it."""
    assert not is_dead(worker_name())


def test_another_life_of_the_same_number_is_dead() -> None:
    """Process numbers come round again: the start time tells the lives apart."""
    host, pid, namespace, start = worker_name().split(":")

    assert is_dead(f"{host}:{pid}:{namespace}:{int(start) - 1}")


@pytest.mark.parametrize("name", ["", "elsewhere:1:2:3", "host", "a:b:c:d"])
def test_what_cannot_be_seen_counts_as_alive(name: str) -> None:
    """Another machine, another namespace or an unknown form: the lease runs out by itself."""
    host, pid, _, start = worker_name().split(":")

    assert not is_dead(name)
    assert not is_dead(f"{host}:{pid}:1:{int(start) - 1}")


def test_people_are_told_host_and_process() -> None:
    """The rest of the name is for other workers."""
    assert host_and_pid("box:17:4026531836:99:3") == "box:17"
