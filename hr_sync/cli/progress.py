"""Shows how far a long run has got, on a terminal; elsewhere the log tells the same story."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hr_sync.sync.context import ProgressCallback, no_progress


@contextmanager
def shown_progress() -> Iterator[ProgressCallback]:
    """Return what a run tells its progress to: a bar for each space, gone when the block ends."""
    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        yield no_progress
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        tasks: dict[str, TaskID] = {}
        lock = threading.Lock()  # spaces are worked on side by side

        def tell(space_key: str, done: int, total: int) -> None:
            with lock:
                if space_key not in tasks:
                    tasks[space_key] = bars.add_task(space_key, total=total)
                bars.update(tasks[space_key], completed=done, total=total)

        yield tell
