"""Forks the program on demand: has imported everything once, so that the program starts in milliseconds.

Started by `forks.py`. A call is a line of JSON over the socket whose descriptor is the only argument; with it come the
descriptors of standard input, output and error, and one that the exit code is written to. The answer is the process id.
"""

import atexit
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import termios
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

import hr_sync
from hr_sync.cli import main as program  # before its submodule of that name is imported
from hr_sync.errors import HrSyncError

DESCRIPTORS = 4  # that come with a call


def load() -> None:
    """Import every module of the program, and prepare what it prepares at its first use of the tables."""
    for module in pkgutil.walk_packages(hr_sync.__path__, "hr_sync."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)
    importlib.import_module("sqlalchemy.orm").configure_mappers()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page of memory that it shares with us


def serve(calls: socket.socket) -> None:
    """Fork for each call until the socket is closed, and write down the exit code of each child that has ended."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    running: dict[int, int] = {}  # process id → where its exit code is awaited
    calls.sendall(b"ready\n")
    while True:
        ready, _, _ = select.select([calls.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 1 << 12)
            reap(running)
        if calls.fileno() in ready:
            line, given = receive(calls)
            if not line:
                return
            child = os.fork()
            if child == 0:
                play(json.loads(line), given)
            running[child] = given[3]
            for descriptor in given[:3]:
                os.close(descriptor)
            calls.sendall(b"%d\n" % child)


def receive(calls: socket.socket) -> tuple[bytes, list[int]]:
    """Return one call with its descriptors; an empty one when there are no more."""
    line, given, _, _ = socket.recv_fds(calls, 1 << 16, DESCRIPTORS)
    while line and not line.endswith(b"\n"):
        line += calls.recv(1 << 16)
    return line, given


def reap(running: dict[int, int]) -> None:
    """Write down the exit codes of the children that have ended."""
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        awaited = running.pop(child)
        with suppress(BrokenPipeError):  # nobody waits any more
            os.write(awaited, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(awaited)


def play(call: dict[str, Any], given: list[int]) -> None:
    """Be the program, from its first line to its end."""
    code = 99
    try:
        become(call, given)
        try:
            program()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:  # noqa: BLE001 -- as the interpreter does
            sys.excepthook(*sys.exc_info())
            code = 1
        # What the interpreter does at its end: a thread that does not end keeps the process.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 -- nothing of a call returns to the loop above
        traceback.print_exc()
    finally:
        os._exit(code)


def become(call: dict[str, Any], given: list[int]) -> None:
    """Take on the folder, environment, arguments, signals and streams of a process that was just started."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    time.tzset()
    sys.argv = ["hr-sync", *call["arguments"]]
    for number in (0, 1, 2):
        os.dup2(given[number], number)
    os.closerange(3, 1 << 10)
    if call["errors"] is not None:
        note_errors(call["errors"])
    if call["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal is its own, so that Ctrl-C reaches it
    # A stream remembers what kind of file it was made for.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", 1 if os.isatty(1) else -1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def note_errors(path: str) -> None:
    """Write down the class of each error that is made: a report keeps its text alone."""
    opened = os.open(path, os.O_WRONLY | os.O_APPEND)

    def new(kind: type[HrSyncError], *arguments: object, **_options: object) -> HrSyncError:
        os.write(opened, f"{kind.__name__}\n".encode())
        return Exception.__new__(kind, *arguments)

    HrSyncError.__new__ = new  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    load()
    serve(socket.socket(fileno=int(sys.argv[1])))
