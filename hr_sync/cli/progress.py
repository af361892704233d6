"""Shows the progress of a long run: bars on a terminal, a log line every half minute elsewhere."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from hr_sync.cli.terminal import make_console, one_line
from hr_sync.domain.principal_words import number
from hr_sync.service.progress import RunProgress, heartbeat
from hr_sync.sync.context import ProgressCallback

if TYPE_CHECKING:
    from hr_sync.confluence.http.stats import HttpStats

_WORDS_OF_A_BAR = 40  # characters of a terminal below which there is no bar beside the numbers


@dataclass(slots=True)
class ShownProgress:
    """Where a run notes its progress. `stats` is set when there is a client, and says what its requests wait for."""

    note: ProgressCallback
    stats: "HttpStats | None" = field(default=None)

    def activity(self) -> str:
        """Return what the run does besides fetching pages."""
        if self.stats is None:
            return "connecting"
        waits = self.stats.waits_for_rate()
        if waits is not None:
            return f"waiting {waits:.0f} s: Confluence asked for it"
        return f"reading, {number(self.stats.counts().requests, 'request')} so far"


@contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[ShownProgress]:
    """Yield where a run notes its progress: a line for what it does and a bar for each space, or log lines.

    `quiet`: show nothing on a terminal.
    """
    console = make_console(stderr=True)
    if quiet or not console.is_terminal or os.environ.get("TERM") == "dumb":
        progress = RunProgress()
        with heartbeat(progress):
            yield ShownProgress(progress.note)
        return
    tasks: dict[str, TaskID] = {}
    lock = threading.Lock()  # spaces are worked on in parallel

    def note(space_key: str, done: int, total: int | None) -> None:
        with lock:
            if space_key not in tasks:
                tasks[space_key] = bars.add_task(one_line(space_key), total=total)
            bars.update(tasks[space_key], completed=done, total=total)

    shown = ShownProgress(note)
    bar = (BarColumn(),) if console.width > _WORDS_OF_A_BAR else ()
    columns = (_Description(shown), *(_OfSpaces(each) for each in (*bar, MofNCompleteColumn())))
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        bars.add_task("", total=None, is_activity=True)
        yield shown


class _Description(TextColumn):
    """The key of a space, or what the run does now."""

    def __init__(self, shown: ShownProgress) -> None:
        super().__init__("{task.description}", markup=False)
        self._shown = shown

    def render(self, task: Task) -> Text:
        return Text(self._shown.activity()) if task.fields.get("is_activity") else super().render(task)


class _OfSpaces(ProgressColumn):
    """A column that is empty for what the run does now."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> object:  # type: ignore[override] # what rich can print
        return Text() if task.fields.get("is_activity") else self._column.render(task)
