"""Requests end when the process is asked to stop, and at their deadline, wherever they wait."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluence_simulator import Simulator

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.watchdog import RequestWatchdog
from hr_sync.errors import Stopped
from tests.confluence.clients import broken, ids_of, open_client


def seconds_to_stop(client: HttpClient, cancellation: Cancellation, waits: Callable[[], bool]) -> float:
    """Walk in another thread, stop once it waits, and give how long the walk then took to end."""

    def walk() -> None:
        try:
            ids_of(client, **{"body-format": "storage"})
        finally:
            client.close()

    with ThreadPoolExecutor(1) as pool:
        walking = pool.submit(walk)
        while not waits():
            time.sleep(0.005)
        time.sleep(0.1)
        assert not walking.done()
        began = time.monotonic()
        cancellation.set()
        with pytest.raises(Stopped):
            walking.result(20)
        return time.monotonic() - began


@pytest.mark.parametrize(
    ("kind", "argument"), [("stall", None), ("stall-in-body", 40), ("slow", 9), ("drip", 1), ("drip-head", 1)]
)
def test_a_stop_ends_a_request_that_waits(site: Simulator, kind: str, argument: float | None) -> None:
    """For an answer, within its headers or within its body: at once, as a stop, and without another try."""
    broken(site, kind, at=1, argument=argument, times=0)
    cancellation = Cancellation()
    with open_client(
        site.site_url, cancellation=cancellation, request_timeout_seconds=10, request_deadline_seconds=20
    ) as client:
        assert seconds_to_stop(client, cancellation, lambda: bool(site.faults.fired)) < 0.5
    assert len(site.requests) <= 1


def test_nothing_is_cut_off_after_its_end() -> None:
    """Neither by the deadline nor by a stop that come later: the connection may serve another request by then."""
    cancellation, interrupts = Cancellation(), list[float]()
    watchdog = RequestWatchdog(cancellation)
    with watchdog.watching(lambda: interrupts.append(time.monotonic()), time.monotonic() + 0.1):
        pass
    time.sleep(0.2)
    cancellation.set()
    time.sleep(0.1)
    assert interrupts == []


def test_the_one_that_is_late_is_cut_off_and_no_other() -> None:
    """Each has a deadline of its own, and is cut off until it ends: a socket may not be there yet."""
    watchdog, interrupts = RequestWatchdog(Cancellation()), list[str]()
    soon = time.monotonic() + 0.1
    with (
        watchdog.watching(lambda: interrupts.append("late"), soon),
        watchdog.watching(lambda: interrupts.append("early"), soon + 60),
    ):
        time.sleep(0.4)
    assert set(interrupts) == {"late"}
    assert len(interrupts) > 1


def test_its_thread_leaves_when_there_is_nothing_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run of a service has a gateway of its own; none leaves a thread behind, and the next request is watched."""
    monkeypatch.setattr("hr_sync.confluence.http.watchdog._IDLE_CHECKS", 2)
    watchdog, interrupts = RequestWatchdog(Cancellation()), list[int]()
    for _ in range(2):
        with watchdog.watching(lambda: interrupts.append(1), time.monotonic() - 1):
            time.sleep(0.15)
        assert interrupts.pop()
        interrupts.clear()
        ends_at = time.monotonic() + 5
        while any(thread.name == "request-watchdog" for thread in threading.enumerate()):
            assert time.monotonic() < ends_at
            time.sleep(0.02)
