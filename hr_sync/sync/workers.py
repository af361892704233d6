"""Who a worker is, told so that another one can see whether it still lives.

A worker that was killed leaves its lease behind. On another machine nobody can tell, and the lease runs out by itself.
In the same process namespace of the same machine anybody can: its process is gone, or its number belongs to a process
that began at another time. Taking over is safe in any case, since the epoch keeps the old one from writing.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path


def worker_name() -> str:
    """Name this process: host:pid:namespace:start. The last two are Linux's and empty elsewhere."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_namespace()}:{_start_of(pid)}"


def host_and_pid(worker: str) -> str:
    """Return the part of a worker's name that people look for."""
    return ":".join(worker.split(":")[:2])


def is_dead(worker: str) -> bool:
    """Tell for certain that a worker no longer runs. False when it does, or when that cannot be seen from here."""
    host, pid, namespace, start, *_ = [*worker.split(":"), "", "", "", ""]
    if not (host == socket.gethostname() and pid.isdigit() and namespace and namespace == _namespace() and start):
        return False
    return _start_of(int(pid)) != start


def _namespace() -> str:
    """Number of the process namespace: the same process numbers mean the same processes only within one."""
    with suppress(OSError):
        return Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    return ""


def _start_of(pid: int) -> str:
    """When a process began, in clock ticks since the machine did; empty when there is no such process."""
    with suppress(OSError):
        # The second field is the program's name in parentheses and may hold anything; the 22nd of all is the start.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    return ""
