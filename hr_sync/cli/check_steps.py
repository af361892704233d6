"""The steps of `hr-sync check`: each is printed as it ends, and the others are tried whatever fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import typer

from hr_sync.cli.terminal import one_line
from hr_sync.errors import AnswerNotTrusted, ConfigurationError, HrSyncError, NotFound


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that was tried."""

    name: str
    state: Literal["ok", "warning", "failed", "skipped"]
    message: str
    facts: dict[str, object] = field(default_factory=dict)


class Checks:
    """The steps so far, and the failures among them."""

    def __init__(self, *, is_quiet: bool) -> None:
        """Print nothing if `is_quiet`."""
        self.steps: list[Step] = []
        self.failures: list[HrSyncError] = []
        self.warnings: list[str] = []
        self._is_quiet = is_quiet

    def passed(self, name: str, message: str, /, **facts: object) -> None:
        """Add a step that ended well, and print it."""
        self._add(Step(name=name, state="ok", message=message, facts=facts))

    def warned(self, name: str, message: str, /, *, warning: str, **facts: object) -> None:
        """Add a step that ended well and is worth a warning, which is printed at the end."""
        self.warnings.append(warning)
        self._add(Step(name=name, state="warning", message=message, facts={"warning": warning, **facts}))

    def skipped(self, name: str, message: str) -> None:
        """Add a step that could not be tried, and print why."""
        self._add(Step(name=name, state="skipped", message=message))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Try one part. Its failure becomes a step, and what comes after the block goes on."""
        try:
            yield
        except (AnswerNotTrusted, NotFound) as failure:  # nothing was synchronised, so nothing is partial
            self._fail(name, ConfigurationError(str(failure)))
        except HrSyncError as failure:
            self._fail(name, failure)

    def _fail(self, name: str, failure: HrSyncError) -> None:
        self.failures.append(failure)
        facts: dict[str, object] = {"exit_code": failure.exit_code}
        self.steps.append(Step(name=name, state="failed", message=str(failure), facts=facts))
        if not self._is_quiet:
            typer.echo(f"{name.capitalize()}: failed, see below.")

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        if not self._is_quiet:
            typer.echo(one_line(step.message))
