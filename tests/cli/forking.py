"""The program as a process that is forked instead of started anew; see `forks.py`."""

import os
import pty
import re
import select
from collections.abc import Sequence
from pathlib import Path

from tests.cli import program
from tests.cli.forks import Process, forks
from tests.cli.program import PATIENCE_SECONDS, Ended, check_manners, environment

CONTROL = frozenset({"\x03", "\x04"})


class Forking:
    """Runs the program, with pipes or on a terminal."""

    def run(self, home: Path, *arguments: str, **variables: str) -> Ended:
        """Run the program in `home` and wait for its end; nothing that it prints may be a traceback or a secret."""
        return program.run(home, *arguments, **variables)

    def talk(self, home: Path, *arguments: str, answers: Sequence[tuple[str, str]], **variables: str) -> Ended:
        """Run the program on a terminal of its own: wait for each question, a regular expression, and type its answer.

        An answer that is one control character is typed alone, as Ctrl-C and Ctrl-D are.
        """
        master, slave = pty.openpty()
        try:
            process = forks().start_on(slave, home, arguments, environment(home, **variables))
            shown = _typed(master, process, answers)
        finally:
            os.close(slave)
            os.close(master)  # which ends a program that still asks
        result = Ended(exit_code=process.wait(PATIENCE_SECONDS), stdout=shown, stderr="")
        check_manners(result)
        return result


def _typed(master: int, process: Process, answers: Sequence[tuple[str, str]]) -> str:
    """Type the answers until the process has ended; return what the terminal showed."""
    shown, seen = "", 0
    left = list(answers)
    while True:
        ready, _, _ = select.select([master, process.fileno()], [], [], PATIENCE_SECONDS)
        assert ready, shown
        if master in ready:
            shown += os.read(master, 1 << 16).decode("utf-8", errors="replace").replace("\r\n", "\n")
            while left and (found := re.compile(left[0][0]).search(shown, seen)):
                _, answer = left.pop(0)
                seen = found.end()
                os.write(master, answer.encode() if answer in CONTROL else f"{answer}\n".encode())
        elif process.fileno() in ready:
            assert not left, f"never asked {left[0][0]!r}: {shown}"
            return shown
