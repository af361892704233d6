"""Ends the process in time after a stop signal, whatever the work is waiting for."""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from hr_sync.cancellation import Cancellation
from hr_sync.errors import Stopped

if TYPE_CHECKING:
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

GRACE_SECONDS = 2.5  #: for the work to end; a statement that waits for a lock does not
CLEANUP_SECONDS = 0.8  #: for what is done then
SAME_REQUEST_SECONDS = 0.2  #: `timeout` signals its child and then the child's group: one request, two signals

Result = TypeVar("Result")


def leave_when_asked() -> None:
    """End at once on SIGTERM while no work has begun.

    The kernel drops a signal to process 1 that has no handler.
    """
    # Not by raising: an exception raised in a finalizer is printed and ignored.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(Stopped.exit_code))


def run_until_stopped(
    work: Callable[[Cancellation], Result], *, clean_up: Callable[[], None] = lambda: None, as_json: bool = False
) -> Result:
    """Run `work` in a thread, so that the main thread can handle signals. Return what it returns, raise what it raises.

    SIGTERM and SIGINT set the cancellation that every wait of the work checks; a second request ends the process
    at once. If the work does not end within the grace, the process ends after `clean_up`: transactions roll back by
    themselves.
    `as_json`: it leaves a JSON document on standard output then, too.
    """
    stop = Cancellation()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def call() -> None:
        try:
            outcome.append(work(stop))
        except BaseException as error:  # noqa: BLE001 -- raised again in the main thread
            failure.append(error)

    first_at = math.inf

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal first_at
        now = time.monotonic()
        if now - first_at >= SAME_REQUEST_SECONDS:
            os._exit(128 + number)
        first_at = min(first_at, now)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    worker = threading.Thread(target=copy_context().run, args=(call,), name="work", daemon=True)
    worker.start()
    try:
        while worker.is_alive() and not stop.is_set():
            worker.join(0.1)
        worker.join(GRACE_SECONDS if stop.is_set() else None)
        if worker.is_alive():
            _leave(clean_up, as_json=as_json)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if failure:
        raise failure[0]
    return outcome[0]


@contextmanager
def deadline(cancellation: Cancellation, seconds: float) -> Iterator[None]:
    """Cancel the block after `sync.run_deadline_minutes`, here in seconds; 0 is no limit."""
    why = f"after {seconds / 60:g} min, the limit of sync.run_deadline_minutes"
    timer = threading.Timer(seconds, cancellation.set, [why])
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _leave(clean_up: Callable[[], None], *, as_json: bool) -> NoReturn:
    from hr_sync.cli.output import report_failure
    from hr_sync.cli.sites import Collected

    cleaner = threading.Thread(target=clean_up, name="clean-up", daemon=True)
    cleaner.start()
    cleaner.join(CLEANUP_SECONDS)
    stopped = Stopped("Stopped in the middle of a wait. What was committed before stays.")
    if isinstance(sys.stdout, Collected):
        sys.stdout = sys.stdout.outside  # what a command over several sites has collected is lost
    report_failure(stopped, as_json=as_json)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that hang in a system call cannot be joined, which an ordinary exit would wait for.
    os._exit(Stopped.exit_code)


class HeldLeases:
    """Releases the leases of this process on a forced shutdown, once it is known where they are."""

    def __init__(self) -> None:
        self._held: list[tuple[Store, Worker]] = []  # of each site

    def are_in(self, store: "Store", worker: "Worker") -> None:
        """Add a database that holds leases, and the worker that owns them."""
        self._held.append((store, worker))

    def release(self) -> None:
        """Cancel the running statements and release the leases. Raise HrSyncError if the database cannot be reached."""
        for store, worker in self._held:
            store.release_leases(worker)
