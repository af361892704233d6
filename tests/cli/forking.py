"""Runs the program many times and imports it once: a process that has loaded everything forks for each call.

A call has its own working directory, environment, standard streams and exit code, as a program of its own would. What
Python decides at its start (the encoding of the streams, closed descriptors) needs `tests.cli.program.run` instead.
"""

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cli.program import PATIENCE_SECONDS, Ended, check_manners, environment

CONTROL = frozenset({"\x03", "\x04"})
SERVER = r"""
import importlib, json, os, pkgutil, signal, sys, time, traceback
import hr_sync
from hr_sync.cli import main  # before its submodule of that name is imported
from hr_sync.errors import HrSyncError

for module in pkgutil.walk_packages(hr_sync.__path__, "hr_sync."):
    if not module.name.endswith("__main__") and ".migrations" not in module.name:
        importlib.import_module(module.name)


def note_errors(path):
    # A report keeps the text of an error alone.
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def new(kind, *arguments, **options):
        os.write(opened, f"{kind.__name__}\n".encode())
        return Exception.__new__(kind, *arguments)

    HrSyncError.__new__ = new


def play(call):
    signal.alarm(call["patience"])
    note_errors(call["errors"])
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    time.tzset()
    if "terminal" in call:
        os.setsid()  # the terminal that is opened next is its own, so that Ctrl-C reaches it
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        opened = os.open(call["terminal"], os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(opened, number)
        os.close(opened)
    for number, name in ((0, os.devnull), (1, call.get("stdout")), (2, call.get("stderr"))):
        if "terminal" in call:
            break
        opened = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    # What was read ahead is not the program's, and a stream remembers what kind of file it was made for.
    sys.stdin = open(0, closefd=False)
    if "terminal" in call:
        sys.stdout, sys.stderr = open(1, "w", 1, closefd=False), open(2, "w", 1, closefd=False)
    sys.argv = ["hr-sync", *call["arguments"]]
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            play(json.loads(line))
        finally:
            traceback.print_exc()
            os._exit(99)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forking:
    """A process that runs the program on demand."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, home: Path, *arguments: str, **variables: str) -> Ended:
        """Run the program in `home` and wait for its end; nothing that it prints may be a traceback or a secret."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        out, err, errors = self._folder / "stdout", self._folder / "stderr", self._folder / "errors"
        call = {
            "folder": str(home),
            "environment": environment(home, **variables),
            "arguments": arguments,
            "stdout": str(out),
            "stderr": str(err),
            "errors": str(errors),
            "patience": PATIENCE_SECONDS,
        }
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        result = Ended(
            exit_code=int(answer),
            stdout=out.read_text(encoding="utf-8", errors="replace"),
            stderr=err.read_text(encoding="utf-8", errors="replace"),
            errors=frozenset(errors.read_text(encoding="utf-8").split()),
        )
        check_manners(result)
        return result

    def talk(self, home: Path, *arguments: str, answers: Sequence[tuple[str, str]], **variables: str) -> Ended:
        """Run the program on a terminal of its own: wait for each question, a regular expression, and type its answer.

        An answer that is one control character is typed alone, as Ctrl-C and Ctrl-D are.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        master, slave = pty.openpty()
        try:
            call = {
                "folder": str(home),
                "environment": environment(home, **variables),
                "arguments": arguments,
                "terminal": os.ttyname(slave),
                "errors": os.devnull,
                "patience": PATIENCE_SECONDS,
            }
            self._process.stdin.write(json.dumps(call) + "\n")
            self._process.stdin.flush()
            shown = _typed(master, self._process.stdout.fileno(), answers)
        finally:
            os.close(slave)
            os.close(master)  # which ends a program that still asks
            code = self._process.stdout.readline()
        assert code, "the process that forks has ended"
        result = Ended(exit_code=int(code), stdout=shown, stderr="")
        check_manners(result)
        return result


def _typed(master: int, ended: int, answers: Sequence[tuple[str, str]]) -> str:
    """Type the answers until the process has ended; return what the terminal showed."""
    shown, seen = "", 0
    left = list(answers)
    while True:
        ready, _, _ = select.select([master, ended], [], [], PATIENCE_SECONDS)
        assert ready, shown
        if master in ready:
            shown += os.read(master, 1 << 16).decode("utf-8", errors="replace").replace("\r\n", "\n")
            while left and (found := re.compile(left[0][0]).search(shown, seen)):
                _, answer = left.pop(0)
                seen = found.end()
                os.write(master, answer.encode() if answer in CONTROL else f"{answer}\n".encode())
        elif ended in ready:
            assert not left, f"never asked {left[0][0]!r}: {shown}"
            return shown


@contextmanager
def forking(folder: Path) -> Iterator[Forking]:
    """Run such a process until the block ends. Its output goes to `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(folder, PYTHONUTF8="1"),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield Forking(process, folder)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
