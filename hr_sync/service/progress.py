"""The progress of running runs, for the log and the status page."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 30.0  #: between two log lines of one run


@dataclass(frozen=True, slots=True)
class Progress:
    """Pages of one space whose bodies are fetched in this run."""

    done: int
    total: int | None  #: None: not known yet

    @property
    def is_finished(self) -> bool:
        """Return True if all of them are there."""
        return self.total is not None and self.done >= self.total


class RunProgress:
    """The progress of the runs of one process, by space. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spaces: dict[str, Progress] = {}
        self._run_ids: dict[str, object] = {}

    def note(self, space_key: str, done: int, total: int | None) -> None:
        """Record the progress of a space. Called from the threads of the spaces, where the run's number is bound."""
        run_id = structlog.contextvars.get_contextvars().get("run_id")
        with self._lock:
            self._spaces[space_key] = Progress(done, total)
            self._run_ids[space_key] = run_id

    def unfinished(self) -> Mapping[str, Progress]:
        """Return the spaces whose pages are not all there yet, by key."""
        with self._lock:
            return {key: each for key, each in sorted(self._spaces.items()) if not each.is_finished}

    def log(self, seconds: float) -> None:
        """Log a line for each space that is not finished, or one for the whole run."""
        unfinished = self.unfinished()
        with self._lock:
            run_ids, every = dict(self._run_ids), list(self._spaces.values())
        for key, each in unfinished.items():
            log.info(
                "run.progress", run_id=run_ids[key], space=key, done=each.done, total=each.total, seconds=round(seconds)
            )
        if not unfinished:
            fetched = sum(each.done for each in every)
            run_id = next((each for each in run_ids.values() if each is not None), None)
            log.info("run.progress", run_id=run_id, space=None, done=fetched, total=fetched, seconds=round(seconds))


@contextmanager
def heartbeat(progress: RunProgress, *, every_seconds: float = HEARTBEAT_SECONDS) -> Iterator[None]:
    """Log the progress of a run every half minute until the block ends, so that a long run is not silent."""
    ended, began = threading.Event(), time.monotonic()

    def beat() -> None:
        while not ended.wait(every_seconds):
            progress.log(time.monotonic() - began)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class ActiveRuns:
    """The runs of one process that are at work. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: list[RunProgress] = []

    @contextmanager
    def run(self) -> Iterator[RunProgress]:
        """Count a run as active within the block, and log its progress now and then."""
        progress = RunProgress()
        with self._lock:
            self._runs.append(progress)
        try:
            with heartbeat(progress):
                yield progress
        finally:
            with self._lock:
                self._runs.remove(progress)

    def unfinished(self) -> Mapping[str, Progress]:
        """Return the spaces whose pages are not all there yet, by key."""
        with self._lock:
            runs = list(self._runs)
        return {key: each for progress in runs for key, each in progress.unfinished().items()}
