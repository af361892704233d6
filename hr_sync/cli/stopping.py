"""Ends the process in time after a stop signal, whatever the work is waiting for."""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from hr_sync.cancellation import Cancellation
from hr_sync.errors import HrSyncError, Stopped

if TYPE_CHECKING:
    from hr_sync.cli.sites import Turns
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

GRACE_SECONDS = 2.5  #: for the work to end; a statement that waits for a lock does not
DEADLINE_GRACE_SECONDS = 60  #: for the work to end after its deadline: longer than a lock is waited for
CLEANUP_SECONDS = 0.8  #: for what is done then
SAME_REQUEST_SECONDS = 0.2  #: `timeout` signals its child and then the child's group: one request, two signals

Result = TypeVar("Result")


def leave_when_asked() -> None:
    """End at once on SIGTERM while no work has begun.

    The kernel drops a signal to process 1 that has no handler.
    """
    # Not by raising: an exception raised in a finalizer is printed and ignored.
    signal.signal(signal.SIGTERM, _leave_now)


def _leave_now(*_: object) -> None:
    """End the process. What sites have said that had their turn is printed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends two: a document is printed once
    if (loaded := sys.modules.get("hr_sync.cli.sites")) is not None and (turns := loaded.current_turns()) is not None:
        with suppress(Exception):  # it may have come in the middle of a print
            turns.print_stopped(Stopped.exit_code)
    os._exit(Stopped.exit_code)


def run_until_stopped(
    work: Callable[[Cancellation], Result], *, clean_up: Callable[[], None] = lambda: None, as_json: bool = False
) -> Result:
    """Run `work` in a thread, so that the main thread can handle signals. Return what it returns, raise what it raises.

    SIGTERM and SIGINT set the cancellation that every wait of the work checks; a second request ends the process
    at once. If the work does not end within the grace, the process ends after `clean_up`: transactions roll back by
    themselves. A deadline sets the cancellation too, and has a longer grace: other sites may have their turn after it.
    `as_json`: it leaves a JSON document on standard output then, too.
    """
    from hr_sync.cli.sites import current_turns

    stop = Cancellation()
    request = _Request(stop, current_turns())
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def call() -> None:
        try:
            outcome.append(work(stop))
        except BaseException as error:  # noqa: BLE001 -- raised again in the main thread
            failure.append(error)

    before = {number: signal.signal(number, request.on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    worker = threading.Thread(target=copy_context().run, args=(call,), name="work", daemon=True)
    worker.start()
    try:
        _await_end(worker, stop, request)
        if worker.is_alive():
            _leave(clean_up, as_json=as_json)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if failure:
        raise failure[0]
    return outcome[0]


class _Request:
    """The signals that ask the process to stop."""

    def __init__(self, stop: Cancellation, turns: "Turns | None") -> None:
        self._stop = stop
        self._turns = turns
        self._first_at = math.inf

    @property
    def is_made(self) -> bool:
        """Return True once there was a signal."""
        return self._first_at < math.inf

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Stop the work, and let no other site have its turn. End the process at once if it was asked before."""
        now = time.monotonic()
        if now - self._first_at >= SAME_REQUEST_SECONDS:
            os._exit(128 + number)
        if self.is_made:
            return  # the first handler may be interrupted while it holds the lock of the event, which is not reentrant
        self._first_at = now
        if self._turns is not None:
            self._turns.are_stopped = True
        self._stop.set()


def _await_end(worker: threading.Thread, stop: Cancellation, request: _Request) -> None:
    """Wait until the work ends, or until the grace after a stop is over."""
    ends_at = math.inf
    while worker.is_alive() and not request.is_made and time.monotonic() < ends_at:
        worker.join(0.1)
        if stop.is_set():
            ends_at = min(ends_at, time.monotonic() + DEADLINE_GRACE_SECONDS)
    worker.join(GRACE_SECONDS)


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
    from hr_sync.cli.sites import current_turns

    cleaner = threading.Thread(target=clean_up, name="clean-up", daemon=True)
    cleaner.start()
    cleaner.join(CLEANUP_SECONDS)
    stopped = Stopped("Stopped in the middle of a wait. What was committed before stays.")
    report_failure(stopped, as_json=as_json)
    if (turns := current_turns()) is not None:
        turns.print_stopped(stopped.exit_code)
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
        """Cancel the running statements and release the leases, as far as that goes: one site costs no other one it."""
        held = list(self._held)
        for store, _ in held:
            store.expect_cancellation()  # the sites share their connections: the first cancels the statements of all
        for number, (store, worker) in enumerate(held):
            with suppress(HrSyncError):
                store.release_leases(worker, cancels=number == 0)
