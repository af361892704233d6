"""Shows the progress of a long run: bars on a terminal, a log line every half minute elsewhere."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hr_sync.cli.terminal import make_console, one_line
from hr_sync.service.progress import RunProgress, heartbeat
from hr_sync.sync.context import ProgressCallback


@contextmanager
def shown_progress() -> Iterator[ProgressCallback]:
    """Yield the callback for the progress of a run: it updates a bar for each space, or logs every half minute."""
    console = make_console(stderr=True)
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        progress = RunProgress()
        with heartbeat(progress):
            yield progress.note
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        tasks: dict[str, TaskID] = {}
        lock = threading.Lock()  # spaces are worked on in parallel

        def note(space_key: str, done: int, total: int) -> None:
            with lock:
                if space_key not in tasks:
                    tasks[space_key] = bars.add_task(one_line(space_key), total=total)
                bars.update(tasks[space_key], completed=done, total=total)

        yield note
