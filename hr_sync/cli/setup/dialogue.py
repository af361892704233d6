"""Asks questions on a terminal. Without one, every answer must have been given as an option."""

import getpass
import io
import sys
from collections.abc import Callable
from typing import TypeVar

from hr_sync.cli.terminal import visible
from hr_sync.errors import HrSyncError, Stopped, UsageError

Answer = TypeVar("Answer")
Result = TypeVar("Result")

MOST_TRIES = 4  #: of one answer
_YES = frozenset({"y", "yes"})
_NO = frozenset({"n", "no"})


class Dialogue:
    """Asks on standard error and reads standard input."""

    def __init__(self, *, takes_defaults: bool) -> None:
        """Take the default answer of every question that has one, without asking, if `takes_defaults`."""
        self.is_interactive = sys.stdin.isatty()
        self._takes_defaults = takes_defaults
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")

    def say(self, text: str) -> None:
        """Print a text to whoever answers."""
        print(visible(text), file=sys.stderr)

    def ask(self, question: str, *, option: str, default: str | None = None) -> str:
        """Return the answer. Raise UsageError where nobody can answer, and Stopped at the end of input."""
        if default is not None and self._takes_defaults:
            return default
        self._check_terminal(option)
        while True:
            shown = f" [{default}]" if default else ""
            print(visible(f"{question}{shown}: "), end="", flush=True, file=sys.stderr)
            line = sys.stdin.readline()
            if not line.endswith("\n"):
                raise EOFError
            answer = line.strip() or default
            if answer is not None:
                return answer

    def ask_secret(self, question: str, *, option: str) -> str:
        """Return an answer that is not shown while it is typed. Raise as `ask` does."""
        self._check_terminal(option)
        while True:
            if answer := getpass.getpass(f"{question}: ", stream=sys.stderr).strip():
                return answer

    def confirm(self, question: str, *, option: str, default: bool) -> bool:
        """Return True for yes. Raise as `ask` does."""
        while True:
            answer = self.ask(f"{question} (y/n)", option=option, default="y" if default else "n").lower()
            if answer in _YES | _NO:
                return answer in _YES

    def settle(self, given: Answer | None, ask: Callable[[], Answer], attempt: Callable[[Answer], Result]) -> Result:
        """Return what an attempt with an answer gives.

        On a terminal its failure is printed, and the answer asked for again, a few times. Elsewhere it is raised.
        """
        answer = ask() if given is None else given
        for _ in range(MOST_TRIES - 1):
            try:
                return attempt(answer)
            except Stopped:
                raise
            except HrSyncError as failure:
                if not self.is_interactive:
                    raise
                self.say(f"  {failure}")
            answer = ask()
        return attempt(answer)

    def _check_terminal(self, option: str) -> None:
        if not self.is_interactive:
            raise UsageError(f"Standard input is not a terminal, so nobody can be asked. Pass {option}.")
